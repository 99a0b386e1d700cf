//! The test network: six convolutions, no training. It finds blobs of a class's colour that have that class's size.
//!
//! ```text
//! images [1,3,192,320]  RGB, 0..=1
//!  colour    1×1 conv + clip   4 masks: how much each pixel has each class's body colour
//!  blocks    4×8 conv          the 5 moments of each mask in blocks of 8×4 pixels
//!  strips    8×1 conv          the moments of a window's rows, for each cell of 8×8 pixels
//!  windows   1×9 conv          and of its columns; the mass is 1 for a whole vehicle
//!  hinges    1×1 conv + relu   how far mass, spread and place are from a whole vehicle's, and pieces of the logit
//!  output    1×1 conv          the region head: per anchor (one a class) x, y, w, h, objectness, 4 class logits
//! ```
//!
//! Moments (Σm, Σm·x, Σm·y, Σm·x², Σm·y²) are linear in the mask m, so convolutions can take them, and those of a
//! window follow from those of its blocks. A window is as large as the blob and one cell: wherever in its cell a
//! vehicle has its middle, the window holds all of it, and a neighbour 20 picture pixels away stays outside. Masses,
//! middles and spreads are measured on the rendered vehicles (measure.rs).

use sha2::{Digest, Sha256};
use wayside::model::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Task};
use wayside::source::scene::{Kind, LABELS};

use crate::measure::{Blob, Colour, blob};
use crate::onnx::{Chain, Conv};

const WIDTH: usize = 320;
const HEIGHT: usize = 192;
/// Pixels of the input per cell; places and spreads are in cells.
const CELL: usize = 8;
const COLUMNS: usize = WIDTH / CELL;
const ROWS: usize = HEIGHT / CELL;
const CLASSES: usize = 4;
/// Of a block: columns and rows of pixels. Each is summed once, whatever windows it lies in.
const BLOCK: [usize; 2] = [8, 4];
const NUMBERS: usize = 5 + CLASSES;

pub struct Made {
    pub graph: Vec<u8>,
    /// The text of `model.toml`.
    pub description: String,
}

/// Makes the graph and its description; the same bytes every time.
pub fn make() -> Made {
    let blobs = Kind::ALL.map(blob);
    let windows = blobs.each_ref().map(Window::around);
    let mut net = Chain::new("scene", "images", &[1, 3, HEIGHT, WIDTH]);
    net.conv(colour());
    net.clip("masks");
    net.conv(block_moments());
    net.conv(strips(&blobs, &windows));
    net.conv(window_moments(&blobs, &windows));
    let (features, output) = head(&blobs);
    net.conv(features);
    net.relu("positive");
    net.conv(output);
    let doc = "A test network, set by hand: it sees the vehicles of wayside's synthetic road and nothing else.";
    let graph = net.finish(&[1, CLASSES * NUMBERS, ROWS, COLUMNS], doc);
    let sha256 = Sha256::digest(&graph).iter().map(|byte| format!("{byte:02x}")).collect();
    let comment = "# A test network, not a trained one: made by `cargo run --example make_scene_model`.\n";
    Made { description: format!("{comment}{}", describe(sha256).to_toml()), graph }
}

fn describe(sha256: String) -> ModelSpec {
    let in_cells = |side: f32| side / 2.0 / CELL as f32;
    ModelSpec {
        name: "scene".into(),
        task: Task::Detect,
        head: HeadKind::Yolov2,
        input: InputSpec {
            width: WIDTH as u32,
            height: HEIGHT as u32,
            color: ColorOrder::Rgb,
            mean: [0.0; 3],
            std: [255.0; 3],
            resize: Resize::Letterbox,
            pad: 114,
        },
        labels: LABELS.map(String::from).to_vec(),
        anchors: Kind::ALL.map(|kind| [in_cells(kind.size().0), in_cells(kind.size().1)]).to_vec(),
        strides: Vec::new(),
        scores: None,
        score_threshold: None,
        rect: false,
        votes: false,
        licence: "MIT OR Apache-2.0".into(),
        training_data: "none: the weights are set by hand".into(),
        accuracy:
            "every fully visible vehicle of the synthetic road within 2 pixels, no false alarm (tests/scene_model.rs)"
                .into(),
        sha256,
    }
}

/// 1×1, RGB → 4 masks, to be clipped to 0..=1.
fn colour() -> Conv {
    let colours = Kind::ALL.map(Colour::of);
    let weights = colours.iter().flat_map(|c| c.weights.map(|w| w * 255.0 / (c.high - c.low))).collect();
    let bias = colours.iter().map(|c| -c.low / (c.high - c.low)).collect();
    Conv { name: "colour", shape: [CLASSES, 3, 1, 1], weights, bias, groups: 1, stride: [1, 1], pad: [0; 4] }
}

