//! The network that keeps to the budget: with channels evened out where that brings the outputs nearer to the float network's,
//! and left float those layers that make most of the error, and as many more as the budget takes, the worst first.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::sensitivity::{Reference, Scan, scan};
use super::{Judge, Prepared, Progress, QuantizeError, with_graph};
use crate::engine::EngineChoice;
use crate::model::ModelFolder;

/// Each try leaves about this many times more layers float than the one before.
const GROWTH: f64 = 1.5;

/// Where no more than this part of the budget is lost, every layer is in bytes.
const UNTROUBLED: f64 = 0.5;
/// Else layers that make this part of the error alone stay float: often they are two or three small ones at the front.
const OUTLIER: f64 = 0.1;

/// The result.
pub struct Found {
    pub prepared: Prepared,
    pub bytes: Vec<u8>,
    /// Points of the float network and of this one.
    pub before: f64,
    pub after: f64,
    /// Names of the layers left float.
    pub float: BTreeSet<String>,
    /// Where it had to be looked for.
    pub scan: Option<Scan>,
}

/// Loses at most `budget` points.
///
/// # Errors
/// [`QuantizeError::Refused`] where half of the layers in float are not enough: then 8 bits would not pay.
pub fn search(
    model: &ModelFolder,
    plain: Prepared,
    judge: &dyn Judge,
    budget: f64,
    pictures: &[PathBuf],
    progress: &dyn Progress,
) -> Result<Found, QuantizeError> {
    let before = judge.points(model, EngineChoice::Tract)?;
    let try_with = |prepared: &Prepared, float: &BTreeSet<String>| -> Result<(Vec<u8>, f64), QuantizeError> {
        let bytes = prepared.quantised(float).encode();
        let after = judge.points(&with_graph(&model.spec, bytes.clone()), EngineChoice::Int8)?;
        Ok((bytes, after))
    };
    let none = BTreeSet::new();
    let reference = Reference::of(model, &plain, pictures)?;
    let evened = plain.evened_out();
    let gains = |other: &Prepared| -> Result<bool, QuantizeError> {
        Ok(!other.evened.is_empty() && reference.error(other, &none)? < reference.error(&plain, &none)?)
    };
    let prepared = if gains(&evened)? { evened } else { plain };
    let (bytes, all_in_bytes) = try_with(&prepared, &none)?;
    if before - all_in_bytes <= budget * UNTROUBLED {
        return Ok(Found { prepared, bytes, before, after: all_in_bytes, float: none, scan: None });
    }
    let scan = scan(&reference, &prepared, progress)?;
    let most = prepared.layers.len() / 2;
    let outliers = scan.layers.iter().take_while(|(_, share)| *share >= OUTLIER).count().min(most);
    let (mut count, mut best) = (outliers, all_in_bytes);
    while count <= most {
        let worst = scan.layers.iter().take(count);
        let float: BTreeSet<String> = worst.map(|(index, _)| prepared.layers[*index].name.clone()).collect();
        let (bytes, after) = try_with(&prepared, &float)?;
        if before - after <= budget {
            return Ok(Found { prepared, bytes, before, after, float, scan: Some(scan) });
        }
        best = best.max(after);
        count = ((count as f64 * GROWTH).ceil() as usize).max(count + 1);
    }
    Err(QuantizeError::Refused {
        name: model.to_string(),
        reason: format!(
            "loses {:.1} points in 8 bits, and still {:.1} with half of its {} layers left float; the budget is {budget}: \
             calibrate with pictures more like those it will see, or allow more with --budget",
            before - all_in_bytes,
            before - best,
            prepared.layers.len()
        ),
    })
}
