//! The two inner loops: sums over a window for several outputs, and sums over outputs for several places of a window.
//! Sixteen filters wide each, so that 6 × 2 vectors of sums stay in the registers of AVX2.

use pulp::Simd;

use crate::kernel::vector::{PANEL, load, store};

/// Rows of a tile.
pub(super) const ROWS: usize = 6;

/// Writes `start + Σ source[window + tap + k] · panel[k']` behind each window's `to`. (Written here and not returned: what
/// is returned lies in memory, and the sums would go there and back with each number.)
///
/// # Safety
/// `run` numbers lie behind each window's each tap, `taps.len() · run` rows of a panel behind `panel`; behind each `to` a row
/// of a panel may be written.
#[inline(always)]
pub(super) unsafe fn over_window<S: Simd, const V: usize>(
    simd: S,
    source: *const f32,
    windows: &[usize; ROWS],
    (taps, run): (&[usize], usize),
    panel: *const f32,
    start: [S::f32s; V],
    to: [*mut f32; ROWS],
) {
    let mut sums = [start; ROWS];
    let mut row = panel;
    for &tap in taps {
        let mut numbers = [source; ROWS];
        for i in 0..ROWS {
            // SAFETY: inside the source, the caller's.
            numbers[i] = unsafe { source.add(windows[i] + tap) };
        }
        for k in 0..run {
            let mut weights = start;
            for v in 0..V {
                // SAFETY: a row of a panel, the caller's.
                weights[v] = unsafe { load::<S>(row.add(v * S::F32_LANES)) };
            }
            for i in 0..ROWS {
                // SAFETY: inside the run, the caller's.
                let number = simd.splat_f32s(unsafe { *numbers[i].add(k) });
                for v in 0..V {
                    sums[i][v] = simd.mul_add_f32s(number, weights[v], sums[i][v]);
                }
            }
            // SAFETY: at most one behind the last row.
            row = unsafe { row.add(PANEL) };
        }
    }
    for i in 0..ROWS {
        for v in 0..V {
            // SAFETY: the caller's.
            unsafe { store::<S>(to[i].add(v * S::F32_LANES), sums[i][v]) };
        }
    }
}

/// Adds `Σ source[window + i] · panel[window's row]` to the `R` rows of `sums`.
///
/// # Safety
/// `R` numbers lie behind each window, a row of a panel for each window behind `panel`, `R` rows behind `sums`.
#[inline(always)]
pub(super) unsafe fn over_outputs<S: Simd, const V: usize, const R: usize>(
    simd: S,
    source: *const f32,
    windows: &[usize],
    panel: *const f32,
    sums: *mut f32,
) {
    let zero = [simd.splat_f32s(0.0); V];
    let mut totals = [zero; R];
    let mut row = panel;
    for &window in windows {
        let mut slopes = zero;
        for v in 0..V {
            // SAFETY: a row of a panel, the caller's.
            slopes[v] = unsafe { load::<S>(row.add(v * S::F32_LANES)) };
        }
        for i in 0..R {
            // SAFETY: inside the window, the caller's.
            let number = simd.splat_f32s(unsafe { *source.add(window + i) });
            for v in 0..V {
                totals[i][v] = simd.mul_add_f32s(number, slopes[v], totals[i][v]);
            }
        }
        // SAFETY: at most one behind the last row.
        row = unsafe { row.add(PANEL) };
    }
    for i in 0..R {
        for v in 0..V {
            // SAFETY: inside the rows, the caller's.
            unsafe {
                let place = sums.add(i * PANEL + v * S::F32_LANES);
                store::<S>(place, simd.add_f32s(load::<S>(place), totals[i][v]));
            }
        }
    }
}