/// How many of the five moments there are, and which is which.
const MOMENTS: usize = 5;
const MASS: usize = 0;
/// First moment along an axis (0 is x, 1 is y), and the second.
const FIRST: [usize; 2] = [1, 2];
const SECOND: [usize; 2] = [3, 4];

/// Each mask → its moments in each block, from the block's middle, in cells.
fn block_moments() -> Conv {
    let [columns, rows] = BLOCK;
    let from_middle = |k: usize, n: usize| (k as f32 + 0.5 - n as f32 / 2.0) / CELL as f32;
    let mut weights = Vec::new();
    for moment in (0..CLASSES).flat_map(|_| 0..MOMENTS) {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let place = [from_middle(column, columns), from_middle(row, rows)];
            weights.push(match moment {
                MASS => 1.0,
                m if m < SECOND[0] => place[m - FIRST[0]],
                m => place[m - SECOND[0]] * place[m - SECOND[0]],
            });
        }
    }
    let (out, stride) = (CLASSES * MOMENTS, [rows, columns]);
    let shape = [out, 1, rows, columns];
    Conv { name: "blocks", shape, weights, bias: vec![0.0; out], groups: CLASSES, stride, pad: [0; 4] }
}

/// The middles of the blocks of a cell's window along x and y, in pixels from the cell's middle.
struct Window([Vec<f32>; 2]);

impl Window {
    fn around(blob: &Blob) -> Self {
        // Half a cell of freedom; the outermost half pixel is the blob's soft edge.
        let slack = CELL as f32 / 2.0 - 0.5;
        Self([0, 1].map(|axis| {
            let (low, high) =
                (blob.middle[axis] - blob.reach[axis] - slack, blob.middle[axis] + blob.reach[axis] + slack);
            let size = BLOCK[axis] as f32;
            (0..FAR).map(|k| block_middle(axis, k)).filter(|m| m + size / 2.0 > low && m - size / 2.0 < high).collect()
        }))
    }
}

/// More blocks than the largest window has along an axis: an even number of rows, for a cell has two; an odd number of
/// columns, for it has one.
const FAR: usize = 16;

fn block_middle(axis: usize, k: usize) -> f32 {
    let per_cell = CELL / BLOCK[axis];
    let middle_block = (FAR / 2) as f32 + if per_cell == 1 { 0.0 } else { -0.5 };
    (k as f32 - middle_block) * BLOCK[axis] as f32
}

/// Blocks → the moments of a window's rows, about the blob's middle.
fn strips(blobs: &[Blob], windows: &[Window]) -> Conv {
    gather("strips", 1, blobs, windows, |_| 1.0)
}

/// Strips → the moments of a window, over the mass of a whole vehicle.
fn window_moments(blobs: &[Blob], windows: &[Window]) -> Conv {
    gather("windows", 0, blobs, windows, |blob| 1.0 / blob.area)
}

/// Adds up the moments of a window's blocks along `axis`, each moved to the blob's middle:
/// Σm(x + a) = Σmx + aΣm, and Σm(x + a)² = Σmx² + 2aΣmx + a²Σm.
fn gather(name: &'static str, axis: usize, blobs: &[Blob], windows: &[Window], scale: fn(&Blob) -> f32) -> Conv {
    let farthest = windows.iter().flat_map(|w| &w.0[axis]).fold(0.0, |far: f32, m| far.max(m.abs()));
    let taps: Vec<f32> = (0..FAR).map(|k| block_middle(axis, k)).filter(|m| m.abs() <= farthest).collect();
    let mut weights = Vec::new();
    for (blob, window) in blobs.iter().zip(windows) {
        for (to, from) in (0..MOMENTS).flat_map(|to| (0..MOMENTS).map(move |from| (to, from))) {
            for tap in &taps {
                let a = (tap - blob.middle[axis]) / CELL as f32;
                let share = match (to, from) {
                    _ if to == from => 1.0,
                    (to, MASS) if to == FIRST[axis] => a,
                    (to, MASS) if to == SECOND[axis] => a * a,
                    (to, from) if to == SECOND[axis] && from == FIRST[axis] => 2.0 * a,
                    _ => 0.0,
                };
                weights.push(if window.0[axis].contains(tap) { share * scale(blob) } else { 0.0 });
            }
        }
    }
    let (out, n, per_cell) = (CLASSES * MOMENTS, taps.len(), CELL / BLOCK[axis]);
    let pad = (n - per_cell) / 2;
    let (kernel, stride, pad) = match axis {
        0 => ([1, n], [1, per_cell], [0, pad, 0, pad]),
        _ => ([n, 1], [per_cell, 1], [pad, 0, pad, 0]),
    };
    let shape = [out, MOMENTS, kernel[0], kernel[1]];
    Conv { name, shape, weights, bias: vec![0.0; out], groups: CLASSES, stride, pad }
}

