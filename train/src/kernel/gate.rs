//! Activations that run with the operation before them, number by number.

use std::fmt::Debug;

/// What stands behind an operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gate {
    Linear,
    Relu,
    /// x where positive, `slope`·x elsewhere.
    LeakyRelu(f32),
    Silu,
}

/// One of them as a type, so that the loops around are compiled for each.
pub(super) trait Curve: Copy + Send + Sync + Debug {
    fn value(self, z: f32) -> f32;
    fn slope(self, z: f32) -> f32;
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Straight;
#[derive(Debug, Clone, Copy)]
pub(super) struct Bent(pub f32);
#[derive(Debug, Clone, Copy)]
pub(super) struct Smooth;

impl Curve for Straight {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        z
    }

    #[inline(always)]
    fn slope(self, _z: f32) -> f32 {
        1.0
    }
}

impl Curve for Bent {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        if z > 0.0 { z } else { z * self.0 }
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        if z > 0.0 { 1.0 } else { self.0 }
    }
}

impl Curve for Smooth {
    #[inline(always)]
    fn value(self, z: f32) -> f32 {
        z / (1.0 + exp(-z))
    }

    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        let sigmoid = 1.0 / (1.0 + exp(-z));
        sigmoid * (1.0 + z * (1.0 - sigmoid))
    }
}

/// Runs an expression with the curve of a gate.
macro_rules! with_curve {
    ($gate:expr, $curve:ident => $body:expr) => {
        match $gate {
            $crate::kernel::gate::Gate::Linear => {
                let $curve = $crate::kernel::gate::Straight;
                $body
            }
            $crate::kernel::gate::Gate::Relu => {
                let $curve = $crate::kernel::gate::Bent(0.0);
                $body
            }
            $crate::kernel::gate::Gate::LeakyRelu(slope) => {
                let $curve = $crate::kernel::gate::Bent(slope);
                $body
            }
            $crate::kernel::gate::Gate::Silu => {
                let $curve = $crate::kernel::gate::Smooth;
                $body
            }
        }
    };
}
pub(super) use with_curve;

/// eˣ to two units in the last place, in steps that compile to vectors (Cephes' expf): 2ⁿ times a polynomial over the
/// rest. Held within ±88, where floats end; NaN stays NaN.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added to a small number, this leaves it rounded in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that the rest is exact.
    let rest = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let polynomial = 1.987_569_1e-4_f32
        .mul_add(rest, 1.398_199_9e-3)
        .mul_add(rest, 8.333_452e-3)
        .mul_add(rest, 4.166_579_6e-2)
        .mul_add(rest, 1.666_666_5e-1)
        .mul_add(rest, 0.5)
        .mul_add(rest * rest, rest)
        + 1.0;
    polynomial * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_the_librarys() {
        for step in -8700..8800 {
            let x = step as f32 * 0.01;
            let (ours, theirs) = (exp(x), x.exp());
            assert!((ours / theirs - 1.0).abs() < 3e-7, "{x}: {ours} {theirs}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(-1e9) < 1e-37 && exp(1e9) > 1e38);
    }

    #[test]
    fn slopes_are_differences_of_values() {
        for x in [-20.0, -3.0, -0.7, 0.2, 1.0, 8.0] {
            for gate in [Gate::Linear, Gate::Relu, Gate::LeakyRelu(0.1), Gate::Silu] {
                with_curve!(gate, curve => {
                    let step = 1e-2;
                    let difference = (curve.value(x + step) - curve.value(x - step)) / (2.0 * step);
                    assert!((difference - curve.slope(x)).abs() < 1e-3, "{gate:?} {x}");
                });
            }
        }
    }
}
