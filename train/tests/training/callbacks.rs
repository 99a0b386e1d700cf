//! Callbacks that watch what is measured, told what to see by a metric that says it by rote.

use std::cell::RefCell;
use std::path::Path;

use ndarray::ArrayViewD;
use wayside_train::callback::{
    Callback, Curves, EarlyStopping, LearningRateScheduler, Mode, ModelCheckpoint, MovingAverage, ReduceLrOnPlateau,
    Training,
};
use wayside_train::data::Arrays;
use wayside_train::loss::MeanSquaredError;
use wayside_train::metric::Metric;
use wayside_train::model::{Compile, Fit, History, Logs};
use wayside_train::optimizer::Sgd;
use wayside_train::prelude::*;

use crate::array;

/// Says these values, one in each epoch.
#[derive(Debug)]
struct Rote {
    values: &'static [f32],
    epoch: usize,
}

impl Metric for Rote {
    fn name(&self) -> String {
        "score".into()
    }

    fn update(&mut self, _: ArrayViewD<f32>, _: ArrayViewD<f32>, _: &[f32]) {}

    fn value(&self) -> f32 {
        self.values[self.epoch - 1]
    }

    fn reset(&mut self) {
        self.epoch += 1;
    }
}

/// Notes the rate of each epoch.
struct Rates<'a>(&'a RefCell<Vec<f32>>);

impl Callback for Rates<'_> {
    fn epoch_end(&mut self, _: usize, _: &Logs, training: &mut Training) -> wayside_train::Result<()> {
        self.0.borrow_mut().push(training.model.learning_rate()?);
        Ok(())
    }
}

fn run<'a>(values: &'static [f32], how: impl FnOnce(Fit<'a>) -> Fit<'a>) -> wayside_train::Result<History> {
    let mut model = Sequential::new().add(Dense::new(1)).build([1]).unwrap();
    let compile = Compile::new(Sgd::new(0.8)).loss(MeanSquaredError).metric(Rote { values, epoch: 0 });
    model.compile(compile).unwrap();
    let data = Arrays::new(array(&[2, 1], vec![0.0; 2]), array(&[2, 1], vec![0.0; 2])).unwrap();
    model.fit(&data, how(Fit::new().epochs(values.len())))
}

fn epochs(values: &'static [f32], stopping: EarlyStopping) -> usize {
    run(values, |fit| fit.callback(stopping)).unwrap().epochs()
}

#[test]
fn early_stopping_counts_epochs_that_are_no_better() {
    let watch = |patience| EarlyStopping::new("score", patience).mode(Mode::Max);
    assert_eq!(epochs(&[1.0, 2.0, 2.0, 1.9, 3.0, 3.0], watch(2)), 4);
    assert_eq!(epochs(&[1.0, 2.0, 2.0, 1.9, 3.0, 3.0], watch(3)), 6);
    assert_eq!(epochs(&[1.0, 1.05, 1.1, 2.0], watch(2).min_delta(0.5)), 3, "a small gain is none");
    assert_eq!(epochs(&[5.0, 1.0, 1.0, 2.0, 1.0, 1.0], watch(2).start_from_epoch(1)), 6);
    assert_eq!(epochs(&[1.0, 2.0, 3.0, 4.0], watch(2).baseline(2.5)), 2);
    assert_eq!(epochs(&[1.0, 2.0, 3.0, 4.0], EarlyStopping::new("score", 1)), 2, "less is better of a name like this");
    assert_eq!(epochs(&[f32::NAN, 2.0, 3.0, 4.0], watch(1)), 4, "any number is better than none");
}

#[test]
fn a_plateau_lowers_the_rate_rests_and_ends_at_the_floor() {
    let rates = RefCell::new(Vec::new());
    let plateau = ReduceLrOnPlateau::new("score").patience(2).factor(0.5).cooldown(1).min_rate(0.15);
    let values = &[1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9];
    run(values, |fit| fit.callback(plateau).callback(Rates(&rates))).unwrap();
    // The last epoch of a rest is counted again, as in Keras.
    let expected = [0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.15, 0.15, 0.15, 0.15];
    for (rate, expected) in rates.borrow().iter().zip(expected) {
        assert!((rate - expected).abs() < 1e-6, "{rates:?}");
    }
    assert_eq!(rates.borrow().len(), expected.len());
}