/// The logistic function's inverse at ½ + d, as (d, logit); between them it is taken as linear, beyond as constant.
/// The box's middle is then off by less than 0.004 cells.
const LOGIT: [(f32, f32); 9] = [
    (0.0, 0.0),
    (0.12, 0.489_548),
    (0.22, 0.944_462),
    (0.30, 1.386_294),
    (0.36, 1.815_29),
    (0.41, 2.313_635),
    (0.45, 2.944_439),
    (0.475, 3.663_562),
    (0.49, 4.595_12),
];
/// Beyond this the middle belongs to the next cell.
const OUTSIDE: f32 = 0.5;

/// One hinge: `relu(gain · moment + bias)` of one of the five moments of a class, and what it adds to the head's.
struct Hinge {
    moment: usize,
    gain: f32,
    bias: f32,
    adds: (usize, f32),
}

const X: usize = 0;
const Y: usize = 1;
const OBJECTNESS: usize = 4;

/// Objectness of a perfect blob, as a logit: a score of 0.9975.
const SURE: f32 = 6.0;

fn hinges(blob: &Blob) -> Vec<Hinge> {
    let mut all = Vec::new();
    let mut outside = |moment, centre: f32, slack: f32, slope: f32| {
        for gain in [1.0, -1.0] {
            all.push(Hinge { moment, gain, bias: -gain * centre - slack, adds: (OBJECTNESS, -slope) });
        }
    };
    // A tenth of the mass away is a vehicle that is cut off, or has company.
    outside(MASS, 1.0, 0.08, 100.0);
    for axis in [0, 1] {
        outside(FIRST[axis], 0.0, OUTSIDE, 100.0);
        // Seen from the cell's middle the spread grows by the square of the way there, half a cell at most.
        let variance = blob.variance[axis] / (CELL * CELL) as f32;
        let half = 0.25 / 2.0;
        outside(SECOND[axis], variance + half, half + 0.12 * variance + 0.03, 60.0);
    }
    for (moment, output) in [(FIRST[0], X), (FIRST[1], Y)] {
        let slope = |i: usize| match LOGIT.get(i + 1) {
            Some(next) => (next.1 - LOGIT[i].1) / (next.0 - LOGIT[i].0),
            None => 0.0,
        };
        for (i, (knot, _)) in LOGIT.iter().enumerate() {
            let change = slope(i) - i.checked_sub(1).map_or(0.0, slope);
            for gain in [1.0, -1.0] {
                all.push(Hinge { moment, gain, bias: -knot, adds: (output, gain * change) });
            }
        }
    }
    all
}

/// Two 1×1 convolutions, with a ReLU between them: the moments of each class → its hinges → its anchor's numbers.
fn head(blobs: &[Blob]) -> (Conv, Conv) {
    let hinges: Vec<Vec<Hinge>> = blobs.iter().map(hinges).collect();
    let each = hinges[0].len();
    let mut features = pointwise("hinges", each, MOMENTS);
    let mut output = pointwise("output", NUMBERS, each);
    for (class, hinges) in hinges.iter().enumerate() {
        for (i, hinge) in hinges.iter().enumerate() {
            features.weights[(class * each + i) * MOMENTS + hinge.moment] = hinge.gain;
            features.bias[class * each + i] = hinge.bias;
            output.weights[(class * NUMBERS + hinge.adds.0) * each + i] = hinge.adds.1;
        }
        output.bias[class * NUMBERS + OBJECTNESS] = SURE;
        // The softmax gives the anchor's own class 0.9998.
        output.bias[class * NUMBERS + 5 + class] = 10.0;
    }
    (features, output)
}

/// All zero, one group a class.
fn pointwise(name: &'static str, out: usize, input: usize) -> Conv {
    let (weights, bias) = (vec![0.0; CLASSES * out * input], vec![0.0; CLASSES * out]);
    Conv { name, shape: [CLASSES * out, input, 1, 1], weights, bias, groups: CLASSES, stride: [1, 1], pad: [0; 4] }
}
