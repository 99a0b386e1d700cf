//! `wayside model` as its users type it.

use std::fs;

use crate::command::{done, refused};
use crate::{asset, onnx};

/// A folder with road.onnx, a YOLOX network of two classes, their names and a picture.
fn workshop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("road.onnx"), onnx::yolox(2)).unwrap();
    fs::write(folder.path().join("names.txt"), "car\n bus \n\n").unwrap();
    image::RgbImage::from_pixel(64, 64, image::Rgb([90, 90, 90])).save(folder.path().join("grey.png")).unwrap();
    folder
}

const IMPORT: [&str; 4] = ["import", "road.onnx", "--labels", "names.txt"];

#[test]
fn import_list_show_check() {
    let workshop = workshop();
    let dir = workshop.path();
    assert!(done(dir, &[&IMPORT[..], &["--licence", "MIT", "--golden", "grey.png"]].concat()).contains("1 detections"));

    let mut files: Vec<_> = fs::read_dir(dir.join("models/road")).unwrap().map(|f| f.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["golden", "model.onnx", "model.toml"]);
    assert_eq!(fs::read_dir(dir.join("models")).unwrap().count(), 1, "nothing of the work is left");

    let list = done(dir, &["list"]);
    let row = list.lines().find(|line| line.starts_with("road")).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["road", "yolox", "64x64", "2", "models/road"]);

    let show = done(dir, &["show", "road"]);
    for part in ["output float [1, 84, 7]", "2: car, bus", "MIT", "Conv 1", "64x64 bgr, letterbox", "sha256"] {
        assert!(show.contains(part), "{part}: {show}");
    }
    for name in ["road", "models/road", "models/road/model.onnx"] {
        let check = done(dir, &["check", name]);
        assert!(check.contains("ok") && check.contains("all 1 detections of golden/ found again"), "{check}");
    }
}

#[test]
fn a_model_at_another_size_is_shown_and_checked_without_its_golden() {
    let dir = tempfile::tempdir().unwrap();
    assert!(done(dir.path(), &["show", "vehicle@256"]).contains("256x256 rgb, letterbox"));
    let own = format!("{}/models/vehicle", env!("CARGO_MANIFEST_DIR"));
    assert!(done(dir.path(), &["check", &own]).contains("found again"));
    assert!(done(dir.path(), &["check", &format!("{own}@320")]).contains("golden/ is of its own size"));
}

#[test]
fn what_computes_one_size_is_not_imported_as_rect() {
    let workshop = workshop();
    let said = refused(workshop.path(), &[&IMPORT[..], &["--rect"]].concat());
    assert!(said.contains("--rect: it does not compute a picture of 96x32"), "{said}");
    assert!(!workshop.path().join("models").exists());
}

#[test]
fn an_import_replaces_only_when_told_and_only_a_model() {
    let workshop = workshop();
    let dir = workshop.path();
    done(dir, &IMPORT);
    let before = fs::read(dir.join("models/road/model.toml")).unwrap();
    assert!(refused(dir, &IMPORT).contains("--force"));
    assert_eq!(fs::read(dir.join("models/road/model.toml")).unwrap(), before);
    done(dir, &[&IMPORT[..], &["--force", "--licence", "MIT"]].concat());
    assert_ne!(fs::read(dir.join("models/road/model.toml")).unwrap(), before);

    fs::create_dir(dir.join("precious")).unwrap();
    fs::write(dir.join("precious/letter.txt"), "dear").unwrap();
    assert!(refused(dir, &[&IMPORT[..], &["--force", "-o", "precious"]].concat()).contains("no model folder"));
    assert_eq!(fs::read(dir.join("precious/letter.txt")).unwrap(), b"dear");
    assert_eq!(fs::read_dir(dir.join("models")).unwrap().count(), 1, "nothing of the work is left");
}

