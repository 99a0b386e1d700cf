#!/usr/bin/env bash
# Cuts the power of a virtual machine while wayside counts: no crossing that it reported may be missing afterwards.
# `tests/vm/powercut.sh [WAYSIDE]`, CUTS=n (4). A minute per cut on a busy machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/overlay.sh"
install -m 644 "$here/powercut-count.sh" "$overlay/count.sh"
# An emulated processor needs some seconds for the first crossings; then some come each second.
"$lab/powercut.py" -n "${CUTS:-4}" --after 8-25 --boot-timeout 300 "$overlay" sh /count.sh
