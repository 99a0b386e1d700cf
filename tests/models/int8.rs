//! The int8 engine: the same bytes as an independent interpreter of the file, on every instruction set; what it refuses.

use proptest::prelude::*;
use wayside::engine::{Engine, EngineChoice, Int8Engine, Outputs};
use wayside::model::{ModelFolder, sha256_hex};
use wayside::preprocess::Letterboxed;

use super::onnx::{FLOAT, INT8, INT32, Net, UINT8, fixed};
use super::seeds::{done, picture, seeds};
use super::{asset, here, model, pattern, spec};

fn run(engine: &Int8Engine, model: &ModelFolder, picture: &Letterboxed) -> Outputs {
    let mut session = engine.load(model).unwrap().session().unwrap();
    let mut outputs = Outputs::default();
    session.run(picture, &mut outputs).unwrap();
    let first = outputs.clone();
    session.run(picture, &mut outputs).unwrap();
    assert_eq!(first, outputs, "a second run finds the memory of the first");
    outputs
}

fn digests(outputs: &Outputs) -> Vec<String> {
    let bytes = |data: &[f32]| data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    outputs.tensors.iter().map(|tensor| sha256_hex(&bytes(&tensor.data))).collect()
}

/// `(file, side, mean, std, sha256 of each output)`, from
/// `tests/reference/int8_interpreter.py ../shared/assets/models/FILE pattern [MEAN/STD]`.
#[rustfmt::skip]
type Reference = (&'static str, u32, [f32; 3], [f32; 3], &'static [&'static str]);
const REFERENCES: [Reference; 4] = [
    // The negative control: its bad detections are what its file says, and must not be repaired.
    (
        "yolox_nano_int8_qdq_naive_DEGRADED_derived",
        416,
        [0.0; 3],
        [1.0; 3],
        &["1fbb16c1b9252299a16086695f03b12ad5eeefb02b839dc91956a3cb15520059"],
    ),
    (
        "yolox_nano_int8_qdq_nodw_derived",
        416,
        [0.0; 3],
        [1.0; 3],
        &["8c7d597e2a65087c8ba509cd5ba47499d40827915348c1fc5df6d475887a9326"],
    ),
    (
        "yolo-lite-coco_int8_qdq_derived",
        224,
        [0.0; 3],
        [255.0; 3],
        &["bd83393c19a930926247adbd74566886975d8861a16cb6332a8822afd3c0a835"],
    ),
    (
        "object_detection_nanodet_2022nov_int8",
        416,
        [103.53, 116.28, 123.675],
        [57.375, 57.12, 58.395],
        &[
            "b68edbce29b8c32bb01b41807bae48210849a9e5f1ecea410a26ee97165993ac",
            "35434def055b9a8c90768d525367bfa18f28b3896b7ee54c876ad40c5b1bede2",
            "0551c400544496cf4574b66431e973f246eabade116f84f025553450f4f7bacf",
            "82bacac5b37ab09de5dd1563f3c523df0fbe49862ead620fcb5aa7dc438c8736",
            "e9c7139d777bbb50ed0e957c512fe42e92f7d81cb61ed1dfcac242ff506e0ff4",
            "65725f10ef467420fff29da90a3889592cf908c8ed9d568366e4d8d00a36454a",
        ],
    ),
];

#[test]
fn quantised_files_come_out_as_an_interpreter_says_byte_for_byte() {
    for (name, side, mean, std, expected) in REFERENCES {
        let Some(path) = asset(&format!("models/{name}.onnx")) else { return };
        let graph = std::fs::read(path).unwrap();
        let mut spec = spec(side, side, &graph);
        (spec.input.mean, spec.input.std) = (mean, std);
        let model = model(spec, graph);
        for engine in Int8Engine::all() {
            let outputs = run(&engine, &model, &pattern(side, side));
            assert_eq!(digests(&outputs), expected, "{name} with {}", engine.instructions());
        }
    }
}

/// From `tests/reference/int8_interpreter.py models/vehicle/model.onnx pattern 0,0,0/255,255,255`.
const VEHICLE: [&str; 6] = [
    "641006f83e49db0fec9a6a80b1c3e8a0eb17c04b80977b0e72549e1cbd6cf4f5",
    "f6c2cb60f280b53f50d6ee92533406e6c65e184d19173d45abc3617cc3b94e2f",
    "8dab3e9a65315c73a4171c14ae838dab2cf020e75fdf6dbfd91c8caed1b6002a",
    "0987da420b6275d53ddcf4ffc5035c3cfc3839bfd7917a71d4ec1018be103bbe",
    "73a85ffc90f20e9f784f9ac7a10d2f7e82effb441aa0135297b4a35fa270ca10",
    "ebac55567326e3d2873700ca5ec6d5056899e082ba6edec3cafca424d6611d14",
];

#[test]
fn embedded_detector_comes_out_as_an_interpreter_says_byte_for_byte() {
    let model = ModelFolder::open(&here().join("models/vehicle")).unwrap();
    let (width, height) = (model.spec.input.width, model.spec.input.height);
    for engine in Int8Engine::all() {
        let outputs = run(&engine, &model, &pattern(width, height));
        assert_eq!(digests(&outputs), VEHICLE, "with {}", engine.instructions());
    }
}

/// For tests/vm/int8_arm.sh: an emulated processor without dot products has to stop here, or it proves nothing.
#[cfg(target_arch = "aarch64")]
#[test]
#[ignore = "ends the process where the processor lacks the instruction"]
fn a_dot_product_instruction() {
    // SAFETY: sdot v0.4s, v1.16b, v2.16b changes v0 only, which is named.
    unsafe { std::arch::asm!(".inst 0x4e829420", out("v0") _) };
}

/// One convolution between two quantisers, with everything that a file may vary.
#[derive(Debug, Clone)]
struct Layer {
    size: [usize; 2],
    /// Groups of inputs; the input has 3 channels, spread to `channels` by a first convolution.
    channels: usize,
    outputs: usize,
    groups: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    pads: [usize; 4],
    weights: Vec<i32>,
    bias: Vec<i32>,
    zeros: [i32; 2],
    relu: bool,
    signed: bool,
}

fn layer() -> impl Strategy<Value = Layer> {
    let shape = (1usize..=3, 1usize..=7, 1usize..=9, 0usize..3);
    let window = ([1usize..=5, 1usize..=5], [1usize..=3, 1usize..=3], [0usize..=2, 0usize..=2, 0usize..=2, 0usize..=2]);
    (shape, window, [5usize..=19, 5usize..=19], any::<(bool, bool)>(), [0i32..=255, 0i32..=255]).prop_flat_map(
        |((groups, inputs, outputs, kind), (kernel, stride, pads), size, (relu, signed), zeros)| {
            let (groups, inputs, outputs) = match kind {
                // Depthwise, grouped, dense.
                0 => (inputs * outputs, 1, 1),
                1 => (groups, inputs, outputs),
                _ => (1, inputs * groups, outputs * groups),
            };
            let count = groups * outputs * inputs * kernel[0] * kernel[1];
            let weights = proptest::collection::vec(prop_oneof![-128i32..=127, Just(127), Just(-128)], count);
            let bias = proptest::collection::vec(-20_000i32..=20_000, groups * outputs);
            (weights, bias).prop_map(move |(weights, bias)| Layer {
                size,
                channels: groups * inputs,
                outputs: groups * outputs,
                groups,
                kernel,
                stride,
                pads,
                weights,
                bias,
                zeros,
                relu,
                signed,
            })
        },
    )
}

const INPUT_SCALE: f32 = 1.0;
const WEIGHT_SCALE: f32 = 0.01;
const OUTPUT_SCALE: f32 = 3.7;

impl Layer {
    fn dims(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            (self.size[axis] + self.pads[axis] + self.pads[axis + 2] - self.kernel[axis]) / self.stride[axis] + 1
        })
    }

    /// picture → 1×1 convolution that copies channel c % 3 to channel c, quantised → this layer, quantised.
    fn graph(&self) -> Vec<u8> {
        let (kind, shift) = if self.signed { (INT8, 128) } else { (UINT8, 0) };
        let (c, o) = (self.channels as i64, self.outputs as i64);
        let [kh, kw] = self.kernel.map(|k| k as i64);
        let spread: Vec<i32> = (0..self.channels * 3).map(|i| i32::from(i % 3 == i / 3 % 3) * 100).collect();
        let ints = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        let [h, w] = self.size.map(|n| n as i64);
        let [oh, ow] = self.dims().map(|n| n as i64);
        let (strides, pads, group) = (ints(&self.stride), ints(&self.pads), [self.groups as i64]);
        let mut net = Net::default()
            .input("picture", FLOAT, &fixed(&[1, 3, h, w]))
            .floats("one", &[], vec![INPUT_SCALE])
            .floats("hundredth", &[], vec![WEIGHT_SCALE])
            .floats("sums", &[], vec![INPUT_SCALE * WEIGHT_SCALE])
            .floats("out_scale", &[], vec![OUTPUT_SCALE])
            .quantised("nothing", INT8, &[], &[0])
            .quantised("none", INT32, &[], &[0])
            .quantised("first_zero", UINT8, &[], &[0])
            .quantised("zero", kind, &[], &[self.zeros[0] - shift])
            .quantised("out_zero", kind, &[], &[self.zeros[1] - shift])
            .quantised("spread", INT8, &[c, 3, 1, 1], &spread)
            .quantised("weights", INT8, &[o, c / self.groups as i64, kh, kw], &self.weights)
            .quantised("bias", INT32, &[o], &self.bias)
            .node("QuantizeLinear", &["picture", "one", "first_zero"], "picture_q", &[])
            .node("DequantizeLinear", &["picture_q", "one", "first_zero"], "picture_d", &[])
            .node("DequantizeLinear", &["spread", "hundredth", "nothing"], "spread_d", &[])
            .node("Conv", &["picture_d", "spread_d"], "wide", &[])
            .node("QuantizeLinear", &["wide", "one", "zero"], "wide_q", &[])
            .node("DequantizeLinear", &["wide_q", "one", "zero"], "wide_d", &[])
            .node("DequantizeLinear", &["weights", "hundredth", "nothing"], "weights_d", &[])
            .node("DequantizeLinear", &["bias", "sums", "none"], "bias_d", &[])
            .node(
                "Conv",
                &["wide_d", "weights_d", "bias_d"],
                "conv",
                &[("strides", &strides), ("pads", &pads), ("group", &group)],
            );
        let last = if self.relu { "relu" } else { "conv" };
        if self.relu {
            net = net.node("Relu", &["conv"], "relu", &[]);
        }
        net.node("QuantizeLinear", &[last, "out_scale", "out_zero"], "out_q", &[])
            .node("DequantizeLinear", &["out_q", "out_scale", "out_zero"], "out", &[])
            .output("out", FLOAT, &fixed(&[1, o, oh, ow]))
            .bytes()
    }

    /// The rule of arithmetic, number by number.
    fn expected(&self, picture: &Letterboxed) -> Vec<f32> {
        let [zero, out_zero] = self.zeros;
        let [height, width] = self.size;
        // 100 · 0.01 = 1: the first convolution copies, and saturates at its zero point.
        let wide = |c: usize, y: usize, x: usize| {
            let pixel = i32::from(picture.pixels[(y * width + x) * 3 + c % 3]);
            (pixel + zero).min(255) - zero
        };
        let (inputs, each) = (self.channels / self.groups, self.outputs / self.groups);
        let [kh, kw] = self.kernel;
        let [oh, ow] = self.dims();
        let mut out = Vec::new();
        for (o, y, x) in (0..self.outputs).flat_map(|o| (0..oh).flat_map(move |y| (0..ow).map(move |x| (o, y, x)))) {
            let mut sum = self.bias[o];
            for (i, ky, kx) in (0..inputs).flat_map(|i| (0..kh).flat_map(move |ky| (0..kw).map(move |kx| (i, ky, kx))))
            {
                let (py, px) = (y * self.stride[0] + ky, x * self.stride[1] + kx);
                let (py, px) = (py.wrapping_sub(self.pads[0]), px.wrapping_sub(self.pads[1]));
                if py < height && px < width {
                    let weight = self.weights[((o * inputs + i) * kh + ky) * kw + kx];
                    sum += wide(o / each * inputs + i, py, px) * weight;
                }
            }
            let factor = (f64::from(INPUT_SCALE) * f64::from(WEIGHT_SCALE) / f64::from(OUTPUT_SCALE)) as f32;
            let byte = (sum as f32 * factor).round_ties_even() + out_zero as f32;
            let byte = byte.clamp(if self.relu { out_zero as f32 } else { 0.0 }, 255.0);
            out.push((byte - out_zero as f32) * OUTPUT_SCALE);
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_comes_out_exactly(layer in layer()) {
        let picture = pattern(layer.size[1] as u32, layer.size[0] as u32);
        let graph = layer.graph();
        let model = model(spec(picture.width, picture.height, &graph), graph);
        let expected = layer.expected(&picture);
        for engine in Int8Engine::all() {
            let outputs = run(&engine, &model, &picture);
            prop_assert_eq!(&outputs.tensors[0].data, &expected, "{}", engine.instructions());
        }
    }

    /// A file that was damaged anywhere is refused or runs; it never panics, and never takes memory without bound.
    /// fuzz/ does the same at length.
    #[test]
    fn a_damaged_file_never_panics(
        seed in prop::sample::select(seeds()),
        places in prop::collection::vec((0.0..1.0f64, any::<u8>()), 1..6),
        cut in 0.0..8.0f64,
    ) {
        let mut graph = seed.1;
        for (place, byte) in places {
            let index = (place * graph.len() as f64) as usize;
            graph[index] = byte;
        }
        graph.truncate((cut * graph.len() as f64) as usize);
        let model = model(spec(8, 8, &graph), graph);
        match Int8Engine::new().load(&model) {
            Ok(program) => program.session().unwrap().run(&pattern(8, 8), &mut Outputs::default()).unwrap(),
            // The engine makes an error of a panic; it is one nevertheless.
            Err(error) => prop_assert!(!error.to_string().contains("gave up on this graph"), "{error}"),
        }
    }
}

fn small() -> Layer {
    Layer {
        size: [8, 8],
        channels: 4,
        outputs: 4,
        groups: 1,
        kernel: [3, 3],
        stride: [1, 1],
        pads: [1; 4],
        weights: (0..4 * 4 * 9).map(|i| i % 17 - 8).collect(),
        bias: vec![5; 4],
        zeros: [10, 100],
        relu: false,
        signed: false,
    }
}

/// A graph of one quantised convolution, with these constants in it.
fn conv(scale: f32, weights: Net) -> Vec<u8> {
    weights
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .floats("scale", &[], vec![scale])
        .floats("one", &[], vec![1.0])
        .quantised("zero", UINT8, &[], &[3])
        .node("QuantizeLinear", &["picture", "scale", "zero"], "q", &[])
        .node("DequantizeLinear", &["q", "scale", "zero"], "d", &[])
        .node("DequantizeLinear", &["w", "one", "w_zero"], "w_d", &[])
        .node("Conv", &["d", "w_d"], "sum", &[])
        .output("sum", FLOAT, &fixed(&[1, 2, 8, 8]))
        .bytes()
}

/// A quantised convolution of 100 outputs, what `then` puts behind it as `r`, and a quantiser.
fn conv_and(then: impl Fn(Net) -> Net, out_scale: f32, attributes: &[(&str, &[i64])]) -> Vec<u8> {
    let net = Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .floats("one", &[], vec![1.0])
        .floats("large", &[], vec![1e30])
        .floats("out_scale", &[], vec![out_scale])
        .floats("low", &[], vec![-3.0])
        .floats("high", &[], vec![5.0])
        .quantised("zero", UINT8, &[], &[3])
        .quantised("w", INT8, &[100, 3, 1, 1], &[1; 300])
        .quantised("w_zero", INT8, &[], &[0])
        .node("QuantizeLinear", &["picture", "one", "zero"], "q", &[])
        .node("DequantizeLinear", &["q", "one", "zero"], "d", &[])
        .node("DequantizeLinear", &["w", "large", "w_zero"], "w_d", &[])
        .node("Conv", &["d", "w_d"], "sum", attributes);
    then(net)
        .node("QuantizeLinear", &["r", "out_scale", "zero"], "r_q", &[])
        .node("DequantizeLinear", &["r_q", "out_scale", "zero"], "out", &[])
        .output("out", FLOAT, &fixed(&[1, 100, 8, 8]))
        .bytes()
}

/// The picture quantised by a scale per channel, and an operator that cannot read that.
fn per_channel(op: &str) -> Vec<u8> {
    Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .floats("scales", &[3], vec![1.0, 2.0, 3.0])
        .quantised("zero", UINT8, &[], &[0])
        .node("QuantizeLinear", &["picture", "scales", "zero"], "q", &[])
        .node("DequantizeLinear", &["q", "scales", "zero"], "d", &[])
        .node(op, &["d"], "out", &[])
        .output("out", FLOAT, &fixed(&[1, 3, 8, 8]))
        .bytes()
}

fn weights(dims: &[i64], zero: i32) -> Net {
    let count = dims.iter().fold(1i64, |count, &dim| count.saturating_mul(dim)).clamp(0, 1000) as usize;
    Net::default().quantised("w", INT8, dims, &vec![1; count]).quantised("w_zero", INT8, &[], &[zero])
}

#[test]
fn what_cannot_be_run_is_refused_with_the_node_that_says_why() {
    let good = weights(&[2, 3, 1, 1], 0);
    assert!(Int8Engine::new().load(&model(spec(8, 8, &[]), conv(1.0, good))).is_err(), "the digest is checked first");
    let refusal = |graph: Vec<u8>| {
        let model = model(spec(8, 8, &graph), graph);
        match Int8Engine::new().load(&model) {
            Ok(_) => "it was loaded".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(refusal(conv(1.0, weights(&[2, 3, 1, 1], 0))), "it was loaded");
    for (graph, expected) in [
        (conv(0.0, weights(&[2, 3, 1, 1], 0)), "node 'node_q' (QuantizeLinear): a scale is 0: it must be above 0"),
        (conv(f32::NAN, weights(&[2, 3, 1, 1], 0)), "node 'node_q' (QuantizeLinear): a scale is NaN"),
        (conv(1.0, weights(&[2, 3, 1, 1], 200)), "constant `w_zero`: 200 is outside of its 8 bits"),
        (
            conv(
                1.0,
                Net::default().quantised("w", INT32, &[2, 3, 1, 1], &[i32::MIN; 6]).quantised(
                    "w_zero",
                    INT32,
                    &[],
                    &[1],
                ),
            ),
            "node 'node_sum' (Conv): a weight less its zero point is -2147483648: not 8 bits",
        ),
        (conv(1.0, weights(&[2, 5, 1, 1], 0)), "node 'node_sum' (Conv): 3 channels in 1 groups do not fit weights"),
        (
            conv(1.0, weights(&[1 << 20, 1 << 11, 1, 1], 0)),
            "constant `w`: 1000 numbers, its shape [1048576, 2048, 1, 1] needs",
        ),
        (
            conv(1.0, weights(&[1 << 40, 1 << 40, 1, 1], 0)),
            "constant `w`: its shape [1099511627776, 1099511627776, 1, 1] is absurd",
        ),
        (
            conv(
                1.0,
                Net::default().floats("w", &[2, 3, 1, 1], vec![f32::NAN; 6]).quantised("w_zero", INT8, &[], &[0]),
            ),
            "node 'node_w_d' (DequantizeLinear): dequantises a constant that holds no integers",
        ),
        (
            Net::default()
                .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
                .node("QuantizeLinear", &["picture", "missing", "zero"], "q", &[])
                .output("q", UINT8, &fixed(&[1, 3, 8, 8]))
                .bytes(),
            "node 'node_q' (QuantizeLinear): it reads `missing`, which no node before it makes",
        ),
        (
            conv_and(|net| net.node("Clip", &["sum", "high", "low"], "r", &[]), 1.0, &[]),
            "node 'node_sum' (Conv): the bounds behind it leave no number",
        ),
        (
            conv_and(|net| net.node("Relu", &["sum"], "r", &[]), 1e-38, &[]),
            "node 'node_sum' (Conv): its scales are too far apart",
        ),
        (
            conv_and(|net| net.node("Relu", &["sum"], "r", &[]), 1.0, &[("pads", &[4000; 4])]),
            "which no network for a board needs",
        ),
        (
            conv_and(
                |net| net.node("MaxPool", &["sum"], "r", &[("kernel_shape", &[2, 2]), ("pads", &[2; 4])]),
                1.0,
                &[],
            ),
            "node 'node_r' (MaxPool): pads = [2, 2, 2, 2]: a window of [2, 2] would see nothing but padding",
        ),
        (
            conv_and(|net| net.node("Relu", &["sum"], "r", &[]), 1.0, &[("group", &[i64::MAX])]),
            "node 'node_sum' (Conv): 3 channels in 9223372036854775807 groups do not fit weights",
        ),
        (
            conv(
                1.0,
                Net::default().quantised("w", INT8, &[2, 3, 17, 1], &[1; 102]).quantised("w_zero", INT8, &[], &[0]),
            ),
            "node 'node_sum' (Conv): a window of 17 rows: at most 16 are supported",
        ),
        (per_channel("Sigmoid"), "node 'node_out' (Sigmoid): it reads numbers with a scale per channel"),
        (
            Net::default()
                .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
                .node("GridSample", &["picture", "picture"], "sampled", &[])
                .output("sampled", FLOAT, &fixed(&[1, 3, 8, 8]))
                .bytes(),
            "node 'node_sampled' (GridSample): this operator is not supported by the int8 engine",
        ),
        (
            Net::default()
                .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
                .floats("w", &[2, 3, 1, 1], vec![f32::NAN; 6])
                .node("Conv", &["picture", "w"], "out", &[])
                .output("out", FLOAT, &fixed(&[1, 2, 8, 8]))
                .bytes(),
            "node 'node_out' (Conv): a weight is not a finite number",
        ),
    ] {
        let refusal = refusal(graph);
        assert!(refusal.contains(expected), "{refusal}\nexpected: {expected}");
        assert!(!refusal.contains('\n'));
    }
}

/// Files that fuzzing found; each one made the engine panic.
#[test]
fn numbers_out_of_proportion_in_files_that_run() {
    let load = |graph: Vec<u8>| Int8Engine::new().load(&model(spec(8, 8, &graph), graph)).unwrap();
    // A step beyond the end leaves the first row.
    let step = picture()
        .integers("from", &[1], &[1])
        .integers("to", &[1], &[8])
        .integers("axes", &[1], &[2])
        .integers("steps", &[1], &[i64::MAX])
        .node("Slice", &["d", "from", "to", "axes", "steps"], "row", &[]);
    let program = load(done(step, "row", &[1, 3, 1, 8]));
    let mut outputs = Outputs::default();
    program.session().unwrap().run(&pattern(8, 8), &mut outputs).unwrap();
    let expected = (0..24).map(|i| {
        let pixel = pattern(8, 8).pixels[(8 + i % 8) * 3 + i / 8];
        (f32::from(pixel) / 2.0).round_ties_even() * 2.0
    });
    assert_eq!(outputs.tensors[0].data, expected.collect::<Vec<_>>());
}

#[test]
fn auto_takes_int8_where_the_file_is_quantised_and_tract_where_int8_refuses() {
    let engine = |graph: Vec<u8>| EngineChoice::Auto.load(&model(spec(8, 8, &graph), graph)).unwrap().engine();
    assert_eq!(engine(small().graph()), "int8");
    assert_eq!(engine(super::onnx::identity(8, 8).output("out", FLOAT, &fixed(&[1, 3, 8, 8])).bytes()), "tract");
    // Quantised, but with an operator that only tract knows.
    let odd = Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .floats("one", &[], vec![1.0])
        .quantised("zero", UINT8, &[], &[0])
        .node("QuantizeLinear", &["picture", "one", "zero"], "q", &[])
        .node("DequantizeLinear", &["q", "one", "zero"], "d", &[])
        .node("Sin", &["d"], "out", &[])
        .output("out", FLOAT, &fixed(&[1, 3, 8, 8]))
        .bytes();
    assert_eq!(engine(odd), "tract");
    assert_eq!(
        "int9".parse::<EngineChoice>().unwrap_err(),
        "no engine 'int9': there are auto, tract, int8, onnxruntime"
    );
}
