//! Precision and recall, of outputs that are yes above a threshold.

use ndarray::ArrayViewD;

use super::{Metric, yes_or_class};

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

    fn add(&mut self, of: Of, truth: &ArrayViewD<f32>, prediction: &ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in truth.outer_iter().zip(prediction.outer_iter()).zip(weights) {
            // The number of a class stands for a one in its place.
            let number = (truth.len() == 1 && answer.len() > 1).then(|| truth.iter().next().copied()).flatten();
            let mut truths = truth.iter();
            for (class, &answer) in answer.iter().enumerate() {
                let truth = match number {
                    Some(number) => number as usize == class,
                    None => truths.next().is_some_and(|&truth| truth > 0.5),
                };
                if of.class.is_some_and(|wanted| wanted != class) {
                    continue;
                }
                let weight = f64::from(weight);
                match (truth, answer > of.threshold) {
                    (true, true) => self.hits += weight,
                    (false, true) => self.false_alarms += weight,
                    (true, false) => self.misses += weight,
                    (false, false) => {}
                }
            }
        }
    }
}

/// What counts as a yes.
#[derive(Debug, Clone, Copy)]
struct Of {
    threshold: f32,
    /// Only this output, Keras' class_id.
    class: Option<usize>,
}

impl Default for Of {
    fn default() -> Self {
        Of { threshold: 0.5, class: None }
    }
}

/// Part of the yes answers that are right. Truth is 0 or 1 for each output, or the number of a class.
#[derive(Debug, Clone, Default)]
pub struct Precision {
    of: Of,
    counts: Counts,
}

/// Part of the true ones that are found. Truth is 0 or 1 for each output, or the number of a class.
#[derive(Debug, Clone, Default)]
pub struct Recall {
    of: Of,
    counts: Counts,
}

macro_rules! arguments {
    ($name:ident) => {
        impl $name {
            pub fn new() -> Self {
                Self::default()
            }

            /// Outputs above this are a yes; 0.5 unless set.
            pub fn threshold(mut self, threshold: f32) -> Self {
                self.of.threshold = threshold;
                self
            }

            /// Looks at one class only.
            pub fn class_id(mut self, class: usize) -> Self {
                self.of.class = Some(class);
                self
            }
        }
    };
}
arguments!(Precision);
arguments!(Recall);

impl Metric for Precision {
    fn name(&self) -> String {
        named("precision", self.of)
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        yes_or_class(truth, output)
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        self.counts.add(self.of, &truth, &prediction, weights);
    }

    fn value(&self) -> f32 {
        part(self.counts.hits, self.counts.false_alarms)
    }

    super::gathers!(counts);
}

impl Metric for Recall {
    fn name(&self) -> String {
        named("recall", self.of)
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        yes_or_class(truth, output)
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        self.counts.add(self.of, &truth, &prediction, weights);
    }

    fn value(&self) -> f32 {
        part(self.counts.hits, self.counts.misses)
    }

    super::gathers!(counts);
}

/// Several classes are told apart: `precision_2`.
fn named(name: &str, of: Of) -> String {
    of.class.map_or_else(|| name.to_owned(), |class| format!("{name}_{class}"))
}

fn part(hits: f64, others: f64) -> f32 {
    if hits + others == 0.0 { 0.0 } else { (hits / (hits + others)) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn of_one_class_by_its_number() {
        let answer = array![[0.6_f32, 0.4], [0.7, 0.3], [0.2, 0.8]].into_dyn();
        let truth = array![[0.0_f32], [1.0], [1.0]].into_dyn();
        let mut precision = Precision::new().class_id(0);
        precision.update(truth.view(), answer.view(), &[1.0; 3]);
        let mut recall = Recall::new().class_id(1).threshold(0.25);
        recall.update(truth.view(), answer.view(), &[1.0; 3]);
        assert_eq!((precision.name(), precision.value()), ("precision_0".into(), 0.5));
        assert_eq!((recall.name(), recall.value()), ("recall_1".into(), 1.0));
        assert!(recall.fits(&[1], &[2]).is_ok() && recall.fits(&[3], &[2]).is_err());
    }

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
