//! What `fit`, `evaluate` and `predict` do with their arguments.

use std::cell::RefCell;

use wayside_train::callback::{
    Callback, CsvLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint, ReduceLrOnPlateau, Training,
};
use wayside_train::data::Arrays;
use wayside_train::loss::{BinaryCrossentropy, MeanAbsoluteError, MeanSquaredError, SparseCategoricalCrossentropy};
use wayside_train::metric::{Auc, BinaryAccuracy, MeanOf, SparseCategoricalAccuracy};
use wayside_train::model::{Compile, Evaluate, Fit, Logs, Predict};
use wayside_train::optimizer::{Adam, Sgd};
use wayside_train::prelude::*;

use crate::{array, numbers};

/// Points whose class is the quadrant they lie in.
fn quadrants(count: usize, seed: u64) -> Arrays {
    let x = numbers(seed, count * 2, 1.0);
    let y = x.chunks(2).map(|it| f32::from(u8::from(it[0] > 0.0)) + 2.0 * f32::from(u8::from(it[1] > 0.0))).collect();
    Arrays::new(array(&[count, 2], x), array(&[count, 1], y)).unwrap()
}

fn classifier() -> Model {
    let mut model = Sequential::new()
        .add(Dense::new(16).activation(Activation::Relu))
        .add(Dense::new(4).activation(Activation::Softmax))
        .build([2])
        .unwrap();
    let how = Compile::new(Adam::new(0.02)).loss(SparseCategoricalCrossentropy::default());
    model.compile(how.metric(SparseCategoricalAccuracy::default())).unwrap();
    model
}

/// Notes what it is asked.
struct Spy<'a>(&'a RefCell<Vec<String>>);

impl Callback for Spy<'_> {
    fn epoch_begin(&mut self, epoch: usize, training: &mut Training) -> wayside_train::Result<()> {
        self.0.borrow_mut().push(format!("epoch {epoch} at {}", training.model.learning_rate()?));
        Ok(())
    }

    fn batch_end(&mut self, batch: usize, _: &Logs, _: &mut Training) -> wayside_train::Result<()> {
        self.0.borrow_mut().push(format!("batch {batch}"));
        Ok(())
    }
}

#[test]
fn a_network_learns_and_is_measured_on_what_it_has_not_seen() {
    let (train, test) = (quadrants(400, 1), quadrants(200, 2));
    let mut model = classifier();
    let history = model.fit(&train, Fit::new().epochs(20).validation_data(&test)).unwrap();
    assert_eq!(history.epochs(), 20);
    assert_eq!(history.names().collect::<Vec<_>>(), ["accuracy", "loss", "val_accuracy", "val_loss"]);
    let accuracy = history.last("val_accuracy").unwrap();
    assert!(accuracy > 0.95, "{accuracy}");
    let measured = model.evaluate(&test, Evaluate::new().batch_size(7)).unwrap();
    assert!((measured[1].1 - accuracy).abs() < 1e-6);
    assert!((measured[0].1 - history.last("val_loss").unwrap()).abs() < 1e-5, "batches of another size cost the same");
    let answers = model.predict(&test, Predict::new().batch_size(64)).unwrap();
    assert_eq!(answers[0].shape(), [200, 4]);
    assert_eq!(model.predict(&test, Predict::new().batch_size(50).steps(2)).unwrap()[0].shape(), [100, 4]);
}

#[test]
fn the_same_seed_gives_the_same_course_and_shuffling_another() {
    let train = quadrants(100, 1);
    let course = |shuffle| {
        let mut model = classifier();
        model.fit(&train, Fit::new().epochs(3).shuffle(shuffle)).unwrap()
    };
    assert_eq!(course(true), course(true));
    assert_ne!(course(true), course(false));
}

#[test]
fn steps_epochs_and_rates_are_as_asked_for() {
    let seen = RefCell::new(Vec::new());
    let mut model = classifier();
    let how = Fit::new()
        .batch_size(32)
        .initial_epoch(1)
        .epochs(3)
        .steps_per_epoch(2)
        .callback(LearningRateScheduler::new(|epoch, rate| if epoch == 1 { rate * 0.5 } else { rate * 0.25 }));
    model.fit(&quadrants(100, 1), how.callback(Spy(&seen))).unwrap();
    assert_eq!(seen.into_inner(), ["epoch 1 at 0.01", "batch 0", "batch 1", "epoch 2 at 0.0025", "batch 0", "batch 1"]);
}

