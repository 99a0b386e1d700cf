//! Small quantised networks with every kind of operator that the int8 engine runs: where its fuzzing begins.

use wayside::engine::{Engine, Int8Engine, Outputs};

use super::onnx::{FLOAT, INT8, INT32, Net, UINT8, fixed};
use super::{model, pattern, spec};

/// The picture as quantised numbers `d`, and constants for what follows.
pub fn picture() -> Net {
    Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .floats("scale", &[], vec![2.0])
        .floats("hundredth", &[], vec![0.01])
        .quantised("zero", UINT8, &[], &[9])
        .quantised("none", INT8, &[], &[0])
        .node("QuantizeLinear", &["picture", "scale", "zero"], "q", &[])
        .node("DequantizeLinear", &["q", "scale", "zero"], "d", &[])
}

/// Convolves `from` (of `inputs` channels) to `to` (of `outputs`), quantises it, and dequantises that.
fn conv(net: Net, from: &str, to: &str, [outputs, inputs]: [i64; 2], k: i64, attributes: &[(&str, &[i64])]) -> Net {
    let [w, w_d, sum, q] = ["w", "w_d", "sum", "q"].map(|part| format!("{to}_{part}"));
    let weights: Vec<i32> = (0..(outputs * inputs * k * k) as i32).map(|i| i * 29 % 255 - 127).collect();
    net.quantised(&w, INT8, &[outputs, inputs, k, k], &weights)
        .node("DequantizeLinear", &[&w, "hundredth", "none"], &w_d, &[])
        .node("Conv", &[from, &w_d], &sum, attributes)
        .node("QuantizeLinear", &[&sum, "scale", "zero"], &q, &[])
        .node("DequantizeLinear", &[&q, "scale", "zero"], to, &[])
}

fn quantised(net: Net, from: &str, to: &str) -> Net {
    let q = format!("{to}_q");
    net.node("QuantizeLinear", &[from, "scale", "zero"], &q, &[]).node(
        "DequantizeLinear",
        &[&q, "scale", "zero"],
        to,
        &[],
    )
}

pub fn done(net: Net, from: &str, shape: &[i64]) -> Vec<u8> {
    net.node("Identity", &[from], "out", &[]).output("out", FLOAT, &fixed(shape)).bytes()
}

