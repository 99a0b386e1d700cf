//! Losses of several outputs at once, of steps, and of triplets.

use burn::tensor::Tensor;
use ndarray::{ArrayD, Axis};
use wayside_train::data::{Arrays, Batch, Dataset};
use wayside_train::loss::{JointLoss, MeanSquaredError, Mining, Reduction, Triplet};
use wayside_train::metric::BinaryAccuracy;
use wayside_train::model::{Compile, Fit, SampleWeightMode};
use wayside_train::optimizer::{Adam, Sgd};
use wayside_train::prelude::*;
use wayside_train::value::Value;

use crate::{array, numbers};

/// Two outputs, (1) each: the first is to be the sum of the marks of a sample, the second their number. Truth are the marks of
/// the whole batch in a row, (marks, 2): sample and value. A detector's boxes come like that.
#[derive(Debug)]
struct Marks;

impl JointLoss for Marks {
    fn call(&self, truth: &[ArrayD<f32>], predictions: Vec<Value>) -> Vec<Tensor<1>> {
        let batch = predictions[0].batch();
        let (mut sums, mut counts) = (vec![0.0; batch], vec![0.0; batch]);
        for mark in truth[0].outer_iter() {
            sums[mark[0] as usize] += mark[1];
            counts[mark[0] as usize] += 1.0;
        }
        let squared = |prediction: &Value, wanted: &[f32]| {
            let flat = prediction.clone().into_flat();
            let difference = flat - Tensor::from_floats(wanted, &wayside_train::device::Device::flex());
            difference.clone() * difference
        };
        vec![squared(&predictions[0], &sums), squared(&predictions[1], &counts)]
    }

    fn parts(&self) -> Vec<String> {
        ["sum", "count"].map(String::from).into()
    }

    fn check(&self, truth: &[ArrayD<f32>], batch: usize, _outputs: &[&[usize]]) -> Result<(), String> {
        match truth {
            [marks] if marks.outer_iter().all(|mark| mark.len() == 2 && mark[0] < batch as f32) => Ok(()),
            _ => Err("is not one array of (sample, value)".into()),
        }
    }
}

/// Sample i has i % 4 marks of value 1/2; its input is how many, as a one of four.
struct Marked {
    broken: bool,
}

impl Dataset for Marked {
    fn len(&self) -> usize {
        64
    }

    fn batch(&self, samples: &[usize], _epoch: usize) -> wayside_train::Result<Batch> {
        let mut x = ArrayD::zeros(vec![samples.len(), 4]);
        let mut marks = Vec::new();
        for (place, sample) in samples.iter().enumerate() {
            x[[place, sample % 4]] = 1.0;
            let place = if self.broken { samples.len() } else { place };
            (0..sample % 4).for_each(|_| marks.extend([place as f32, 0.5]));
        }
        Ok(Batch { x: vec![x], y: vec![array(&[marks.len() / 2, 2], marks)], weights: None })
    }
}

#[test]
fn a_loss_of_one_s_own_takes_all_outputs_and_truth_of_any_length() {
    let input = Input::new([4]);
    let outputs = ["sum", "count"].map(|name| Dense::new(1).named(name).on(&input).unwrap());
    let mut model = Model::new(&[input], &outputs).unwrap();
    model.compile(Compile::new(Adam::new(0.1)).joint_loss(Marks).loss_weights([2.0, 1.0])).unwrap();
    let history = model.fit(&Marked { broken: false }, Fit::new().batch_size(10).epochs(40)).unwrap();
    assert_eq!(history.names().collect::<Vec<_>>(), ["count_loss", "loss", "sum_loss"]);
    for (name, first) in [("sum_loss", 0.1), ("count_loss", 0.3)] {
        let values = history.get(name).unwrap();
        assert!(values[0] > first && values[39] < 0.01, "{name}: {values:?}");
    }
    let parts = 2.0 * history.get("sum_loss").unwrap()[0] + history.get("count_loss").unwrap()[0];
    assert!((parts - history.get("loss").unwrap()[0]).abs() < 1e-5);
    let error = model.fit(&Marked { broken: true }, Fit::new()).unwrap_err().to_string();
    assert_eq!(error, "the truth is not one array of (sample, value)");
    // Metrics need truth for each sample.
    let how = Compile::new(Adam::new(0.1)).joint_loss(Marks).metric(BinaryAccuracy::default());
    model.compile(how).unwrap();
    let error = model.fit(&Marked { broken: false }, Fit::new()).unwrap_err().to_string();
    assert!(error.contains("binary_accuracy of sum: no truth for each sample"), "{error}");
}

