//! `wayside evaluate detect` on pictures of the synthetic road, whose boxes are known and which the test network sees.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wayside::draw::rgb_from_frame;
use wayside::frame::Frame;
use wayside::source::scene::{HEIGHT, LABELS, Scene, SceneSource, WIDTH};

use super::{folder, stderr, wayside};

/// Pictures in which every vehicle shows wholly, their labels as COCO has them (truth.json) and as YOLO has them
/// (labels/). Returns the number of vehicles.
pub fn road(dir: &Path) -> usize {
    let source = SceneSource::new(Scene::parse("scene:road").unwrap());
    let scene = source.scene();
    let times = (0..scene.frames()).map(|index| scene.time_of(index));
    let whole = times.filter(|t| !scene.boxes_at(*t).is_empty() && scene.boxes_at(*t).iter().all(|s| s.visible >= 1.0));
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    fs::create_dir_all(dir.join("pictures")).unwrap();
    fs::create_dir_all(dir.join("labels")).unwrap();
    fs::write(dir.join("classes.txt"), LABELS.join("\n")).unwrap();
    for (id, t) in whole.step_by(9).take(12).enumerate() {
        let (mut frame, mut picture) = (Frame::default(), image::RgbImage::default());
        source.paint(t, &mut frame);
        rgb_from_frame(&frame, &mut picture);
        picture.save(dir.join(format!("pictures/{id:02}.png"))).unwrap();
        images.push(json!({ "id": id, "file_name": format!("{id:02}.png"), "width": WIDTH, "height": HEIGHT }));
        let mut lines = String::new();
        for sight in scene.boxes_at(t) {
            let (b, center) = (sight.bbox, sight.bbox.center());
            let (w, h) = (WIDTH as f32, HEIGHT as f32);
            annotations.push(json!({
                "id": annotations.len() + 1, "image_id": id, "category_id": sight.class,
                "bbox": [b.x1, b.y1, b.width(), b.height()],
            }));
            lines += &format!("{} {} {}", sight.class, center.x / w, center.y / h);
            lines += &format!(" {} {}\n", b.width() / w, b.height() / h);
        }
        fs::write(dir.join(format!("labels/{id:02}.txt")), lines).unwrap();
    }
    let categories: Vec<Value> =
        LABELS.iter().enumerate().map(|(id, name)| json!({ "id": id, "name": name })).collect();
    let truth = json!({ "images": images, "annotations": annotations, "categories": categories });
    fs::write(dir.join("truth.json"), truth.to_string()).unwrap();
    annotations.len()
}

fn figures(dir: &Path, args: &[&str]) -> Value {
    let args = [&["evaluate", "detect", "--images", "pictures", "--model", "scene", "--json"], args].concat();
    let output = wayside(dir, &args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_synthetic_road_is_found_by_both_kinds_of_truth() {
    let dir = folder();
    let vehicles = road(dir.path());
    let coco = figures(dir.path(), &["--truth", "truth.json", "--predictions", "found.json"]);
    assert_eq!((coco["pictures"].as_u64(), coco["all"]["boxes"].as_u64()), (Some(12), Some(vehicles as u64)));
    assert_eq!(coco["all"]["ap50"], 1.0, "{coco:#}");
    let car = &coco["classes"][0];
    assert_eq!((&car["class"], &car["ap50"]), (&json!("car"), &json!(1.0)));
    let results: Value = serde_json::from_slice(&fs::read(dir.path().join("found.json")).unwrap()).unwrap();
    assert!(results.as_array().unwrap().len() >= vehicles);
    assert_eq!(results[0]["image_id"], 0);

    let yolo = figures(dir.path(), &["--truth", "labels"]);
    let difference = yolo["all"]["ap"].as_f64().unwrap() - coco["all"]["ap"].as_f64().unwrap();
    assert!(difference.abs() < 1e-3, "{yolo:#} {coco:#}");
    let one = figures(dir.path(), &["--truth", "truth.json", "--agnostic", "--sessions", "3"]);
    assert_eq!((&one["all"]["ap50"], one["classes"].as_array().unwrap().len()), (&json!(1.0), 1));
}

#[test]
fn what_does_not_fit_is_one_line() {
    let dir = folder();
    let at = dir.path();
    road(at);
    fs::write(at.join("text.json"), "hello").unwrap();
    fs::create_dir(at.join("empty")).unwrap();
    let truth = fs::read_to_string(at.join("truth.json")).unwrap();
    fs::write(at.join("size.json"), truth.replacen("\"width\":640", "\"width\":641", 1)).unwrap();
    fs::write(at.join("lorry.json"), truth.replace("\"truck\"", "\"lorry\"")).unwrap();
    for (images, truth, more, words) in [
        ("pictures", "text.json", &[][..], "text.json: is no COCO truth"),
        ("pictures", "none.json", &[], "none.json"),
        ("none", "truth.json", &[], "none: no such folder"),
        ("empty", "truth.json", &[], "00.png: no such picture"),
        ("pictures", "size.json", &[], "is 640x360, its labels are for 641x360"),
        ("pictures", "lorry.json", &[], "no label 'lorry'"),
        ("pictures", "lorry.json", &["--agnostic"], "no label 'lorry': say with --classes"),
        ("pictures", "truth.json", &["--classes", "plane"], "no class 'plane'"),
        ("pictures", "empty", &[], "NAME.txt"),
        ("empty", "labels", &[], "no jpg, png or webp"),
        ("pictures", "truth.json", &["--model", "none.onnx"], "none.onnx"),
        ("pictures", "truth.json", &["--score", "2"], "score threshold"),
        ("pictures", "truth.json", &["--predictions", "nowhere/found.json"], "nowhere/found.json"),
    ] {
        let args = [&["evaluate", "detect", "--images", images, "--truth", truth], more].concat();
        let output = wayside(at, &args);
        let said = stderr(&output);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
        assert_eq!(said.trim().lines().count(), 1, "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}
