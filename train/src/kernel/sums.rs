//! Sums over all pixels, a number per channel.

use rayon::prelude::*;

use super::loops;

/// Numbers that one block sums before it is added to the others: the same whichever thread sums it.
pub(super) const BLOCK: usize = 16 * 1024;

/// Of rows of `channels` numbers; added in an order that only their count decides.
pub(super) fn over_pixels(numbers: &[f32], channels: usize) -> Vec<f32> {
    let block = (BLOCK / channels).max(1) * channels;
    let sums: Vec<Vec<f32>> = numbers
        .par_chunks(block)
        .map(|block| {
            let mut sums = vec![0.0; channels];
            loops::add_rows(&mut sums, block);
            sums
        })
        .collect();
    let mut totals = vec![0.0_f64; channels];
    for sums in &sums {
        totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += f64::from(*sum));
    }
    totals.iter().map(|total| *total as f32).collect()
}
