//! Ended in the middle and taken up again; what a checkpoint holds beside weights.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wayside_train::callback::{Callback, EarlyStopping, LearningRateScheduler, Training};
use wayside_train::data::Arrays;
use wayside_train::loss::{MeanSquaredError, SparseCategoricalCrossentropy};
use wayside_train::metric::{SparseCategoricalAccuracy, TopK};
use wayside_train::model::{Compile, Evaluate, Fit, History, Logs};
use wayside_train::optimizer::{Adam, RmsProp, Sgd};
use wayside_train::prelude::*;

use crate::{array, numbers};

/// Ends a training after a batch, counted from its first one.
struct StopAfter {
    batches: usize,
    flag: Arc<AtomicBool>,
}

impl Callback for StopAfter {
    fn batch_end(&mut self, _: usize, _: &Logs, _: &mut Training) -> wayside_train::Result<()> {
        self.batches = self.batches.saturating_sub(1);
        self.flag.store(self.batches == 0, Ordering::Relaxed);
        Ok(())
    }
}

fn quadrants(count: usize) -> Arrays {
    let x = numbers(7, count * 2, 1.0);
    let y = x.chunks(2).map(|it| f32::from(u8::from(it[0] > 0.0)) + 2.0 * f32::from(u8::from(it[1] > 0.0))).collect();
    Arrays::new(array(&[count, 2], x), array(&[count, 1], y)).unwrap()
}

fn classifier() -> Model {
    let mut model = Sequential::new()
        .add_named("hidden", Dense::new(8).activation(Activation::Relu))
        .add(Dropout::new(0.2))
        .add_named("answer", Dense::new(4).activation(Activation::Softmax))
        .build([2])
        .unwrap();
    let how = Compile::new(Adam::new(0.02)).loss(SparseCategoricalCrossentropy::default());
    model.compile(how.metric(SparseCategoricalAccuracy::default()).weighted_metric(0, TopK::new(2))).unwrap();
    model
}

/// Three epochs of seven batches, ended after so many of them in this run.
fn run(checkpoint: &Path, batches: usize) -> (History, Vec<Vec<f32>>) {
    let mut model = classifier();
    let flag = Arc::new(AtomicBool::new(false));
    let rate = LearningRateScheduler::new(|_, rate| rate * 0.5);
    let how = Fit::new().batch_size(10).epochs(3).validation_split(0.2).callback(rate);
    let how = how.callback(StopAfter { batches, flag: flag.clone() }).stop(flag).checkpoint(checkpoint);
    let history = model.fit(&quadrants(87), how.class_weight([1.0, 2.0, 1.0, 0.5])).unwrap();
    (history, model.parameters().iter().map(|it| it.to_vec()).collect())
}

#[test]
fn ended_after_any_batch_it_goes_on_to_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (whole, weights) = run(&file("whole"), usize::MAX);
    assert!(!whole.interrupted());
    for cut in [1, 4, 6, 7, 8, 20] {
        let checkpoint = file(&cut.to_string());
        assert!(run(&checkpoint, cut).0.interrupted(), "{cut}");
        Model::load(&checkpoint).unwrap();
        let (history, again) = run(&checkpoint, usize::MAX);
        assert_eq!((history, again), (whole.clone(), weights.clone()), "after {cut} batches");
        assert!(std::fs::read(&checkpoint).unwrap() == std::fs::read(file("whole")).unwrap(), "after {cut} batches");
    }
    // One batch at a time.
    let checkpoint = file("steps");
    while run(&checkpoint, 1).0.interrupted() {}
    assert!(std::fs::read(&checkpoint).unwrap() == std::fs::read(file("whole")).unwrap());
}

/// Where the program that gets a Ctrl-C keeps its checkpoint.
const CHECKPOINT: &str = "WAYSIDE_TEST_INTERRUPT";

#[test]
#[ignore = "the test below runs it, in a process of its own"]
fn a_long_training() {
    let Ok(checkpoint) = std::env::var(CHECKPOINT) else { return };
    let stop = wayside_train::interrupt::on_ctrl_c().unwrap();
    let how = Fit::new().batch_size(1).epochs(100_000).stop(stop).checkpoint(&checkpoint);
    let history = classifier().fit(&quadrants(50), how).unwrap();
    std::fs::write(format!("{checkpoint}.txt"), format!("{} after {}", history.interrupted(), history.epochs()))
        .unwrap();
}

#[test]
fn ctrl_c_ends_it_after_the_batch_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "interrupt::a_long_training"]).env(CHECKPOINT, &checkpoint);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while !checkpoint.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the first epoch");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "killed instead of ended");
    let said = std::fs::read_to_string(folder.path().join("checkpoint.txt")).unwrap();
    assert!(said.starts_with("true after "), "{said}");
    Model::load(&checkpoint).unwrap();
}

