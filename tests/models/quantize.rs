//! The quantiser on networks of a few nodes: every layer becomes bytes, and the int8 engine computes what the float network
//! does, but for a few parts in a thousand.

use std::path::PathBuf;
use std::process::Command;

use wayside::engine::{Engine, Int8Engine, Outputs, TractEngine};
use wayside::model::ModelFolder;
use wayside::quantize::{Calibration, Prepared, Progress, inputs, outputs, with_graph};

use crate::onnx::{FLOAT, Net, fixed};
use crate::{model, spec};

struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: usize) {}
    fn step(&self) {}
    fn stopped(&self) -> bool {
        false
    }
}

/// Numbers between -1 and 1 that look like chance.
fn numbers(seed: u64, count: i64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Adds a convolution `name` with weights of this shape.
fn conv(net: Net, name: &str, input: &str, shape: [i64; 4], group: i64) -> Net {
    let [outputs, inputs, kernel, _] = shape;
    let (weights, bias) = (format!("{name}_w"), format!("{name}_b"));
    let size: f32 = 1.0 / (inputs * kernel * kernel) as f32;
    let values = numbers(name.len() as u64 + outputs as u64, shape.iter().product());
    // Channels of very different size are what makes it hard.
    let each = (inputs * kernel * kernel) as usize;
    let scaled = values.iter().enumerate().map(|(i, v)| v * size.sqrt() * 4f32.powi((i / each % 4) as i32 - 2));
    let pad = kernel / 2;
    net.floats(&weights, &shape, scaled.collect()).floats(&bias, &[outputs], numbers(7, outputs)).node(
        "Conv",
        &[input, &weights, &bias],
        name,
        &[("group", &[group]), ("pads", &[pad; 4])],
    )
}

/// Everything that detectors are built of.
fn detector() -> Vec<u8> {
    let net = Net::default().input("picture", FLOAT, &fixed(&[1, 3, 32, 32]));
    let net = conv(net, "stem", "picture", [8, 3, 3, 3], 1).node("Relu", &["stem"], "stem_r", &[]);
    let net = conv(net, "deep", "stem_r", [8, 1, 3, 3], 8);
    let net = net.node("Sigmoid", &["deep"], "deep_s", &[]).node("Mul", &["deep", "deep_s"], "deep_m", &[]);
    let net = conv(net, "point", "deep_m", [8, 8, 1, 1], 1);
    let net = net.node("Add", &["point", "deep_m"], "sum", &[]);
    let net = net.node("MaxPool", &["sum"], "pool", &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])]);
    let net = conv(net, "left", "pool", [8, 8, 1, 1], 1).node("LeakyRelu", &["left"], "left_r", &[]);
    let net = conv(net, "right", "pool", [8, 8, 3, 3], 1).node("Relu", &["right"], "right_r", &[]);
    let net = net.node("Concat", &["left_r", "right_r"], "both", &[("axis", &[1])]);
    let net = conv(net, "head", "both", [6, 16, 1, 1], 1);
    net.output("head", FLOAT, &fixed(&[1, 6, 16, 16])).bytes()
}

/// Stripes and spots.
fn pictures(folder: &std::path::Path) -> Vec<PathBuf> {
    (0..10u32)
        .map(|number| {
            let path = folder.join(format!("{number}.png"));
            let pixel =
                |x: u32, y: u32| image::Rgb([(x * 8) as u8, (y * 7 + number * 20) as u8, (x * y + number) as u8]);
            image::RgbImage::from_fn(32, 32, pixel).save(&path).unwrap();
            path
        })
        .collect()
}

fn prepared(model: &ModelFolder, pictures: &[PathBuf]) -> Result<Prepared, String> {
    let asked = Calibration { pictures, seed: 1, sessions: 2, kept_at: None };
    Prepared::new(model, &asked, &Silent).map_err(|error| error.to_string())
}

