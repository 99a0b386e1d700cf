//! Operations on one element after the other. They are plain Rust, compiled once per instruction set; the compiler neither
//! reorders nor fuses float operations, so all of them give the same bytes.

use super::Affine;

/// 1.5 · 2²³: adding it to a small float rounds that to a whole number, half to even, which then stands in the sum's low bits.
pub(super) const ROUND: f32 = 12_582_912.0;
/// Coefficients of 2ʳ for |r| ≤ ½, by rising powers of r: those with the least relative error, 2.6e-6.
pub(super) const POWER: [f32; 5] = [0.999_999_3, 0.693_121_8, 0.240_247_44, 5.591_786e-2, 9.570_102e-3];
/// Bounds of the exponent: beyond them the sigmoid is 0 or 1.
pub(super) const MOST_POWER: f32 = 120.0;

/// The byte for `x`, a value in units of the scale; NaN gives 0.
#[inline(always)]
pub(super) fn byte(x: f32, zero: u8) -> u8 {
    let (low, high) = (-f32::from(zero), 255.0 - f32::from(zero));
    let x = if x > low { x } else { low };
    let x = if x < high { x } else { high };
    ((x + ROUND).to_bits() as u8).wrapping_add(zero)
}

#[inline(always)]
fn value(q: u8, of: Affine) -> f32 {
    (i32::from(q) - i32::from(of.zero)) as f32 * of.scale
}

#[inline(always)]
pub(super) fn quantize(a: &[f32], scale: f32, zero: u8, out: &mut [u8]) {
    for (out, &x) in out.iter_mut().zip(a) {
        *out = byte(x / scale, zero);
    }
}

#[inline(always)]
pub(super) fn add_u8(a: &[u8], pa: Affine, b: &[u8], pb: Affine, po: Affine, out: &mut [u8]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = byte((value(a, pa) + value(b, pb)) / po.scale, po.zero);
    }
}

#[inline(always)]
pub(super) fn mul_u8(a: &[u8], pa: Affine, b: &[u8], pb: Affine, po: Affine, out: &mut [u8]) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = byte(value(a, pa) * value(b, pb) / po.scale, po.zero);
    }
}

#[inline(always)]
pub(super) fn max_u8(a: &[u8], inout: &mut [u8]) {
    for (x, &a) in inout.iter_mut().zip(a) {
        *x = a.max(*x);
    }
}

#[inline(always)]
pub(super) fn lookup_f32(table: &[f32; 256], a: &[u8], out: &mut [f32]) {
    for (out, &q) in out.iter_mut().zip(a) {
        *out = table[usize::from(q)];
    }
}

/// `sums[j] += factors[i] · rows[i][j]`, i upwards.
#[inline(always)]
pub(super) fn add_rows_f32(factors: &[f32], rows: &[f32], sums: &mut [f32]) {
    for (&factor, row) in factors.iter().zip(rows.chunks_exact(sums.len().max(1))) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += factor * x;
        }
    }
}

#[inline(always)]
pub(super) fn exp_f32(inout: &mut [f32]) {
    for x in inout {
        *x = exp(*x);
    }
}

#[inline(always)]
pub(super) fn sigmoid_f32(inout: &mut [f32]) {
    for x in inout {
        *x = sigmoid(*x);
    }
}

#[inline(always)]
pub(super) fn silu_f32(inout: &mut [f32]) {
    for x in inout {
        *x = silu(*x);
    }
}

/// `x · sigmoid(x)`
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// `1 / (1 + 2ᵗ)` with `t = -x · log2 e`, within 1e-6.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / sigmoid_divisor(x)
}

/// `1 + 2ᵗ`. 2ᵗ is a polynomial of what is left beside the next whole number, which then goes into the exponent.
#[inline(always)]
pub(super) fn sigmoid_divisor(x: f32) -> f32 {
    let t = limited(x * -std::f32::consts::LOG2_E, -MOST_POWER, MOST_POWER);
    let rounded = t + ROUND;
    let r = t - (rounded - ROUND);
    let p = POWER[0] + r * (POWER[1] + r * (POWER[2] + r * (POWER[3] + r * POWER[4])));
    1.0 + f32::from_bits(p.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// `x · clamp(x / 6 + 0.5, 0, 1)`
#[inline(always)]
pub(super) fn hard_swish(x: f32) -> f32 {
    x * limited(x / 6.0 + 0.5, 0.0, 1.0)
}

/// NaN gives `low`.
#[inline(always)]
pub(super) fn limited(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > low { x } else { low };
    if x < high { x } else { high }
}

/// eˣ within 2 units in the last place: `x = n·ln 2 + r`, a polynomial in `r` (Cephes' expf), times 2ⁿ in two steps, so that the ends
/// of the range come out as 0, subnormal or infinite.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + coefficient;
    }
    let y = p * (r * r) + r + 1.0;
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    y * power_of_two(n >> 1) * power_of_two(n.wrapping_sub(n >> 1))
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}
