//! Files that are no usable network: one line each, with the file and the reason; no panic, no huge allocation.

use std::fs::{self, File};

use wayside::engine::{Engine, TractEngine};
use wayside::limits::MAX_MODEL_BYTES;
use wayside::model::{self, Draft, ModelFolder};

use crate::onnx::{self, FLOAT, Net, UINT8, fixed};
use crate::{model, spec};

/// Bytes that look like nothing, the same in every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn picture() -> Net {
    Net::default().input("picture", FLOAT, &fixed(&[1, 3, 64, 64]))
}

fn out(net: Net) -> Vec<u8> {
    net.output("out", FLOAT, &[None, None, None, None]).bytes()
}

/// What is wrong, the file's bytes, and a part of the reason that must be given.
fn broken_graphs() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = onnx::yolox(2);
    let half = whole[..whole.len() / 2].to_vec();
    let image = |shape: &[i64]| out(Net::default().input("in", FLOAT, &fixed(shape)).node("Relu", &["in"], "out", &[]));
    vec![
        ("empty", Vec::new(), "the file is empty"),
        ("text", b"this is a text file, not a network\n".repeat(20), "no ONNX network"),
        ("noise", noise(4096), "no ONNX network"),
        ("truncated", half, "cut off"),
        ("no operators", picture().output("picture", FLOAT, &fixed(&[1, 3, 64, 64])).bytes(), "no operators"),
        (
            "lost output",
            out(picture().node("Relu", &["picture"], "other", &[])),
            "no operator computes the output `out`",
        ),
        (
            "unknown operator",
            out(picture().node("FancyAttention", &["picture"], "out", &[])),
            "operator FancyAttention of node `node_out`",
        ),
        (
            "two inputs",
            out(picture().input("style", FLOAT, &fixed(&[1, 3, 64, 64])).node(
                "Add",
                &["picture", "style"],
                "out",
                &[],
            )),
            "2 inputs",
        ),
        ("no inputs", out(Net::default().floats("w", &[1], vec![1.0]).node("Relu", &["w"], "out", &[])), "0 inputs"),
        (
            "bytes",
            out(Net::default().input("in", UINT8, &fixed(&[1, 3, 64, 64])).node("Relu", &["in"], "out", &[])),
            "not float",
        ),
        ("four channels", image(&[1, 4, 64, 64]), "no picture"),
        ("no picture", image(&[1, 128]), "no picture"),
        ("batch of 8", image(&[8, 3, 64, 64]), "8 pictures at once"),
        ("another size", image(&[1, 3, 32, 64]), "does not take a picture of 64x64"),
        (
            "wrong weights",
            out(picture().floats("w", &[8, 5, 3, 3], vec![0.0; 360]).node("Conv", &["picture", "w"], "out", &[])),
            "out",
        ),
        ("missing edge", out(picture().node("Add", &["picture", "nowhere"], "out", &[])), "nowhere"),
        (
            "too few values",
            out(picture().floats("w", &[3, 3, 1, 1], vec![0.0; 4]).node("Conv", &["picture", "w"], "out", &[])),
            "",
        ),
        (
            "negative size",
            out(picture().floats("w", &[-3, 3, 1, 1], vec![]).node("Conv", &["picture", "w"], "out", &[])),
            "egative",
        ),
        (
            "a shape that depends on the picture",
            out(picture().node("NonZero", &["picture"], "out", &[])),
            "depends on the picture",
        ),
        (
            "gigantic weights",
            out(picture().floats("w", &[1 << 20, 1 << 20, 3, 3], vec![]).node("Conv", &["picture", "w"], "out", &[])),
            "",
        ),
        (
            "gigantic constant",
            out(picture()
                .integers("s", &[4], &[1, 3, 1 << 20, 1 << 20])
                .node("ConstantOfShape", &["s"], "huge", &[])
                .node("Add", &["huge", "picture"], "out", &[])),
            "256 MiB",
        ),
        (
            "gigantic layer",
            out(picture()
                .integers("s", &[4], &[1 << 10, 3, 1 << 8, 1 << 10])
                .integers("axes", &[1], &[4])
                .node("Unsqueeze", &["picture", "axes"], "five", &[])
                .integers("repeats", &[5], &[1 << 10, 1, 1 << 5, 1, 1])
                .node("Tile", &["five", "repeats"], "out", &[])),
            "256 MiB",
        ),
    ]
}

