//! Area under the ROC.

use ndarray::ArrayViewD;

use super::Metric;

/// Keras' AUC: 200 thresholds from below 0 to above 1, the area between them by trapezia.
#[derive(Debug, Clone)]
pub struct Auc {
    /// For each threshold: true ones and others above it, by weight.
    above: Vec<(f64, f64)>,
}

const THRESHOLDS: usize = 200;

impl Default for Auc {
    fn default() -> Self {
        Auc { above: vec![(0.0, 0.0); THRESHOLDS] }
    }
}

/// Keras moves the ends out a little, so that every answer lies between.
fn threshold(place: usize) -> f32 {
    match place {
        0 => -1e-7,
        last if last == THRESHOLDS - 1 => 1.0 + 1e-7,
        place => place as f32 / (THRESHOLDS - 1) as f32,
    }
}

impl Metric for Auc {
    fn name(&self) -> String {
        "auc".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in truth.outer_iter().zip(prediction.outer_iter()).zip(weights) {
            for (&truth, &answer) in truth.iter().zip(answer.iter()) {
                for (place, above) in self.above.iter_mut().enumerate() {
                    if answer > threshold(place) {
                        *(if truth > 0.5 { &mut above.0 } else { &mut above.1 }) += f64::from(weight);
                    }
                }
            }
        }
    }

    fn value(&self) -> f32 {
        let (all_true, all_others) = self.above[0];
        if all_true == 0.0 || all_others == 0.0 {
            return 0.0;
        }
        let rates: Vec<(f64, f64)> = self.above.iter().map(|it| (it.0 / all_true, it.1 / all_others)).collect();
        rates.windows(2).map(|pair| (pair[0].1 - pair[1].1) * (pair[0].0 + pair[1].0) / 2.0).sum::<f64>() as f32
    }

    fn reset(&mut self) {
        *self = Auc::default();
    }

    fn state(&self) -> Vec<f64> {
        self.above.iter().flat_map(|it| [it.0, it.1]).collect()
    }

    fn restore(&mut self, state: &[f64]) {
        for (above, pair) in self.above.iter_mut().zip(state.chunks_exact(2)) {
            *above = (pair[0], pair[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_documented_example_of_keras() {
        let mut auc = Auc::default();
        let (truth, answer) = (array![[0.0_f32], [0.0], [1.0], [1.0]], array![[0.0_f32], [0.5], [0.3], [0.9]]);
        auc.update(truth.view().into_dyn(), answer.view().into_dyn(), &[1.0; 4]);
        assert!((auc.value() - 0.75).abs() < 1e-6, "{}", auc.value());
    }
}
