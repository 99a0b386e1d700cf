//! Box voting: the cells around an object find it too, each a little differently. After suppression has chosen the best of them, the
//! others say with it where the object is and how sure that is: an object that one cell alone has seen is more often none (Gidaris &
//! Komodakis 2015, arXiv:1505.01749, box voting; weight by agreement as in Solovyev et al. 2021, arXiv:1910.13302).
//!
//! Not here: which box is the best, and when two are the same object (nms.rs).

use crate::detection::Detection;
use crate::geometry::BBox;

/// Boxes vote down to this score, whatever the threshold for results is: then a score does not depend on that.
pub(super) const LEAST_SCORE: f32 = 0.01;

/// A box that overlaps the best one by so much is of the same object: intersection over union.
const SAME: f32 = 0.7;

/// How many boxes, with the best one, are enough to be sure. A network that is taught with the ten best cells of an object finds it
/// with six and more.
const QUORUM: usize = 6;

/// Power of the score in the end. Objects that are there get fewer votes the fainter they are; this brings them back to the score that
/// they had, so that thresholds keep their meaning: docs/results.md, What votes are worth.
const POWER: f32 = 0.8;

/// A box that has less than this can't have `score` when all have voted: the least own score for it is that of a full quorum.
pub(super) fn least_own(score: f32) -> f32 {
    score.powf(1.0 / POWER)
}

/// The best box of an object as it becomes by the votes of `others`, which come best first and are not itself. Sides: mean, weighted
/// by score². Score: half its own, half the mean of the [`QUORUM`] best, where those that are not there count as 0; then [`POWER`].
pub(super) fn vote<'a>(best: &Detection, others: impl Iterator<Item = &'a Detection>) -> Detection {
    // Scores beyond 1 come from a broken model only, and must not make the sides infinite.
    let weight = |score: f32| score.clamp(0.0, 1.0).powi(2);
    let mut weights = weight(best.score);
    let mut shift = [0.0; 4];
    let mut scores = best.score;
    for (voters, other) in (1..).zip(others.filter(|other| other.bbox.iou(&best.bbox) >= SAME)) {
        let weight = weight(other.score);
        weights += weight;
        for (shift, (to, from)) in shift.iter_mut().zip(sides(&other.bbox).into_iter().zip(sides(&best.bbox))) {
            *shift += weight * (to - from);
        }
        if voters < QUORUM {
            scores += other.score;
        }
    }
    let by = |at: usize| if weights > 0.0 { shift[at] / weights } else { 0.0 };
    let [x1, y1, x2, y2] = sides(&best.bbox);
    Detection {
        bbox: BBox::new(x1 + by(0), y1 + by(1), x2 + by(2), y2 + by(3)),
        class: best.class,
        score: ((best.score + scores / QUORUM as f32) / 2.0).max(0.0).powf(POWER),
    }
}

fn sides(bbox: &BBox) -> [f32; 4] {
    [bbox.x1, bbox.y1, bbox.x2, bbox.y2]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detection(x1: f32, x2: f32, score: f32) -> Detection {
        Detection { bbox: BBox::new(x1, 0.0, x2, 10.0), class: 3, score }
    }

    #[test]
    fn an_object_that_one_cell_alone_has_seen_is_less_sure() {
        let best = detection(0.0, 10.0, 0.6);
        let far = detection(5.0, 15.0, 0.6);
        let alone = vote(&best, [far].iter());
        assert_eq!(alone.bbox, best.bbox);
        assert!((alone.score - 0.35f32.powf(0.8)).abs() < 1e-6, "{}", alone.score);
        let agreed = vote(&best, [best; 5].iter());
        assert_eq!((agreed.bbox, agreed.class), (best.bbox, 3));
        assert!((agreed.score - 0.6f32.powf(0.8)).abs() < 1e-6, "{}", agreed.score);
        assert!((least_own(agreed.score) - 0.6).abs() < 1e-6);
    }

    #[test]
    fn sides_are_the_mean_weighted_by_the_square_of_the_score() {
        // Weights 0.64 and 0.16: a fifth of the way. IoU is 10 / 12.
        let voted = vote(&detection(0.0, 10.0, 0.8), [detection(-1.0, 11.0, 0.4)].iter());
        assert!((voted.bbox.x1 + 0.2).abs() < 1e-6 && (voted.bbox.x2 - 10.2).abs() < 1e-6, "{:?}", voted.bbox);
        assert!((voted.score - 0.5f32.powf(0.8)).abs() < 1e-6, "{}", voted.score);
    }

    #[test]
    fn nothing_but_the_best_six_counts_for_the_score() {
        let best = detection(0.0, 10.0, 0.5);
        assert_eq!(vote(&best, [best; 5].iter()).score, vote(&best, [best; 50].iter()).score);
    }

    #[test]
    fn a_broken_score_or_an_empty_box_keeps_the_sides_finite() {
        let broken = detection(0.0, 10.0, 1e30);
        assert_eq!(vote(&broken, [broken; 3].iter()).bbox, broken.bbox);
        let empty = Detection { bbox: BBox::new(4.0, 4.0, 4.0, 4.0), class: 0, score: 0.0 };
        assert_eq!(vote(&empty, [empty].iter()), empty);
    }

    proptest! {
        #[test]
        fn the_score_is_within_its_bounds_and_the_box_among_its_voters(
            boxes in proptest::collection::vec((0.0f32..3.0, 9.0f32..12.0, 0.0f32..1.0), 1..20),
        ) {
            let mut boxes: Vec<_> = boxes.into_iter().map(|(x1, x2, score)| detection(x1, x2, score)).collect();
            boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
            let voted = vote(&boxes[0], boxes[1..].iter());
            prop_assert!(least_own(voted.score) <= boxes[0].score * 1.000_1);
            prop_assert!(least_own(voted.score) >= boxes[0].score * 0.58);
            prop_assert!((0.0..=1.0).contains(&voted.score));
            let (low, high) = (boxes.iter().map(|b| b.bbox.x1), boxes.iter().map(|b| b.bbox.x2));
            prop_assert!(voted.bbox.x1 >= low.fold(f32::MAX, f32::min) - 1e-4);
            prop_assert!(voted.bbox.x2 <= high.fold(f32::MIN, f32::max) + 1e-4);
        }
    }
}
