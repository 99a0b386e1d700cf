//! Random clips, batches and crashes.

use proptest::prelude::*;
use wayside::event::{Crossing, Direction, Gap, GapReason};
use wayside::ledger::{Batch, EndReason, Ledger, SqliteLedger, Stored};

use crate::fixture::*;

#[derive(Debug, Clone)]
enum Event {
    Crossing(Crossing),
    Gap(Gap),
}

/// Events of a clip, 1.7 s apart. Few tracks, so that some pass the same line again.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..8_u8, 1..6_u64, 0..2_usize, any::<bool>(), 0..2_u16, 0.0..=1.0_f32);
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let place = |(i, (kind, track, line, down, class, score)): (usize, (u8, u64, usize, bool, u16, f32))| {
            let seconds = i as f64 * 1.7;
            if kind == 0 {
                return Event::Gap(gap(seconds, seconds + 1.0, None, GapReason::Source));
            }
            let direction = if down { Direction::AtoB } else { Direction::BtoA };
            Event::Crossing(Crossing { line, direction, class, score, ..crossing(track, seconds, None) })
        };
        events.into_iter().enumerate().map(place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Sessions with batches of `size` events that die after `commits` transactions, then one that lives.
    #[test]
    fn any_crashes_and_replays_count_everything_once(
        events in events(),
        crashes in prop::collection::vec((1..12_usize, 0..8_usize), 0..4),
        last_size in 1..12_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.db");
        let crossings = events.iter().filter(|e| matches!(e, Event::Crossing(_))).count();
        let sessions = crashes.iter().map(|&(size, commits)| (size, Some(commits))).chain([(last_size, None)]);
        let (mut new, mut mark) = (0, None);
        for (size, dies_after) in sessions {
            let mut ledger = SqliteLedger::open(&path).unwrap();
            let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
            for (i, chunk) in events.chunks(size).enumerate().take(dies_after.unwrap_or(usize::MAX)) {
                let until = ((i * size + chunk.len()) as f64 - 1.0) * 1.7 + 1.0;
                let mut batch = Batch { seen: vec![seen(run, until, None)], ..Batch::default() };
                for event in chunk {
                    match event {
                        Event::Crossing(c) => batch.crossings.push((run, c.clone())),
                        Event::Gap(g) => batch.gaps.push((run, g.clone())),
                    }
                }
                let fates = ledger.commit(&batch, MAY).unwrap();
                prop_assert_eq!(fates.count(Stored::Differing), 0);
                new += fates.crossings.iter().filter(|&&f| f == Stored::New).count();
            }
            if dies_after.is_none() {
                ledger.end(run, EndReason::Complete, MAY).unwrap();
            }
            drop(ledger);

            let report = report(&path, 1);
            let series = &report.series[0];
            prop_assert!(series.seen_until_us >= mark, "the mark went back");
            mark = series.seen_until_us;
            prop_assert_eq!(counted(&report), new as u64);
            let binned: u64 = series.bins.values().flat_map(|b| b.counts.values()).sum();
            prop_assert_eq!(binned, new as u64);
            prop_assert!(series.bins.values().all(|b| (0.0..=1.0).contains(&b.coverage(report.interval_us))));
        }
        prop_assert_eq!(new, crossings);
        let covered: i64 = report(&path, 60).series[0].bins.values().map(|b| b.seen_us).sum();
        let gaps = (events.len() - crossings) as i64 * 1_000_000;
        let length = ((events.len() - 1) as f64 * 1.7e6).round() as i64 + 1_000_000;
        prop_assert!((covered - (length - gaps)).abs() <= 100, "all but the gaps was seen: {} of {}", covered, length - gaps);
    }
}
