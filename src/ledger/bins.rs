//! Counts per interval, each with its coverage: how much of the interval was seen. Plain computation on what report.rs
//! has read; not here: SQL, formats.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use super::spans::{Span, subtract, union};
use crate::event::Direction;
use crate::limits::MAX_EMPTY_GAP;

const MINUTE_US: i64 = 60_000_000;

/// Which clock the times of a series are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockKind {
    /// Unix time.
    Wall,
    /// Since the start of the source.
    Media,
}

/// What is counted apart: indices into [`Series::lines`] and [`Series::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountKey {
    pub line: usize,
    pub direction: Direction,
    pub class: usize,
}

/// Crossings per line, direction and class. What is not in it is 0.
pub type Counts = BTreeMap<CountKey, u64>;

/// One interval.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bin {
    /// How much of it was seen, less the gaps; microseconds.
    pub seen_us: i64,
    pub counts: Counts,
}

impl Bin {
    /// How much of an interval of this length was seen, 0..=1. (Where a time zone shifts by a part of an interval, one
    /// interval is longer than the others.)
    pub fn coverage(&self, interval_us: i64) -> f64 {
        (self.seen_us as f64 / interval_us as f64).min(1.0)
    }
}

/// Intervals of 1, 5, 15 or 60 minutes. On the wall clock they begin at round local times.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub minutes: u32,
    /// For [`ClockKind::Wall`].
    pub zone: Option<TimeZone>,
}

impl Grid {
    pub fn interval_us(&self) -> i64 {
        i64::from(self.minutes) * MINUTE_US
    }

    /// Start of the interval that `t_us` lies in.
    pub fn start_of(&self, t_us: i64) -> i64 {
        let offset_us = match (&self.zone, Timestamp::from_microsecond(t_us)) {
            (Some(zone), Ok(time)) => i64::from(zone.to_offset(time).seconds()) * 1_000_000,
            _ => 0,
        };
        t_us - (t_us + offset_us).rem_euclid(self.interval_us())
    }
}

/// What was read of one series, all on the same clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    pub seen: Vec<Span>,
    pub gaps: Vec<Span>,
    /// Gaps in which nobody was looking: their intervals are listed, though nothing of them was seen.
    pub down: Vec<Span>,
    /// Crossings per minute (since the clock's zero).
    pub minutes: Vec<(i64, CountKey, u64)>,
}

/// The intervals in which anything was seen, counted, or missed because nobody was looking; by start.
pub(super) fn bins(grid: &Grid, observed: Observed) -> BTreeMap<i64, Bin> {
    let mut bins: BTreeMap<i64, Bin> = BTreeMap::new();
    let not_seen = union([observed.gaps, observed.down.clone()].concat());
    for span in subtract(&union(observed.seen), &not_seen) {
        for piece in pieces(span) {
            bins.entry(grid.start_of(piece.from)).or_default().seen_us += piece.to - piece.from;
        }
    }
    for span in observed.down.into_iter().filter(|s| s.to - s.from <= MAX_EMPTY_GAP.as_micros() as i64) {
        for piece in pieces(span) {
            bins.entry(grid.start_of(piece.from)).or_default();
        }
    }
    for (minute, key, count) in observed.minutes {
        *bins.entry(grid.start_of(minute * MINUTE_US)).or_default().counts.entry(key).or_default() += count;
    }
    bins
}

/// A span cut at whole minutes: every interval, in every time zone of today, begins at one.
fn pieces(span: Span) -> impl Iterator<Item = Span> {
    let mut from = span.from;
    std::iter::from_fn(move || {
        let to = ((from.div_euclid(MINUTE_US) + 1) * MINUTE_US).min(span.to);
        let piece = Span::new(from, to);
        from = to;
        (piece.from < piece.to).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    fn key() -> CountKey {
        CountKey { line: 0, direction: Direction::AtoB, class: 0 }
    }

    #[test]
    fn a_gap_is_no_zero() {
        let grid = Grid { minutes: 1, zone: None };
        let observed = Observed {
            seen: vec![Span::new(0, 90 * SECOND)],
            gaps: vec![Span::new(10 * SECOND, 25 * SECOND), Span::new(20 * SECOND, 40 * SECOND)],
            down: vec![Span::new(90 * SECOND, 200 * SECOND)],
            minutes: vec![(0, key(), 3), (1, key(), 2), (1, key(), 1)],
        };
        let bins: Vec<_> = bins(&grid, observed)
            .into_iter()
            .map(|(t, b)| (t / SECOND, b.seen_us / SECOND, b.counts.get(&key()).copied()))
            .collect();
        assert_eq!(bins, [(0, 30, Some(3)), (60, 30, Some(3)), (120, 0, None), (180, 0, None)]);
    }

    #[test]
    fn intervals_begin_at_round_local_times() {
        let at = |zone: &str, minutes, time: &str| {
            let grid = Grid { minutes, zone: Some(TimeZone::posix(zone).unwrap()) };
            let time: Timestamp = time.parse().unwrap();
            Timestamp::from_microsecond(grid.start_of(time.as_microsecond())).unwrap().to_string()
        };
        assert_eq!(at("UTC0", 15, "2026-05-01T10:44:59Z"), "2026-05-01T10:30:00Z");
        assert_eq!(at("CET-1", 60, "2026-05-01T10:44:59Z"), "2026-05-01T10:00:00Z");
        assert_eq!(at("NPT-5:45", 60, "2026-05-01T10:44:59Z"), "2026-05-01T10:15:00Z", "16:00 in Kathmandu");
    }

    #[test]
    fn a_clock_that_was_not_set_does_not_fill_a_report() {
        let observed = Observed { down: vec![Span::new(0, 1_700_000_000 * SECOND)], ..Observed::default() };
        assert!(bins(&Grid { minutes: 1, zone: None }, observed).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_doubled(
            seen in prop::collection::vec((0_i64..10_000, 0_i64..4_000), 0..6),
            gaps in prop::collection::vec((0_i64..10_000, 0_i64..900), 0..6),
            minutes in prop::collection::vec((0_i64..200, 1_u64..9), 0..40),
            width in prop::sample::select(vec![1_u32, 5, 15, 60]),
        ) {
            let spans = |v: &[(i64, i64)]| v.iter().map(|&(f, l)| Span::new(f * SECOND, (f + l) * SECOND)).collect::<Vec<_>>();
            let grid = Grid { minutes: width, zone: None };
            let observed = Observed {
                seen: spans(&seen),
                gaps: spans(&gaps),
                down: vec![],
                minutes: minutes.iter().map(|&(m, n)| (m, key(), n)).collect(),
            };
            let total: i64 = subtract(&union(observed.seen.clone()), &union(observed.gaps.clone())).iter().map(|s| s.to - s.from).sum();
            let bins = bins(&grid, observed);
            prop_assert_eq!(bins.values().map(|b| b.seen_us).sum::<i64>(), total);
            prop_assert!(bins.iter().all(|(t, b)| t % grid.interval_us() == 0 && (0..=grid.interval_us()).contains(&b.seen_us)));
            let counted: u64 = bins.values().flat_map(|b| b.counts.values()).sum();
            prop_assert_eq!(counted, minutes.iter().map(|m| m.1).sum::<u64>());
        }
    }
}
