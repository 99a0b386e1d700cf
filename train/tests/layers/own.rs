//! The example of a layer of one's own, which is written outside the crate as a user would.

use ndarray::ArrayD;
use wayside_train::prelude::*;

use crate::cases::numbers;

#[path = "../../examples/own_layer.rs"]
#[expect(dead_code, reason = "its main is not run here")]
mod own_layer;

use own_layer::SqueezeExcite;

fn model() -> Model {
    let input = Input::named("x", [3, 4, 6]);
    let output = SqueezeExcite { units: 2 }.named("attention").on(&input).unwrap();
    Model::new(&[input], &[output]).unwrap()
}

fn array(seed: usize) -> ArrayD<f32> {
    ArrayD::from_shape_vec(vec![2, 3, 4, 6], numbers(2 * 3 * 4 * 6, seed)).unwrap()
}

/// `Σ upstream · output`, what [`Model::gradients`] differentiates.
fn total(model: &Model, x: &ArrayD<f32>, upstream: &ArrayD<f32>) -> f64 {
    let output = model.predict_on_batch(std::slice::from_ref(x)).unwrap().remove(0);
    output.iter().zip(upstream).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn its_weights_and_inputs_get_gradients() {
    const STEP: f32 = 1e-2;
    let (mut model, x, upstream) = (model(), array(1), array(2));
    let found = model.gradients(std::slice::from_ref(&x), std::slice::from_ref(&upstream), true).unwrap();
    let close = |found: f32, high: f64, low: f64| {
        let expected = (high - low) / (2.0 * f64::from(STEP));
        assert!((f64::from(found) - expected).abs() < 2e-3 * expected.abs().max(0.1), "{found}, not {expected}");
    };
    for place in [0, 31, 77, 143] {
        let moved = |step: f32| {
            let mut x = x.clone();
            x.as_slice_mut().unwrap()[place] += step;
            total(&model, &x, &upstream)
        };
        close(found.inputs[0].as_slice().unwrap()[place], moved(STEP), moved(-STEP));
    }
    for (place, name) in ["attention/squeeze", "attention/excite"].into_iter().enumerate() {
        let values = model.parameters()[place].to_vec();
        for at in [0, 5, 11] {
            let mut moved = |step: f32| {
                let mut values = values.clone();
                values[at] += step;
                model.set_parameter(name, &values).unwrap();
                total(&model, &x, &upstream)
            };
            let (high, low) = (moved(STEP), moved(-STEP));
            close(found.parameters[place].as_ref().unwrap()[at], high, low);
        }
        model.set_parameter(name, &values).unwrap();
    }
}

#[test]
fn it_is_exported_refused_and_saved_like_any_other() {
    crate::export::tract_agrees("own-layer", &model(), &[array(1)]);
    let error = SqueezeExcite { units: 0 }.on(&Input::named("x", [4, 4, 3])).unwrap_err();
    assert_eq!(error.to_string(), "SqueezeExcite behind x (None, 4, 4, 3): SqueezeExcite has no units");
    let layer: Box<dyn Layer> = Box::new(SqueezeExcite { units: 5 });
    let text = serde_json::to_string(&layer).unwrap();
    assert_eq!(text, r#"{"SqueezeExcite":{"units":5}}"#);
    let again: Box<dyn Layer> = serde_json::from_str(&text).unwrap();
    assert_eq!(format!("{again:?}"), format!("{layer:?}"));
}
