//! Dropout is drawn, so that there is nothing to compare it with: what it promises is looked at instead.

use ndarray::ArrayD;
use wayside_train::prelude::*;

fn run(seed: u64, training: bool) -> (Vec<f32>, Vec<f32>) {
    let input = Input::new([1000]);
    let output = Dropout::new(0.3).on(&input).unwrap();
    let model = Model::seeded(&[input], &[output], seed).unwrap();
    let ones = ArrayD::from_elem(vec![4, 1000], 1.0);
    let found = model.gradients(std::slice::from_ref(&ones), std::slice::from_ref(&ones), training).unwrap();
    (found.outputs[0].iter().copied().collect(), found.inputs[0].iter().copied().collect())
}

#[test]
fn dropout_drops_its_rate_scales_the_rest_and_follows_the_seed() {
    let (outputs, gradients) = run(5, true);
    let dropped = outputs.iter().filter(|number| **number == 0.0).count();
    assert!((1100..1300).contains(&dropped), "{dropped} of 4000");
    assert!(outputs.iter().all(|number| *number == 0.0 || (number - 1.0 / 0.7).abs() < 1e-6));
    assert_eq!(outputs, gradients, "what is dropped learns nothing, the rest more");
    assert_eq!(run(5, true).0, outputs);
    assert_ne!(run(6, true).0, outputs);
    assert!(run(5, false).0.iter().all(|number| *number == 1.0), "it does nothing after training");
}

#[test]
fn a_rate_of_all_is_refused() {
    for rate in [1.0, -0.1, f32::NAN] {
        let error = Dropout::new(rate).on(&Input::new([3])).unwrap_err();
        assert!(error.to_string().contains("has a rate of"), "{error}");
    }
}
