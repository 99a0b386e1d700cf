//! Resizing, decoding and suppression against numbers computed independently with numpy, OpenCV and ONNX Runtime
//! (tests/reference/detections.py → tests/expected/detections.json).

mod cut;
mod shapes;

use std::path::{Path, PathBuf};

use serde_json::Value;
use wayside::detect::{ClassFilter, DetectParams, Detector, Groups, Head, NmsParams, Postprocess};
use wayside::detection::Detection;
use wayside::engine::{Engine, OutputInfo, Outputs, Tensor, TractEngine};
use wayside::frame::Frame;
use wayside::geometry::BBox;
use wayside::model::{
    ColorOrder, Graph, HeadKind, Hints, InputSpec, ModelFolder, ModelSpec, Resize, Scores, Task, coco_labels,
    read_limited, recognise,
};
use wayside::preprocess::{Letterbox, Letterboxed, Transform};
use wayside::source::{OpenOptions, open};

const FASTEST_ANCHORS: [[f32; 2]; 6] =
    [[12.0, 18.0], [37.0, 49.0], [52.0, 132.0], [115.0, 73.0], [119.0, 199.0], [242.0, 238.0]];
const COCO_ANCHORS: [[f32; 2]; 5] = [[1.08, 1.19], [3.42, 4.41], [6.63, 11.38], [9.42, 5.11], [16.62, 10.52]];

