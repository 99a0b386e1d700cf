//! Each loss and its gradient.

use burn::tensor::Tensor;
use wayside_train::device::Device;
use wayside_train::loss::{
    ArcFace, BinaryCrossentropy, CategoricalCrossentropy, Huber, Loss, MeanAbsoluteError, MeanSquaredError, Mining,
    SparseCategoricalCrossentropy, Triplet,
};
use wayside_train::value::Value;

use crate::{close, expected, floats, numbers};

const WEIGHTS: [f32; 5] = [1.0, 0.5, 2.0, 0.0, 1.5];
const CLASSES: [f32; 5] = [2.0, 0.0, 3.0, 1.0, 2.0];
const PEOPLE: [f32; 5] = [0.0, 0.0, 1.0, 1.0, 1.0];

#[test]
fn every_loss_and_its_gradient_are_the_reference_s() {
    let plain = |seed| numbers(seed, 20, 1.0);
    let large = |seed| numbers(seed, 20, 3.0);
    let chances = |seed| numbers(seed, 20, 0.45).iter().map(|it| it + 0.5).collect::<Vec<f32>>();
    let y = plain(11);
    let yes: Vec<f32> = plain(12).iter().map(|&it| f32::from(u8::from(it > 0.0))).collect();
    let hot: Vec<f32> =
        CLASSES.iter().flat_map(|&class| (0..4).map(move |it| f32::from(u8::from(it as f32 == class)))).collect();
    let (classes, people) = (CLASSES.to_vec(), PEOPLE.to_vec());
    let binary = |from_logits, label_smoothing| BinaryCrossentropy { from_logits, label_smoothing };
    let category = |from_logits, label_smoothing| CategoricalCrossentropy { from_logits, label_smoothing };
    let sparse = |from_logits, label_smoothing| SparseCategoricalCrossentropy { from_logits, label_smoothing };
    type Case = (&'static str, Box<dyn Loss>, Vec<f32>, Vec<f32>, &'static [usize]);
    let cases: Vec<Case> = vec![
        ("mse", Box::new(MeanSquaredError), y.clone(), plain(20), &[4]),
        ("mae", Box::new(MeanAbsoluteError), y.clone(), plain(20), &[4]),
        ("huber", Box::new(Huber { delta: 0.4 }), y, plain(20), &[4]),
        ("binary", Box::new(binary(false, 0.0)), yes.clone(), chances(21), &[4]),
        ("binary_logits_smooth", Box::new(binary(true, 0.1)), yes, large(22), &[4]),
        ("categorical", Box::new(category(false, 0.0)), hot.clone(), chances(23), &[4]),
        ("categorical_logits_smooth", Box::new(category(true, 0.2)), hot, large(24), &[4]),
        ("sparse", Box::new(sparse(false, 0.0)), classes.clone(), chances(23), &[4]),
        ("sparse_logits", Box::new(sparse(true, 0.0)), classes.clone(), large(24), &[4]),
        ("sparse_logits_smooth", Box::new(sparse(true, 0.2)), classes.clone(), large(24), &[4]),
        ("triplet", Box::new(Triplet::new(Mining::Given)), classes.clone(), numbers(25, 60, 1.0), &[3, 4]),
        ("triplet_batch_hard", Box::new(Triplet::new(Mining::BatchHard)), people.clone(), plain(26), &[4]),
        ("triplet_batch_all", Box::new(Triplet::new(Mining::BatchAll)), people, plain(26), &[4]),
        ("arcface", Box::new(ArcFace::default()), classes, numbers(27, 20, 0.9), &[4]),
    ];
    let expected = expected();
    assert_eq!(cases.len(), expected["losses"].as_object().unwrap().len());
    let device = Device::flex().autodiff();
    for (name, loss, truth, prediction, shape) in cases {
        let leaf = Tensor::<1>::from_floats(prediction.as_slice(), &device).require_grad();
        let truth_shape = [truth.len() / 5];
        loss.fits(&truth_shape, shape).unwrap();
        let truth = Value::from_flat(Tensor::from_floats(truth.as_slice(), &device), 5, &truth_shape).unwrap();
        let each = loss.call(truth, Value::from_flat(leaf.clone(), 5, shape).unwrap());
        let found: Vec<f32> = each.to_data().try_to_vec().unwrap();
        close(name, &found, &floats(&expected["losses"][name]["each"]));
        let gradients = (each * Tensor::<1>::from_floats(WEIGHTS, &device)).mean().backward();
        let found: Vec<f32> = leaf.grad(&gradients).unwrap().to_data().try_to_vec().unwrap();
        close(&format!("gradient of {name}"), &found, &floats(&expected["losses"][name]["gradient"]));
    }
}

#[test]
fn arcface_costs_less_the_nearer_its_own_class_is() {
    let device = Device::flex();
    let costs: Vec<f32> = (-199..200)
        .map(|own| {
            let cosines = Tensor::<1>::from_floats([own as f32 / 200.0, 0.1, -0.3], &device);
            let truth = Value::from_flat(Tensor::from_floats([0.0], &device), 1, &[1]).unwrap();
            let loss = ArcFace { margin: 0.5, scale: 4.0 };
            loss.call(truth, Value::from_flat(cosines, 1, &[3]).unwrap()).into_scalar::<f32>()
        })
        .collect();
    // Beyond an angle of π − margin as well: a plain cos(angle + margin) would cost less again there.
    for (place, pair) in costs.windows(2).enumerate() {
        assert!(pair[1] < pair[0], "{} at {}", pair[1] - pair[0], (place as f32 - 199.0) / 200.0);
    }
}
