//! The figures of `evaluate detect` against pycocotools (tests/reference/boxes.py → tests/expected/boxes.json): made-up
//! labels and detections with crowds, equal scores, all sizes, a class without labels and more than 100 detections in one
//! picture.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use wayside::evaluate::detect::{Figures, Found, Picture, Rect, Truth, coco, evaluate};

fn read() -> (Truth, Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/boxes.json");
    (coco::read(&path).unwrap(), serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap())
}

fn pictures(truth: &Truth, results: &Value) -> Vec<Picture> {
    let position: HashMap<i64, usize> = truth.pictures.iter().enumerate().map(|(at, p)| (p.id, at)).collect();
    let mut pictures: Vec<Picture> =
        truth.pictures.iter().map(|p| Picture { truth: p.boxes.clone(), found: Vec::new() }).collect();
    for row in results.as_array().unwrap() {
        let [x, y, width, height] = [0, 1, 2, 3].map(|side| row["bbox"][side].as_f64().unwrap());
        let class = truth.ids.iter().position(|id| Some(*id) == row["category_id"].as_i64()).unwrap();
        let found = Found { rect: Rect { x, y, width, height }, class, score: row["score"].as_f64().unwrap() };
        pictures[position[&row["image_id"].as_i64().unwrap()]].found.push(found);
    }
    pictures
}

fn check(name: &str, ours: &Figures, expected: &Value) {
    let ours = serde_json::to_value(ours).unwrap();
    let mut compared = 0;
    for (figure, value) in expected.as_object().unwrap() {
        let inner = value.as_object().map_or(vec![("", value)], |v| v.iter().map(|(k, v)| (k.as_str(), v)).collect());
        for (part, value) in inner {
            let found = if part.is_empty() { &ours[figure] } else { &ours[figure][part] };
            match (found.as_f64(), value.as_f64()) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{name} {figure} {part}: {a}, pycocotools {b}"),
                (a, b) => assert_eq!(a, b, "{name} {figure} {part}"),
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 10);
}

#[test]
fn every_figure_of_every_class_is_that_of_pycocotools() {
    let (truth, file) = read();
    let report = evaluate(&pictures(&truth, &file["results"]), truth.classes.len());
    let expected = &file["expected"]["aware"];
    check("all", &report.all, &expected["all"]);
    for (name, figures) in truth.classes.iter().zip(&report.classes) {
        check(name, figures, &expected["classes"][name]);
    }
}

#[test]
fn as_one_kind_too() {
    let (truth, file) = read();
    let mut pictures = pictures(&truth, &file["results"]);
    for picture in &mut pictures {
        // Equal scores: pycocotools puts the classes one after the other.
        picture.truth.sort_by_key(|labelled| labelled.class);
        picture.found.sort_by_key(|found| found.class);
        picture.truth.iter_mut().for_each(|labelled| labelled.class = 0);
        picture.found.iter_mut().for_each(|found| found.class = 0);
    }
    check("all", &evaluate(&pictures, 1).all, &file["expected"]["agnostic"]["all"]);
}
