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
    fn new(spec: &ModelSpec, shape: &[usize]) -> Self {
        let info = OutputInfo { name: "output".into(), shape: shape.to_vec() };
        let classes = spec.labels.len();
        let nms = NmsParams { iou_threshold: 0.45, groups: Groups::class_agnostic(classes) };
        let head = Head::new(spec, &[info]).unwrap();
        Self {
            letterbox: Letterbox::new(&spec.input),
            input: Letterboxed::default(),
            postprocess: Postprocess::new(head, 0.25, ClassFilter::all(classes), nms),
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
        score_threshold: None,
        licence: "none".into(),
        training_data: String::new(),
        accuracy: String::new(),
        sha256: String::new(),
    }
}

/// Outputs of a busy road: everything above the threshold that `share` lets through.
fn outputs(shape: &[usize], share: f32, low: f32, high: f32) -> Outputs {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let count = shape.iter().product();
    let data = (0..count).map(|_| low + (high - low) * next() * share).collect();
    Outputs { tensors: vec![Tensor { shape: shape.to_vec(), data }] }
}

#[test]
fn a_frame_allocates_nothing_after_the_first() {
    let yolox = [1, 20 * 12 + 10 * 6 + 5 * 3, 8];
    let region = [1, 16, 6, 10];
    let cases = [
        (spec(HeadKind::Yolox, &[]), yolox.to_vec(), 0.0, 1.0),
        (spec(HeadKind::Yolov2, &[[1.0, 1.0], [3.0, 2.0]]), region.to_vec(), -4.0, 4.0),
    ];
    for (spec, shape, low, high) in cases {
        // The first frame is the busiest; a later one needs no more room.
        let (busy, calm) = (outputs(&shape, 1.0, low, high), outputs(&shape, 0.8, low, high));
        for format in [PixelFormat::Rgb8, PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Yuyv] {
            let mut frame = Frame::default();
            frame.reshape(641, 359, format);
            let mut stages = Stages::new(&spec, &shape);
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
