//! Letterbox, and decoding with suppression: `cargo bench --bench detect`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wayside::detect::{ClassFilter, Groups, Head, NmsParams, Postprocess};
use wayside::engine::{OutputInfo, Outputs, Tensor};
use wayside::frame::{Frame, PixelFormat};
use wayside::model::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Task, coco_labels};
use wayside::preprocess::{Letterbox, Letterboxed, Transform};

const CELLS: usize = 8400;
const ROW: usize = 85;

/// YOLOX on COCO with a square input of `side`.
fn spec(side: u32) -> ModelSpec {
    ModelSpec {
        name: "bench".into(),
        task: Task::Detect,
        head: HeadKind::Yolox,
        input: InputSpec {
            width: side,
            height: side,
            color: ColorOrder::Bgr,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize: Resize::Letterbox,
            pad: 114,
        },
        labels: coco_labels(),
        anchors: Vec::new(),
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

fn noise() -> impl FnMut() -> f32 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 24) as f32
    }
}

fn letterbox(c: &mut Criterion) {
    for (name, width, height) in [("1080p", 1920, 1080), ("720p", 1280, 720)] {
        for format in [PixelFormat::Rgb8, PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Yuyv] {
            let mut frame = Frame::default();
            frame.reshape(width, height, format);
            let mut next = noise();
            frame.data.iter_mut().for_each(|byte| *byte = (next() * 256.0) as u8);
            let mut letterbox = Letterbox::new(&spec(416).input);
            let mut out = Letterboxed::default();
            c.bench_function(&format!("letterbox {name} {format:?} to 416"), |b| {
                b.iter(|| letterbox.step(black_box(&frame), &mut out))
            });
        }
    }
}

/// The 8400 × 85 output of a YOLOX at 640 of which `share` are candidates. `spread`: boxes anywhere, so that few are
/// doubles (the worst case for suppression); else in 40 clusters, as around real vehicles.
fn outputs(share: f32, spread: bool) -> Outputs {
    let mut next = noise();
    let mut data = Vec::with_capacity(CELLS * ROW);
    for cell in 0..CELLS {
        let clustered = cell % (CELLS / 40) < (share * (CELLS / 40) as f32) as usize;
        let candidate = if spread { next() < share } else { clustered };
        let objectness = if candidate { 0.5 + next() * 0.5 } else { next() * 0.2 };
        let size = if spread { next() } else { 2.0 + 0.2 * next() };
        data.extend([next(), next(), size, size, objectness]);
        data.extend((0..ROW - 5).map(|_| next() * 0.3));
        if candidate {
            let class = [2, 5, 7][(next() * 3.0) as usize % 3];
            data[cell * ROW + 5 + class] = 0.6 + next() * 0.4;
        }
    }
    Outputs { tensors: vec![Tensor { shape: vec![1, CELLS, ROW], data }] }
}

fn decode_and_nms(c: &mut Criterion) {
    let spec = spec(640);
    let info = OutputInfo { name: "output".into(), shape: vec![1, CELLS, ROW] };
    let identity = Transform { scale_x: 1.0, scale_y: 1.0, offset_x: 0.0, offset_y: 0.0 };
    for share in [0.02, 0.2] {
        for spread in [false, true] {
            let outputs = outputs(share, spread);
            let head = Head::new(&spec, std::slice::from_ref(&info)).unwrap();
            let groups = Groups::class_agnostic(80);
            let nms = NmsParams { score_threshold: 0.25, iou_threshold: 0.45, groups, votes: false };
            let mut postprocess = Postprocess::new(head, ClassFilter::all(80), nms);
            let mut found = Vec::new();
            let kind = if spread { "anywhere" } else { "clusters" };
            c.bench_function(&format!("decode + nms 8400x85, {:.0} % {kind}", share * 100.0), |b| {
                b.iter(|| postprocess.step(black_box(&outputs), &identity, 640, 640, &mut found).unwrap())
            });
            println!("{} boxes stay", found.len());
        }
    }
}

criterion_group!(benches, letterbox, decode_and_nms);
criterion_main!(benches);
