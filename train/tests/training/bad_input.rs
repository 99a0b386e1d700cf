//! One line each, and nothing half-written.

use wayside_train::Error;
use wayside_train::data::Arrays;
use wayside_train::loss::{MeanSquaredError, SparseCategoricalCrossentropy};
use wayside_train::model::{Compile, Evaluate, Fit, Predict};
use wayside_train::optimizer::Sgd;
use wayside_train::prelude::*;

use crate::{array, numbers};

fn regression() -> Model {
    let mut model = Sequential::new().add_named("answer", Dense::new(1)).build([2]).unwrap();
    model.compile(Compile::new(Sgd::new(0.1)).loss(MeanSquaredError)).unwrap();
    model
}

fn line(error: Error, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in parts {
        assert!(text.contains(part), "{text:?} says nothing of {part:?}");
    }
}

#[test]
fn data_that_does_not_fit_is_refused_by_name() {
    let mut model = regression();
    let good = Arrays::new(array(&[4, 2], numbers(1, 8, 1.0)), array(&[4, 1], numbers(2, 4, 1.0))).unwrap();
    let wide = Arrays::new(array(&[4, 3], numbers(1, 12, 1.0)), array(&[4, 1], numbers(2, 4, 1.0))).unwrap();
    line(model.fit(&wide, Fit::new()).unwrap_err(), &["input_layer", "(None, 2)", "[4, 3]"]);
    let tall = Arrays::new(array(&[4, 2], numbers(1, 8, 1.0)), array(&[4, 2], numbers(2, 8, 1.0))).unwrap();
    line(model.fit(&tall, Fit::new()).unwrap_err(), &["truth of answer", "[2]", "[1]"]);
    let empty = Arrays::new(array(&[0, 2], vec![]), array(&[0, 1], vec![])).unwrap();
    line(model.fit(&empty, Fit::new()).unwrap_err(), &["nothing to learn from"]);
    line(model.evaluate(&empty, Evaluate::new()).unwrap_err(), &["no samples"]);
    line(model.predict(&empty, Predict::new()).unwrap_err(), &["no samples"]);
    line(model.fit(&good, Fit::new().batch_size(0)).unwrap_err(), &["batches of 0"]);
    line(model.fit(&good, Fit::new().class_weight([])).unwrap_err(), &["class 0 has no weight"]);
    line(Arrays::new(array(&[4, 2], numbers(1, 8, 1.0)), array(&[3, 1], vec![0.0; 3])).unwrap_err(), &["[4, 3]"]);
    line(good.clone().sample_weight(vec![1.0]).unwrap_err(), &["1 sample weights for 4"]);
    line(model.fit(&good, Fit::new().validation_split(0.01)).unwrap_err(), &["leaves no sample"]);
    // After all that it still learns.
    model.fit(&good, Fit::new()).unwrap();
}

#[test]
fn what_can_not_be_compiled_says_why() {
    let mut model = Sequential::new().add(Dense::new(1)).build([2]).unwrap();
    let data = Arrays::new(array(&[1, 2], vec![0.0; 2]), array(&[1, 1], vec![0.0])).unwrap();
    line(model.fit(&data, Fit::new()).unwrap_err(), &["has to be compiled first"]);
    line(model.compile(Compile::new(Sgd::new(0.1))).unwrap_err(), &["0 losses for 1 outputs"]);
    let how = Compile::new(Sgd::new(0.1)).loss(MeanSquaredError).loss_weights([1.0, 2.0]);
    line(model.compile(how).unwrap_err(), &["2 loss weights"]);
}

#[test]
fn a_class_that_the_output_has_not_is_refused() {
    let mut model = Sequential::new().add(Dense::new(3).activation(Activation::Softmax)).build([2]).unwrap();
    model.compile(Compile::new(Sgd::new(0.1)).loss(SparseCategoricalCrossentropy::default())).unwrap();
    for class in [3.0, -1.0, 0.5, f32::NAN] {
        let data = Arrays::new(array(&[1, 2], vec![0.0; 2]), array(&[1, 1], vec![class])).unwrap();
        line(model.fit(&data, Fit::new()).unwrap_err(), &["truth of dense", "0 to 2"]);
    }
}

