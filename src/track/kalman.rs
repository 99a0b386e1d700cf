//! A constant-velocity Kalman filter of one coordinate, in seconds. With noise that is independent per axis the
//! usual 8-state filter of SORT (Bewley et al. 2016, arXiv:1602.00763) falls apart into four of these exactly.
//! Not here: what the coordinates mean, how large the noise is.

/// A coordinate `x` with its rate `v` per second, and the covariance of both.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Axis {
    pub x: f32,
    pub v: f32,
    xx: f32,
    xv: f32,
    vv: f32,
}

impl Axis {
    /// From one measurement (variance `r`) and a prior of the rate (mean `v`, variance `vv`).
    pub const fn new(x: f32, r: f32, v: f32, vv: f32) -> Self {
        Self { x, v, xx: r, xv: 0.0, vv }
    }

    /// Moves on by `dt` seconds. `q` is the spectral density of white acceleration, in units² per s³: the exact
    /// discretisation (Bar-Shalom et al. 2001, §6.2.2), so that ten steps of 0.1 s equal one of 1 s.
    pub fn predict(&mut self, dt: f32, q: f32) {
        self.x += self.v * dt;
        self.xx += dt * (2.0 * self.xv + dt * self.vv) + q * dt * dt * dt / 3.0;
        self.xv += dt * self.vv + q * dt * dt / 2.0;
        self.vv += q * dt;
    }

    /// Multiplies the rate by `k`.
    pub fn scale_rate(&mut self, k: f32) {
        self.v *= k;
        self.xv *= k;
        self.vv *= k * k;
    }

    /// Takes in a measurement of `x` with variance `r`.
    pub fn update(&mut self, measured: f32, r: f32) {
        let (kx, kv) = (self.xx / (self.xx + r), self.xv / (self.xx + r));
        let innovation = measured - self.x;
        self.x += kx * innovation;
        self.v += kv * innovation;
        self.vv -= kv * self.xv;
        self.xv *= 1.0 - kx;
        self.xx *= 1.0 - kx;
    }

    /// Variance of `x`.
    pub fn var(&self) -> f32 {
        self.xx
    }

    /// Variance of the rate.
    pub fn rate_var(&self) -> f32 {
        self.vv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_steps_equal_one_large_step() {
        let start = Axis { x: 1.0, v: 2.0, xx: 0.5, xv: 0.1, vv: 3.0 };
        let (mut small, mut large) = (start, start);
        (0..10).for_each(|_| small.predict(0.1, 4.0));
        large.predict(1.0, 4.0);
        for (a, b) in [(small.x, large.x), (small.xx, large.xx), (small.xv, large.xv), (small.vv, large.vv)] {
            assert!((a - b).abs() < 1e-4, "{small:?} {large:?}");
        }
    }

    #[test]
    fn learns_the_rate_from_uneven_sightings() {
        let mut axis = Axis::new(0.0, 0.01, 0.0, 100.0);
        let mut now = 0.0;
        for dt in [0.2, 0.03, 0.5, 0.1, 0.2, 0.2] {
            now += dt;
            axis.predict(dt, 0.01);
            axis.update(7.0 * now, 0.01);
        }
        assert!((axis.v - 7.0).abs() < 0.05, "{axis:?}");
        assert!((axis.x - 7.0 * now).abs() < 0.05, "{axis:?}");
    }
}
