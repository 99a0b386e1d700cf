//! Convolutions in which each channel has a kernel of its own: memory-bound, so plain loops over the channels.

use std::cell::RefCell;

use rayon::prelude::*;

use super::band::{Band, Walk, Windows};
use crate::kernel::loops;
use crate::kernel::vector::Shared;

thread_local! {
    static BAND: RefCell<Band> = RefCell::default();
}

/// A kernel (channels, 1, height, width) as a row of channels per tap of the walk.
pub(super) fn packed(kernel: &[f32], [height, width]: [usize; 2], walk: &Walk) -> Vec<f32> {
    let channels = walk.source[3];
    let taps = walk.rows.taps.iter().flat_map(|y| walk.columns.taps.iter().map(move |x| y.index * width + x.index));
    taps.flat_map(|tap| (0..channels).map(move |channel| kernel[channel * height * width + tap])).collect()
}

/// Writes `bias + Σ window · kernel` to each output.
pub(super) fn correlate(walk: &Walk, source: &[f32], kernel: &[f32], bias: Option<&[f32]>, outputs: Shared) {
    let channels = walk.source[3];
    let units = walk.units(rayon::current_num_threads());
    units.par_iter().for_each(|unit| {
        BAND.with_borrow_mut(|band| {
            let Windows { numbers, windows, outputs: places, taps } = band.begin(walk, source, unit);
            let dense = walk.run() / channels;
            let mut begins = Vec::with_capacity(kernel.len() / channels);
            for (window, place) in windows.iter().zip(places) {
                // SAFETY: the output is this unit's, and as wide as its channels.
                let output = unsafe { outputs.slice(*place, channels) };
                match bias {
                    Some(bias) => output.copy_from_slice(bias),
                    None => output.fill(0.0),
                }
                begins.clear();
                begins.extend(taps.iter().flat_map(|tap| (0..dense).map(move |x| window + tap + x * channels)));
                loops::add_products(output, numbers, &begins, kernel);
            }
        });
    });
}

/// The kernel's gradient, (channels, 1, height, width).
pub(super) fn weight_gradient(walk: &Walk, source: &[f32], slopes: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let channels = walk.source[3];
    let size = height * width * channels;
    let units = walk.units(rayon::current_num_threads());
    // A sum per unit, added in their order: the same whichever thread had which.
    let sums: Vec<Vec<f32>> = units
        .par_iter()
        .map(|unit| {
            BAND.with_borrow_mut(|band| {
                let Windows { numbers, windows, outputs, taps } = band.begin(walk, source, unit);
                let dense = walk.run() / channels;
                let mut sums = vec![0.0_f32; size];
                let mut begins = Vec::with_capacity(height * width);
                for (window, place) in windows.iter().zip(outputs) {
                    begins.clear();
                    begins.extend(taps.iter().flat_map(|tap| (0..dense).map(move |x| window + tap + x * channels)));
                    loops::add_tap_slopes(&mut sums, numbers, &begins, &slopes[*place..place + channels]);
                }
                sums
            })
        })
        .collect();
    let mut gradient = vec![0.0; size];
    for sums in &sums {
        for (tap, sums) in sums.chunks_exact(channels).enumerate() {
            for (channel, sum) in sums.iter().enumerate() {
                gradient[channel * height * width + tap] += sum;
            }
        }
    }
    gradient
}
