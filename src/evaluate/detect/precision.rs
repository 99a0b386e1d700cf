//! From judged detections to average precision and recall.

use super::matching::Matched;

/// Recalls at which precision is read: 0, 0.01 … 1.
const RECALLS: usize = 101;

/// The precision–recall curve in two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    pub ap: f64,
    /// The largest.
    pub recall: f64,
}

/// How much is found, and how much of it is right, where all of this score and above counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrPoint {
    pub score: f64,
    pub recall: f64,
    pub precision: f64,
}

/// Down the scores, at overlap `index`; `None` without a labelled box. `matched` is sorted.
pub(super) fn points(matched: &Matched, index: usize) -> Option<impl Iterator<Item = PrPoint>> {
    let bit = 1u16 << index;
    let (mut right, mut all) = (0usize, 0usize);
    let judged = matched.found.iter().filter(move |judged| judged.ignored & bit == 0);
    (matched.truth > 0).then(|| {
        judged.map(move |judged| {
            right += usize::from(judged.matched & bit != 0);
            all += 1;
            let (right, all, truth) = (right as f64, all as f64, matched.truth as f64);
            PrPoint { score: judged.score, recall: right / truth, precision: right / all }
        })
    })
}

/// At overlap `index`; `None` without a labelled box. `matched` is sorted.
pub(super) fn curve(matched: &Matched, index: usize) -> Option<Curve> {
    let mut points: Vec<(f64, f64)> = points(matched, index)?.map(|point| (point.recall, point.precision)).collect();
    let recall = points.last().map_or(0.0, |point| point.0);
    // Precision at a recall is the best one at this or a larger recall.
    for at in (1..points.len()).rev() {
        points[at - 1].1 = points[at - 1].1.max(points[at].1);
    }
    let precision_at = |recall: f64| points.get(points.partition_point(|point| point.0 < recall)).map_or(0.0, |p| p.1);
    // As numpy computes the steps.
    let sum: f64 = (0..RECALLS).map(|step| precision_at(step as f64 * 0.01)).sum();
    Some(Curve { ap: sum / RECALLS as f64, recall })
}

#[cfg(test)]
mod tests {
    use super::super::matching::Judged;
    use super::*;

    #[test]
    fn the_curve_of_a_hand_made_ranking() {
        // right, wrong, right, ignored, right of 4.
        let judged = |matched, ignored| Judged { score: 0.0, matched, ignored };
        let found = vec![judged(1, 0), judged(0, 0), judged(1, 0), judged(0, 1), judged(1, 0)];
        let Curve { ap, recall } = curve(&Matched { truth: 4, found }, 0).unwrap();
        assert_eq!(recall, 0.75);
        // 1 up to recall 0.25 (26 points), then 3/4 up to 0.75 (50 points), then nothing.
        assert!((ap - (26.0 + 50.0 * 0.75) / 101.0).abs() < 1e-12, "{ap}");
    }
}
