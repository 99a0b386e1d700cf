//! What each layer gives and its gradients, against PyTorch's numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::cases;

#[derive(Deserialize)]
struct Expected {
    outputs: Vec<Vec<f32>>,
    inputs: Vec<Vec<f32>>,
    parameters: Vec<Option<Vec<f32>>>,
}

#[test]
fn outputs_and_gradients_are_pytorchs() {
    let expected: BTreeMap<String, Expected> = serde_json::from_str(include_str!("../expected/layers.json")).unwrap();
    let cases = cases::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names, expected.keys().map(String::as_str).collect(), "each case has its numbers, and the reverse");
    let mut failures = Vec::new();
    for case in &cases {
        let expected = &expected[case.name];
        let inputs = case.inputs();
        let upstream = case.upstream(&case.model.predict_on_batch(&inputs).unwrap());
        let found = case.model.gradients(&inputs, &upstream, case.training).unwrap();
        let mut compare = |what: String, found: Vec<f32>, expected: &[f32]| {
            if let Some(why) = difference(&found, expected) {
                failures.push(format!("{} {what}: {why}", case.name));
            }
        };
        for (place, (found, expected)) in found.outputs.iter().zip(&expected.outputs).enumerate() {
            compare(format!("output {place}"), found.iter().copied().collect(), expected);
        }
        for (place, (found, expected)) in found.inputs.iter().zip(&expected.inputs).enumerate() {
            compare(format!("gradient of input {place}"), found.iter().copied().collect(), expected);
        }
        assert_eq!(found.parameters.len(), expected.parameters.len(), "{}", case.name);
        for ((parameter, found), expected) in
            case.model.parameters().iter().zip(found.parameters).zip(&expected.parameters)
        {
            assert_eq!(found.is_some(), expected.is_some(), "{} {}", case.name, parameter.name);
            if let (Some(found), Some(expected)) = (found, expected) {
                compare(format!("gradient of {}", parameter.name), found, expected);
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// Where the numbers are further apart than 1e-4 of their size; of numbers near 0, than 1e-5 of the largest one. Where all are 0,
/// as the gradient of a bias before batch normalisation is, than 1e-4.
fn difference(found: &[f32], expected: &[f32]) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} numbers, not {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let largest = if largest == 0.0 { 10.0 } else { largest };
    let far = |(&a, &b): (&f32, &f32)| !a.is_finite() || (a - b).abs() > 1e-4 * b.abs().max(0.1 * largest);
    let place = found.iter().zip(expected).position(far)?;
    Some(format!("number {place} is {}, not {}", found[place], expected[place]))
}

#[test]
fn a_difference_is_seen() {
    assert!(difference(&[1.0, 2.0], &[1.0, 2.0]).is_none());
    assert!(difference(&[1.0, 2.0], &[1.0, 2.001]).is_some());
    assert!(difference(&[1.0, f32::NAN], &[1.0, 2.0]).is_some());
    assert!(difference(&[1.0], &[1.0, 2.0]).is_some());
}

#[test]
fn every_layer_is_saved_and_read_again() {
    for case in cases::all() {
        for entry in case.model.layers() {
            let text = serde_json::to_string(&*entry.layer).unwrap();
            let again: Box<dyn wayside_train::layer::Layer> = serde_json::from_str(&text).unwrap();
            assert_eq!(format!("{again:?}"), format!("{:?}", entry.layer), "{}", case.name);
        }
    }
}
