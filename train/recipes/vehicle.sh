#!/usr/bin/env bash
# From labelled pictures to what models/vehicle and models/vehicle-float hold: pseudo-labels, training, 8 bits. What was cut off goes on
# when the same command is given again. In the end WORK/models/ has both folders, to be copied here.
#
#   train/recipes/vehicle.sh ASSETS WORK [EPOCHS]
#
# ASSETS has detect-train/ and models/ (../shared/assets); WORK is a folder for everything in between. Pictures of anything else come
# from three public repositories, 0.5 GB, or from WORK/sources/ where they are there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
assets=$1 work=$2 epochs=${3:-50}
data=$assets/detect-train
classes=person,car,motorcycle,bus,truck
licence="MIT OR Apache-2.0"
sources="detect-train: openly licensed pictures (CC BY 4.0; Open Images CC BY 2.0), pseudo-labels of YOLOX-nano and NanoDet-m (Apache-2.0)"
negatives="as pictures without vehicles Caltech-101 (CC BY 4.0), clothing-dataset (free for any purpose), GroceryStoreDataset (MIT)"
cargo build --release --workspace
mkdir -p "$work"
# The trainer gives freed memory back to the system less often: 7 to 12 % more pictures a second.
export MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000

# gather NAME REPOSITORY COMMIT FOLDER COUNT: links in WORK/negatives/ to the first COUNT pictures of each folder in FOLDER.
gather() {
    local source=$work/sources/$1 folder file inside
    if [ ! -e "$source" ]; then
        rm -rf "$source.part"
        git clone "https://github.com/$2" "$source.part"
        git -C "$source.part" checkout --quiet "$3"
        mv "$source.part" "$source"
    fi
    folder=$(realpath "$source/$4")
    find "$folder" -iname '*.jpg' -printf '%h %p\n' | LC_ALL=C sort | awk -v most="$5" '++seen[$1] <= most { print $2 }' |
        while read -r file; do
            inside=${file#"$folder"/}
            ln -sf "$file" "$work/negatives/$1-${inside//\//-}"
        done
}
mkdir -p "$work/sources" "$work/negatives"
gather caltech101 MachineLearning2020/Homework2-Caltech101 836044dd000296b2bb74d0aa4b4e462e459b01d7 101_ObjectCategories 80
gather clothing alexeygrigorev/clothing-dataset 7ed86a9cc56763b6acb35e41cb35184e43a5d218 images 2000
gather grocery marcusklasson/GroceryStoreDataset fc80ba90f803d79d0383df52c5a4ac5de99ff6fc dataset/train 20

# Both teachers are Apache-2.0 networks of COCO. In 8 bits, YOLOX-nano is more than twice as fast as in float.
ls "$(realpath "$data")"/images/*.webp | awk 'NR % 45 == 0' > "$work/calibrate.txt"
[ -d "$work/yolox8" ] || target/release/wayside quantize "$assets/models/yolox_nano.onnx" --calibrate "$work/calibrate.txt" -o "$work/yolox8"
teachers=(--teacher "$work/yolox8" --teacher "$assets/models/object_detection_nanodet_2022nov_int8.onnx")
target/release/wayside-train label --data "$data" "${teachers[@]}" -o "$work/pseudo"
target/release/wayside-train label --data "$data" --pictures "$work/negatives" --tiles 1 "${teachers[@]}" -o "$work/pseudo"

train=(target/release/wayside-train detect --data "$data" --pseudo "$work/pseudo" --sure 0.4 --unsure 0.22 --scenes 0.05
    --classes $classes --steps 100 --batch-size 32 --name vehicle-float --licence "$licence" --trained-on "$sources; $negatives")
"${train[@]}" --epochs "$epochs" --measure-every 10 -o "$work/first"
# Twice more from there at half the rate, and with pictures that are stretched further.
further=(--learning-rate 0.01 --rest-rate 0.001 --aspect 1.5)
"${train[@]}" "${further[@]}" --epochs $((epochs * 34 / 50)) --measure-every 8 --seed 1 --first-input 0 \
    --weights "$work/first/checkpoint.safetensors" -o "$work/second"
# The last time with pictures of anything else, and in the end at the size that is shipped.
"${train[@]}" "${further[@]}" --epochs $((epochs * 36 / 50)) --measure-every 9 --seed 2 --input 384 --first-input 320 \
    --weights "$work/second/checkpoint.safetensors" --negatives "$work/negatives" -o "$work/vehicle"

rm -rf "$work/vehicle8"
target/release/wayside quantize "$work/vehicle/vehicle-float" --calibrate "$work/calibrate.txt" -o "$work/vehicle8"

tr , '\n' <<<"$classes" >"$work/classes.txt"
for name in vehicle vehicle-float; do
    [ $name = vehicle ] && file=$work/vehicle8/model.onnx || file=$work/vehicle/vehicle-float/model.onnx
    target/release/wayside model import "$file" --force -o "$work/models/$name" --name $name --head yolov8 --labels "$work/classes.txt" \
        --color rgb --mean 0,0,0 --std 255,255,255 --resize letterbox --pad 114 --rect --scores logits --golden models/vehicle/golden/input.png \
        --licence "$licence" --training-data "$sources; $negatives; frames of the synthetic road" --accuracy "see MODEL_CARD.md"
done