#[test]
fn a_training_that_was_stopped_early_stays_stopped_with_its_best_weights() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let run = |epochs| {
        let mut model = classifier();
        // From the third epoch on the network is ruined.
        let rate = LearningRateScheduler::new(|epoch, _| if epoch < 2 { 0.02 } else { 3.0 });
        let stopping = EarlyStopping::new("val_loss", 3).restore_best_weights(true);
        let how = Fit::new().batch_size(10).epochs(epochs).validation_split(0.2).callback(rate).callback(stopping);
        let history = model.fit(&quadrants(87), how.checkpoint(&checkpoint)).unwrap();
        (history, model.parameters().iter().map(|it| it.to_vec()).collect::<Vec<_>>())
    };
    // Cut off behind the best epoch: its weights are only in the checkpoint.
    run(4);
    let (history, weights) = run(30);
    assert_eq!(history.epochs(), 5, "{history:?}");
    assert_eq!(run(30), (history.clone(), weights.clone()), "nothing is learned again");
    std::fs::remove_file(&checkpoint).unwrap();
    assert_eq!(run(30), (history, weights), "without a cut");
}

#[test]
fn weights_that_are_no_numbers_are_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let mut model = Sequential::new().add_named("answer", Dense::new(1)).build([1]).unwrap();
    model.compile(Compile::new(Sgd::new(0.1)).loss(MeanSquaredError)).unwrap();
    let data = Arrays::new(array(&[1, 1], vec![1.0]), array(&[1, 1], vec![1.0])).unwrap();
    // The loss of the second epoch's batch is still a number, what is learned from it is not.
    let rate = |epoch, _| if epoch == 0 { 0.1 } else { f32::INFINITY };
    let how = |epochs| Fit::new().epochs(epochs).checkpoint(&checkpoint).callback(LearningRateScheduler::new(rate));
    model.fit(&data, how(1)).unwrap();
    let saved = std::fs::read(&checkpoint).unwrap();
    let error = model.fit(&data, how(2)).unwrap_err().to_string();
    assert!(error.contains("answer/") && error.contains("epoch 2") && error.contains("was not written"), "{error}");
    assert!(std::fs::read(&checkpoint).unwrap() == saved);
}

#[test]
fn another_optimizer_or_other_callbacks_do_not_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    classifier().fit(&quadrants(20), Fit::new().checkpoint(&checkpoint)).unwrap();
    let mut other = classifier();
    other.compile(Compile::new(Sgd::new(0.1)).loss(SparseCategoricalCrossentropy::default())).unwrap();
    let error = other.fit(&quadrants(20), Fit::new().epochs(2).checkpoint(&checkpoint)).unwrap_err().to_string();
    assert!(error.contains("trained with Adam, not SGD"), "{error}");
    let how = Fit::new().epochs(2).checkpoint(&checkpoint).callback(EarlyStopping::new("loss", 1));
    assert!(classifier().fit(&quadrants(20), how).unwrap_err().to_string().contains("another training"));
}

#[test]
fn an_optimizer_goes_on_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model");
    let compile = |model: &mut Model| {
        let how = Compile::new(RmsProp::new(0.01).momentum(0.9)).loss(SparseCategoricalCrossentropy::default());
        model.compile(how).unwrap();
    };
    let (mut whole, data) = (classifier(), quadrants(30));
    compile(&mut whole);
    whole.fit(&data, Fit::new().epochs(2)).unwrap();
    whole.save(&file).unwrap();
    let learn = |model: &mut Model| model.fit(&data, Fit::new().initial_epoch(2).epochs(4)).unwrap();
    let mut again = Model::load(&file).unwrap();
    compile(&mut again);
    again.load_optimizer(&file).unwrap();
    assert_eq!(learn(&mut again), learn(&mut whole));
    let mut fresh = Model::load(&file).unwrap();
    compile(&mut fresh);
    let answers = fresh.predict(&data, Default::default()).unwrap();
    assert_eq!(answers, Model::load(&file).unwrap().predict(&data, Default::default()).unwrap());
    assert_ne!(learn(&mut fresh), learn(&mut again), "without it the momentum is gone");
}

#[test]
fn sample_weights_count_in_the_mean_as_in_keras() {
    let mut model = classifier();
    let data = quadrants(40);
    let alone: Vec<f32> = (0..40)
        .map(|sample| {
            let weights: Vec<f32> = (0..40).map(|it| f32::from(u8::from(it == sample))).collect();
            model.evaluate(&data, Evaluate::new().batch_size(40).sample_weight(weights)).unwrap()[0].1 * 40.0
        })
        .collect();
    let weights: Vec<f32> = (0..40).map(|sample| (sample % 3) as f32).collect();
    let sum: f32 = alone.iter().zip(&weights).map(|(loss, weight)| loss * weight).sum();
    let found = model.evaluate(&data, Evaluate::new().batch_size(7).sample_weight(weights.clone())).unwrap();
    assert!((found[0].1 - sum / 40.0).abs() < 1e-4, "{} is not {}", found[0].1, sum / 40.0);
    // The same through the dataset.
    let weighted = data.clone().sample_weight(weights).unwrap();
    assert_eq!(model.evaluate(&weighted, Evaluate::new().batch_size(7)).unwrap(), found);
    assert!(
        model
            .evaluate(&data, Evaluate::new().sample_weight([1.0]))
            .unwrap_err()
            .to_string()
            .contains("1 sample weights")
    );
}

#[test]
fn frozen_through_and_through_there_is_nothing_to_learn() {
    let mut model = classifier();
    model.freeze();
    assert!(model.fit(&quadrants(4), Fit::new()).unwrap_err().to_string().contains("every layer is frozen"));
}
