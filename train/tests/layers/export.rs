//! Exported files, run by tract and by ONNX Runtime, against what the model itself says.

use std::path::Path;
use std::process::Command;

use ndarray::ArrayD;
use safetensors::SafeTensors;
use tract_onnx::prelude::*;
use wayside_train::export::{ExportOptions, Normalization, golden_path};
use wayside_train::prelude::*;
use wayside_train::zoo;

use crate::cases;

/// How far engines may be from each other, in outputs of the size of 1.
const TOLERANCE: f32 = 1e-4;

fn folder(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn channels_first(array: ArrayD<f32>) -> ArrayD<f32> {
    if array.ndim() == 4 { array.permuted_axes(vec![0, 3, 1, 2]) } else { array }
}

fn run_tract(onnx: &Path, inputs: &[ArrayD<f32>]) -> TractResult<Vec<(Vec<usize>, Vec<f32>)>> {
    let mut model = tract_onnx::onnx().model_for_path(onnx)?;
    let mut tensors: TVec<TValue> = tvec!();
    for (place, input) in inputs.iter().enumerate() {
        let array = channels_first(input.clone());
        model.set_input_fact(place, f32::fact(array.shape()).into())?;
        let numbers: Vec<f32> = array.iter().copied().collect();
        tensors.push(Tensor::from_shape(array.shape(), &numbers)?.into());
    }
    let outputs = model.into_optimized()?.into_runnable()?.run(tensors)?;
    let numbers = |tensor: &TValue| -> TractResult<Vec<f32>> {
        Ok(tensor.to_plain_array_view::<f32>()?.iter().copied().collect())
    };
    outputs.iter().map(|tensor| Ok((tensor.shape().to_vec(), numbers(tensor)?))).collect()
}

/// The largest difference, over the largest number where that is above 1.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(1.0_f32, |size, number| size.max(number.abs()));
    let far = |(a, b): (&f32, &f32)| if a.is_finite() { (a - b).abs() / size } else { f32::INFINITY };
    found.iter().zip(expected).map(far).fold(0.0, f32::max)
}

#[test]
fn tract_runs_every_layer_as_it_is_trained() {
    let folder = folder("every-layer");
    for case in cases::all() {
        tract_agrees_in(&folder, case.name, &case.model, &case.inputs());
    }
}

/// Whether tract gives what the model does, with batch normalisation folded and not.
#[track_caller]
pub fn tract_agrees(name: &str, model: &Model, inputs: &[ArrayD<f32>]) {
    tract_agrees_in(&folder(name), name, model, inputs);
}