#[test]
fn a_loss_that_is_no_number_stops_and_leaves_the_model_and_the_checkpoint_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoint");
    let mut model = regression();
    let good = Arrays::new(array(&[4, 2], numbers(1, 8, 1.0)), array(&[4, 1], numbers(2, 4, 1.0))).unwrap();
    model.fit(&good, Fit::new().epochs(2).checkpoint(&file)).unwrap();
    let saved = std::fs::read(&file).unwrap();
    let before: Vec<Vec<f32>> = model.parameters().iter().map(|it| it.to_vec()).collect();
    let mut x = numbers(1, 8, 1.0);
    x[6] = f32::NAN;
    let bad = Arrays::new(array(&[4, 2], x), array(&[4, 1], numbers(2, 4, 1.0))).unwrap();
    let how = Fit::new().batch_size(2).shuffle(false).epochs(3).initial_epoch(2);
    // The first batch is learned, the second one refused.
    line(model.fit(&bad, how).unwrap_err(), &["NaN", "epoch 3, batch 2"]);
    let after: Vec<Vec<f32>> = model.parameters().iter().map(|it| it.to_vec()).collect();
    assert!(after.iter().flatten().all(|number| number.is_finite()) && after != before);
    assert_eq!(std::fs::read(&file).unwrap(), saved);
    let how = Fit::new().batch_size(2).shuffle(false).epochs(3).checkpoint(&file);
    line(model.fit(&bad, how).unwrap_err(), &["epoch 3, batch 2", "last whole epoch"]);
    assert_eq!(std::fs::read(&file).unwrap(), saved);
}

#[test]
fn damaged_files_and_other_networks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model");
    regression().save(&file).unwrap();
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        line(Model::load(&file).unwrap_err(), &["model"]);
    }
    // A description that says something else than the weights.
    let text = String::from_utf8_lossy(&whole).into_owned();
    let at = text.find("\\\"units\\\":1").expect("described in the metadata");
    let mut other = whole.clone();
    other[at + 10..at + 11].copy_from_slice(b"7");
    std::fs::write(&file, &other).unwrap();
    line(Model::load(&file).unwrap_err(), &["model"]);
    line(Model::load(&folder.path().join("none")).unwrap_err(), &["none"]);
    // Another network's checkpoint.
    std::fs::write(&file, &whole).unwrap();
    let mut model = Sequential::new().add(Dense::new(1)).build([2]).unwrap();
    model.compile(Compile::new(Sgd::new(0.1)).loss(MeanSquaredError)).unwrap();
    let good = Arrays::new(array(&[4, 2], numbers(1, 8, 1.0)), array(&[4, 1], numbers(2, 4, 1.0))).unwrap();
    line(model.fit(&good, Fit::new().checkpoint(&file)).unwrap_err(), &["another network"]);
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model");
    regression().save(&file).unwrap();
    let saved = std::fs::read(&file).unwrap();
    // A training in a process under a limit on the size of files: what it writes ends like on a full disk.
    let checkpoint = folder.path().join("course");
    let limited = |epochs| {
        let course = crate::resume::course(&checkpoint, epochs);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]).arg(course.get_program());
        command.args(course.get_args()).envs(course.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.output().unwrap()
    };
    assert!(!limited(1).status.success(), "the file is larger than the limit");
    assert!(!checkpoint.exists(), "half a checkpoint");
    assert!(crate::resume::course(&checkpoint, 2).status().unwrap().success());
    let whole = std::fs::read(&checkpoint).unwrap();
    let output = limited(3);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("course"), "{said}");
    assert_eq!(std::fs::read(&checkpoint).unwrap(), whole);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(std::fs::read(&file).unwrap(), saved);
}
