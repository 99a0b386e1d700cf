//! The moving statistics of batch normalisation: Keras mixes in the batch's mean and its variance over n, not over n − 1.

use ndarray::{ArrayD, Axis};
use wayside_train::data::Arrays;
use wayside_train::loss::MeanSquaredError;
use wayside_train::model::Compile;
use wayside_train::optimizer::Sgd;
use wayside_train::prelude::*;

use crate::cases::numbers;

fn model() -> Model {
    let input = Input::new([3, 4, 2]);
    let output = BatchNormalization::new().momentum(0.9).named("norm").on(&input).unwrap();
    let mut model = Model::new(&[input], &[output]).unwrap();
    model.set_parameter("norm/moving_mean", &[2.0, -1.0]).unwrap();
    model.set_parameter("norm/moving_variance", &[0.5, 3.0]).unwrap();
    model
}

fn batch() -> Batch {
    let array = |seed| ArrayD::from_shape_vec(vec![5, 3, 4, 2], numbers(120, seed)).unwrap();
    Arrays::new(array(1), array(2)).unwrap().batch(&[0, 1, 2, 3, 4], 0).unwrap()
}

fn statistics(model: &Model) -> [Vec<f32>; 2] {
    ["norm/moving_mean", "norm/moving_variance"]
        .map(|name| model.parameters().iter().find(|it| it.name == name).unwrap().to_vec())
}

#[test]
fn a_step_mixes_in_the_statistics_of_the_batch() {
    let (mut model, batch) = (model(), batch());
    model.compile(Compile::new(Sgd::new(0.1)).loss(MeanSquaredError)).unwrap();
    model.train_on_batch(&batch).unwrap();
    let rows = batch.x[0].to_shape((60, 2)).unwrap().to_owned();
    let (mean, variance) = (rows.mean_axis(Axis(0)).unwrap(), rows.var_axis(Axis(0), 0.0));
    let [moved_mean, moved_variance] = statistics(&model);
    for channel in 0..2 {
        let expected = 0.9 * [2.0, -1.0][channel] + 0.1 * mean[channel];
        assert!((moved_mean[channel] - expected).abs() < 1e-5, "{} {expected}", moved_mean[channel]);
        let expected = 0.9 * [0.5, 3.0][channel] + 0.1 * variance[channel];
        assert!((moved_variance[channel] - expected).abs() < 1e-5, "{} {expected}", moved_variance[channel]);
    }
}

#[test]
fn a_frozen_layer_keeps_them_and_normalises_by_them() {
    let (mut model, batch) = (model(), batch());
    model.freeze();
    let upstream = ArrayD::ones(vec![5, 3, 4, 2]);
    let trained = model.gradients(&batch.x, &[upstream], true).unwrap().outputs;
    let predicted = model.predict_on_batch(&batch.x).unwrap();
    assert!(trained[0].iter().zip(&predicted[0]).all(|(a, b)| (a - b).abs() < 1e-5));
    let before = statistics(&model);
    model.compile(Compile::new(Sgd::new(0.1)).loss(MeanSquaredError)).unwrap();
    // A model that learns nothing may refuse the step; its statistics stay either way.
    let _ = model.train_on_batch(&batch);
    assert_eq!(statistics(&model), before);
}
