# Common to the tests under systemd; sourced. Sets here, root, lab, and overlay: a folder that is laid over the machine's
# disk, with the program (the first argument, else the debug build) and its config in it. Ends the test where the lab is missing.
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
install -D -m 644 "$here/service.toml" "$overlay/etc/wayside/wayside.toml"
