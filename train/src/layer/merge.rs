//! What Add and Multiply share: several inputs, number by number.

use crate::shape::{Shape, with_batch};

/// The shape of inputs put together, where an axis of length 1 is stretched, as Keras does.
pub(crate) fn merged(inputs: &[Shape]) -> Result<Shape, String> {
    let [first, others @ ..] = inputs else { return Err("takes two inputs or more".into()) };
    if others.is_empty() {
        return Err("takes two inputs or more, not 1".into());
    }
    let mut merged = first.clone();
    for other in others {
        let refuse = || format!("can't put {} and {} together", with_batch(&merged), with_batch(other));
        if other.len() != merged.len() {
            return Err(refuse());
        }
        let axes = merged.iter().zip(other).map(|(&a, &b)| match (a, b) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        });
        merged = axes.collect::<Option<Shape>>().ok_or_else(refuse)?;
    }
    Ok(merged)
}
