//! The kernel's gradient: over all outputs, the sum of window times slope.

use std::cell::RefCell;

use pulp::Simd;
use rayon::prelude::*;

use super::band::{Band, Walk, Windows};
use super::tile::over_outputs;
use crate::kernel::vector::{PANEL, Shared, in_panels, widest};

thread_local! {
    static SCRATCH: RefCell<(Band, Vec<f32>)> = RefCell::default();
}

/// Rows of a kernel's gradient that are summed together.
#[derive(Clone, Copy)]
struct Rows {
    /// Behind a window's begin.
    offset: usize,
    /// In the sums.
    row: usize,
    count: usize,
}

/// Of a kernel of this shape (filters, channels, height, width), from the source of the forward walk and the output's
/// gradient. Summed in an order that the number of threads decides, and nothing else.
pub(super) fn weight_gradient(walk: &Walk, source: &[f32], slopes: &[f32], shape: [usize; 4]) -> Vec<f32> {
    let [filters, channels, height, width] = shape;
    let (depth, panels) = (walk.depth(), filters.div_ceil(PANEL));
    let threads = rayon::current_num_threads();
    let outputs = walk.output[..3].iter().product::<usize>();
    let size = panels * depth * PANEL;
    let units = walk.units(threads);
    // A large kernel over few outputs is shared out by its rows, so that there is one sum; else by outputs.
    let sums = if size > 64 * outputs {
        let mut sums = vec![0.0; size];
        let all = Shared::of(&mut sums);
        (0..threads).into_par_iter().for_each(|thread| {
            for unit in &units {
                sum(walk, source, slopes, unit, filters, (thread, threads), all);
            }
        });
        sums
    } else {
        let parts: Vec<_> = units.chunks(units.len().div_ceil(threads)).collect();
        let mut sums: Vec<Vec<f32>> = parts
            .par_iter()
            .map(|units| {
                let mut sums = vec![0.0; size];
                let own = Shared::of(&mut sums);
                for unit in *units {
                    sum(walk, source, slopes, unit, filters, (0, 1), own);
                }
                sums
            })
            .collect();
        let mut total = sums.swap_remove(0);
        for part in sums.iter().rev() {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
        total
    };
    let mut gradient = vec![0.0; filters * channels * height * width];
    gradient.par_chunks_mut(channels * height * width).enumerate().for_each(|(filter, gradient)| {
        let from = filter / PANEL * depth * PANEL + filter % PANEL;
        for channel in 0..channels {
            for tap in 0..height * width {
                gradient[channel * height * width + tap] = sums[from + (tap * channels + channel) * PANEL];
            }
        }
    });
    gradient
}

/// Adds what a unit has, for one share of the rows.
fn sum(
    walk: &Walk,
    source: &[f32],
    slopes: &[f32],
    unit: &super::band::Unit,
    filters: usize,
    share: (usize, usize),
    sums: Shared,
) {
    SCRATCH.with_borrow_mut(|(band, panel)| {
        let run = walk.run();
        let windows = band.begin(walk, source, unit);
        windows.check(run);
        let rows = rows(windows.taps, run);
        let (part, parts) = share;
        let rows = &rows[rows.len() * part / parts..rows.len() * (part + 1) / parts];
        widest(Products { windows, rows, slopes, panel, filters, depth: walk.depth(), sums });
    });
}

/// The rows of each run in tiles of four to six, as even as they go.
fn rows(taps: &[usize], run: usize) -> Vec<Rows> {
    let tiles = run.div_ceil(super::tile::ROWS);
    let each = |tile: usize| run * tile / tiles;
    let tiles = taps.iter().enumerate().flat_map(|(index, tap)| {
        (0..tiles).map(move |tile| Rows {
            offset: tap + each(tile),
            row: index * run + each(tile),
            count: each(tile + 1) - each(tile),
        })
    });
    tiles.collect()
}

struct Products<'a> {
    windows: Windows<'a>,
    rows: &'a [Rows],
    slopes: &'a [f32],
    panel: &'a mut Vec<f32>,
    filters: usize,
    depth: usize,
    sums: Shared,
}

in_panels!(Products);

impl Products<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let Windows { numbers, windows, outputs, .. } = self.windows;
        for first in (0..self.filters).step_by(PANEL) {
            let width = PANEL.min(self.filters - first);
            self.panel.clear();
            for output in outputs {
                let from = output + first;
                self.panel.extend_from_slice(&self.slopes[from..from + width]);
                self.panel.resize(self.panel.len() + PANEL - width, 0.0);
            }
            for rows in self.rows {
                // SAFETY: `Windows::check` has seen that the windows lie inside; the panel has a row per window; the sums
                // are this share's.
                unsafe {
                    let source = numbers.as_ptr().add(rows.offset);
                    let sums = self.sums.pointer().add((first / PANEL * self.depth + rows.row) * PANEL);
                    let panel = self.panel.as_ptr();
                    match rows.count {
                        1 => over_outputs::<S, V, 1>(simd, source, windows, panel, sums),
                        2 => over_outputs::<S, V, 2>(simd, source, windows, panel, sums),
                        3 => over_outputs::<S, V, 3>(simd, source, windows, panel, sums),
                        4 => over_outputs::<S, V, 4>(simd, source, windows, panel, sums),
                        5 => over_outputs::<S, V, 5>(simd, source, windows, panel, sums),
                        _ => over_outputs::<S, V, 6>(simd, source, windows, panel, sums),
                    }
                }
            }
        }
    }
}
