#!/usr/bin/env bash
# wayside under systemd, in a virtual machine: ready notification, kill -9, SIGSTOP and the watchdog, SIGTERM, a wrong
# config. `tests/vm/service.sh [WAYSIDE]`: the program to test, else the debug build. Takes two minutes, eight on a busy machine.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/overlay.sh"
install -D -m 644 "$root/systemd/wayside.service" "$overlay/etc/systemd/system/wayside.service"
install -m 644 "$here/service-drive.sh" "$overlay/drive.sh"
# Debian's own clean-up of e2fsprogs is of idle priority: it may never get the processor, and all else waits for it.
ln -s /dev/null "$overlay/etc/systemd/system/e2scrub_reap.service"
# A shorter watchdog than the unit's own, so that it can be waited for; every crossing in the journal.
mkdir "$overlay/etc/systemd/system/wayside.service.d"
printf '[Service]\nWatchdogSec=12\nEnvironment=RUST_LOG=warn,wayside=debug\n' >"$overlay/etc/systemd/system/wayside.service.d/test.conf"
journal=${JOURNAL:-$overlay/../wayside-service.journal}
SMP=2 "$lab/systemd-vm.sh" --timeout 900 --journal "$journal" "$overlay" || { rc=$?; grep -a wayside "$journal" | tail -30; exit "$rc"; }
