//! The same labels from COCO's, Pascal VOC's and YOLO's files.

use std::fs;

use wayside_train::data::detection::{DetectionSet, Reading};
use wayside_train::data::read::Skipped;

use super::Folder;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.picture("a", (120, 80), 60, &[(0, [10, 20, 40, 50]), (2, [60, 10, 100, 70])]);
    folder.picture("b", (90, 90), 60, &[(1, [5, 5, 85, 45])]);
    folder
}

fn same(one: &DetectionSet, other: &DetectionSet) {
    assert_eq!(one.pictures.len(), other.pictures.len());
    for (a, b) in one.pictures.iter().zip(&other.pictures) {
        assert_eq!((a.size, a.boxes.len(), a.file.file_name()), (b.size, b.boxes.len(), b.file.file_name()));
        for (a, b) in a.boxes.iter().zip(&b.boxes) {
            assert_eq!(a.class, b.class);
            assert!(a.rect.iter().zip(b.rect).all(|(a, b)| (a - b).abs() < 0.01), "{a:?} {b:?}");
        }
    }
}

#[test]
fn coco_files_give_the_boxes_of_yolo_s() {
    let folder = folder();
    folder.write(
        "train.json",
        r#"{"images": [{"id": 1, "file_name": "a.png", "width": 120, "height": 80},
                       {"id": 2, "file_name": "b.png", "width": 90, "height": 90}],
            "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}, {"id": 5, "name": "truck"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 30]},
                            {"image_id": 1, "category_id": 5, "bbox": [60, 10, 40, 60]},
                            {"image_id": 2, "category_id": 1, "bbox": [50, 50, 20, 20], "iscrowd": 1},
                            {"image_id": 2, "category_id": 2, "bbox": [5, 5, 80, 40]}]}"#,
    );
    let read = |reading: &Reading| {
        let (json, images) = (folder.path().join("train.json"), folder.path().join("images"));
        DetectionSet::coco(&json, &images, reading, &mut Skipped::default(), |_| ())
    };
    let set = read(&Reading::default()).unwrap();
    same(&set, &folder.set());
    assert_eq!(
        (set.classes.join(" "), &set.pictures[1].ignored[..]),
        ("car bus truck".into(), &[[50.0, 50.0, 70.0, 70.0]][..])
    );
    let chosen = Reading { classes: vec!["truck".into()], ..Default::default() };
    assert_eq!(read(&chosen).unwrap().counts(), [1]);
    folder.picture("a", (60, 40), 60, &[]);
    assert!(read(&Reading::default()).unwrap_err().to_string().contains("is 60x40, its labels are for 120x80"));
}

fn object(name: &str, [x1, y1, x2, y2]: [u32; 4], more: &str) -> String {
    format!(
        "<object>\n<name>{name}</name>{more}<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
    )
}

#[test]
fn voc_files_give_the_boxes_of_yolo_s() {
    let folder = folder();
    let annotations = folder.path().join("annotations");
    fs::create_dir(&annotations).unwrap();
    let write = |name: &str, size: &str, objects: &str| {
        folder.write(
            &format!("annotations/{name}.xml"),
            &format!("<annotation><filename>{name}.png</filename>{size}{objects}</annotation>"),
        );
    };
    let size = "<size><width>120</width><height>80</height><depth>3</depth></size>";
    let [car, truck] = [object("car", [11, 21, 40, 50], ""), object("truck", [61, 11, 100, 70], "<pose>left</pose>")];
    write("a", size, &(car + &truck));
    let bus = object("bus", [6, 6, 85, 45], "<difficult>0</difficult>");
    write("b", "", &(object("car", [51, 51, 70, 70], "<difficult>1</difficult>") + &bus));
    let read = |classes: &[&str]| {
        let classes = classes.iter().map(ToString::to_string).collect();
        let reading = Reading { classes, ..Default::default() };
        DetectionSet::voc(&annotations, &folder.path().join("images"), &reading, &mut Skipped::default(), |_| ())
    };
    let set = read(&["car", "bus", "truck"]).unwrap();
    same(&set, &folder.set());
    assert_eq!(set.pictures[1].ignored, [[50.0, 50.0, 70.0, 70.0]]);
    assert_eq!(read(&[]).unwrap().classes.join(" "), "bus car truck");
    assert_eq!(read(&["bus"]).unwrap().counts(), [1]);
    let refused = |objects: &str| {
        write("b", "", objects);
        read(&[]).unwrap_err().to_string()
    };
    let error = refused(&object("car", [51, 51, 40, 70], ""));
    assert!(error.contains("b.xml: line 2: <bndbox> ends before it begins"), "{error}");
    assert!(refused(&object("car", [0; 4], "").replace("<xmin>0", "<xmin>left")).contains("<xmin> is `left`"));
    assert!(refused("<object>").contains("b.xml"));
    assert!(refused("<object></object>").contains("has no <name>"));
}