fn expected() -> Value {
    serde_json::from_str(include_str!("../expected/detections.json")).unwrap()
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
        strides: Vec::new(),
        scores: None,
        score_threshold: None,
        rect: false,
        votes: false,
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
fn check_decode(spec: &ModelSpec, tensors: Vec<Tensor>, expected: &Value) {
    let info = |tensor: &Tensor| OutputInfo { name: "output".into(), shape: tensor.shape.clone() };
    let infos: Vec<_> = tensors.iter().map(info).collect();
    let outputs = Outputs { tensors };
    let identity = Transform { scale_x: 1.0, scale_y: 1.0, offset_x: 0.0, offset_y: 0.0 };
    let classes = spec.labels.len();
    for (name, groups) in [("aware", Groups::class_aware(classes)), ("agnostic", Groups::class_agnostic(classes))] {
        let head = Head::new(spec, &infos).unwrap();
        let nms = NmsParams { score_threshold: 0.25, iou_threshold: 0.45, groups, votes: false };
        let mut postprocess = Postprocess::new(head, ClassFilter::all(classes), nms);
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
    let cells = CELLS;
    let mut data = noise(cells * 9, 1);
    for row in data.chunks_mut(9) {
        row[..4].iter_mut().for_each(|number| *number = *number * 2.0 - 0.5);
    }
    let spec = spec(HeadKind::Yolox, (160, 96), letters(4), &[]);
    check_decode(&spec, vec![Tensor { shape: vec![1, cells, 9], data }], &expected()["decode"]["yolox"]);
}

#[test]
fn yolov2_outputs_decode_as_in_numpy() {
    let data = noise(27 * 4 * 7, 2).iter().map(|number| number * 8.0 - 4.0).collect();
    let spec = spec(HeadKind::Yolov2, (224, 128), letters(4), &[[1.5, 1.0], [2.0, 3.0], [4.0, 2.5]]);
    check_decode(&spec, vec![Tensor { shape: vec![1, 27, 4, 7], data }], &expected()["decode"]["yolov2"]);
}

/// `pyramid` of the Python script: the coarse grid first, the anchors of the fine one first.
fn check_pyramid(head: HeadKind, seed: u32) {
    let data: Vec<f32> = noise(18 * 75, seed).iter().map(|number| number * 8.0 - 4.0).collect();
    let (coarse, fine) = data.split_at(18 * 15);
    let tensor = |shape: [usize; 4], data: &[f32]| Tensor { shape: shape.to_vec(), data: data.to_vec() };
    let anchors = [[8.0, 10.0], [20.0, 12.0], [30.0, 20.0], [50.0, 60.0]];
    let spec = spec(head, (160, 96), letters(4), &anchors);
    let tensors = vec![tensor([1, 18, 3, 5], coarse), tensor([1, 18, 6, 10], fine)];
    check_decode(&spec, tensors, &expected()["decode"][head.as_str()]);
}

#[test]
fn yolov3_outputs_decode_as_in_numpy() {
    check_pyramid(HeadKind::Yolov3, 3);
}

#[test]
fn raw_yolov5_outputs_decode_as_in_numpy() {
    check_pyramid(HeadKind::Yolov5, 4);
}

/// `distribution` of the Python script: sides of 8 bins, then 4 classes, of each cell.
fn distribution(seed: u32) -> Vec<f32> {
    let mut data = noise(CELLS * 36, seed);
    data.chunks_mut(36).for_each(|row| row[..32].iter_mut().for_each(|number| *number *= 6.0));
    data
}

/// Of a 160×96 input.
const CELLS: usize = 20 * 12 + 10 * 6 + 5 * 3;

#[test]
fn distributions_of_yolov8_decode_as_in_numpy() {
    let data = distribution(5);
    let spec = spec(HeadKind::Yolov8, (160, 96), letters(4), &[]);
    let planes = (0..CELLS * 36).map(|at| data[at % CELLS * 36 + at / CELLS]).collect();
    for tensor in
        [Tensor { shape: vec![1, 36, CELLS], data: planes }, Tensor { shape: vec![1, CELLS, 36], data: data.clone() }]
    {
        check_decode(&spec, vec![tensor], &expected()["decode"]["yolov8"]);
    }
}

#[test]
fn nanodet_outputs_decode_as_in_numpy() {
    let data = distribution(6);
    let spec = spec(HeadKind::Nanodet, (160, 96), letters(4), &[]);
    let mut tensors = Vec::new();
    for channels in [32..36, 0..32] {
        let mut before = 0;
        for cells in [240, 60, 15] {
            let rows = data[before * 36..(before + cells) * 36].chunks(36);
            let data = rows.flat_map(|row| row[channels.clone()].iter().copied()).collect();
            tensors.push(Tensor { shape: vec![1, cells, channels.len()], data });
            before += cells;
        }
    }
    check_decode(&spec, tensors, &expected()["decode"]["nanodet"]);
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
/// of a decision: at the threshold, as good as another one of the same object, or overlapping a better one just so. `differ` is how many did.
fn check_pictures(name: &str, head: HeadKind, anchors: &[[f32; 2]], differ: usize) {
    let Some(assets) = assets() else { return };
    let path = assets.join("models").join(format!("{name}.onnx"));
    let bytes = read_limited(&path).unwrap();
    let spec = recognise(&path, &bytes, Hints { anchors: anchors.to_vec(), ..Hints::default() }).unwrap();
    assert_eq!((spec.head, spec.labels.len()), (head, 80), "{name} is recognised");
    check_model(name, &ModelFolder { spec, graph: Graph::File(path) }, &assets, differ);
}

fn check_model(name: &str, model: &ModelFolder, assets: &Path, differ: usize) {
    // NanoDet's low scores move by 0.04 where the pixels of its input move by one grey level.
    let hair = if model.spec.head == HeadKind::Nanodet { 0.05 } else { 0.03 };
    let program = TractEngine.load(model).unwrap();
    let params = DetectParams { groups: Vec::new(), ..DetectParams::for_model(&model.spec) };
    let mut detector = Detector::new(&model.spec, program.as_ref(), &params).unwrap();
    let (mut found, mut all, mut differing) = (Vec::new(), 0, 0);
    for (file, wanted) in expected()["pictures"][name].as_object().unwrap() {
        let frame = read(&assets.join("images").join(file));
        detector.step(&frame, &mut found).unwrap();
        let wanted = detections(wanted);
        // A pixel of the picture or of the network's input, whichever is larger.
        let pixel = (frame.width as f32 / model.spec.input.width as f32).max(1.0);
        let missing = unmatched(&wanted, &found, pixel, hair);
        let extra = unmatched(&found, &wanted, pixel, hair);
        println!("{name} {file}: {} boxes, {missing} missing, {extra} extra", wanted.len());
        all += wanted.len();
        differing += missing.max(extra);
    }
    println!("{name}: {differing} of {all} boxes differ");
    assert!(differing <= differ, "{name}: {differing} of {all} boxes differ from the reference");
}

/// How many of `boxes` are not in `others`. One that is not on the edge of a decision fails the test.
fn unmatched(boxes: &[Detection], others: &[Detection], pixel: f32, hair: f32) -> usize {
    let same = |a: &Detection, b: &Detection| {
        a.class == b.class && (a.score - b.score).abs() < hair && largest_difference(a, b) < 1.5 * pixel
    };
    // Suppressed here by a better box that it overlaps as much as is just allowed, and not there.
    let at_suppression = |a: &Detection, b: &Detection| {
        a.class == b.class && b.score > a.score && (a.bbox.iou(&b.bbox) - 0.45).abs() < 0.02
    };
    let rival = |a: &Detection, b: &Detection| a.bbox.iou(&b.bbox) > 0.45 && (a.score - b.score).abs() < 0.01;
    let unmatched: Vec<_> = boxes.iter().filter(|a| !others.iter().any(|b| same(a, b))).collect();
    for a in &unmatched {
        let at_threshold = (a.score - 0.25).abs() < hair;
        let explains = |b: &Detection| rival(a, b) || at_suppression(a, b);
        assert!(at_threshold || others.iter().any(explains), "no rounding explains {a:?}");
    }
    unmatched.len()
}

#[test]
fn yolox_nano_finds_what_onnx_runtime_finds() {
    check_pictures("yolox_nano", HeadKind::Yolox, &[], 4);
}

#[test]
fn yolo_lite_finds_what_onnx_runtime_finds() {
    check_pictures("yolo-lite-coco", HeadKind::Yolov2, &COCO_ANCHORS, 1);
}

/// The original notes' 19×19×5×85.
#[test]
fn yolo_lite_608_finds_what_onnx_runtime_finds() {
    check_pictures("yolo-lite-coco_608", HeadKind::Yolov2, &COCO_ANCHORS, 5);
}

#[test]
fn yolo_fastest_finds_what_onnx_runtime_finds() {
    check_pictures("yolo-fastest-1.1", HeadKind::Yolov3, &FASTEST_ANCHORS, 3);
    check_pictures("yolo-fastest-1.1-xl", HeadKind::Yolov3, &FASTEST_ANCHORS, 3);
}

#[test]
fn nanodet_finds_what_onnx_runtime_finds() {
    check_pictures("object_detection_nanodet_2022nov", HeadKind::Nanodet, &[], 8);
}

#[test]
fn yolo11_finds_what_onnx_runtime_finds() {
    check_pictures(YOLO11, HeadKind::Yolov8, &[], 2);
}

const YOLO11: &str = "yolo11n_320_fp32_dequantised";

/// The same graph without its last operators: distribution, anchor points and sigmoid are ours then, and the boxes those
/// of the whole graph.
#[test]
fn yolo11_cut_off_before_its_distribution_finds_the_same() {
    let Some(assets) = assets() else { return };
    let path = assets.join("models").join(format!("{YOLO11}.onnx"));
    let whole = read_limited(&path).unwrap();
    let end = |part: &str, grid: usize| format!("/model.23/{part}.{grid}/{part}.{grid}.2/Conv_output_0");
    let ends = ["cv2", "cv3"].map(|part| [0, 1, 2].map(|grid| end(part, grid)));
    let bytes = cut::at(&whole, ends.into_iter().flatten());
    let spec = recognise(&path, &bytes, Hints::default()).unwrap();
    assert_eq!((spec.head, spec.scores, spec.labels.len()), (HeadKind::Yolov8, Some(Scores::Logits), 80));
    check_model(YOLO11, &ModelFolder { spec, graph: Graph::Embedded(bytes.leak()) }, &assets, 2);
}
