#!/bin/bash
# tests/vm/run.sh [amd64|arm64] [TEST]...   camera tests in a virtual machine with virtual cameras (root, no KVM)
# TESTs: vivid, loopback; all without one. The machines come from ../shared/lab, where it is; else nothing is tested.
# WAYSIDE=FILE tests that binary; else it is built: for amd64 by cargo, for arm64 by the lab's cross compiler.
# Snapshots and databases stay in target/vm/ARCH/TEST, to be looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
lab=$(readlink -f ../shared/lab || true)
[ -x "$lab/vm.sh" ] || { echo "skipped: no ../shared/lab"; exit 0; }

arch=amd64
case ${1:-} in amd64 | arm64) arch=$1; shift ;; esac
[ $# -gt 0 ] || set -- vivid loopback

case $arch in
    amd64) "$lab/setup.sh" vm kmods; cpu=(--cpu max) ;;
    arm64) "$lab/setup.sh" arm kmods; cpu=(--cpu cortex-a72) ;;
esac
if [ -n "${WAYSIDE:-}" ]; then
    binary=$WAYSIDE
elif [ $arch = amd64 ]; then
    cargo build --bin wayside
    binary=${CARGO_TARGET_DIR:-target}/debug/wayside
else
    "$lab/setup.sh" cross
    binary=$("$lab/cross.sh" . --bin wayside | tail -1)
fi

failed=()
for test; do
    dir=target/vm/$arch/$test
    rm -rf "$dir"
    mkdir -p "$dir/model"
    cp "$binary" "$dir/wayside"
    cp tests/vm/guest.sh "$dir/"
    cp "tests/vm/$test.sh" "$dir/cmd.sh"
    # The built-in network is let loose on the synthetic road only. A copy under another name may look at anything: what
    # it counts on a test pattern means nothing, but its rows have to add up.
    cp models/scene/model.onnx "$dir/model/"
    sed 's/^name = .*/name = "anywhere"/' models/scene/model.toml >"$dir/model/model.toml"
    camera=vivid
    if [ "$test" = loopback ]; then
        camera=loopback
        cargo run --quiet --example render_scene -- 'scene:road?fps=4' "$dir/road.mjpeg"
    fi
    echo "== $arch $test"
    MEM=1536 SMP=2 "$lab/vm.sh" --arch $arch "${cpu[@]}" --camera $camera --timeout 1500 "$dir" || failed+=("$test")
done
[ ${#failed[@]} = 0 ] || { echo "failed on $arch: ${failed[*]}"; exit 1; }
