//! Five steps of a small residual network, from the same weights and batches as PyTorch.

use wayside_train::loss::SparseCategoricalCrossentropy;
use wayside_train::model::Compile;
use wayside_train::optimizer::Sgd;
use wayside_train::prelude::*;

use crate::{array, expected, floats, numbers};

fn network() -> wayside_train::Result<Model> {
    let block = |x: &Symbol, name: &str| Conv2D::new(8, 3).padding(Padding::Same).named(name).on(x);
    let input = Input::new([8, 8, 3]);
    let stem = Activation::Relu.on(&BatchNormalization::new().on(&block(&input, "stem")?)?)?;
    let x = Activation::Relu.on(&BatchNormalization::new().on(&block(&stem, "a")?)?)?;
    let x = BatchNormalization::new().on(&block(&x, "b")?)?;
    let x = Activation::Relu.on(&Add::new().on([&stem, &x])?)?;
    let scores = Dense::new(4).named("fc").on(&GlobalAveragePooling2D::new().on(&x)?)?;
    let mut model = Model::new(&[input], &[scores])?;
    model.set_parameter("stem/kernel", &numbers(31, 216, 0.3))?;
    model.set_parameter("a/kernel", &numbers(32, 576, 0.3))?;
    model.set_parameter("b/kernel", &numbers(33, 576, 0.3))?;
    model.set_parameter("fc/kernel", &numbers(34, 32, 0.5))?;
    Ok(model)
}

#[test]
fn five_steps_follow_the_reference() {
    let mut model = network().unwrap();
    let loss = SparseCategoricalCrossentropy { from_logits: true, ..Default::default() };
    model.compile(Compile::new(Sgd::new(0.1).momentum(0.9)).loss(loss)).unwrap();
    for (number, expected) in floats(&expected()["course"]).into_iter().enumerate() {
        let x = array(&[6, 8, 8, 3], numbers(200 + number as u64, 6 * 8 * 8 * 3, 1.0));
        let labels = (0..6).map(|sample| ((number + 3 * sample) % 4) as f32).collect();
        let batch = Batch { x: vec![x], y: vec![array(&[6, 1], labels)], weights: None };
        let found = model.train_on_batch(&batch).unwrap()[0].1;
        assert!((found - expected).abs() <= 1e-3 * expected, "step {number}: {found}, not {expected}");
    }
}
