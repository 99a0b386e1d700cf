//! Five steps of each optimizer.

use wayside_train::device::Device;
use wayside_train::initializer::Initializer;
use wayside_train::optimizer::{Adam, AdamW, Muon, Optimizer, RmsProp, Sgd, Step, apply};
use wayside_train::parameter::Spec;

use burn::tensor::Tensor;

use crate::{close, expected, floats, numbers};

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
        ("adam", Box::new(Adam::new(0.05))),
        ("adam_w", Box::new(AdamW::new(0.05).weight_decay(0.1))),
        ("muon", Box::new(Muon::new(0.05, 0.002))),
    ];
    assert_eq!(cases.len(), expected["optimizers"].as_object().unwrap().len());
    let device = Device::flex();
    let spec = Spec::new("kernel", [4, 6], Initializer::Zeros);
    for (name, optimizer) in cases {
        let mut value = Tensor::<1>::from_floats(numbers(1, 24, 1.0).as_slice(), &device);
        let mut slots = Vec::new();
        for number in 1..=5 {
            let gradient = Tensor::<1>::from_floats(numbers(100 + number as u64, 24, 1.0).as_slice(), &device);
            let step = Step { rate: 0.05, number, spec: &spec };
            value = apply(&*optimizer, value, gradient, &mut slots, &step);
            let found: Vec<f32> = value.to_data().try_to_vec().unwrap();
            close(&format!("{name}, step {number}"), &found, &floats(&expected["optimizers"][name][number - 1]));
        }
    }
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
