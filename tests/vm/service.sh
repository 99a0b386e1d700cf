#!/usr/bin/env bash
# wayside under systemd, in a virtual machine: ready notification, kill -9, SIGSTOP and the watchdog, SIGTERM, a wrong
# config. `tests/vm/service.sh [WAYSIDE]`: the program to test, else the debug build. Takes two minutes, eight on a busy machine.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
lab=$root/../shared/lab
[ -x "$lab/systemd-vm.sh" ] || { echo "skipped: no ../shared/lab"; exit 0; }
wayside=${1:-$root/target/debug/wayside}
[ -x "$wayside" ] || { echo "no program at $wayside: cargo build, or name one" >&2; exit 1; }
[ -f "${LAB_DIR:-$HOME/.cache/wayside-lab}/sys.img" ] || "$lab/setup.sh" vm

overlay=$(mktemp -d)
trap 'rm -rf "$overlay"' EXIT
install -D -m 755 "$wayside" "$overlay/usr/local/bin/wayside"
strip --strip-debug "$overlay/usr/local/bin/wayside"
install -D -m 644 "$root/systemd/wayside.service" "$overlay/etc/systemd/system/wayside.service"
install -D -m 644 "$here/service.toml" "$overlay/etc/wayside/wayside.toml"
install -m 644 "$here/service-drive.sh" "$overlay/drive.sh"
# Debian's own clean-up of e2fsprogs is of idle priority: it may never get the processor, and all else waits for it.
ln -s /dev/null "$overlay/etc/systemd/system/e2scrub_reap.service"
# A shorter watchdog than the unit's own, so that it can be waited for; every crossing in the journal.
mkdir "$overlay/etc/systemd/system/wayside.service.d"
printf '[Service]\nWatchdogSec=12\nEnvironment=RUST_LOG=warn,wayside=debug\n' >"$overlay/etc/systemd/system/wayside.service.d/test.conf"
journal=${JOURNAL:-$overlay/../wayside-service.journal}
SMP=2 "$lab/systemd-vm.sh" --timeout 900 --journal "$journal" "$overlay" || { rc=$?; grep -a wayside "$journal" | tail -30; exit "$rc"; }
