#!/bin/bash
# tests/vm/int8_arm.sh [--system] [CPU]...   whole int8 networks on emulated ARM processors
# CPUs: cortex-a72 (Pi 4, NEON) and cortex-a76 (Pi 5, dot products), both without one. Outputs must be the bytes that they
# are on x86; then the instructions of one inference are counted, which are no times. The cross compiler and the ARM system
# come from ../shared/lab, the networks from ../shared/assets; where they are missing nothing is tested.
# --system runs the networks in a whole emulated machine as well (root, many minutes). BINARIES=FOLDER has wayside and the
# test `models`, built before. QEMU=FILE is another qemu-aarch64: counting needs one with plugins (Debian: qemu-user).
# QUANTISED="FILE..." are further networks of the int8 engine to count instructions of.
set -euo pipefail
cd "$(dirname "$0")/../.."
lab=$(readlink -f ../shared/lab || true)
assets=$(readlink -f ../shared/assets/models || true)
[ -x "$lab/cross.sh" ] && [ -d "$assets" ] || { echo "skipped: no ../shared/lab, or no ../shared/assets"; exit 0; }
qemu=${QEMU:-$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)}
[ -n "$qemu" ] || { echo "skipped: no qemu-aarch64 (apt-get install qemu-user)"; exit 0; }

system=
[ "${1:-}" != --system ] || { system=yes; shift; }
[ $# -gt 0 ] || set -- cortex-a72 cortex-a76
work=target/vm/int8_arm
mkdir -p $work

"$lab/setup.sh" arm
root=${LAB_DIR:-$HOME/.cache/wayside-lab}/arm64/rootfs
if [ -z "${BINARIES:-}" ]; then
    "$lab/setup.sh" cross
    "$lab/cross.sh" . --bin wayside --test models >$work/built
    install "$(grep /wayside$ $work/built)" $work/wayside
    install "$(grep /models- $work/built)" $work/models
else
    install "$BINARIES/wayside" "$BINARIES/models" $work/
fi

failed=0
check() { # WHAT STATUS EXPECTED
    [ "$2" = "$3" ] && echo "  ok: $1: $2" || { echo "  WRONG: $1: $2, not $3"; failed=1; }
}
# On the emulated processor $cpu; tests look for ../shared/assets from the folder that CARGO_MANIFEST_DIR names.
emulated() { CARGO_MANIFEST_DIR=$PWD "$qemu" -cpu $cpu -L "$root" "$@"; }

networks=(quantised_files_come_out embedded_detector_comes_out every_operator_gives any_convolution_comes_out)
declare -A dots=([cortex-a72]=132 [cortex-a76]=0) kernels=([cortex-a72]=neon [cortex-a76]=dotprod)
naive=$assets/yolox_nano_int8_qdq_naive_DEGRADED_derived.onnx
for cpu; do
    echo "== $cpu"
    status=0
    emulated $work/models --ignored --exact int8::a_dot_product_instruction >/dev/null 2>&1 || status=$?
    check "a dot product ends the program with" $status ${dots[$cpu]:-0}
    status=0
    emulated $work/models "${networks[@]}" >$work/$cpu.log 2>&1 || status=$?
    check "$(grep '^test result' $work/$cpu.log || tail -1 $work/$cpu.log)" $status 0
    RUST_LOG=info emulated $work/wayside bench engine "$naive" --runs 1 --turns 1 >$work/$cpu.bench 2>&1 || true
    status=$(sed -n 's/.*engine int8 (\([a-z0-9]*\)).*/\1/p' $work/$cpu.bench)
    check "the kernels that it takes" "$status" ${kernels[$cpu]:-dotprod}
    [ -n "$system" ] || continue
    dir=$work/$cpu.system
    rm -rf $dir
    mkdir -p $dir/wayside $dir/shared/assets/models
    cp $work/models $dir/
    cp -r models $dir/wayside/
    cp "$assets"/*int8*.onnx $dir/shared/assets/models/
    echo "CARGO_MANIFEST_DIR=/host/wayside ./models ${networks[*]}" >$dir/cmd.sh
    status=0
    MEM=1536 "$lab/vm.sh" --arch arm64 --cpu $cpu --camera none --timeout 3000 $dir || status=$?
    check "the same in a whole machine" $status 0
done

if "$qemu" -help | grep -q QEMU_PLUGIN; then
    gcc -O2 -shared -fPIC -o $work/count.so tests/vm/count_instructions.c
    runs=3
    counted() { # ENGINE FILE RUNS
        emulated -plugin $work/count.so $work/wayside bench engine "$2" --engine $1 --runs $3 --turns 1 2>&1 >/dev/null |
            sed -n 's/^instructions //p'
    }
    for cpu; do
        count() { # ENGINE FILE
            one=$(counted $1 "$2" 1)
            many=$(counted $1 "$2" $((runs + 1)))
            echo "$cpu, $1, $2: $(((many - one) / runs / 1000)) thousand instructions per inference"
        }
        count tract "$assets/yolox_nano.onnx"
        count int8 "$naive"
        count int8 "$assets/yolox_nano_int8_qdq_nodw_derived.onnx"
        count int8 models/vehicle/model.onnx
        for file in ${QUANTISED:-}; do count int8 "$file"; done
    done
else
    echo "not counted: $qemu has no plugins (apt-get install qemu-user, QEMU=/usr/bin/qemu-aarch64)"
fi
exit $failed