/// `(name, ONNX file)`; each takes a picture of 8×8.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let dense = conv(picture(), "d", "a", [5, 3], 3, &[("pads", &[1; 4]), ("strides", &[2, 2])]);
    let grouped = conv(conv(picture(), "d", "a", [8, 3], 1, &[]), "a", "b", [4, 4], 3, &[("group", &[2])]);
    let depthwise =
        conv(conv(picture(), "d", "a", [8, 3], 1, &[]), "a", "b", [8, 1], 5, &[("group", &[8]), ("pads", &[2; 4])]);
    let operators = ["Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Exp"];
    let mut functions = conv(picture(), "d", "a", [4, 3], 1, &[]);
    for operator in operators {
        let [raw, q, to] = ["raw", "q", "d"].map(|part| format!("{operator}_{part}"));
        functions = functions
            .node(operator, &["a"], &raw, &[])
            .node("QuantizeLinear", &[&raw, "hundredth", "zero"], &q, &[])
            .node("DequantizeLinear", &[&q, "hundredth", "zero"], &to, &[]);
    }
    let results = operators.map(|operator| format!("{operator}_d"));
    functions = functions.node("Concat", &results.each_ref().map(String::as_str), "all", &[("axis", &[1])]);
    let silu = quantised(
        conv(picture(), "d", "a", [4, 3], 3, &[]).node("Sigmoid", &["a"], "s", &[]).node("Mul", &["a", "s"], "m", &[]),
        "m",
        "b",
    );
    let arithmetic = conv(conv(picture(), "d", "a", [4, 3], 1, &[]), "d", "b", [4, 3], 1, &[])
        .floats("slope", &[4, 1, 1], vec![0.1, 0.2, 0.3, 0.4])
        .floats("low", &[], vec![-30.0])
        .floats("high", &[], vec![50.0])
        .node("Add", &["a", "b"], "sum", &[]);
    let arithmetic = quantised(arithmetic, "sum", "c").node("Mul", &["c", "a"], "product", &[]);
    let arithmetic = quantised(arithmetic, "product", "e").node("PRelu", &["e", "slope"], "bent", &[]);
    let arithmetic = quantised(arithmetic, "bent", "f").node("Clip", &["f", "low", "high"], "clipped", &[]);
    let moves = conv(picture(), "d", "a", [4, 3], 1, &[])
        .integers("halves", &[2], &[2, 2])
        .integers("from", &[2], &[0, 1])
        .integers("to", &[2], &[8, 8])
        .integers("axes", &[2], &[2, 3])
        .integers("steps", &[2], &[2, 2])
        .integers("rows", &[3], &[1, 4, -1])
        .node_of_many("Split", &["a", "halves"], &["first", "second"], &[("axis", &[1])])
        .node("Concat", &["second", "first"], "turned", &[("axis", &[1])])
        .node("Slice", &["turned", "from", "to", "axes", "steps"], "thin", &[])
        .node("MaxPool", &["thin"], "pooled", &[("kernel_shape", &[3, 3]), ("pads", &[1; 4]), ("strides", &[1, 1])])
        .node("Reshape", &["pooled", "rows"], "flat", &[])
        .node("Transpose", &["flat"], "columns", &[("perm", &[0, 2, 1])])
        .node("Softmax", &["columns"], "share", &[("axis", &[2])]);
    let sizes = conv(picture(), "d", "a", [4, 3], 1, &[])
        .floats("scales", &[4], vec![1.0, 1.0, 2.0, 2.0])
        .floats("gain", &[4], vec![1.0, 0.5, 2.0, 1.5])
        .floats("shift", &[4], vec![1.0, 2.0, 3.0, 4.0])
        .node("Resize", &["a", "", "scales"], "large", &[])
        .node("AveragePool", &["large"], "small", &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])])
        .node("BatchNormalization", &["small", "gain", "shift", "shift", "gain"], "normal", &[]);
    let sizes = quantised(sizes, "normal", "b").node("GlobalAveragePool", &["b"], "mean", &[]);
    let connected = conv(picture(), "d", "a", [4, 3], 8, &[])
        .quantised("m", INT8, &[4, 6], &[-9, 3, 7, 12, -5, 1].repeat(4))
        .node("Flatten", &["a"], "row", &[("axis", &[1])])
        .node("DequantizeLinear", &["m", "hundredth", "none"], "m_d", &[])
        .node("MatMul", &["row", "m_d"], "product", &[]);
    let float = picture()
        .floats("w", &[2, 3, 3, 3], (0..54).map(|i| i as f32 / 54.0 - 0.5).collect())
        .floats("bias", &[2], vec![0.5, -0.5])
        .node("Conv", &["d", "w", "bias"], "sum", &[("pads", &[1; 4])])
        .node("Sigmoid", &["sum"], "s", &[]);
    let integer = Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, 8, 8]))
        .floats("scale", &[], vec![2.0])
        .floats("scales", &[4], vec![0.01, 0.02, 0.03, 0.04])
        .quantised("zero", UINT8, &[], &[9])
        .quantised("none", INT8, &[4], &[0; 4])
        .quantised("w", INT8, &[4, 3, 3, 3], &[7; 108])
        .quantised("bias", INT32, &[4], &[100, -100, 0, 50])
        .node("QuantizeLinear", &["picture", "scale", "zero"], "q", &[])
        .node("QLinearConv", &["q", "scale", "zero", "w", "scales", "none", "scale", "zero", "bias"], "c", &[])
        .node("MaxPool", &["c"], "p", &[("kernel_shape", &[2, 2])])
        .node("DequantizeLinear", &["p", "scale", "zero"], "d", &[]);
    vec![
        ("dense", done(dense, "a", &[1, 5, 4, 4])),
        ("grouped", done(grouped, "b", &[1, 4, 6, 6])),
        ("depthwise", done(depthwise, "b", &[1, 8, 8, 8])),
        ("functions", done(functions, "all", &[1, 28, 8, 8])),
        ("silu", done(silu, "b", &[1, 4, 6, 6])),
        ("arithmetic", done(quantised(arithmetic, "clipped", "g"), "g", &[1, 4, 8, 8])),
        ("moves", done(moves, "share", &[1, 16, 4])),
        ("sizes", done(sizes, "mean", &[1, 4, 1, 1])),
        ("connected", done(connected, "product", &[1, 6])),
        ("float", done(float, "s", &[1, 2, 8, 8])),
        ("integer", done(integer, "d", &[1, 4, 5, 5])),
    ]
}

/// `WAYSIDE_SEEDS=FOLDER` also writes the files there (`just fuzz`).
#[test]
fn every_operator_gives_the_same_bytes_on_every_instruction_set() {
    let folder = std::env::var_os("WAYSIDE_SEEDS").map(std::path::PathBuf::from);
    for (name, graph) in seeds() {
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(name), &graph).unwrap();
        }
        let model = model(spec(8, 8, &graph), graph);
        let run = |engine: &Int8Engine| {
            let mut outputs = Outputs::default();
            let program = engine.load(&model).unwrap_or_else(|error| panic!("{name}: {error}"));
            program.session().unwrap().run(&pattern(8, 8), &mut outputs).unwrap();
            outputs.tensors.iter().flat_map(|t| t.data.iter().map(|x| x.to_bits())).collect::<Vec<u32>>()
        };
        let engines = Int8Engine::all();
        let expected = run(&engines[0]);
        assert!(expected.iter().any(|bits| *bits != expected[0]), "{name}: all outputs are the same");
        for engine in &engines[1..] {
            assert_eq!(run(engine), expected, "{name} with {}", engine.instructions());
        }
    }
}
