//! Outputs from windows: the way there, and the input's gradient as such ways over the output's.

use std::cell::RefCell;

use pulp::Simd;
use rayon::prelude::*;

use super::band::{Band, Walk, Windows};
use super::tile::{ROWS, over_window};
use crate::kernel::vector::{PANEL, Shared, in_panels, load, widest};

thread_local! {
    static BAND: RefCell<Band> = RefCell::default();
}

/// A kernel laid out for a walk: (panel of lanes, row of taps, column of taps, depth, lane), lanes that are not there 0.
pub(super) struct Packed {
    numbers: Vec<f32>,
    lanes: usize,
}

impl Packed {
    /// Of a kernel (filters, channels, height, width). Forward the lanes are filters and the depth channels, backward the
    /// other way round.
    pub fn of(kernel: &[f32], shape: [usize; 4], walk: &Walk, backward: bool) -> Packed {
        let [filters, channels, height, width] = shape;
        let (filter, channel) = (channels * height * width, height * width);
        let (lanes, depth, lane_step, depth_step) =
            if backward { (channels, filters, channel, filter) } else { (filters, channels, filter, channel) };
        let taps: Vec<usize> = walk
            .rows
            .taps
            .iter()
            .flat_map(|y| walk.columns.taps.iter().map(move |x| y.index * width + x.index))
            .collect();
        let panel = taps.len() * depth * PANEL;
        let mut numbers = vec![0.0; lanes.div_ceil(PANEL) * panel];
        numbers.par_chunks_mut(panel.max(1)).enumerate().for_each(|(index, panel)| {
            for lane in 0..PANEL.min(lanes - index * PANEL) {
                let from = (index * PANEL + lane) * lane_step;
                for d in 0..depth {
                    let from = from + d * depth_step;
                    for (place, tap) in taps.iter().enumerate() {
                        panel[(place * depth + d) * PANEL + lane] = kernel[from + tap];
                    }
                }
            }
        });
        Packed { numbers, lanes }
    }
}

/// Writes `bias + Σ window · kernel` to each output of the walk; `bias` has a number per lane.
pub(super) fn correlate(walk: &Walk, source: &[f32], kernel: &Packed, bias: Option<&[f32]>, outputs: Shared) {
    let mut starts = vec![0.0; kernel.lanes.next_multiple_of(PANEL)];
    if let Some(bias) = bias {
        starts[..bias.len()].copy_from_slice(bias);
    }
    let units = walk.units(rayon::current_num_threads());
    units.par_iter().for_each(|unit| {
        BAND.with_borrow_mut(|band| {
            let windows = band.begin(walk, source, unit);
            windows.check(walk.run());
            widest(Products { windows, run: walk.run(), kernel, starts: &starts, outputs });
        });
    });
}

struct Products<'a> {
    windows: Windows<'a>,
    run: usize,
    kernel: &'a Packed,
    starts: &'a [f32],
    outputs: Shared,
}

in_panels!(Products);

impl Products<'_> {
    /// Panels outside and windows inside: a panel is read from the first-level cache over and over.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Windows { numbers, windows, outputs, taps } = self.windows;
        let lanes = self.kernel.lanes;
        let panels = self.kernel.numbers.chunks_exact(taps.len() * self.run * PANEL);
        for (panel, (weights, starts)) in panels.zip(self.starts.chunks_exact(PANEL)).enumerate() {
            let width = PANEL.min(lanes - panel * PANEL);
            let mut start = [simd.splat_f32s(0.0); V];
            for (v, start) in start.iter_mut().enumerate() {
                // SAFETY: `starts` is a panel wide.
                *start = unsafe { load::<S>(starts.as_ptr().add(v * S::F32_LANES)) };
            }
            for (tile, outputs) in windows.chunks(ROWS).zip(outputs.chunks(ROWS)) {
                // The last tile repeats its last window where it has too few, and writes it again.
                let mut places = [tile[tile.len() - 1]; ROWS];
                places[..tile.len()].copy_from_slice(tile);
                let mut aside = [[0.0_f32; PANEL]; ROWS];
                let mut to = [self.outputs.pointer(); ROWS];
                for i in 0..ROWS {
                    to[i] = if width == PANEL {
                        // SAFETY: the output is this unit's, and as wide as its lanes.
                        unsafe { to[i].add(outputs[i.min(outputs.len() - 1)] + panel * PANEL) }
                    } else {
                        aside[i].as_mut_ptr()
                    };
                }
                // SAFETY: `Windows::check` has seen that the windows lie inside; `weights` has a row per tap.
                unsafe {
                    over_window::<S, V>(simd, numbers.as_ptr(), &places, (taps, self.run), weights.as_ptr(), start, to);
                }
                if width < PANEL {
                    for (aside, output) in aside.iter().zip(outputs) {
                        // SAFETY: as above, for `width` numbers.
                        unsafe {
                            let to = self.outputs.pointer().add(output + panel * PANEL);
                            std::ptr::copy_nonoverlapping(aside.as_ptr(), to, width);
                        }
                    }
                }
            }
        }
    }
}