#[test]
fn a_validation_split_takes_the_last_samples() {
    let mut model = classifier();
    let all = quadrants(100, 1);
    let history = model.fit(&all, Fit::new().epochs(2).validation_split(0.2)).unwrap();
    // What was measured is what the last 20 of 100 cost.
    let last: Vec<usize> = (80..100).collect();
    let Batch { mut x, mut y, .. } = all.batch(&last, 0).unwrap();
    let measured = model.evaluate(&Arrays::new(x.remove(0), y.remove(0)).unwrap(), Evaluate::new()).unwrap()[0].1;
    assert!((measured - history.last("val_loss").unwrap()).abs() < 1e-5, "{measured}");
    // The others are learned: 80 of them in batches of 32.
    let seen = RefCell::new(Vec::new());
    model.fit(&all, Fit::new().validation_split(0.2).callback(Spy(&seen))).unwrap();
    assert_eq!(seen.into_inner().len(), 1 + 3);
}

#[test]
fn weights_of_samples_and_classes_change_what_is_learned() {
    // Two kinds of truth for one input: the answer is their weighted mean.
    let x = array(&[4, 1], vec![1.0; 4]);
    let y = array(&[4, 1], vec![0.0, 0.0, 1.0, 1.0]);
    let answer = |arrays: Arrays, how: Fit| {
        let mut model = Sequential::new().add(Dense::new(1).use_bias(false)).build([1]).unwrap();
        model.compile(Compile::new(Sgd::new(0.1)).loss(MeanSquaredError)).unwrap();
        model.fit(&arrays, how.epochs(200).batch_size(4)).unwrap();
        model.parameters()[0].to_vec()[0]
    };
    let plain = Arrays::new(x.clone(), y.clone()).unwrap();
    assert!((answer(plain.clone(), Fit::new()) - 0.5).abs() < 1e-3);
    let weighted = plain.clone().sample_weight(vec![1.0, 1.0, 3.0, 3.0]).unwrap();
    assert!((answer(weighted, Fit::new()) - 0.75).abs() < 1e-3);
    assert!((answer(plain, Fit::new().class_weight([3.0, 1.0])) - 0.25).abs() < 1e-3);
}

#[test]
fn several_outputs_have_losses_weights_and_metrics_of_their_own() {
    let input = Input::new([2]);
    let sum = Dense::new(1).named("sum").on(&input).unwrap();
    let sign = Dense::new(1).activation(Activation::Sigmoid).named("sign").on(&input).unwrap();
    let mut model = Model::new(&[input], &[sum, sign]).unwrap();
    let how = Compile::new(Adam::new(0.05)).loss(MeanSquaredError).loss(BinaryCrossentropy::default());
    let how = how.loss_weights([2.0, 0.5]).metric_of(0, MeanOf::new("mae", MeanAbsoluteError));
    model.compile(how.metric_of(1, BinaryAccuracy::default()).weighted_metric(1, Auc::default())).unwrap();
    let x = numbers(3, 200, 1.0);
    let sums: Vec<f32> = x.chunks(2).map(|it| it[0] + it[1]).collect();
    let signs = sums.iter().map(|&it| f32::from(u8::from(it > 0.0))).collect();
    let data =
        Arrays::several(vec![array(&[100, 2], x)], vec![array(&[100, 1], sums), array(&[100, 1], signs)]).unwrap();
    let history = model.fit(&data, Fit::new().epochs(60)).unwrap();
    let last = |name: &str| history.last(name).unwrap();
    assert!((last("loss") - (2.0 * last("sum_loss") + 0.5 * last("sign_loss"))).abs() < 1e-4);
    assert!(last("sum_mae") < 0.1 && last("sign_binary_accuracy") > 0.9 && last("sign_auc") > 0.95);
}