#[test]
fn a_refused_import_writes_nothing_and_says_what_to_add() {
    let workshop = workshop();
    let dir = workshop.path();
    fs::write(dir.join("three.txt"), "car\nbus\ntruck\n").unwrap();
    fs::write(dir.join("text.onnx"), "hello").unwrap();
    fs::write(dir.join("region.onnx"), onnx::yolov2(2, 3)).unwrap();
    fs::write(
        dir.join("other.onnx"),
        onnx::identity(64, 64).output("out", onnx::FLOAT, &onnx::fixed(&[1, 3, 64, 64])).bytes(),
    )
    .unwrap();
    for (args, reason) in [
        (
            &["import", "road.onnx"][..],
            "2 classes: write one name a line, then `wayside model import road.onnx --labels",
        ),
        (&["import", "road.onnx", "--labels", "three.txt"], "8"),
        (&["import", "road.onnx", "--labels", "none.txt"], "none.txt"),
        (&["import", "none.onnx"], "none.onnx: "),
        (&["import", "text.onnx"], "text.onnx: is no ONNX network"),
        (&["import", "region.onnx"], "needs its anchors"),
        (
            &["import", "region.onnx", "--anchors", "1,2 3,4", "--labels", "names.txt"],
            "region.onnx: model 'region': output",
        ),
        (&["import", "other.onnx"], "no known head reads its outputs (out float [1, 3, 64, 64])"),
        (&["import", "road.onnx", "--labels", "names.txt", "--golden", "none.png"], "none.png"),
        (&["show", "nothing"], "no model `nothing`"),
        (&["show", "region.onnx"], "wayside model import region.onnx --anchors"),
        (&["check"], ""),
    ] {
        if args == ["check"] && done(dir, &["list"]).contains("built in") {
            continue; // then there is something to check
        }
        let line = refused(dir, args);
        assert!(line.contains(reason), "{args:?}: {line}");
    }
    assert!(!dir.join("models").exists() || fs::read_dir(dir.join("models")).unwrap().count() == 0);
}

#[test]
fn a_region_head_is_imported_with_its_anchors() {
    let workshop = workshop();
    let dir = workshop.path();
    fs::write(dir.join("region.onnx"), onnx::yolov2(2, 2)).unwrap();
    done(dir, &["import", "region.onnx", "--anchors", "1,2, 3,4", "--labels", "names.txt", "-o", "here/region"]);
    let show = done(dir, &["show", "here/region"]);
    for part in ["yolov2", "1,2 3,4", "64x64 rgb, stretch", "[255.0, 255.0, 255.0]"] {
        assert!(show.contains(part), "{part}: {show}");
    }
}

#[test]
fn check_names_what_is_wrong() {
    let workshop = workshop();
    let dir = workshop.path();
    done(dir, &[&IMPORT[..], &["--golden", "grey.png"]].concat());
    let broken = |file: &str, from: &str, to: &str| {
        let path = dir.join("models/road").join(file);
        let before = fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{before}");
        fs::write(&path, before.replacen(from, to, 1)).unwrap();
        let line = refused(dir, &["check", "road"]);
        fs::write(&path, before).unwrap();
        line
    };
    assert!(broken("model.toml", "sha256 = \"", "sha256 = \"0").contains("`sha256` must be 64"));
    assert!(broken("model.toml", "\"car\", ", "").contains("output"), "one label too few");
    assert!(broken("model.toml", "width = 64", "width = 32").contains("does not take a picture of 32x64"));
    assert!(broken("model.toml", "\"yolox\"", "\"yolo9\"").contains("did you mean `yolo"));
    assert!(broken("golden/detections.json", "\"car\"", "\"bus\"").contains("detections.json: bus at"));
    assert!(broken("golden/detections.json", "0.8", "0.7").contains("is not found again"));
    done(dir, &["check", "road"]);
}

#[test]
fn a_published_network_is_imported_without_a_word() {
    let (Some(network), Some(picture)) = (asset("models/yolox_nano.onnx"), asset("images/bus.jpg")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (network, picture) = (network.canonicalize().unwrap(), picture.canonicalize().unwrap());
    let args = ["import", &network.to_string_lossy(), "--golden", &picture.to_string_lossy()];
    assert!(done(folder.path(), &args).contains("models/yolox_nano: yolox 416x416, 80 classes"));
    assert!(done(folder.path(), &["check", "yolox_nano"]).contains("found again"));
    let golden = fs::read_to_string(folder.path().join("models/yolox_nano/golden/detections.json")).unwrap();
    assert!(golden.contains("\"bus\"") && golden.contains("\"person\""), "{golden}");
}
