//! Area under the ROC or under precision over recall.

use ndarray::ArrayViewD;

use super::Metric;

/// Keras' AUC: 200 thresholds from below 0 to above 1, what lies between them interpolated.
#[derive(Debug, Clone)]
pub struct Auc {
    curve: Curve,
    /// True ones and others, by weight, that lie above so many thresholds and no more.
    bins: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Curve {
    /// True positive over false positive rate, by trapezia.
    #[default]
    Roc,
    /// Precision over recall, interpolated as Davis and Goadrich 2006 have it.
    PrecisionRecall,
}

const THRESHOLDS: usize = 200;

impl Default for Auc {
    fn default() -> Self {
        Auc { curve: Curve::Roc, bins: vec![(0.0, 0.0); THRESHOLDS + 1] }
    }
}

impl Auc {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = curve;
        self
    }

    /// True ones and others above each threshold, from the lowest one.
    fn above(&self) -> Vec<(f64, f64)> {
        let mut sums = (0.0, 0.0);
        let mut above: Vec<(f64, f64)> = self.bins[1..]
            .iter()
            .rev()
            .map(|bin| {
                sums = (sums.0 + bin.0, sums.1 + bin.1);
                sums
            })
            .collect();
        above.reverse();
        above
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

/// How many thresholds lie below an answer.
fn thresholds_below(answer: f32) -> usize {
    // Near the place that the even distances say; the ends and rounding may move it by one.
    let mut place = ((answer.clamp(0.0, 1.0) * (THRESHOLDS - 1) as f32) as usize).min(THRESHOLDS);
    while place < THRESHOLDS && answer > threshold(place) {
        place += 1;
    }
    while place > 0 && answer <= threshold(place - 1) {
        place -= 1;
    }
    place
}

impl Metric for Auc {
    fn name(&self) -> String {
        match self.curve {
            Curve::Roc => "auc".into(),
            Curve::PrecisionRecall => "pr_auc".into(),
        }
    }

    fn update(&mut self, truth: ArrayViewD<f32>, prediction: ArrayViewD<f32>, weights: &[f32]) {
        for ((truth, answer), &weight) in truth.outer_iter().zip(prediction.outer_iter()).zip(weights) {
            for (&truth, &answer) in truth.iter().zip(answer.iter()) {
                let bin = &mut self.bins[thresholds_below(answer)];
                *(if truth > 0.5 { &mut bin.0 } else { &mut bin.1 }) += f64::from(weight);
            }
        }
    }

    fn value(&self) -> f32 {
        let above = self.above();
        let (all_true, all_others) = above[0];
        let pairs = above.windows(2).map(|pair| (pair[0], pair[1]));
        let ratio = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
        let area: f64 = match self.curve {
            Curve::Roc => pairs
                .map(|(low, high)| {
                    (ratio(low.1, all_others) - ratio(high.1, all_others))
                        * (ratio(low.0, all_true) + ratio(high.0, all_true))
                        / 2.0
                })
                .sum(),
            Curve::PrecisionRecall => pairs
                .map(|(low, high)| {
                    // Between two thresholds hits and false alarms grow evenly: precision is hits / all, integrated over recall.
                    let (hits, all) = (low.0 - high.0, low.0 + low.1 - high.0 - high.1);
                    let slope = ratio(hits, all);
                    let start = high.0 - slope * (high.0 + high.1);
                    let (more, less) = (low.0 + low.1, high.0 + high.1);
                    let grown = if more > 0.0 && less > 0.0 { (more / less).ln() } else { 0.0 };
                    ratio(slope * (hits + start * grown), all_true)
                })
                .sum(),
        };
        area as f32
    }

    fn reset(&mut self) {
        self.bins.fill((0.0, 0.0));
    }

    fn state(&self) -> Vec<f64> {
        self.bins.iter().flat_map(|it| [it.0, it.1]).collect()
    }

    fn restore(&mut self, state: &[f64]) {
        for (bin, pair) in self.bins.iter_mut().zip(state.chunks_exact(2)) {
            *bin = (pair[0], pair[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn of(mut auc: Auc, truth: &[f32], answer: &[f32]) -> f32 {
        let column =
            |numbers: &[f32]| ndarray::ArrayD::from_shape_vec(vec![numbers.len(), 1], numbers.to_vec()).unwrap();
        auc.update(column(truth).view(), column(answer).view(), &vec![1.0; truth.len()]);
        let mut again = Auc::new().curve(auc.curve);
        again.restore(&auc.state());
        assert_eq!(again.value(), auc.value());
        auc.value()
    }

    #[test]
    fn the_documented_example_of_keras() {
        let found = of(Auc::new(), &[0.0, 0.0, 1.0, 1.0], &[0.0, 0.5, 0.3, 0.9]);
        assert!((found - 0.75).abs() < 1e-6, "{found}");
        let found = of(Auc::new(), &[1.0, 1.0], &[0.3, 0.9]);
        assert_eq!(found, 0.0, "one kind alone");
    }

    #[test]
    fn a_clean_separation_is_one_on_both_curves_and_chance_the_part_of_true_ones() {
        let pr = || Auc::new().curve(Curve::PrecisionRecall);
        for auc in [Auc::new(), pr()] {
            assert!((of(auc, &[1.0, 1.0, 0.0, 0.0], &[0.9, 0.8, 0.2, 0.1]) - 1.0).abs() < 1e-6);
        }
        let (truth, answer): (Vec<f32>, Vec<f32>) =
            (0..4000).map(|it| (f32::from(u8::from(it % 4 == 0)), (it / 4) as f32 / 1000.0)).unzip();
        let found = of(pr(), &truth, &answer);
        assert!((found - 0.25).abs() < 1e-3, "{found}");
    }

    #[test]
    fn bins_are_where_the_thresholds_say() {
        for answer in [-1.0, 0.0, 1e-9, 1.0 / 199.0, 0.5, 100.0 / 199.0, 0.999, 1.0, 2.0, f32::NAN] {
            let counted = (0..THRESHOLDS).filter(|&place| answer > threshold(place)).count();
            assert_eq!(thresholds_below(answer), counted, "{answer}");
        }
        let mut auc = Auc::new();
        auc.update(array![[1.0_f32], [0.0]].into_dyn().view(), array![[0.7_f32], [0.7]].into_dyn().view(), &[1.0, 1.0]);
        assert!((auc.value() - 0.5).abs() < 1e-6, "equal answers are a coin");
    }
}