#[test]
fn each_broken_graph_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (what, bytes, reason) in broken_graphs() {
        let file = folder.path().join(what);
        fs::write(&file, &bytes).unwrap();
        let mut model = model(spec(64, 64, &bytes), Vec::new());
        model.graph = wayside::model::Graph::File(file.clone());
        let Err(error) = TractEngine.load(&model) else { panic!("{what}: was loaded") };
        let error = error.to_string();
        assert!(error.starts_with(&format!("{}: ", file.display())), "{what}: the file is named: {error}");
        assert!(error.contains(reason), "{what}: {error}");
        assert!(!error.contains('\n') && error.len() < 600, "{what}: one line: {error}");
    }
}

#[test]
fn every_truncation_is_refused_without_a_panic() {
    let whole = onnx::yolox(2);
    for length in (1..whole.len()).step_by(whole.len() / 61) {
        let bytes = whole[..length].to_vec();
        assert!(TractEngine.load(&model(spec(64, 64, &bytes), bytes)).is_err(), "{length} bytes");
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let whole = onnx::yolov2(2, 1);
    // The first kilobyte is structure, what follows are weights.
    for at in (0..200).chain(whole.len() - 100..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x5a;
        // It may still be a network; what counts is that an answer comes.
        let _ = TractEngine.load(&model(spec(64, 64, &bytes), bytes));
    }
}

#[test]
fn a_changed_graph_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (place, graph) = (folder.path().join("m"), onnx::yolox(2));
    Draft::write(&place, &spec(64, 64, &graph), &graph, false).unwrap().publish().unwrap();
    assert!(TractEngine.load(&ModelFolder::open(&place).unwrap()).is_ok());
    let mut changed = graph;
    *changed.last_mut().unwrap() ^= 1;
    fs::write(place.join(model::GRAPH_FILE), changed).unwrap();
    let error = TractEngine.load(&ModelFolder::open(&place).unwrap()).err().unwrap().to_string();
    assert!(error.contains("model.onnx: sha256 is ") && error.contains("copy it again"), "{error}");
}

#[test]
fn a_description_with_an_unknown_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = spec(64, 64, b"").to_toml().replace("licence", "license");
    fs::write(folder.path().join(model::SPEC_FILE), text).unwrap();
    let error = model::find(&folder.path().to_string_lossy()).unwrap_err().to_string();
    assert!(error.contains("model.toml: line ") && error.contains("did you mean `licence`?"), "{error}");
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("big.onnx");
    // Sparse: takes no space.
    File::create(&file).unwrap().set_len(MAX_MODEL_BYTES + 1).unwrap();
    let error = model::find(&file.to_string_lossy()).unwrap_err().to_string();
    assert!(error.contains("big.onnx: larger than 512 MiB"), "{error}");
}

#[test]
fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    let refused = |wanted: &str| model::find_in(wanted, &[folder.path().into()]).unwrap_err().to_string();
    assert!(refused("yolox").contains(&format!("no model `yolox`: looked in {path}")));
    assert!(refused(&path).contains("model.toml is missing"));
    assert!(
        refused(&format!("{path}/none.onnx")).contains("none.onnx: no such file"),
        "{}",
        refused(&format!("{path}/none.onnx"))
    );
    assert!(refused("yolox@320").contains("no model `yolox`"), "a size of what is not there");
}

#[test]
fn a_model_is_found_at_another_size_where_it_computes_any() {
    let find = |wanted: &str| model::find_in(wanted, &[]).map_err(|error| error.to_string());
    let small = find("vehicle@256").unwrap();
    let input = small.spec.input_for(1280, 720);
    assert_eq!((&small.spec.name[..], small.spec.input.width), ("vehicle@256", 256));
    assert!(input.width * input.height <= 256 * 256 * 105 / 100 && input.width > input.height, "{input:?}");
    for (wanted, why) in
        [("vehicle@250", "a multiple of 32"), ("vehicle@0", "a multiple of 32"), ("vehicle@99968", "up to")]
    {
        assert!(find(wanted).unwrap_err().contains(why), "{wanted}");
    }
    assert!(find("vehicle@large").unwrap_err().contains("no model `vehicle@large`"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(model::SPEC_FILE), spec(64, 64, b"").to_toml()).unwrap();
    let fixed = format!("{}@96", folder.path().display());
    assert!(find(&fixed).unwrap_err().contains("takes 64x64 only"));
}
