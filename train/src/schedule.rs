//! The learning rate over the steps of a training.

use std::f32::consts::PI;

use serde::{Deserialize, Serialize};

/// A number of the training's state: the same step has the same rate, however often the training was resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    Constant(f32),
    /// From `initial` to `last` by half a cosine (Loshchilov and Hutter 2017, eq. 5), after `warm_up` steps from nothing.
    Cosine {
        initial: f32,
        last: f32,
        steps: usize,
        warm_up: usize,
    },
    /// `initial · rate^(step / every)`, in whole steps where `staircase` says so, as Keras' ExponentialDecay.
    Exponential {
        initial: f32,
        rate: f32,
        every: usize,
        staircase: bool,
    },
    /// `values[i]` up to the step `boundaries[i]`, then the last: Keras' PiecewiseConstantDecay.
    Piecewise {
        boundaries: Vec<usize>,
        values: Vec<f32>,
    },
    /// Rises evenly over `steps` to the first rate of what comes behind it, which then begins (Goyal et al. 2017, §2.2).
    WarmUp {
        steps: usize,
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// From `initial` to nothing over so many steps.
    pub fn cosine(initial: f32, steps: usize) -> Self {
        Schedule::Cosine { initial, last: 0.0, steps, warm_up: 0 }
    }

    /// Behind a warm-up of so many steps.
    pub fn warm_up(self, steps: usize) -> Self {
        Schedule::WarmUp { steps, then: Box::new(self) }
    }

    /// Of a step, counted from 0.
    pub fn rate(&self, step: usize) -> f32 {
        match self {
            Schedule::Constant(rate) => *rate,
            Schedule::Cosine { initial, warm_up, .. } if step < *warm_up => {
                initial * (step + 1) as f32 / (*warm_up + 1) as f32
            }
            Schedule::Cosine { initial, last, steps, warm_up } => {
                let way = (step - warm_up) as f32 / steps.saturating_sub(*warm_up).max(1) as f32;
                last + (initial - last) * 0.5 * (1.0 + (PI * way.min(1.0)).cos())
            }
            Schedule::WarmUp { steps, then } if step < *steps => then.rate(0) * (step + 1) as f32 / (*steps + 1) as f32,
            Schedule::WarmUp { steps, then } => then.rate(step - steps),
            Schedule::Exponential { initial, rate, every, staircase } => {
                let way = step as f32 / (*every).max(1) as f32;
                initial * rate.powf(if *staircase { way.floor() } else { way })
            }
            Schedule::Piecewise { boundaries, values } => {
                let place = boundaries.iter().filter(|&&boundary| step > boundary).count();
                values.get(place).or(values.last()).copied().unwrap_or(0.0)
            }
        }
    }

    /// Where it begins, a warm-up left out.
    pub fn initial(&self) -> f32 {
        match self {
            Schedule::Cosine { initial, .. } => *initial,
            Schedule::WarmUp { then, .. } => then.initial(),
            other => other.rate(0),
        }
    }
}

impl From<f32> for Schedule {
    fn from(rate: f32) -> Self {
        Schedule::Constant(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_rises_in_the_warm_up_and_falls_to_its_end() {
        let schedule = Schedule::Cosine { initial: 1.0, last: 0.1, steps: 14, warm_up: 4 };
        let rates: Vec<f32> = (0..=20).map(|step| schedule.rate(step)).collect();
        assert!((rates[0] - 0.2).abs() < 1e-6 && (rates[4] - 1.0).abs() < 1e-6);
        assert!((rates[9] - 0.55).abs() < 1e-6 && (rates[14] - 0.1).abs() < 1e-6 && (rates[20] - 0.1).abs() < 1e-6);
    }

    #[test]
    fn a_warm_up_rises_to_where_the_other_schedule_begins() {
        let stairs = Schedule::Exponential { initial: 0.8, rate: 0.5, every: 2, staircase: true };
        let rates: Vec<f32> = (0..7).map(|step| stairs.clone().warm_up(3).rate(step)).collect();
        for (rate, expected) in rates.iter().zip([0.2, 0.4, 0.6, 0.8, 0.8, 0.4, 0.4]) {
            assert!((rate - expected).abs() < 1e-6, "{rates:?}");
        }
    }

    #[test]
    fn exponential_and_piecewise_are_keras() {
        let smooth = Schedule::Exponential { initial: 0.1, rate: 0.5, every: 10, staircase: false };
        let stairs = Schedule::Exponential { initial: 0.1, rate: 0.5, every: 10, staircase: true };
        assert!((smooth.rate(5) - 0.1 * 0.5_f32.sqrt()).abs() < 1e-7 && (stairs.rate(9) - 0.1).abs() < 1e-7);
        let pieces = Schedule::Piecewise { boundaries: vec![10, 20], values: vec![1.0, 0.5, 0.1] };
        assert_eq!([10, 11, 20, 21].map(|step| pieces.rate(step)), [1.0, 0.5, 0.5, 0.1]);
    }
}
