//! How often the answer is right.

use ndarray::ArrayViewD;

use super::{Mean, Metric, samples, yes_or_class};

/// Keras' "accuracy": that of yes and no where there is one output, of the number of a class where the truth is one number, of
/// one-hot truth otherwise.
#[derive(Debug, Clone, Default)]
pub struct Accuracy {
    mean: Mean,
}

/// Each output is yes above `threshold`.
#[derive(Debug, Clone)]
pub struct BinaryAccuracy {
    pub threshold: f32,
    mean: Mean,
}

/// The largest output stands where the one-hot truth has its one.
#[derive(Debug, Clone, Default)]
pub struct CategoricalAccuracy {
    mean: Mean,
}

/// The largest output stands at the number that is the truth.
#[derive(Debug, Clone, Default)]
pub struct SparseCategoricalAccuracy {
    mean: Mean,
}

/// The class of the truth, a number or one-hot, is among the `k` largest outputs.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    mean: Mean,
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        BinaryAccuracy { threshold: 0.5, mean: Mean::default() }
    }
}

impl TopK {
    pub fn new(k: usize) -> Self {
        TopK { k, mean: Mean::default() }
    }
}

impl Metric for Accuracy {
    fn name(&self) -> String {
        "accuracy".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in samples(&truth).zip(samples(&prediction)).zip(weights) {
            let right = match (truth.as_slice(), answer.as_slice()) {
                ([truth], [answer]) => (*truth > 0.5) == (*answer > 0.5),
                ([class], answer) => *class as usize == largest(answer),
                (hot, answer) => largest(hot) == largest(answer),
            };
            self.mean.add(f64::from(u8::from(right)), f64::from(weight));
        }
    }

    super::averages!(mean);

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        match output {
            [_] => yes_or_class(truth, output),
            _ => Err(format!("has the shape {truth:?}, the output {output:?}: one answer for each sample is needed")),
        }
    }
}

impl Metric for BinaryAccuracy {
    fn name(&self) -> String {
        "binary_accuracy".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in samples(&truth).zip(samples(&prediction)).zip(weights) {
            let yes = |value: f32| value > self.threshold;
            let right = truth.iter().zip(&answer).filter(|(truth, answer)| yes(**truth) == yes(**answer)).count();
            self.mean.add(right as f64 / truth.len().max(1) as f64, f64::from(weight));
        }
    }

    super::averages!(mean);
}

impl Metric for CategoricalAccuracy {
    fn name(&self) -> String {
        "accuracy".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in samples(&truth).zip(samples(&prediction)).zip(weights) {
            let right = largest(&truth) == largest(&answer);
            self.mean.add(f64::from(u8::from(right)), f64::from(weight));
        }
    }

    super::averages!(mean);
}

impl Metric for SparseCategoricalAccuracy {
    fn name(&self) -> String {
        "accuracy".into()
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in samples(&truth).zip(samples(&prediction)).zip(weights) {
            let right = truth.first().is_some_and(|&class| class as usize == largest(&answer));
            self.mean.add(f64::from(u8::from(right)), f64::from(weight));
        }
    }

    super::averages!(mean);

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        a_class(truth, output)
    }
}

impl Metric for TopK {
    fn name(&self) -> String {
        format!("top_{}_accuracy", self.k)
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in samples(&truth).zip(samples(&prediction)).zip(weights) {
            let class = if truth.len() == 1 { truth[0] as usize } else { largest(&truth) };
            let above = answer.get(class).map(|own| answer.iter().filter(|&other| other > own).count());
            let right = above.is_some_and(|above| above < self.k);
            self.mean.add(f64::from(u8::from(right)), f64::from(weight));
        }
    }

    super::averages!(mean);

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        if truth == output { Ok(()) } else { a_class(truth, output) }
    }
}

fn a_class(truth: &[usize], output: &[usize]) -> Result<(), String> {
    match (truth, output) {
        ([1], [_]) => Ok(()),
        _ => Err(format!("has the shape {truth:?}, the output {output:?}: the number of a class is needed")),
    }
}

/// The first of the largest.
fn largest(values: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn accuracy_goes_by_the_shapes_as_in_keras() {
        let cases = [
            (array![[1.0_f32], [0.0]].into_dyn(), array![[0.9_f32], [0.6]].into_dyn()),
            (array![[1.0_f32], [2.0]].into_dyn(), array![[0.1_f32, 0.7, 0.2], [0.5, 0.3, 0.2]].into_dyn()),
            (array![[0.0_f32, 1.0], [0.0, 1.0]].into_dyn(), array![[0.4_f32, 0.6], [0.9, 0.1]].into_dyn()),
        ];
        for (truth, answer) in cases {
            let mut accuracy = Accuracy::default();
            accuracy.fits(&truth.shape()[1..], &answer.shape()[1..]).unwrap();
            accuracy.update(truth.view(), answer.view(), &[3.0, 1.0]);
            assert!((accuracy.value() - 0.75).abs() < 1e-6, "{truth}: {}", accuracy.value());
        }
        assert!(Accuracy::default().fits(&[2], &[3]).unwrap_err().contains("[2]"));
    }

    #[test]
    fn accuracies_count_right_answers_by_weight() {
        let scores = array![[0.1_f32, 0.7, 0.2], [0.5, 0.3, 0.2]].into_dyn();
        let mut sparse = SparseCategoricalAccuracy::default();
        sparse.update(array![[1.0_f32], [2.0]].into_dyn().view(), scores.view(), &[3.0, 1.0]);
        assert!((sparse.value() - 0.75).abs() < 1e-6);
        let mut hot = CategoricalAccuracy::default();
        hot.update(array![[0.0_f32, 1.0, 0.0], [0.0, 0.0, 1.0]].into_dyn().view(), scores.view(), &[1.0, 1.0]);
        assert!((hot.value() - 0.5).abs() < 1e-6);
        let mut top = TopK::new(2);
        top.update(array![[2.0_f32], [2.0]].into_dyn().view(), scores.view(), &[1.0, 1.0]);
        assert!((top.value() - 0.5).abs() < 1e-6);
        let mut yes = BinaryAccuracy::default();
        yes.update(array![[1.0_f32], [0.0]].into_dyn().view(), array![[0.9_f32], [0.6]].into_dyn().view(), &[1.0, 1.0]);
        assert!((yes.value() - 0.5).abs() < 1e-6);
        yes.reset();
        assert_eq!(yes.value(), 0.0);
    }
}