#[track_caller]
fn tract_agrees_in(folder: &Path, name: &str, model: &Model, inputs: &[ArrayD<f32>]) {
    let path = folder.join(format!("{name}.onnx"));
    for fold_batch_norm in [false, true] {
        let options = ExportOptions { fold_batch_norm, ..Default::default() };
        model.export(&path, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = model.predict_on_batch(inputs).unwrap();
        let found = run_tract(&path, inputs).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(found.len(), expected.len());
        for ((shape, numbers), expected) in found.iter().zip(expected) {
            let expected = channels_first(expected);
            assert_eq!(shape, expected.shape(), "{name}");
            let far = difference(numbers, &expected.iter().copied().collect::<Vec<_>>());
            assert!(far <= TOLERANCE, "{name}: {far}");
        }
    }
}

/// Runs files by ONNX Runtime against their golden pairs; where Python has none, says so.
fn onnxruntime(files: &[std::path::PathBuf]) -> Option<String> {
    let python = std::env::var("WAYSIDE_PYTHON").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&python).args(["-c", "import onnx, onnxruntime, safetensors"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {python} has no onnx, onnxruntime and safetensors; WAYSIDE_PYTHON names another one");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/run_onnx.py");
    let output = Command::new(&python).arg(script).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn onnxruntime_runs_every_layer_as_it_is_trained() {
    let folder = folder("every-layer-ort");
    let mut files = Vec::new();
    for case in cases::all() {
        let path = folder.join(format!("{}.onnx", case.name));
        case.model.export(&path, &ExportOptions::default()).unwrap();
        files.push(path);
    }
    let Some(answer) = onnxruntime(&files) else { return };
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines.len(), files.len(), "{answer}");
    for line in lines {
        let far: f32 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(far <= TOLERANCE, "{line}");
    }
}

#[test]
fn whole_networks_are_the_same_in_every_engine() {
    let folder = folder("networks");
    let mut files = Vec::new();
    for (name, shape) in [
        ("resnet50", [64, 64, 3]),
        ("resnet_small", [64, 64, 3]),
        ("yolo_small", [64, 96, 3]),
        ("plain_small", [64, 64, 3]),
        ("face_small", [112, 92, 1]),
    ] {
        let mut model = settled(zoo::by_name(name, &shape, 4).unwrap());
        if name == "resnet_small" {
            // Behind the softmax little is left to differ.
            model = model.ending_at(&["global_average_pooling2d", "dense"]).unwrap();
        }
        for fold_batch_norm in [false, true] {
            let path = folder.join(format!("{name}-{fold_batch_norm}.onnx"));
            let options = ExportOptions { fold_batch_norm, batch: Some(2), ..Default::default() };
            model.export(&path, &options).unwrap();
            let golden = std::fs::read(golden_path(&path)).unwrap();
            let golden = SafeTensors::deserialize(&golden).unwrap();
            let numbers = |name: &str| -> (Vec<usize>, Vec<f32>) {
                let view = golden.tensor(name).unwrap();
                let bytes = view.data().chunks_exact(4);
                (view.shape().to_vec(), bytes.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect())
            };
            let (input_shape, input) = numbers("input_layer");
            assert_eq!(input_shape, [2, shape[2], shape[0], shape[1]]);
            let input = ArrayD::from_shape_vec(input_shape, input).unwrap().permuted_axes(vec![0, 2, 3, 1]);
            let found = run_tract(&path, &[input]).unwrap();
            let outputs = output_names(&path);
            assert_eq!(outputs.len(), found.len());
            for (output, (_, found)) in outputs.iter().zip(&found) {
                let far = difference(found, &numbers(output).1);
                println!("{name}, folded {fold_batch_norm}, {output}: tract is {far} away");
                assert!(far <= TOLERANCE, "{name} {output}: {far}");
            }
            let norms = count_nodes(&path, "BatchNormalization");
            assert_eq!(norms == 0, fold_batch_norm || name == "plain_small", "{name}: {norms} left");
            files.push(path);
        }
    }
    let Some(answer) = onnxruntime(&files) else { return };
    println!("{answer}");
    for line in answer.lines() {
        let far: f32 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(far <= TOLERANCE, "{line}");
    }
}

/// Moving statistics that are not those of a network that has seen nothing.
fn settled(mut model: Model) -> Model {
    let counted: Vec<(String, usize)> = (model.parameters().iter())
        .filter(|parameter| !parameter.spec.trainable)
        .map(|parameter| (parameter.name.clone(), parameter.spec.count()))
        .collect();
    for (place, (name, count)) in counted.iter().enumerate() {
        let offset = if name.ends_with("variance") { 1.0 } else { 0.0 };
        let values: Vec<f32> = cases::numbers(*count, place).iter().map(|value| offset + 0.3 * value).collect();
        model.set_parameter(name, &values).unwrap();
    }
    model
}

fn output_names(path: &Path) -> Vec<String> {
    let model = wayside::engine::onnx::decode(&std::fs::read(path).unwrap()).unwrap();
    model.graph.unwrap().output.into_iter().map(|output| output.name).collect()
}

fn count_nodes(path: &Path, operator: &str) -> usize {
    let model = wayside::engine::onnx::decode(&std::fs::read(path).unwrap()).unwrap();
    model.graph.unwrap().node.iter().filter(|node| node.op_type == operator).count()
}

#[test]
fn a_file_says_what_it_is() {
    let folder = folder("metadata");
    let model = zoo::plain_small([16, 16, 3], 2).unwrap();
    let options = ExportOptions {
        labels: vec!["car".into(), "driver's cab".into()],
        normalization: Some(Normalization { mean: vec![0.0; 3], std: vec![255.0; 3] }),
        metadata: vec![("licence".into(), "MIT".into())],
        output_names: vec!["scores".into()],
        ..Default::default()
    };
    let path = folder.join("plain.onnx");
    model.export(&path, &options).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, model.to_onnx(&options).unwrap(), "the same model gives the same bytes");
    let file = wayside::engine::onnx::decode(&bytes).unwrap();
    assert_eq!((file.producer_name.as_str(), file.opset_import[0].version), ("wayside-train", 17));
    let notes: Vec<(&str, &str)> =
        file.metadata_props.iter().map(|note| (note.key.as_str(), note.value.as_str())).collect();
    assert!(notes.contains(&("names", r"{0: 'car', 1: 'driver\'s cab'}")), "{notes:?}");
    assert!(notes.contains(&("mean", "[0.0, 0.0, 0.0]")) && notes.contains(&("std", "[255.0, 255.0, 255.0]")));
    assert!(notes.contains(&("licence", "MIT")) && notes[0].0 == "producer");
    assert_eq!(file.graph.unwrap().output[0].name, "scores");
}

#[test]
fn what_cannot_be_exported_is_refused_and_leaves_nothing() {
    let folder = folder("refused");
    let model = zoo::plain_small([16, 16, 3], 2).unwrap();
    let short = Some(Normalization { mean: vec![0.0; 2], std: vec![1.0; 2] });
    let nothing = Some(Normalization { mean: vec![0.0; 3], std: vec![0.0; 3] });
    for (options, expected) in [
        (ExportOptions { batch: Some(0), ..Default::default() }, "a batch of 0"),
        (ExportOptions { output_names: vec!["a".into(), "b".into()], ..Default::default() }, "2 output_names for 1"),
        (ExportOptions { output_names: vec!["input_layer".into()], ..Default::default() }, "an input's name"),
        (ExportOptions { normalization: short, ..Default::default() }, "each of the input's 3 channels"),
        (ExportOptions { normalization: nothing, ..Default::default() }, "std none of 0"),
    ] {
        let error = model.export(folder.join("x.onnx"), &options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = model.export(folder.join("absent/x.onnx"), &ExportOptions { golden: None, ..Default::default() });
    assert!(error.unwrap_err().to_string().contains("absent/x.onnx"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing was written");
}

#[test]
fn outputs_that_are_an_input_or_the_same_tensor_get_names_of_their_own() {
    let input = Input::named("x", [3]);
    let dropped = Dropout::new(0.5).named("drop").on(&input).unwrap();
    let dense = Dense::new(2).named("dense").on(&input).unwrap();
    let model = Model::new(std::slice::from_ref(&input), &[dropped, dense.clone(), dense]).unwrap();
    let path = folder("outputs").join("x.onnx");
    model.export(&path, &ExportOptions::default()).unwrap();
    let row = ArrayD::from_shape_vec(vec![1, 3], vec![1.0, -2.0, 3.0]).unwrap();
    let expected = model.predict_on_batch(std::slice::from_ref(&row)).unwrap();
    let found = run_tract(&path, &[row]).unwrap();
    for ((_, found), expected) in found.iter().zip(expected) {
        assert!(difference(found, &expected.iter().copied().collect::<Vec<_>>()) <= TOLERANCE);
    }
    assert_eq!(output_names(&path), ["drop", "dense", "dense_1"]);
}
