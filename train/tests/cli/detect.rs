//! `detect` and `label`: from labelled pictures to a model folder that the appliance opens.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use wayside::model::{HeadKind, ModelFolder};

use crate::{text, train};

/// Six pictures with a square each, labelled as YOLO has it; the last is broken.
fn squares(folder: &Path) {
    for inside in ["images", "labels"] {
        fs::create_dir_all(folder.join(inside)).unwrap();
    }
    let mut list = String::new();
    for number in 0..6 {
        let mut picture = RgbImage::from_pixel(80, 60, Rgb([60; 3]));
        let (left, top) = (5 + 8 * number, 4 + 5 * number);
        for (x, y) in (0..24).flat_map(|x| (0..20).map(move |y| (x, y))) {
            picture.put_pixel(left + x, top + y, Rgb([220, 40, 40]));
        }
        picture.save(folder.join(format!("images/{number}.png"))).unwrap();
        let (cx, cy) = (f64::from(left + 12) / 80.0, f64::from(top + 10) / 60.0);
        fs::write(folder.join(format!("labels/{number}.txt")), format!("1 {cx} {cy} 0.3 0.3333\n")).unwrap();
        list += &format!("images/{number}.png\n");
    }
    fs::write(folder.join("images/5.png"), "this is no picture").unwrap();
    fs::write(folder.join("classes.txt"), "person\ncar\n").unwrap();
    fs::write(folder.join("train.txt"), &list).unwrap();
    fs::write(folder.join("val.txt"), "images/0.png\nimages/1.png\n").unwrap();
}

#[test]
fn a_detector_of_either_kind_ends_as_a_model_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (data, sheet) = (folder.path().join("data"), folder.path().join("sheet.png"));
    squares(&data);
    for (arch, head) in [("detector_small", HeadKind::Yolov8), ("yolo_small", HeadKind::Yolov3)] {
        let out = folder.path().join(arch);
        let (data, out_text) = (data.to_str().unwrap(), out.to_str().unwrap());
        let common = ["detect", "--data", data, "--arch", arch, "--input", "64", "--first-input", "32"];
        let run = |more: &[&str]| train(&[&common[..], &["-o", out_text], more].concat());
        let output = run(&["--epochs", "2", "--steps", "2", "--batch-size", "2", "--measure-every", "1"]);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{arch}: {said}");
        assert!(said.contains("5.png") && said.contains("epoch 2: classes as one AP50"), "{arch}: {said}");
        assert!(text(&output.stdout).contains("as one"), "{arch}: {}", text(&output.stdout));
        for file in
            ["ap.csv", "ap.svg", "precision.svg", "mistakes.png", "loss.svg", "history.csv", "checkpoint.safetensors"]
        {
            assert!(out.join(file).is_file(), "{arch}: {file}");
        }
        let model = ModelFolder::open(&out.join("detector")).unwrap();
        assert_eq!((model.spec.head, model.spec.input.width, &*model.spec.labels[1]), (head, 64, "car"));
        model.read().unwrap();
        let shown = run(&["--show-data", sheet.to_str().unwrap()]);
        assert!(shown.status.success() && image::open(&sheet).is_ok(), "{}", text(&shown.stderr));
    }
}

#[test]
fn a_training_begins_with_the_weights_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    squares(&data);
    let run = |out: &str, more: &[&str]| {
        let (data, out) = (data.to_str().unwrap(), folder.path().join(out));
        let common = ["detect", "--data", data, "--input", "32", "--first-input", "0", "--epochs", "1", "--steps", "1"];
        train(&[&common[..], &["--batch-size", "2", "-o", out.to_str().unwrap()], more].concat())
    };
    assert!(run("first", &[]).status.success());
    let weights = folder.path().join("first/checkpoint.safetensors");
    let weights = weights.to_str().unwrap();
    let same = run("same", &["--weights", weights]);
    assert!(same.status.success() && !text(&same.stderr).contains("begins anew"), "{}", text(&same.stderr));
    let fewer = run("fewer", &["--weights", weights, "--classes", "car"]);
    let said = text(&fewer.stderr);
    let anew = said.lines().filter(|line| line.contains("begins anew")).count();
    assert!(fewer.status.success() && anew == 6 && said.contains("classes32/kernel begins anew"), "{said}");
    let classes = data.join("classes.txt");
    let refused = run("refused", &["--weights", classes.to_str().unwrap()]);
    assert!(
        !refused.status.success() && text(&refused.stderr).contains("damaged or no model"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn other_detectors_label_what_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("pseudo"));
    squares(&data);
    let teacher = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/vehicle");
    let label = |teacher: &str| {
        let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
        train(&["label", "--data", data, "--teacher", teacher, "--least", "0.01", "-o", out])
    };
    let output = label(teacher.to_str().unwrap());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("5.png"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5);
    for line in fs::read_to_string(out.join("0.txt")).unwrap().lines() {
        let numbers: Vec<f32> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        assert!(numbers.len() == 6 && numbers[0] < 2.0 && numbers[1..].iter().all(|it| (-0.01..=1.01).contains(it)));
    }
    let refused = text(&label("nosuch").stderr);
    assert!(refused.contains("teacher nosuch") && refused.lines().count() == 1, "{refused}");
}