#[test]
fn frozen_layers_stay_and_keep_their_statistics() {
    let mut model = Sequential::new()
        .add_named("first", Dense::new(4))
        .add_named("norm", BatchNormalization::new())
        .add_named("last", Dense::new(4).activation(Activation::Softmax))
        .build([2])
        .unwrap();
    model.set_trainable(&["first", "norm"], false).unwrap();
    model.compile(Compile::new(Sgd::new(0.1)).loss(SparseCategoricalCrossentropy::default())).unwrap();
    let before: Vec<Vec<f32>> = model.parameters().iter().map(|it| it.to_vec()).collect();
    model.fit(&quadrants(64, 1), Fit::new().epochs(2)).unwrap();
    for (parameter, before) in model.parameters().iter().zip(before) {
        assert_eq!(parameter.name.starts_with("last"), parameter.to_vec() != before, "{}", parameter.name);
    }
}

#[test]
fn constraints_and_regularizers_hold() {
    let dense = Dense::new(4)
        .kernel_constraint(Constraint::MaxNorm(0.5))
        .bias_regularizer(wayside_train::regularizer::l2(0.1))
        .bias_initializer(Initializer::Constant(1.0));
    let mut model = Sequential::new().add(dense).build([2]).unwrap();
    let loss = SparseCategoricalCrossentropy { from_logits: true, ..Default::default() };
    model.compile(Compile::new(Sgd::new(0.5)).loss(loss)).unwrap();
    let data = quadrants(64, 1);
    let before = model.evaluate(&data, Evaluate::new()).unwrap()[0].1;
    model.fit(&data, Fit::new().epochs(5)).unwrap();
    let kernel = model.parameters()[0].to_vec();
    for output in 0..4 {
        let norm = (kernel[output].powi(2) + kernel[4 + output].powi(2)).sqrt();
        assert!(norm <= 0.5 + 1e-4, "{norm}");
    }
    // 4 biases of 1 cost 0.1 each, beside what the answers cost: ln 4 at most at the start for logits so small.
    assert!(before > 0.4 + 1.0, "{before}");
}

#[test]
fn callbacks_stop_save_and_write() {
    let folder = tempfile::tempdir().unwrap();
    let best = folder.path().join("best.safetensors");
    let csv = folder.path().join("history.csv");
    let mut model = classifier();
    // Nothing is learned, so nothing gets better.
    model.set_learning_rate(0.0).unwrap();
    let test = quadrants(50, 2);
    let how = Fit::new().epochs(20).validation_data(&test);
    let how = how.callback(EarlyStopping::new("val_loss", 3)).callback(CsvLogger::new(&csv));
    let how = how.callback(ModelCheckpoint::new(&best).save_best_only(true));
    let history = model.fit(&quadrants(50, 1), how).unwrap();
    assert_eq!(history.epochs(), 4);
    let rows = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(rows.lines().count(), 5);
    assert!(rows.starts_with("epoch,learning_rate,loss,accuracy,val_loss,val_accuracy\n1,0,"), "{rows}");
    assert_eq!(Model::load(&best).unwrap().parameters().len(), 4);
}

#[test]
fn the_best_weights_come_back() {
    let mut model = classifier();
    let test = quadrants(50, 2);
    // The rate grows until the network is ruined.
    let how = Fit::new()
        .epochs(8)
        .validation_data(&test)
        .callback(LearningRateScheduler::new(|epoch, _| if epoch < 4 { 0.02 } else { 5.0 }));
    let how = how.callback(EarlyStopping::new("val_loss", 4).restore_best_weights(true));
    let history = model.fit(&quadrants(200, 1), how).unwrap();
    let best = history.get("val_loss").unwrap().iter().copied().fold(f32::MAX, f32::min);
    let found = model.evaluate(&test, Evaluate::new()).unwrap()[0].1;
    assert!((found - best).abs() < 1e-5, "{found} is not {best}");
}

#[test]
fn a_plateau_makes_the_steps_smaller() {
    let mut model = classifier();
    // Steps too small to come any further.
    model.set_learning_rate(1e-9).unwrap();
    let how = Fit::new().epochs(5).callback(ReduceLrOnPlateau::new("loss").patience(2).factor(0.5));
    model.fit(&quadrants(20, 1), how).unwrap();
    // No better loss in epochs 2 and 3, then in 4 and 5.
    assert!((model.learning_rate().unwrap() - 0.25e-9).abs() < 1e-15);
}
