//! Verification: how often two pictures of one person are accepted, and of two people.

/// Two pictures and how alike they are; the larger the score, the more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub score: f32,
    /// Whether they show the same person.
    pub same: bool,
}

/// All pairs of embeddings, (count, dimensions) in a row: the score is minus the squared distance.
pub fn pairs(embeddings: &[f32], dimensions: usize, labels: &[usize]) -> Vec<Pair> {
    let row = |index: usize| &embeddings[index * dimensions..][..dimensions];
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let mut pairs = Vec::with_capacity(labels.len() * labels.len() / 2);
    for a in 0..labels.len() {
        for b in a + 1..labels.len() {
            pairs.push(Pair { score: -distance(row(a), row(b)), same: labels[a] == labels[b] });
        }
    }
    pairs
}

/// Rates over all thresholds, from the strictest one.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// (FAR, 1 − FRR, threshold): the part of different pairs that is accepted, that of same pairs, where.
    pub points: Vec<(f64, f64, f32)>,
}

impl Roc {
    /// None where one of the two kinds is missing: then there are no rates.
    pub fn of(pairs: &[Pair]) -> Option<Roc> {
        let same = pairs.iter().filter(|pair| pair.same).count();
        let different = pairs.len() - same;
        if same == 0 || different == 0 {
            return None;
        }
        let mut sorted = pairs.to_vec();
        sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut points = vec![(0.0, 0.0, f32::INFINITY)];
        let (mut accepted, mut wrongly) = (0, 0);
        for (index, pair) in sorted.iter().enumerate() {
            *(if pair.same { &mut accepted } else { &mut wrongly }) += 1;
            // Pairs with one score are accepted together.
            if sorted.get(index + 1).is_none_or(|next| next.score < pair.score) {
                points.push((wrongly as f64 / different as f64, accepted as f64 / same as f64, pair.score));
            }
        }
        Some(Roc { points })
    }

    /// Area under the curve, 0 to 1: the chance that a same pair scores above a different one.
    pub fn auc(&self) -> f64 {
        self.points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum()
    }

    /// Equal error rate: where FAR and FRR meet, and the threshold there.
    pub fn eer(&self) -> (f64, f32) {
        let gap = |point: &(f64, f64, f32)| (point.0 - (1.0 - point.1)).abs();
        let best = self.points.iter().min_by(|a, b| gap(a).total_cmp(&gap(b))).expect("a curve has points");
        ((best.0 + 1.0 - best.1) / 2.0, best.2)
    }

    /// The largest part of same pairs that is accepted at a FAR of at most this.
    pub fn acceptance_at(&self, far: f64) -> f64 {
        self.points.iter().filter(|point| point.0 <= far).map(|point| point.1).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(score: f32, same: bool) -> Pair {
        Pair { score, same }
    }

    #[test]
    fn a_clean_separation_has_an_area_of_one() {
        let roc = Roc::of(&[pair(0.9, true), pair(0.8, true), pair(0.1, false)]).unwrap();
        assert!((roc.auc() - 1.0).abs() < 1e-12);
        assert!(roc.eer().0 < 1e-12);
        assert!((roc.acceptance_at(0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn equal_scores_are_a_coin() {
        let roc = Roc::of(&[pair(0.5, true), pair(0.5, false)]).unwrap();
        assert!((roc.auc() - 0.5).abs() < 1e-12);
        assert!((roc.acceptance_at(0.1)).abs() < 1e-12);
    }

    #[test]
    fn one_kind_alone_has_no_rates() {
        assert!(Roc::of(&[pair(0.5, true)]).is_none());
        assert!(Roc::of(&[]).is_none());
    }

    #[test]
    fn pairs_are_all_of_two() {
        let found = pairs(&[0.0, 0.0, 1.0, 0.0, 0.0, 2.0], 2, &[0, 0, 1]);
        assert_eq!(found, [pair(-1.0, true), pair(-4.0, false), pair(-5.0, false)]);
    }
}
