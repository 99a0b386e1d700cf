//! Precision and recall, of outputs that are yes above a threshold.

use ndarray::ArrayViewD;

use super::Metric;

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    hits: f64,
    false_alarms: f64,
    misses: f64,
}

impl Counts {
    fn state(&self) -> Vec<f64> {
        vec![self.hits, self.false_alarms, self.misses]
    }

    fn restore(&mut self, state: &[f64]) {
        if let [hits, false_alarms, misses] = *state {
            *self = Counts { hits, false_alarms, misses };
        }
    }

    fn add(&mut self, threshold: f32, truth: &ArrayViewD<f32>, prediction: &ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in truth.outer_iter().zip(prediction.outer_iter()).zip(weights) {
            for (&truth, &answer) in truth.iter().zip(answer.iter()) {
                let weight = f64::from(weight);
                match (truth > 0.5, answer > threshold) {
                    (true, true) => self.hits += weight,
                    (false, true) => self.false_alarms += weight,
                    (true, false) => self.misses += weight,
                    (false, false) => {}
                }
            }
        }
    }
}

/// Part of the yes answers that are right.
#[derive(Debug, Clone)]
pub struct Precision {
    pub threshold: f32,
    counts: Counts,
}

/// Part of the true ones that are found.
#[derive(Debug, Clone)]
pub struct Recall {
    pub threshold: f32,
    counts: Counts,
}

impl Default for Precision {
    fn default() -> Self {
        Precision { threshold: 0.5, counts: Counts::default() }
    }
}

impl Default for Recall {
    fn default() -> Self {
        Recall { threshold: 0.5, counts: Counts::default() }
    }
}

impl Metric for Precision {
    fn name(&self) -> String {
        "precision".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        self.counts.add(self.threshold, &truth, &prediction, weights);
    }

    fn value(&self) -> f32 {
        part(self.counts.hits, self.counts.false_alarms)
    }

    fn reset(&mut self) {
        self.counts = Counts::default();
    }

    fn state(&self) -> Vec<f64> {
        self.counts.state()
    }

    fn restore(&mut self, state: &[f64]) {
        self.counts.restore(state);
    }
}

impl Metric for Recall {
    fn name(&self) -> String {
        "recall".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        self.counts.add(self.threshold, &truth, &prediction, weights);
    }

    fn value(&self) -> f32 {
        part(self.counts.hits, self.counts.misses)
    }

    fn reset(&mut self) {
        self.counts = Counts::default();
    }

    fn state(&self) -> Vec<f64> {
        self.counts.state()
    }

    fn restore(&mut self, state: &[f64]) {
        self.counts.restore(state);
    }
}

fn part(hits: f64, others: f64) -> f32 {
    if hits + others == 0.0 { 0.0 } else { (hits / (hits + others)) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn precision_and_recall_gather_over_batches() {
        let (mut precision, mut recall) = (Precision::default(), Recall::default());
        for (truth, answer) in
            [(array![[1.0_f32], [1.0]], array![[0.9_f32], [0.1]]), (array![[0.0], [1.0]], array![[0.8], [0.7]])]
        {
            let (truth, answer) = (truth.into_dyn(), answer.into_dyn());
            precision.update(truth.view(), answer.view(), &[1.0, 1.0]);
            recall.update(truth.view(), answer.view(), &[1.0, 1.0]);
        }
        assert!((precision.value() - 2.0 / 3.0).abs() < 1e-6 && (recall.value() - 2.0 / 3.0).abs() < 1e-6);
    }
}
