#!/usr/bin/env bash
# From labelled pictures to what models/vehicle and models/vehicle-float hold: pseudo-labels, training, 8 bits. What was cut off goes on
# when the same command is given again. In the end WORK/models/ has both folders, to be copied here.
#
#   train/recipes/vehicle.sh ASSETS WORK [EPOCHS]
#
# ASSETS has detect-train/ and models/ (../shared/assets); WORK is a folder for everything in between. pictures.sh gets further pictures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
assets=$1 work=$2 epochs=${3:-50}
data=$assets/detect-train
classes=person,car,motorcycle,bus,truck
licence="MIT OR Apache-2.0"
sources="detect-train: openly licensed pictures (CC BY 4.0; Open Images CC BY 2.0), pseudo-labels of YOLOX-nano and NanoDet-m (Apache-2.0)"
photos="vehicles of Open Images (CC BY 2.0) in google-licence-plates (CC BY 4.0)"
negatives="as pictures without vehicles Caltech-101 (CC BY 4.0), clothing-dataset (free for any purpose), GroceryStoreDataset (MIT), \
CID22 (CC BY-SA 4.0), TACO (CC BY 4.0), flower_photos (CC BY 2.0), trains of Wikimedia Commons (mostly CC BY-SA 4.0)"
cargo build --release --workspace
mkdir -p "$work"
# The trainer gives freed memory back to the system less often: 7 to 12 % more pictures a second.
export MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000

train/recipes/pictures.sh "$work"

# Both teachers are Apache-2.0 networks of COCO. In 8 bits, YOLOX-nano is more than twice as fast as in float.
ls "$(realpath "$data")"/images/*.webp | awk 'NR % 45 == 0' > "$work/calibrate.txt"
[ -d "$work/yolox8" ] || target/release/wayside quantize "$assets/models/yolox_nano.onnx" --calibrate "$work/calibrate.txt" -o "$work/yolox8"
teachers=(--teacher "$work/yolox8" --teacher "$assets/models/object_detection_nanodet_2022nov_int8.onnx")
target/release/wayside-train label --data "$data" "${teachers[@]}" -o "$work/pseudo"
target/release/wayside-train label --data "$data" --pictures "$work/photos" "${teachers[@]}" -o "$work/pseudo"
# There are no vehicles beside the trains, which the teachers might take for some.
for folder in negatives scenes; do
    target/release/wayside-train label --data "$data" --pictures "$work/$folder" --tiles 1 "${teachers[@]}" -o "$work/pseudo"
done
# A photograph in which the teachers are sure of no vehicle (car to truck) shows a plate and little else: it would say that a bumper is none.
for file in "$work"/photos/*.jpg; do
    name=$(basename "$file" .jpg)
    if awk '$1 >= 2 && $6 >= 0.4 && $4 * $5 >= 0.01 { sure = 1 } END { exit !sure }' "$work/pseudo/$name.txt"; then
        ln -sf "$(realpath "$file")" "$work/vehicles/$name.jpg"
    fi
done

train=(target/release/wayside-train detect --data "$data" --pseudo "$work/pseudo" --sure 0.4 --unsure 0.22 --scenes 0.05
    --classes $classes --steps 100 --batch-size 32 --name vehicle-float --licence "$licence" --trained-on "$sources; $photos; $negatives")
"${train[@]}" --epochs "$epochs" --measure-every 10 -o "$work/first"
# Twice more from there at half the rate, and with pictures that are stretched further.
further=(--learning-rate 0.01 --rest-rate 0.001 --aspect 1.5)
"${train[@]}" "${further[@]}" --epochs $((epochs * 34 / 50)) --measure-every 8 --seed 1 --first-input 0 \
    --weights "$work/first/checkpoint.safetensors" -o "$work/second"
# From here on with pictures of anything else, and in the end at the size that is shipped.
"${train[@]}" "${further[@]}" --epochs $((epochs * 36 / 50)) --measure-every 9 --seed 2 --input 384 --first-input 320 \
    --weights "$work/second/checkpoint.safetensors" --unlabelled "$work/negatives" -o "$work/third"
# The last time with photographs of vehicles too, of scenes and of trains.
"${train[@]}" "${further[@]}" --epochs $((epochs * 40 / 50)) --measure-every 8 --seed 3 --input 384 --first-input 320 \
    --weights "$work/third/vehicle-float" --unlabelled "$work/vehicles" --unlabelled "$work/negatives" --unlabelled "$work/scenes" \
    --unlabelled "$work/trains" --unlabelled-part 0.4 --memory 8 -o "$work/fourth"

rm -rf "$work/vehicle8"
target/release/wayside quantize "$work/fourth/vehicle-float" --calibrate "$work/calibrate.txt" -o "$work/vehicle8"

tr , '\n' <<<"$classes" >"$work/classes.txt"
for name in vehicle vehicle-float; do
    [ $name = vehicle ] && file=$work/vehicle8/model.onnx || file=$work/fourth/vehicle-float/model.onnx
    target/release/wayside model import "$file" --force -o "$work/models/$name" --name $name --head yolov8 --labels "$work/classes.txt" \
        --color rgb --mean 0,0,0 --std 255,255,255 --resize letterbox --pad 114 --rect --votes --scores logits --golden models/vehicle/golden/input.png \
        --licence "$licence" --training-data "$sources; $photos; $negatives; frames of the synthetic road" --accuracy "see MODEL_CARD.md"
done
