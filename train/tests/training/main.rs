//! Training: each step against the reference's numbers, and what a person does with it: fit, stop, kill, go on, save.

mod bad_input;
mod callbacks;
mod course;
mod detection;
mod fit;
mod interrupt;
mod joint;
mod losses;
mod optimizers;
mod resume;
mod transfer;

use ndarray::ArrayD;

/// The generator of tests/reference/training.py: splitmix64, 24 bits, from −scale to scale.
fn numbers(seed: u64, count: usize, scale: f32) -> Vec<f32> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            ((z >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0) as f32 * scale
        })
        .collect()
}

fn array(shape: &[usize], numbers: Vec<f32>) -> ArrayD<f32> {
    ArrayD::from_shape_vec(shape.to_vec(), numbers).unwrap()
}

fn expected() -> serde_json::Value {
    serde_json::from_str(include_str!("../expected/training.json")).unwrap()
}

fn floats(json: &serde_json::Value) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// To 1e-4 of each number; of numbers near 0, to 1e-5 of the largest.
#[track_caller]
fn close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-4 * b.abs().max(0.1 * largest), "{what}: number {place} is {a}, not {b}");
    }
}
