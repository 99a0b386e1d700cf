//! Five steps of each optimizer.

use wayside_train::device::Device;
use wayside_train::loss::MeanSquaredError;
use wayside_train::model::Compile;
use wayside_train::optimizer::{Adam, AdamW, Muon, Optimizer, RmsProp, Sgd, Step, apply, by_name};
use wayside_train::parameter::Spec;
use wayside_train::prelude::*;
use wayside_train::schedule::Schedule;

use burn::tensor::{DType, Tensor};

use crate::{array, close, expected, floats, numbers};

#[test]
fn every_optimizer_makes_the_reference_s_steps() {
    let expected = expected();
    let cases: Vec<(&str, Box<dyn Optimizer>)> = vec![
        ("sgd", Box::new(Sgd::new(0.05))),
        ("sgd_momentum", Box::new(Sgd::new(0.05).momentum(0.9))),
        ("sgd_nesterov", Box::new(Sgd::new(0.05).momentum(0.9).nesterov(true))),
        ("sgd_clipnorm", Box::new(Sgd::new(0.05).clipnorm(1.0))),
        ("sgd_clipvalue", Box::new(Sgd::new(0.05).clipvalue(0.3))),
        ("rms_prop", Box::new(RmsProp::new(0.05))),
        ("rms_prop_centered", Box::new(RmsProp::new(0.05).centered(true).momentum(0.9))),
        ("rms_prop_momentum", Box::new(RmsProp::new(0.05).momentum(0.9))),
        ("adam", Box::new(Adam::new(0.05))),
        ("adam_amsgrad", Box::new(Adam::new(0.05).amsgrad(true))),
        ("adam_w", Box::new(AdamW::new(0.05).weight_decay(0.1))),
        ("muon", Box::new(Muon::new(0.05, 0.002))),
    ];
    assert_eq!(cases.len(), expected["optimizers"].as_object().unwrap().len());
    let device = Device::flex();
    let spec = Spec::new("kernel", [4, 6], Initializer::Zeros);
    for (name, optimizer) in cases {
        // Only 32-bit floats are changed in one pass; 64-bit ones take the way of other devices.
        for kind in [DType::F32, DType::F64] {
            let tensor = |seed| Tensor::<1>::from_floats(numbers(seed, 24, 1.0).as_slice(), &device).cast(kind);
            let mut value = tensor(1);
            let mut slots = Vec::new();
            for number in 1..=5 {
                let step = Step { rate: 0.05, number, spec: &spec };
                value = apply(&*optimizer, value, tensor(100 + number as u64), &mut slots, &step);
                assert_eq!(value.dtype(), kind);
                let found: Vec<f32> = value.to_data().iter().collect();
                let expected = floats(&expected["optimizers"][name][number - 1]);
                close(&format!("{name}, step {number}, {kind:?}"), &found, &expected);
            }
        }
    }
}

#[test]
fn names_give_keras_defaults() {
    for (name, class, rate) in [("sgd", "SGD", 0.01), ("rmsprop", "RMSprop", 0.001), ("adamw", "AdamW", 0.001)] {
        let optimizer = by_name(name).unwrap();
        assert_eq!((optimizer.name(), optimizer.settings().learning_rate.rate(0)), (class, rate));
    }
    assert_eq!(by_name("adamw").unwrap().settings().weight_decay, Some(0.004));
    assert!(by_name("lion").unwrap_err().to_string().contains("sgd, rmsprop, adam, adamw, muon"));
}

#[test]
fn vectors_keep_out_of_weight_decay() {
    let device = Device::flex();
    let spec = Spec::new("bias", [3], Initializer::Zeros);
    let value = Tensor::<1>::ones([3], &device);
    let step = Step { rate: 0.5, number: 1, spec: &spec };
    let found = apply(&Sgd::new(0.5).weight_decay(0.5), value, Tensor::zeros([3], &device), &mut Vec::new(), &step);
    assert_eq!(found.into_data().try_to_vec::<f32>().unwrap(), [1.0; 3]);
}

#[test]
fn a_warm_up_leaves_muon_s_two_rates_in_proportion() {
    let device = Device::flex();
    let spec = Spec::new("bias", [3], Initializer::Zeros);
    let schedule = Schedule::Cosine { initial: 0.02, last: 0.0, steps: 1000, warm_up: 100 };
    let value = Tensor::<1>::zeros([3], &device);
    for (schedule, step) in [(schedule, 100), (Schedule::Constant(0.02).warm_up(50), 50)] {
        let step = Step { rate: schedule.rate(step), number: 1, spec: &spec };
        let gradient = Tensor::ones([3], &device);
        let moved = apply(&Muon::new(schedule, 0.002), value.clone(), gradient, &mut Vec::new(), &step);
        // Adam's first step is as long as its rate.
        assert!(moved.into_data().iter::<f32>().all(|it| (it + 0.002).abs() < 1e-5));
    }
}

#[test]
fn all_gradients_together_are_no_longer_than_the_global_norm() {
    let x = array(&[4, 3], numbers(1, 12, 5.0));
    let y = array(&[4, 2], numbers(2, 8, 5.0));
    let moved = |optimizer: Sgd| {
        let mut model = Sequential::new().add(Dense::new(2)).build([3]).unwrap();
        model.compile(Compile::new(optimizer).loss(MeanSquaredError)).unwrap();
        let before: Vec<f32> = model.parameters().iter().flat_map(|it| it.to_vec()).collect();
        model.train_on_batch(&Batch { x: vec![x.clone()], y: vec![y.clone()], weights: None }).unwrap();
        let after = model.parameters().iter().flat_map(|it| it.to_vec());
        after.zip(before).map(|(after, before)| after - before).collect::<Vec<f32>>()
    };
    let norm = |moved: &[f32]| moved.iter().map(|it| it * it).sum::<f32>().sqrt();
    let free = moved(Sgd::new(1.0));
    assert!(norm(&free) > 1.0, "{free:?}");
    let held = moved(Sgd::new(1.0).global_clipnorm(0.5));
    assert!((norm(&held) - 0.5).abs() < 1e-4, "{}", norm(&held));
    // In the same direction.
    let scaled: Vec<f32> = free.iter().map(|it| it * 0.5 / norm(&free)).collect();
    close("direction", &held, &scaled);
    close("below the limit", &moved(Sgd::new(1.0).global_clipnorm(1e6)), &free);
}
