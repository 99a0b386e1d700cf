//! From the letterbox to the objects, a frame allocates nothing once the buffers have grown: a counting allocator
//! proves it, in a test binary of its own. The network is replaced by replayed outputs, because the allocations of
//! tract are not ours; everything else is what runs in production. A later stage joins in [`Stages::step`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use wayside::detect::{ClassFilter, Groups, Head, NmsParams, Postprocess};
use wayside::detection::Detection;
use wayside::engine::{OutputInfo, Outputs, Tensor};
use wayside::frame::{Frame, PixelFormat};
use wayside::model::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Task};
use wayside::preprocess::{Letterbox, Letterboxed};

struct Counting;

thread_local! {
    /// Per thread, because the test harness allocates on others. `const` and without a destructor, so that reading
    /// it never allocates itself.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|n| n.set(n.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// The stages of one camera and all that they reuse.
struct Stages {
    letterbox: Letterbox,
    input: Letterboxed,
    postprocess: Postprocess,
    detections: Vec<Detection>,
}

impl Stages {
    fn new(spec: &ModelSpec, shapes: &[&[usize]]) -> Self {
        let info = |shape: &&[usize]| OutputInfo { name: "output".into(), shape: shape.to_vec() };
        let infos: Vec<_> = shapes.iter().map(info).collect();
        let classes = spec.labels.len();
        let groups = Groups::class_agnostic(classes);
        let nms = NmsParams { score_threshold: 0.25, iou_threshold: 0.45, groups, votes: true };
        let head = Head::new(spec, &infos).unwrap();
        Self {
            letterbox: Letterbox::new(&spec.input),
            input: Letterboxed::default(),
            postprocess: Postprocess::new(head, ClassFilter::all(classes), nms),
            detections: Vec::new(),
        }
    }

    fn step(&mut self, frame: &Frame, outputs: &Outputs) {
        self.letterbox.step(frame, &mut self.input);
        let transform = &self.input.transform;
        self.postprocess.step(outputs, transform, frame.width, frame.height, &mut self.detections).unwrap();
    }
}

fn spec(head: HeadKind, anchors: &[[f32; 2]]) -> ModelSpec {
    ModelSpec {
        name: "replay".into(),
        task: Task::Detect,
        head,
        input: InputSpec {
            width: 160,
            height: 96,
            color: ColorOrder::Bgr,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize: Resize::Letterbox,
            pad: 114,
        },
        labels: ["car", "truck", "bus"].map(String::from).to_vec(),
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

/// Outputs of a busy road: everything above the threshold that `share` lets through.
fn outputs(shapes: &[&[usize]], share: f32, low: f32, high: f32) -> Outputs {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut tensor = |shape: &&[usize]| {
        let data = (0..shape.iter().product()).map(|_| low + (high - low) * next() * share).collect();
        Tensor { shape: shape.to_vec(), data }
    };
    Outputs { tensors: shapes.iter().map(&mut tensor).collect() }
}

#[test]
fn a_frame_allocates_nothing_after_the_first() {
    const CELLS: usize = 20 * 12 + 10 * 6 + 5 * 3;
    let anchors = [[1.0, 1.0], [3.0, 2.0]];
    let cases: [(ModelSpec, &[&[usize]], f32, f32); 8] = [
        (spec(HeadKind::Yolox, &[]), &[&[1, CELLS, 8]], 0.0, 1.0),
        (spec(HeadKind::Yolov2, &anchors), &[&[1, 16, 6, 10]], -4.0, 4.0),
        (spec(HeadKind::Yolov3, &anchors), &[&[1, 8, 3, 5], &[1, 8, 6, 10]], -4.0, 4.0),
        (spec(HeadKind::Yolov5, &[]), &[&[1, 3 * CELLS, 8]], 0.0, 1.0),
        (spec(HeadKind::Yolov5, &anchors), &[&[1, 1, 3, 5, 8], &[1, 1, 6, 10, 8]], -4.0, 4.0),
        (spec(HeadKind::Yolov8, &[]), &[&[1, 7, CELLS]], 0.0, 1.0),
        (spec(HeadKind::Yolov8, &[]), &[&[1, 67, 3, 5], &[1, 67, 6, 10]], -4.0, 4.0),
        (spec(HeadKind::Nanodet, &[]), &[&[1, 60, 3], &[1, 15, 3], &[1, 60, 32], &[1, 15, 32]], 0.0, 1.0),
    ];
    for (spec, shapes, low, high) in cases {
        // The first frame is the busiest; a later one needs no more room.
        let (busy, calm) = (outputs(shapes, 1.0, low, high), outputs(shapes, 0.8, low, high));
        for format in [PixelFormat::Rgb8, PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Yuyv] {
            let mut frame = Frame::default();
            frame.reshape(641, 359, format);
            let mut stages = Stages::new(&spec, shapes);
            let first = allocations(|| stages.step(&frame, &busy));
            assert!(first > 0, "the counter does not count");
            assert!(!stages.detections.is_empty(), "{:?}: a road without vehicles proves nothing", spec.head);
            for n in 0..50u8 {
                frame.data.fill(n);
                let outputs = if n % 2 == 0 { &calm } else { &busy };
                let count = allocations(|| stages.step(&frame, outputs));
                assert_eq!(count, 0, "frame {n}, {:?}, {format:?}", spec.head);
            }
        }
    }
}
