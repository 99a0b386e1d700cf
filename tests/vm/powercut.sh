#!/usr/bin/env bash
# Cuts the power of a virtual machine while wayside counts: no crossing that it reported may be missing afterwards.
# `tests/vm/powercut.sh [WAYSIDE]`, CUTS=n (4). A minute per cut on a busy machine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
lab=$root/../shared/lab
[ -x "$lab/powercut.py" ] || { echo "skipped: no ../shared/lab"; exit 0; }
wayside=${1:-$root/target/debug/wayside}
[ -x "$wayside" ] || { echo "no program at $wayside: cargo build, or name one" >&2; exit 1; }
[ -f "${LAB_DIR:-$HOME/.cache/wayside-lab}/sys.img" ] || "$lab/setup.sh" vm

overlay=$(mktemp -d)
trap 'rm -rf "$overlay"' EXIT
install -D -m 755 "$wayside" "$overlay/usr/local/bin/wayside"
strip --strip-debug "$overlay/usr/local/bin/wayside"
install -D -m 644 "$here/service.toml" "$overlay/etc/wayside/wayside.toml"
install -m 644 "$here/powercut-count.sh" "$overlay/count.sh"
# An emulated processor needs some seconds for the first crossings; then some come each second.
"$lab/powercut.py" -n "${CUTS:-4}" --after 8-25 --boot-timeout 300 "$overlay" sh /count.sh