/// Lost energy in parts of the whole.
fn lost(a: &[Outputs], b: &[Outputs]) -> f64 {
    let pairs = a.iter().zip(b).flat_map(|(a, b)| a.tensors.iter().zip(&b.tensors));
    let (mut lost, mut whole) = (0.0, 0.0);
    for (a, b) in pairs.flat_map(|(a, b)| a.data.iter().zip(&b.data)) {
        lost += f64::from(a - b).powi(2);
        whole += f64::from(*a).powi(2);
    }
    lost / whole
}

#[test]
fn every_layer_becomes_bytes_and_the_outputs_stay() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    let bytes = detector();
    let model = model(spec(32, 32, &bytes), bytes);
    let prepared = prepared(&model, &pictures).unwrap();
    let rows = prepared.rows(&Default::default(), None);
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row.why.starts_with("int8")), "{rows:?}");
    assert!(rows[1].why.contains("per channel"), "{}", rows[1].why);
    let seen = inputs(&model, &pictures, 10).unwrap();
    let float = outputs(TractEngine.load(&model).unwrap().as_ref(), &seen).unwrap();
    for (name, network) in [("plain", &prepared), ("evened out", &prepared.evened_out())] {
        let exact = with_graph(&model.spec, network.graph.encode());
        let exact = outputs(TractEngine.load(&exact).unwrap().as_ref(), &seen).unwrap();
        assert!(lost(&float, &exact) < 1e-9, "{name}: in float it is the same network: {}", lost(&float, &exact));
        let quantised = with_graph(&model.spec, network.quantised(&Default::default()).encode());
        let found = outputs(Int8Engine::new().load(&quantised).unwrap().as_ref(), &seen).unwrap();
        assert!(lost(&float, &found) < 0.003, "{name}: {}", lost(&float, &found));
        // Another engine reads the same file and means the same.
        let other = outputs(TractEngine.load(&quantised).unwrap().as_ref(), &seen).unwrap();
        assert!(lost(&found, &other) < 0.003, "{name}: {}", lost(&found, &other));
    }
}

#[test]
fn layers_can_stay_float() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    let bytes = detector();
    let model = model(spec(32, 32, &bytes), bytes);
    let prepared = prepared(&model, &pictures).unwrap();
    let seen = inputs(&model, &pictures, 10).unwrap();
    let float = outputs(TractEngine.load(&model).unwrap().as_ref(), &seen).unwrap();
    let with = |names: &[&str]| {
        let names = names.iter().map(|name| format!("node_{name}")).collect();
        let quantised = with_graph(&model.spec, prepared.quantised(&names).encode());
        let engine = Int8Engine::new();
        lost(&float, &outputs(engine.load(&quantised).unwrap().as_ref(), &seen).unwrap())
    };
    let all = ["stem", "deep", "point", "left", "right", "head"];
    assert!(with(&all) < 1e-9, "{}", with(&all));
    assert!(with(&["deep", "point"]) < 0.003);
    assert!(with(&["stem"]) > 1e-9, "the rest is in bytes");
}

#[test]
fn batch_normalisation_goes_into_the_convolution() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    let net = conv(Net::default().input("picture", FLOAT, &fixed(&[1, 3, 32, 32])), "conv", "picture", [4, 3, 3, 3], 1);
    let net = net.floats("scale", &[4], vec![0.5, 2.0, -1.0, 1.0]).floats("shift", &[4], vec![1.0, 0.0, 3.0, -2.0]);
    let net = net.floats("mean", &[4], vec![10.0, -5.0, 0.0, 1.0]).floats("variance", &[4], vec![4.0, 1.0, 9.0, 100.0]);
    let net = net.node("BatchNormalization", &["conv", "scale", "shift", "mean", "variance"], "out", &[]);
    let bytes = net.output("out", FLOAT, &fixed(&[1, 4, 32, 32])).bytes();
    let model = model(spec(32, 32, &bytes), bytes);
    let prepared = prepared(&model, &pictures).unwrap();
    assert!(prepared.graph.nodes.iter().all(|node| node.op_type != "BatchNormalization"));
    let seen = inputs(&model, &pictures, 10).unwrap();
    let float = outputs(TractEngine.load(&model).unwrap().as_ref(), &seen).unwrap();
    let folded = with_graph(&model.spec, prepared.graph.encode());
    assert!(lost(&float, &outputs(TractEngine.load(&folded).unwrap().as_ref(), &seen).unwrap()) < 1e-9);
}

