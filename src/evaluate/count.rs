//! Scores predicted crossings against truth: maximal one-to-one matching in the truth's frame window, then precision,
//! recall, F1 and the count error per direction. Not here: files, clips, causes of misses.

use std::collections::VecDeque;

use serde::Serialize;

use super::{Predicted, TruthEvent, Way};

/// Frames by which a crossing may lie outside the truth's window: the truth itself is good to ±3, ±10 for slow vehicles.
pub const DEFAULT_SLACK: u64 = 10;

/// The outcome for one clip, or summed over several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// Events that had to be counted.
    pub truth: usize,
    /// Predictions, less those that matched a free event.
    pub predicted: usize,
    /// Predictions that matched an event that had to be counted.
    pub matched: usize,
    pub up: DirectionCount,
    pub down: DirectionCount,
}

/// Totals of one direction, whatever matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DirectionCount {
    /// Events that had to be counted.
    pub truth: usize,
    /// Those and the free ones: any count from `truth` to here is right.
    pub truth_with_free: usize,
    pub predicted: usize,
    /// Vehicles too few or too many. Summed over clips, so that a surplus here never hides a lack there.
    pub error: usize,
}

impl Score {
    /// Of nothing predicted: 1, since nothing was wrong.
    pub fn precision(&self) -> f64 {
        ratio(self.matched, self.predicted)
    }

    /// Of nothing to count: 1, since nothing was missed.
    pub fn recall(&self) -> f64 {
        ratio(self.matched, self.truth)
    }

