#!/usr/bin/env bash
# benches/calibration_lists.sh MODEL.onnx WORK [LISTS]   what an 8-bit network owes to the pictures that it was calibrated with
# Quantises MODEL once with each of several lists of pictures (every 20th of ../shared/assets/detect-train, begun at another place each
# time, so that no two have one in common) and prints a line for the float network and for each: AP50 on topview, COCO's vehicles and
# persons, F1 of the crossings on clips and clips-hard. What is there already is not made again. Needs jq.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
model=$1 work=$2 lists=${3:-5}
assets=$(realpath ../shared/assets)
wayside=target/release/wayside
mkdir -p "$work"
vehicles=(--classes car,bus,truck,motorcycle)

score() { # NAME MODEL ENGINE
    local detect=($wayside evaluate detect --model "$2" --engine "$3" --agnostic --json)
    local count=($wayside evaluate count --model "$2" --engine "$3" --json)
    local coco=(--images "$assets/detect-eval/coco_val2017" --truth "$assets/detect-eval/instances_coco_val2017.json")
    "${detect[@]}" "${vehicles[@]}" --images "$assets/detect-eval/topview" --truth "$assets/detect-eval/instances_topview.json" >"$work/$1.topview"
    "${detect[@]}" "${vehicles[@]}" "${coco[@]}" >"$work/$1.vehicles"
    "${detect[@]}" --classes person "${coco[@]}" >"$work/$1.person"
    "${count[@]}" --clips "$assets/clips" >"$work/$1.clips"
    "${count[@]}" --clips "$assets/clips-hard" >"$work/$1.hard"
}

row() { # NAME
    printf '%-8s %8.3f %9.3f %7.3f %10.3f %10.3f   %s\n' "$1" "$(jq .all.ap50 "$work/$1.topview")" "$(jq .all.ap50 "$work/$1.vehicles")" \
        "$(jq .all.ap50 "$work/$1.person")" "$(jq .total.f1 "$work/$1.clips")" "$(jq .total.f1 "$work/$1.hard")" "${2:-}"
}

printf '%-8s %8s %9s %7s %10s %10s   %s\n' "" topview vehicles person "five clips" "hard clips" "layers in 8 bits"
[ -e "$work/float.hard" ] || score float "$model" tract
row float
for ((list = 0; list < lists; list++)); do
    ls "$assets"/detect-train/images/*.webp | awk -v n=$list 'NR % 20 == n' >"$work/$list.txt"
    [ -d "$work/$list" ] || $wayside quantize "$model" --calibrate "$work/$list.txt" -o "$work/$list" --quiet >/dev/null
    [ -e "$work/$list.hard" ] || score $list "$work/$list" int8
    row $list "$(sed -n 's/.*; \([0-9]* of [0-9]*\) layers.*/\1/p' "$work/$list/layers.txt")"
done
