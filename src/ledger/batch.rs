//! When to commit. A plain object that is told the time: no threads, no database.

use std::time::Duration;

use super::RunId;
use crate::event::{Crossing, Gap};
use crate::frame::Stamp;

/// What goes into the database in one transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub crossings: Vec<(RunId, Crossing)>,
    pub gaps: Vec<(RunId, Gap)>,
    /// The marks: what has been looked at.
    pub seen: Vec<Seen>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.crossings.is_empty() && self.gaps.is_empty() && self.seen.is_empty()
    }

    fn events(&self) -> usize {
        self.crossings.len() + self.gaps.len()
    }
}

/// A stretch of a source that was looked at, from its first to its last frame; over it the wall clock ran evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub run: RunId,
    pub from: Stamp,
    pub until: Stamp,
}

/// When the wall clock is this far from where it should be, it was set, and a new stretch begins: a clock that jumps
/// from 1970 to today must not make 50 years look watched. Above what slewing and a camera's jitter do between marks.
const CLOCK_STEP: Duration = Duration::from_secs(1);

impl Seen {
    /// Whether a frame of this stamp goes on with the stretch.
    fn reaches(&self, stamp: &Stamp) -> bool {
        let ran = stamp.mono.saturating_sub(self.from.mono).as_micros() as i64;
        match (self.from.wall, self.until.wall, stamp.wall) {
            (Some(from), Some(until), Some(now)) => {
                now >= until && (now - from).abs_diff(ran) <= CLOCK_STEP.as_micros() as u64
            }
            (None, None, None) => true,
            _ => false,
        }
    }
}

/// How much may wait, and for how long. What waits is what a power cut takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    /// Commit when as many events wait.
    pub max_events: usize,
    /// Commit when the oldest event has waited this long.
    pub max_wait: Duration,
    /// Commit the mark when frames were seen for so long and nothing else was stored.
    pub mark_every: Duration,
}

impl Default for BatchPolicy {
    fn default() -> Self {
        Self { max_events: 256, max_wait: Duration::from_secs(1), mark_every: Duration::from_secs(10) }
    }
}

/// Collects events until it is time to commit them. `now` is [`crate::clock::Clock::mono`].
///
/// Use: feed it (a frame's crossings and gaps first, then `seen` with its stamp); when [`Batcher::due`], commit
/// [`Batcher::batch`] and then call [`Batcher::committed`]. After a failed commit the batch is still there.
#[derive(Debug, Default)]
pub struct Batcher {
    policy: BatchPolicy,
    batch: Batch,
    /// Each run's stretch as it was last committed: the next frame continues it.
    open: Vec<Seen>,
    /// When the batch got its first event, and its first mark.
    first_event: Option<Duration>,
    first_mark: Option<Duration>,
}

