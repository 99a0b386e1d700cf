//! Resizing, decoding and suppression against numbers computed independently with numpy, OpenCV and ONNX Runtime
//! (tests/reference/detections.py → tests/expected/detections.json).

use std::path::{Path, PathBuf};

use serde_json::Value;
use wayside::detect::{ClassFilter, DetectParams, Detector, Groups, Head, NmsParams, Postprocess};
use wayside::detection::Detection;
use wayside::engine::{Engine, OutputInfo, Outputs, Tensor, TractEngine};
use wayside::frame::Frame;
use wayside::geometry::BBox;
use wayside::model::{
    ColorOrder, Graph, HeadKind, InputSpec, ModelFolder, ModelSpec, Resize, Task, coco_labels, read_limited, sha256_hex,
};
use wayside::preprocess::{Letterbox, Letterboxed, Transform};
use wayside::source::{OpenOptions, open};

const COCO_ANCHORS: [[f32; 2]; 5] = [[1.08, 1.19], [3.42, 4.41], [6.63, 11.38], [9.42, 5.11], [16.62, 10.52]];

fn expected() -> Value {
    serde_json::from_str(include_str!("expected/detections.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// `[[class, score, x1, y1, x2, y2], …]`
fn detections(value: &Value) -> Vec<Detection> {
    let detection = |row: &Value| {
        let n = numbers(row);
        let bbox = BBox::new(n[2] as f32, n[3] as f32, n[4] as f32, n[5] as f32);
        Detection { bbox, class: n[0] as u16, score: n[1] as f32 }
    };
    value.as_array().unwrap().iter().map(detection).collect()
}

/// The numbers of `noise` in the Python script: 24 bits each.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| next()).collect()
}

fn spec(head: HeadKind, size: (u32, u32), labels: Vec<String>, anchors: &[[f32; 2]]) -> ModelSpec {
    let yolox = head == HeadKind::Yolox;
    ModelSpec {
        name: "reference".into(),
        task: Task::Detect,
        head,
        input: InputSpec {
            width: size.0,
            height: size.1,
            color: if yolox { ColorOrder::Bgr } else { ColorOrder::Rgb },
            mean: [0.0; 3],
            std: [if yolox { 1.0 } else { 255.0 }; 3],
            resize: if yolox { Resize::Letterbox } else { Resize::Stretch },
            pad: 114,
        },
        labels,
        anchors: anchors.to_vec(),
        score_threshold: None,
        licence: "none".into(),
        training_data: String::new(),
        accuracy: String::new(),
        sha256: String::new(),
    }
}

#[test]
fn resizing_agrees_with_opencv() {
    for case in expected()["resize"].as_array().unwrap() {
        let (from, to) = (numbers(&case["from"]), numbers(&case["to"]));
        let (width, height) = (from[0] as u32, from[1] as u32);
        let picture = noise((width * height * 3) as usize, 7).iter().map(|n| (n * 256.0) as u8).collect();
        let input = InputSpec {
            resize: Resize::Stretch,
            ..spec(HeadKind::Yolov2, (to[0] as u32, to[1] as u32), coco_labels(), &COCO_ANCHORS).input
        };
        let mut out = Letterboxed::default();
        Letterbox::new(&input).step(&Frame::rgb(width, height, picture), &mut out);
        let pixels = numbers(&case["pixels"]);
        assert_eq!(out.pixels.len(), pixels.len());
        let errors: Vec<f64> = out.pixels.iter().zip(&pixels).map(|(&a, b)| (f64::from(a) - b).abs()).collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let largest = errors.iter().copied().fold(0.0, f64::max);
        println!("{width}x{height} → {to:?}: mean difference {mean:.3}, largest {largest}");
        // White noise is the worst case: 8 bits of weight here, 11 there.
        assert!(largest <= 1.0 && mean < 0.25, "{from:?} → {to:?}: largest {largest}, mean {mean}");
    }
}

/// The same outputs, so the same boxes: to a thousandth of a pixel.
fn check_decode(spec: &ModelSpec, tensor: Tensor, expected: &Value) {
    let info = OutputInfo { name: "output".into(), shape: tensor.shape.clone() };
    let outputs = Outputs { tensors: vec![tensor] };
    let identity = Transform { scale_x: 1.0, scale_y: 1.0, offset_x: 0.0, offset_y: 0.0 };
    let classes = spec.labels.len();
    for (name, groups) in [("aware", Groups::class_aware(classes)), ("agnostic", Groups::class_agnostic(classes))] {
        let head = Head::new(spec, std::slice::from_ref(&info)).unwrap();
        let nms = NmsParams { iou_threshold: 0.45, groups };
        let mut postprocess = Postprocess::new(head, 0.25, ClassFilter::all(classes), nms);
        let mut found = Vec::new();
        postprocess.step(&outputs, &identity, spec.input.width, spec.input.height, &mut found).unwrap();
        let wanted = detections(&expected[name]);
        assert!(wanted.len() > 30, "the case shows nothing");
        assert_eq!(found.len(), wanted.len(), "{name}");
        for (a, b) in found.iter().zip(&wanted) {
            assert_eq!(a.class, b.class, "{name}: {a:?} {b:?}");
            assert!((a.score - b.score).abs() < 1e-4, "{name}: {a:?} {b:?}");
            assert!(largest_difference(a, b) < 1e-3, "{name}: {a:?} {b:?}");
        }
    }
}

fn largest_difference(a: &Detection, b: &Detection) -> f32 {
    let (a, b) = (a.bbox, b.bbox);
    [a.x1 - b.x1, a.y1 - b.y1, a.x2 - b.x2, a.y2 - b.y2].iter().fold(0.0, |largest, d| d.abs().max(largest))
}

fn letters(count: usize) -> Vec<String> {
    ["a", "b", "c", "d"][..count].iter().map(|label| label.to_string()).collect()
}

#[test]
fn yolox_outputs_decode_as_in_numpy() {
    let cells = 20 * 12 + 10 * 6 + 5 * 3;
    let mut data = noise(cells * 9, 1);
    for row in data.chunks_mut(9) {
        row[..4].iter_mut().for_each(|number| *number = *number * 2.0 - 0.5);
    }
    let spec = spec(HeadKind::Yolox, (160, 96), letters(4), &[]);
    check_decode(&spec, Tensor { shape: vec![1, cells, 9], data }, &expected()["decode"]["yolox"]);
}

#[test]
fn yolov2_outputs_decode_as_in_numpy() {
    let data = noise(27 * 4 * 7, 2).iter().map(|number| number * 8.0 - 4.0).collect();
    let spec = spec(HeadKind::Yolov2, (224, 128), letters(4), &[[1.5, 1.0], [2.0, 3.0], [4.0, 2.5]]);
    check_decode(&spec, Tensor { shape: vec![1, 27, 4, 7], data }, &expected()["decode"]["yolov2"]);
}

fn assets() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no ../shared/assets");
    None
}

fn read(path: &Path) -> Frame {
    let mut frame = Frame::default();
    let mut source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert!(source.next_frame(&mut frame).unwrap());
    frame
}

/// Whole pictures through tract, against ONNX Runtime with OpenCV. JPEG decoders, resizing (8 bits of weight instead of
/// 11) and kernels differ by a grey level or a hair of score, so a few boxes may differ, but only those on the edge
/// of a decision: at the threshold, or as good as another one of the same object. `differ` is how many did.
fn check_pictures(name: &str, spec: ModelSpec, differ: usize) {
    let Some(assets) = assets() else { return };
    let path = assets.join("models").join(format!("{name}.onnx"));
    let sha256 = sha256_hex(&read_limited(&path).unwrap());
    let model = ModelFolder { spec: ModelSpec { sha256, ..spec }, graph: Graph::File(path) };
    let program = TractEngine.load(&model).unwrap();
    let params = DetectParams { groups: Vec::new(), ..DetectParams::for_model(&model.spec) };
    let mut detector = Detector::new(&model.spec, program.as_ref(), &params).unwrap();
    let (mut found, mut all, mut differing) = (Vec::new(), 0, 0);
    for (file, wanted) in expected()["pictures"][name].as_object().unwrap() {
        let frame = read(&assets.join("images").join(file));
        detector.step(&frame, &mut found).unwrap();
        let wanted = detections(wanted);
        // A pixel of the picture or of the network's input, whichever is larger.
        let pixel = (frame.width as f32 / model.spec.input.width as f32).max(1.0);
        let missing = unmatched(&wanted, &found, pixel);
        let extra = unmatched(&found, &wanted, pixel);
        println!("{name} {file}: {} boxes, {missing} missing, {extra} extra", wanted.len());
        all += wanted.len();
        differing += missing.max(extra);
    }
    println!("{name}: {differing} of {all} boxes differ");
    assert!(differing <= differ, "{name}: {differing} of {all} boxes differ from the reference");
}

/// How many of `boxes` are not in `others`. One that is not on the edge of a decision fails the test.
fn unmatched(boxes: &[Detection], others: &[Detection], pixel: f32) -> usize {
    let same = |a: &Detection, b: &Detection| {
        a.class == b.class && (a.score - b.score).abs() < 0.03 && largest_difference(a, b) < 1.5 * pixel
    };
    let rival = |a: &Detection, b: &Detection| a.bbox.iou(&b.bbox) > 0.45 && (a.score - b.score).abs() < 0.01;
    let unmatched: Vec<_> = boxes.iter().filter(|a| !others.iter().any(|b| same(a, b))).collect();
    for a in &unmatched {
        let at_threshold = (a.score - 0.25).abs() < 0.02;
        assert!(at_threshold || others.iter().any(|b| rival(a, b)), "no rounding explains {a:?}");
    }
    unmatched.len()
}

#[test]
fn yolox_nano_finds_what_onnx_runtime_finds() {
    check_pictures("yolox_nano", spec(HeadKind::Yolox, (416, 416), coco_labels(), &[]), 4);
}

#[test]
fn yolo_lite_finds_what_onnx_runtime_finds() {
    check_pictures("yolo-lite-coco", spec(HeadKind::Yolov2, (224, 224), coco_labels(), &COCO_ANCHORS), 1);
}

/// The original notes' 19×19×5×85.
#[test]
fn yolo_lite_608_finds_what_onnx_runtime_finds() {
    check_pictures("yolo-lite-coco_608", spec(HeadKind::Yolov2, (608, 608), coco_labels(), &COCO_ANCHORS), 5);
}
