//! The test network: seven nodes, no training. It finds blobs of a class's colour that have that class's size.
//!
//! ```text
//! images [1,3,192,320]  RGB, 0..=1
//!  colour    1×1 conv + clip   4 masks: how much each pixel has each class's body colour
//!  rows      1×72 conv         sums of mask, mask·x, mask·x² over a window's columns, every 8 pixels
//!  window    H×1 conv          the same over its rows: mass, middle x and y, spread x and y, for each cell of 8×8 pixels
//!  features  1×1 conv + relu   hinges: how far mass, spread and place are from a whole vehicle's, and pieces of the logit
//!  output    1×1 conv          the region head: per anchor (one a class) x, y, w, h, objectness, 4 class logits
//! ```
//!
//! All moments are linear in the mask, so convolutions can take them. A window is as large as the blob plus one cell:
//! wherever in its cell a vehicle has its middle, the window holds all of it, and a neighbour 20 picture pixels away
//! stays outside. The windows, masses and spreads are measured on the rendered vehicles (measure.rs).

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
    net.conv(rows(&blobs, &windows));
    net.conv(window(&blobs, &windows));
    let (features, output) = head(&blobs);
    net.conv(features);
    net.relu("hinges");
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
        score_threshold: None,
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

/// Which pixels belong to a cell's window: from `low` to `high` from the cell's middle, along x and y.
struct Window {
    low: [f32; 2],
    high: [f32; 2],
}

impl Window {
    fn around(blob: &Blob) -> Self {
        let half = CELL as f32 / 2.0;
        Self {
            low: [0, 1].map(|axis| blob.middle[axis] - blob.reach[axis] - half),
            high: [0, 1].map(|axis| blob.middle[axis] + blob.reach[axis] + half),
        }
    }

    fn holds(&self, axis: usize, place: f32) -> bool {
        (self.low[axis]..=self.high[axis]).contains(&place)
    }
}

/// An even number of taps that covers all windows along an axis, and the padding on either side with which the
/// kernel's middle falls on the middles of the cells.
fn taps(windows: &[Window], axis: usize) -> (usize, usize) {
    let farthest = windows.iter().flat_map(|w| [-w.low[axis], w.high[axis]]).fold(0.0, f32::max);
    let half = (farthest.ceil() as usize).max(CELL / 2);
    (2 * half, half - CELL / 2)
}

/// Pixels from a cell's middle to the middle of tap `k` of `n`.
fn place(k: usize, n: usize) -> f32 {
    k as f32 + 0.5 - n as f32 / 2.0
}

/// 1×n along the columns, each mask → Σ mask, Σ mask·x, Σ mask·x².
fn rows(blobs: &[Blob], windows: &[Window]) -> Conv {
    let (n, pad) = taps(windows, 0);
    let mut weights = Vec::new();
    for (blob, window) in blobs.iter().zip(windows) {
        for power in 0..3 {
            weights.extend((0..n).map(|k| place(k, n)).map(|x| match window.holds(0, x) {
                true => ((x - blob.middle[0]) / CELL as f32).powi(power),
                false => 0.0,
            }));
        }
    }
    let (shape, bias) = ([3 * CLASSES, 1, 1, n], vec![0.0; 3 * CLASSES]);
    Conv { name: "rows", shape, weights, bias, groups: CLASSES, stride: [1, CELL], pad: [0, pad, 0, pad] }
}

/// n×1 along the rows, each class's three sums → mass (1 for a whole vehicle), its box's middle from the cell's, and
/// its mean square distance from the cell's middle, along x and y. Distances are taken from where the blob's middle is
/// when the box's is the cell's.
fn window(blobs: &[Blob], windows: &[Window]) -> Conv {
    let (n, pad) = taps(windows, 1);
    let mut weights = Vec::new();
    for (blob, window) in blobs.iter().zip(windows) {
        // Which of the three sums, and the power of y.
        for (sum, power) in [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2)] {
            for input in 0..3 {
                weights.extend((0..n).map(|k| place(k, n)).map(|y| match input == sum && window.holds(1, y) {
                    true => ((y - blob.middle[1]) / CELL as f32).powi(power) / blob.area,
                    false => 0.0,
                }));
            }
        }
    }
    let (shape, bias) = ([5 * CLASSES, 3, n, 1], vec![0.0; 5 * CLASSES]);
    Conv { name: "window", shape, weights, bias, groups: CLASSES, stride: [CELL, 1], pad: [pad, 0, pad, 0] }
}

/// The logistic function's inverse at ½ + d, as (d, logit); between them it is taken as linear, beyond as constant.
/// The box's middle is then off by less than 0.004 cells.
const LOGIT: [(f32, f32); 9] = [
    (0.0, 0.0),
    (0.12, 0.489_548),
    (0.22, 0.944_462),
    (0.30, 1.386_294),
    (0.36, 1.815_290),
    (0.41, 2.313_635),
    (0.45, 2.944_439),
    (0.475, 3.663_562),
    (0.49, 4.595_120),
];
/// Beyond this the middle belongs to the next cell.
const OUTSIDE: f32 = 0.5;

/// One hinge: `relu(gain · number + bias)` of one of the five numbers of a class, and what it adds to the head's.
struct Hinge {
    number: usize,
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
    let mut outside = |number, centre: f32, slack: f32, slope: f32| {
        for gain in [1.0, -1.0] {
            all.push(Hinge { number, gain, bias: -gain * centre - slack, adds: (OBJECTNESS, -slope) });
        }
    };
    // A tenth of the mass away is a vehicle that is cut off, or has company.
    outside(0, 1.0, 0.08, 100.0);
    outside(1, 0.0, OUTSIDE, 100.0);
    outside(2, 0.0, OUTSIDE, 100.0);
    for axis in [0, 1] {
        // Seen from the cell's middle the spread grows by the square of the way there, half a cell at most.
        let variance = blob.variance[axis] / (CELL * CELL) as f32;
        let half = 0.25 / 2.0;
        outside(3 + axis, variance + half, half + 0.12 * variance + 0.03, 60.0);
    }
    for (number, output) in [(1, X), (2, Y)] {
        let slope = |i: usize| match LOGIT.get(i + 1) {
            Some(next) => (next.1 - LOGIT[i].1) / (next.0 - LOGIT[i].0),
            None => 0.0,
        };
        for (i, (knot, _)) in LOGIT.iter().enumerate() {
            let change = slope(i) - i.checked_sub(1).map_or(0.0, slope);
            for gain in [1.0, -1.0] {
                all.push(Hinge { number, gain, bias: -knot, adds: (output, gain * change) });
            }
        }
    }
    all
}

/// Two 1×1 convolutions, with a ReLU between them: the five numbers of each class → its hinges → its anchor's numbers.
fn head(blobs: &[Blob]) -> (Conv, Conv) {
    let hinges: Vec<Vec<Hinge>> = blobs.iter().map(hinges).collect();
    let each = hinges[0].len();
    let mut features = pointwise("features", each, 5);
    let mut output = pointwise("output", NUMBERS, each);
    for (class, hinges) in hinges.iter().enumerate() {
        for (i, hinge) in hinges.iter().enumerate() {
            features.weights[(class * each + i) * 5 + hinge.number] = hinge.gain;
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