#[test]
fn the_triplet_loss_of_the_notes_sums_over_three_encodings_of_one_shared_network() {
    let encoder = Dense::new(3).named("encoder");
    let inputs = ["anchor", "positive", "negative"].map(|name| Input::named(name, [5]));
    let outputs: Vec<Symbol> = inputs.iter().map(|input| encoder.on(input).unwrap()).collect();
    let mut model = Model::new(&inputs, &outputs).unwrap();
    let loss = Triplet::new(Mining::Given).reduction(Reduction::Sum);
    model.compile(Compile::new(Sgd::new(0.01)).joint_loss(loss)).unwrap();
    let x: Vec<ArrayD<f32>> = (0..3).map(|seed| array(&[4, 5], numbers(seed, 20, 1.0))).collect();
    let codes = model.predict_on_batch(&x).unwrap();
    let distance = |other: &ArrayD<f32>| (&codes[0] - other).mapv(|it| it * it).sum_axis(Axis(1));
    let costs = (distance(&codes[1]) - distance(&codes[2])).mapv(|it| (it + 0.2).max(0.0));
    let found = model.test_on_batch(&Batch { x: x.clone(), y: vec![], weights: None }).unwrap();
    assert!((found[0].1 - costs.sum()).abs() < 1e-5 && costs.sum() > 0.0, "{found:?} is not {}", costs.sum());
    let history = model.fit(&Arrays::several(x, vec![]).unwrap(), Fit::new().epochs(50)).unwrap();
    assert!(history.last("loss").unwrap() < 0.7 * history.get("loss").unwrap()[0]);
    // Two outputs are none for it.
    let two = Dense::new(3).on(&inputs[0]).unwrap();
    let mut model = Model::new(&inputs[..1], &[two.clone(), two]).unwrap();
    model.compile(Compile::new(Sgd::new(0.01)).joint_loss(Triplet::new(Mining::Given))).unwrap();
    let x = array(&[4, 5], numbers(1, 20, 1.0));
    let error = model.train_on_batch(&Batch { x: vec![x], y: vec![], weights: None }).unwrap_err().to_string();
    assert!(error.contains("three outputs alike"), "{error}");
}

#[test]
fn steps_have_weights_of_their_own_in_the_temporal_mode() {
    let input = Input::new([6]);
    let steps = Reshape::new([3, 2]).on(&input).unwrap();
    let mut model = Model::new(&[input], &[steps]).unwrap();
    let how = || Compile::new(Sgd::new(0.1)).loss(MeanSquaredError);
    model.compile(how().sample_weight_mode(SampleWeightMode::Temporal)).unwrap();
    // Each number is wrong by the number of its step.
    let x = array(&[2, 6], vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    let data = Arrays::new(x, array(&[2, 3, 2], vec![0.0; 12])).unwrap();
    let weighted = data.sample_weight(vec![1.0, 0.0, 0.0, 0.0, 2.0, 1.0]).unwrap();
    let found = model.evaluate(&weighted, Default::default()).unwrap()[0].1;
    assert!((found - (1.0 + 2.0 * 4.0 + 9.0) / 6.0).abs() < 1e-5, "{found}");
    model.compile(how()).unwrap();
    let error = model.evaluate(&weighted, Default::default()).unwrap_err().to_string();
    assert!(error.contains("6 sample weights for 2 losses"), "{error}");
}