impl Batcher {
    pub fn new(policy: BatchPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    pub fn crossing(&mut self, run: RunId, crossing: Crossing, now: Duration) {
        self.batch.crossings.push((run, crossing));
        self.first_event.get_or_insert(now);
    }

    pub fn gap(&mut self, run: RunId, gap: Gap, now: Duration) {
        self.batch.gaps.push((run, gap));
        self.first_event.get_or_insert(now);
    }

    /// The frame of `stamp` was processed, and everything that it led to was fed before.
    pub fn seen(&mut self, run: RunId, stamp: Stamp, now: Duration) {
        self.first_mark.get_or_insert(now);
        if let Some(seen) = self.batch.seen.iter_mut().rfind(|s| s.run == run) {
            if seen.reaches(&stamp) {
                seen.until = stamp;
                return;
            }
        } else if let Some(open) = self.open.iter().find(|s| s.run == run)
            && open.reaches(&stamp)
        {
            self.batch.seen.push(Seen { until: stamp, ..*open });
            return;
        }
        self.batch.seen.push(Seen { run, from: stamp, until: stamp });
    }

    /// When the batch must be committed; `None` while there is nothing to store.
    pub fn deadline(&self) -> Option<Duration> {
        if self.batch.events() >= self.policy.max_events {
            return self.first_event;
        }
        let event = self.first_event.map(|t| t + self.policy.max_wait);
        let mark = self.first_mark.map(|t| t + self.policy.mark_every);
        event.into_iter().chain(mark).min()
    }

    pub fn due(&self, now: Duration) -> bool {
        self.deadline().is_some_and(|t| t <= now)
    }

    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The batch is stored: start the next one.
    pub fn committed(&mut self) {
        for seen in self.batch.seen.drain(..) {
            self.open.retain(|s| s.run != seen.run);
            self.open.push(seen);
        }
        self.batch.crossings.clear();
        self.batch.gaps.clear();
        (self.first_event, self.first_mark) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Direction, GapReason};
    use crate::geometry::Point;

    const RUN: RunId = RunId(1);

    fn secs(s: f64) -> Duration {
        Duration::from_secs_f64(s)
    }

    fn stamp(seq: u64, mono: f64, wall: Option<f64>) -> Stamp {
        Stamp { seq, mono: secs(mono), wall: wall.map(|w| (w * 1e6) as i64) }
    }

    fn crossing() -> Crossing {
        let stamp = stamp(0, 0.0, None);
        Crossing { line: 0, track: 1, direction: Direction::AtoB, class: 0, score: 0.5, stamp, at: Point::default() }
    }

    #[test]
    fn commits_a_second_after_the_first_event_not_after_the_last() {
        let mut b = Batcher::default();
        assert_eq!(b.deadline(), None, "nothing happened, nothing to commit");
        b.crossing(RUN, crossing(), secs(5.0));
        b.crossing(RUN, crossing(), secs(5.9));
        assert!(!b.due(secs(5.99)));
        assert!(b.due(secs(6.0)));
        b.committed();
        assert_eq!(b.deadline(), None);
        assert!(b.batch().is_empty());
    }

    #[test]
    fn commits_at_once_when_full() {
        let mut b = Batcher::new(BatchPolicy { max_events: 3, ..BatchPolicy::default() });
        let gap = Gap { from: stamp(0, 0.0, None), to: stamp(1, 1.0, None), frames: 1, reason: GapReason::Source };
        b.crossing(RUN, crossing(), secs(1.0));
        b.gap(RUN, gap, secs(1.0));
        assert!(!b.due(secs(1.0)));
        b.crossing(RUN, crossing(), secs(1.0));
        assert!(b.due(secs(1.0)));
    }

    #[test]
    fn marks_every_ten_seconds_of_quiet_and_with_every_event() {
        let mut b = Batcher::default();
        b.seen(RUN, stamp(0, 0.0, None), secs(100.0));
        b.seen(RUN, stamp(1, 9.0, None), secs(109.0));
        assert!(!b.due(secs(109.9)));
        assert!(b.due(secs(110.0)));
        assert_eq!(b.batch().seen, [Seen { run: RUN, from: stamp(0, 0.0, None), until: stamp(1, 9.0, None) }]);
        b.committed();
        assert_eq!(b.deadline(), None, "no frame, no mark");
        b.crossing(RUN, crossing(), secs(111.0));
        b.seen(RUN, stamp(2, 11.0, None), secs(111.0));
        assert!(b.due(secs(112.0)));
        assert_eq!(b.batch().seen[0].from, stamp(0, 0.0, None), "the stretch goes on over a commit");
    }

    #[test]
    fn a_failed_commit_keeps_the_batch() {
        let mut b = Batcher::default();
        b.crossing(RUN, crossing(), secs(0.0));
        assert!(b.due(secs(2.0)));
        assert!(b.due(secs(3.0)), "still due: nobody said committed");
        assert_eq!(b.batch().crossings.len(), 1);
    }

    #[test]
    fn a_clock_that_is_set_begins_a_new_stretch() {
        let check = |walls: &[Option<f64>], stretches: usize| {
            let mut b = Batcher::default();
            for (i, &wall) in walls.iter().enumerate() {
                b.seen(RUN, stamp(i as u64, i as f64, wall), secs(i as f64));
                b.committed();
                b.seen(RUN, stamp(i as u64, i as f64, wall), secs(i as f64));
            }
            let mut b2 = Batcher::default();
            for (i, &wall) in walls.iter().enumerate() {
                b2.seen(RUN, stamp(i as u64, i as f64, wall), secs(i as f64));
            }
            assert_eq!(b2.batch().seen.len(), stretches, "{walls:?}");
            assert_eq!(b.batch().seen.last(), b2.batch().seen.last(), "the same with commits in between: {walls:?}");
        };
        check(&[None, None, None], 1);
        check(&[Some(100.0), Some(101.0), Some(102.4)], 1);
        check(&[Some(3.0), Some(4.0), Some(1_700_000_000.0), Some(1_700_000_001.0)], 2);
        check(&[Some(100.0), Some(99.5), Some(100.5)], 2);
        check(&[None, Some(100.0), Some(101.0)], 2);
    }

    #[test]
    fn every_run_has_its_own_stretch() {
        let mut b = Batcher::default();
        let other = RunId(2);
        for i in 0..3 {
            b.seen(RUN, stamp(i, i as f64, None), secs(0.0));
            b.seen(other, stamp(i, 10.0 + i as f64, None), secs(0.0));
        }
        b.committed();
        b.seen(other, stamp(9, 19.0, None), secs(1.0));
        assert_eq!(b.batch().seen, [Seen { run: other, from: stamp(0, 10.0, None), until: stamp(9, 19.0, None) }]);
    }
}
