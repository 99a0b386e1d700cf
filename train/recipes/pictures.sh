#!/usr/bin/env bash
# Pictures beside the labelled ones, as links in folders of WORK: negatives/ of anything else, scenes/ where there are hardly any
# vehicles, trains/, photos/ of vehicles.
#
#   train/recipes/pictures.sh WORK
#
# They come from eight public repositories, 0.9 GB, or from WORK/sources/ where they are there already.
set -euo pipefail
work=$1

# obtain NAME REPOSITORY COMMIT FOLDER...: those folders of the repository, in WORK/sources/NAME.
obtain() {
    local source=$work/sources/$1
    if [ ! -e "$source" ]; then
        rm -rf "$source.part"
        git clone --filter=blob:none --no-checkout "https://github.com/$2" "$source.part"
        git -C "$source.part" checkout --quiet "$3" -- "${@:4}"
        mv "$source.part" "$source"
    fi
}
# gather INTO NAME REPOSITORY COMMIT FOLDER COUNT: links in WORK/INTO/ to the first COUNT pictures of each folder in FOLDER.
gather() {
    local folder file inside
    obtain "$2" "$3" "$4" "$5"
    folder=$(realpath "$work/sources/$2/$5")
    find "$folder" \( -iname '*.jpg' -o -iname '*.png' \) -printf '%h\t%p\n' | LC_ALL=C sort |
        awk -F '\t' -v most="$6" '++seen[$1] <= most { print $2 }' | while read -r file; do
            inside=${file#"$folder"/}
            ln -sf "$file" "$work/$1/$2-${inside//\//-}"
        done
}
mkdir -p "$work"/{sources,negatives,scenes,trains,photos,vehicles}
gather negatives caltech101 MachineLearning2020/Homework2-Caltech101 836044dd000296b2bb74d0aa4b4e462e459b01d7 101_ObjectCategories 80
gather negatives clothing alexeygrigorev/clothing-dataset 7ed86a9cc56763b6acb35e41cb35184e43a5d218 images 2000
gather negatives grocery marcusklasson/GroceryStoreDataset fc80ba90f803d79d0383df52c5a4ac5de99ff6fc dataset/train 20
gather scenes cid22 imazen/codec-corpus 55decfe826d350815e3af3b5ac69b882fb2943d3 CID22/CID22-512 250
gather scenes taco-test Jchen26-US/TRASH-E b1dda9dac1cafe4edcbf54301470abc7883e5a95 Dataset/test 200
gather scenes taco-valid Jchen26-US/TRASH-E b1dda9dac1cafe4edcbf54301470abc7883e5a95 Dataset/valid 200
gather scenes tulips Oldpel/flower_photos 140ff6f3beb2173715002984c2bd58dc3506d4c9 dataset/train/tulips 150
gather scenes sunflowers Oldpel/flower_photos 140ff6f3beb2173715002984c2bd58dc3506d4c9 dataset/train/sunflowers 150
# Of Wikimedia Commons; earlier versions of the list say of each photograph whose it is.
obtain trains santa928/train_quiz 03bbbe94dbc94cb6a75abd5754c7c6d201a91c4c assets/images
for commit in 229b05abaeba65661b01e6eb4f91ae13e60baeb9 1b535f614e7ee2fdeb34f6e35762094f7f1e81e9; do
    git -C "$work/sources/trains" show $commit:app/data/lines.js
done | grep -o 'assets/images/[^"]*' | sort -u | while read -r file; do
    ln -sf "$(realpath "$work/sources/trains/$file")" "$work/trains/trains-${file##*/}"
done
# Some photographs are in both folders: each once, by its number in Open Images.
obtain plates unknowncz/LP_recognition ecd25180ff577a39e4cf06cabb123771d503422c LP_Detection/train LP_Detection/valid
for file in "$(realpath "$work/sources/plates/LP_Detection")"/{train,valid}/*.jpg; do
    name=${file##*/}
    ln -sf "$file" "$work/photos/plates-${name%%_*}.jpg"
done