#[test]
fn what_is_not_measured_is_not_watched_in_vain() {
    for (name, error) in [
        ("EarlyStopping", run(&[1.0], |fit| fit.callback(EarlyStopping::new("val_loss", 1)))),
        ("ReduceLrOnPlateau", run(&[1.0], |fit| fit.callback(ReduceLrOnPlateau::new("val_loss")))),
        ("ModelCheckpoint", run(&[1.0], |fit| fit.callback(ModelCheckpoint::new("none").save_best_only(true)))),
    ] {
        let error = error.unwrap_err().to_string();
        assert_eq!(error, format!("{name} watches val_loss, but only loss, score are measured"));
    }
    assert!(!Path::new("none").exists());
}

#[test]
fn checkpoints_are_of_each_epoch_or_of_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let each = ModelCheckpoint::new(file("{epoch:02}-{score:.1}"));
    run(&[3.0, 1.0, 2.0], |fit| fit.callback(each)).unwrap();
    for name in ["01-3.0", "02-1.0", "03-2.0"] {
        Model::load(&file(name)).unwrap();
    }
    let best = ModelCheckpoint::new(file("best-{epoch}")).monitor("score").mode(Mode::Max).save_best_only(true);
    run(&[1.0, 3.0, 2.0, 4.0], |fit| fit.callback(best.initial_value_threshold(2.5))).unwrap();
    let found: Vec<bool> = (1..=4).map(|epoch| file(&format!("best-{epoch}")).exists()).collect();
    assert_eq!(found, [false, true, false, true]);
}

#[test]
fn curves_are_drawn_anew_and_go_on_after_a_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, checkpoint) = (folder.path().join("curves.svg"), folder.path().join("checkpoint"));
    let draw = |count: usize| {
        let curves = Curves::new(&svg).of(&["score", "val_score"]).title("By rote");
        run(&[3.0, 1.0, 2.0], |fit| fit.callback(curves).epochs(count).checkpoint(&checkpoint)).unwrap();
        std::fs::read_to_string(&svg).unwrap()
    };
    let first = draw(2);
    let cut = draw(3);
    std::fs::remove_file(&checkpoint).unwrap();
    let whole = draw(3);
    assert!(whole.contains("By rote") && whole.contains("score") && whole != first);
    // By rote the metric begins anew in a new process: so only the points of the first two epochs are alike.
    assert_ne!(cut, first);
    assert!(cut.contains("polyline") && !whole.contains("val_score"));
}

#[test]
fn a_scheduler_is_asked_once_in_each_epoch() {
    let rates = RefCell::new(Vec::new());
    let halved = LearningRateScheduler::new(|_, rate| rate / 2.0);
    run(&[1.0; 3], |fit| fit.callback(halved).callback(Rates(&rates))).unwrap();
    assert_eq!(rates.into_inner(), [0.4, 0.2, 0.1]);
}

/// Weights after so many epochs of learning y = 3 from x = 1, and those of the average.
fn averaged(epochs: usize, checkpoint: Option<&Path>, average: bool) -> Vec<f32> {
    let mut model = Sequential::new().add(Dense::new(1)).build([1]).unwrap();
    model.compile(Compile::new(Sgd::new(0.05)).loss(MeanSquaredError)).unwrap();
    let data = Arrays::new(array(&[4, 1], vec![1.0; 4]), array(&[4, 1], vec![3.0; 4])).unwrap();
    let mut fit = Fit::new().batch_size(2).epochs(epochs);
    if average {
        fit = fit.callback(MovingAverage::new(0.9999));
    }
    if let Some(file) = checkpoint {
        fit = fit.checkpoint(file);
    }
    model.fit(&data, fit).unwrap();
    model.predict_on_batch(&[array(&[1, 1], vec![1.0])]).unwrap()[0].iter().copied().collect()
}

#[test]
fn an_average_of_weights_follows_them_and_leaves_the_training_as_it_is() {
    let (before, plain, average) =
        (averaged(0, None, false)[0], averaged(3, None, false)[0], averaged(3, None, true)[0]);
    // By hand: both weights alike take the same steps, so the answer's average is that of the answers.
    let (mut answer, mut mean) = (before, before);
    for step in 1..=6 {
        answer += 2.0 * 0.05 * 2.0 * (3.0 - answer);
        let momentum = 0.9999 * (1.0 - (-(step as f32) / 2000.0).exp());
        mean = momentum * mean + (1.0 - momentum) * answer;
    }
    assert!((answer - plain).abs() < 1e-4, "{answer} is not {plain}");
    assert!((mean - average).abs() < 2e-5 && (mean - answer).abs() > 1e-4, "{mean} is not {average}");
}

#[test]
fn an_average_of_weights_goes_on_from_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoint.safetensors");
    averaged(2, Some(&file), true);
    assert_eq!(averaged(4, Some(&file), true), averaged(4, None, true));
}