    /// Harmonic mean of precision and recall; 0 where both are.
    pub fn f1(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 }
    }

    /// Vehicles too few or too many, over both directions.
    pub fn count_error(&self) -> usize {
        self.up.error + self.down.error
    }

    /// Adds another clip: figures of the sum are micro averages.
    pub fn add(&mut self, other: &Score) {
        self.truth += other.truth;
        self.predicted += other.predicted;
        self.matched += other.matched;
        for (sum, part) in [(&mut self.up, &other.up), (&mut self.down, &other.down)] {
            sum.truth += part.truth;
            sum.truth_with_free += part.truth_with_free;
            sum.predicted += part.predicted;
            sum.error += part.error;
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// Scores one clip. A prediction can match an event of its direction when its frame lies in the event's window, widened by
/// `slack` frames on both sides.
pub fn score(truth: &[TruthEvent], predicted: &[Predicted], slack: u64) -> Score {
    let matching = assign(truth, predicted, slack);
    let matched = matching.iter().flatten().filter(|&&event| !truth[event].free).count();
    let free = matching.iter().flatten().count() - matched;
    Score {
        truth: truth.iter().filter(|event| !event.free).count(),
        predicted: predicted.len() - free,
        matched,
        up: direction(truth, predicted, Way::Up),
        down: direction(truth, predicted, Way::Down),
    }
}

fn direction(truth: &[TruthEvent], predicted: &[Predicted], way: Way) -> DirectionCount {
    let with_free = truth.iter().filter(|event| event.way == way).count();
    let truth = truth.iter().filter(|event| event.way == way && !event.free).count();
    let predicted = predicted.iter().filter(|p| p.way == way).count();
    // At most one of the two is above zero, because truth <= with_free.
    let error = truth.saturating_sub(predicted) + predicted.saturating_sub(with_free);
    DirectionCount { truth, truth_with_free: with_free, predicted, error }
}

/// For each prediction the event that it matched, if any: a matching with the most events that had to be counted, and
/// among those one with the most matches.
///
/// Kuhn's algorithm (1955), with the events that count offered first: an augmenting path never takes an event out of the
/// matching again, so a free event can only use predictions that none of the others needs.
pub fn assign(truth: &[TruthEvent], predicted: &[Predicted], slack: u64) -> Vec<Option<usize>> {
    let mut matching = Matching { of_prediction: vec![None; predicted.len()], of_event: vec![None; truth.len()] };
    let (counted, free): (Vec<usize>, Vec<usize>) = (0..truth.len()).partition(|&event| !truth[event].free);
    for event in counted.into_iter().chain(free) {
        matching.augment(event, |event, p| accepts(&truth[event], &predicted[p], slack));
    }
    matching.of_prediction
}

fn accepts(event: &TruthEvent, prediction: &Predicted, slack: u64) -> bool {
    let window = event.first.saturating_sub(slack)..=event.last.saturating_add(slack);
    event.way == prediction.way && window.contains(&prediction.frame)
}

struct Matching {
    of_prediction: Vec<Option<usize>>,
    of_event: Vec<Option<usize>>,
}

impl Matching {
    /// Matches `start` too, if a path of reassignments makes room for it. Breadth first, not recursive: a path may be as
    /// long as the truth file.
    fn augment(&mut self, start: usize, accepts: impl Fn(usize, usize) -> bool) {
        let mut reached_from: Vec<Option<usize>> = vec![None; self.of_prediction.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(event) = queue.pop_front() {
            for p in 0..self.of_prediction.len() {
                if reached_from[p].is_some() || !accepts(event, p) {
                    continue;
                }
                reached_from[p] = Some(event);
                match self.of_prediction[p] {
                    Some(owner) => queue.push_back(owner),
                    None => return self.flip(p, &reached_from),
                }
            }
        }
    }

    /// Gives every prediction on the path that ends at `last` to the event that reached it.
    fn flip(&mut self, last: usize, reached_from: &[Option<usize>]) {
        let mut next = Some(last);
        while let Some(p) = next {
            let Some(event) = reached_from[p] else { return };
            next = self.of_event[event].replace(p);
            self.of_prediction[p] = Some(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(first: u64, last: u64, way: Way) -> TruthEvent {
        TruthEvent { id: String::new(), first, last, x: (0.0, 10.0), way, class: "car".into(), free: false }
    }

    fn free(first: u64, last: u64, way: Way) -> TruthEvent {
        TruthEvent { free: true, ..event(first, last, way) }
    }

    fn seen(frame: u64, way: Way) -> Predicted {
        Predicted { frame, way, class: "car".into(), track: None }
    }

    #[test]
    fn a_match_needs_the_direction_and_the_widened_window() {
        let truth = [event(100, 110, Way::Down)];
        for (frame, way, matched) in
            [(90, Way::Down, 1), (89, Way::Down, 0), (120, Way::Down, 1), (121, Way::Down, 0), (105, Way::Up, 0)]
        {
            assert_eq!(score(&truth, &[seen(frame, way)], 10).matched, matched, "frame {frame} {way:?}");
        }
    }

    #[test]
    fn one_passage_counted_twice_is_one_match_and_one_false_alarm() {
        let s = score(&[event(100, 110, Way::Up)], &[seen(104, Way::Up), seen(106, Way::Up)], 10);
        assert_eq!((s.truth, s.predicted, s.matched), (1, 2, 1));
        assert_eq!((s.precision(), s.recall(), s.count_error()), (0.5, 1.0, 1));
        assert!((s.f1() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_matching_is_maximal_where_first_come_first_served_is_not() {
        // The first event would take frame 20 and leave the second, which accepts nothing else, without a partner;
        // a chain of three reassignments is needed for the last.
        let truth = [event(10, 30, Way::Up), event(20, 20, Way::Up), event(8, 14, Way::Up)];
        let predicted = [seen(20, Way::Up), seen(12, Way::Up), seen(29, Way::Up)];
        assert_eq!(score(&truth, &predicted, 0).matched, 3);
        assert_eq!(assign(&truth, &predicted, 0), [Some(1), Some(2), Some(0)]);
    }

    #[test]
    fn a_free_event_changes_nothing_whether_it_is_counted_or_not() {
        let truth = [event(50, 60, Way::Down), free(100, 110, Way::Down)];
        let without = score(&truth, &[seen(55, Way::Down)], 10);
        let with = score(&truth, &[seen(55, Way::Down), seen(105, Way::Down)], 10);
        for s in [without, with] {
            assert_eq!((s.truth, s.predicted, s.matched, s.count_error()), (1, 1, 1, 0));
            assert_eq!(s.f1(), 1.0);
        }
    }

    #[test]
    fn a_free_event_never_takes_the_prediction_of_one_that_counts() {
        let truth = [free(50, 60, Way::Down), event(50, 60, Way::Down)];
        let s = score(&truth, &[seen(55, Way::Down)], 10);
        assert_eq!((s.predicted, s.matched), (1, 1));
    }

    #[test]
    fn errors_of_two_clips_and_two_directions_add_up_and_never_cancel() {
        let mut sum = score(&[event(50, 60, Way::Down)], &[], 10);
        sum.add(&score(&[], &[seen(9, Way::Down), seen(9, Way::Up)], 10));
        assert_eq!((sum.down.error, sum.up.error, sum.count_error()), (2, 1, 3));
        assert_eq!((sum.truth, sum.predicted, sum.matched), (1, 2, 0));
        assert_eq!((sum.precision(), sum.recall(), sum.f1()), (0.0, 0.0, 0.0));
    }

    #[test]
    fn nothing_predicted_where_nothing_passed_is_perfect() {
        let s = score(&[], &[], 10);
        assert_eq!((s.precision(), s.recall(), s.f1(), s.count_error()), (1.0, 1.0, 1.0, 0));
    }
}