#[test]
fn an_old_softmax_over_the_last_axis_is_a_new_one_and_over_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    let network = |axis: i64| {
        let net = Net::default().input("picture", FLOAT, &fixed(&[1, 3, 32, 32]));
        let net = conv(net, "conv", "picture", [4, 3, 3, 3], 1);
        let net = net.node("Transpose", &["conv"], "turned", &[("perm", &[0, 2, 3, 1])]);
        let net = net.node("Softmax", &["turned"], "out", &[("axis", &[axis])]);
        let bytes = net.output("out", FLOAT, &fixed(&[1, 32, 32, 4])).bytes_of(12);
        model(spec(32, 32, &bytes), bytes)
    };
    let last = network(3);
    let prepared_last = prepared(&last, &pictures).unwrap();
    let seen = inputs(&last, &pictures, 10).unwrap();
    let float = outputs(TractEngine.load(&last).unwrap().as_ref(), &seen).unwrap();
    let raised = with_graph(&last.spec, prepared_last.graph.encode());
    assert!(lost(&float, &outputs(TractEngine.load(&raised).unwrap().as_ref(), &seen).unwrap()) < 1e-9);
    let refused = prepared(&network(1), &pictures).err().unwrap();
    assert!(refused.contains("'node_out' (Softmax): opset 12 means it otherwise"), "{refused}");
}

#[test]
fn networks_that_cannot_be_quantised_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = pictures(folder.path());
    let relu = |net: Net| net.node("Relu", &["picture"], "out", &[]).output("out", FLOAT, &fixed(&[1, 3, 32, 32]));
    let bytes = relu(Net::default().input("picture", FLOAT, &fixed(&[1, 3, 32, 32]))).bytes();
    let refused = prepared(&model(spec(32, 32, &bytes), bytes.clone()), &pictures).err().unwrap();
    assert!(refused.contains("no convolution"), "{refused}");
    let bytes = detector();
    let few = prepared(&model(spec(32, 32, &bytes), bytes), &pictures[..3]).err().unwrap();
    assert!(few.contains("3 pictures") && few.contains("too few"), "{few}");
    let infinite =
        Net::default().input("picture", FLOAT, &fixed(&[1, 3, 32, 32])).floats("w", &[1, 3, 1, 1], vec![1e38; 3]);
    let infinite = infinite.node("Conv", &["picture", "w"], "a", &[]).floats("v", &[1, 1, 1, 1], vec![1e30]);
    let bytes = infinite.node("Conv", &["a", "v"], "b", &[]).output("b", FLOAT, &fixed(&[1, 1, 32, 32])).bytes();
    let refused = prepared(&model(spec(32, 32, &bytes), bytes), &pictures).err().unwrap();
    assert!(refused.contains("not finite"), "{refused}");
}

#[test]
fn two_inputs_are_refused_by_the_program() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path());
    let net = Net::default().input("a", FLOAT, &fixed(&[1, 3, 32, 32])).input("b", FLOAT, &fixed(&[1, 3, 32, 32]));
    let net = net.node("Add", &["a", "b"], "out", &[]).output("out", FLOAT, &fixed(&[1, 3, 32, 32]));
    std::fs::write(folder.path().join("two.onnx"), net.bytes()).unwrap();
    let args = ["quantize", "two.onnx", "--calibrate", ".", "--color", "rgb", "-o", "out.onnx"];
    let output = Command::new(env!("CARGO_BIN_EXE_wayside")).args(args).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("2 inputs") && said.lines().count() == 1, "{said}");
    assert!(!folder.path().join("out.onnx").exists());
}
