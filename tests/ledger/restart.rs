//! What a crash leaves, before and after the next start.

use wayside::event::GapReason;
use wayside::ledger::{Batch, EndReason, Ledger, Severity, SqliteLedger, State, Stored, check, read_report};

use crate::fixture::*;

#[test]
fn a_clip_that_was_killed_counts_no_passage_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let all = [crossing(1, 5.0, None), crossing(2, 20.0, None), crossing(3, 40.0, None)];

    let mut ledger = SqliteLedger::open(&path).unwrap();
    let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    ledger.commit(&batch(run, &all[..2], 30.0, None), MAY).unwrap();
    assert_eq!(report(&path, 1).series[0].state, State::Running);
    drop(ledger);

    // After the crash and before the restart: what follows the mark is not covered, and visibly so.
    let before = &report(&path, 1).series[0];
    assert_eq!((before.state, before.seen_until_us), (State::Crashed, Some(30_000_000)));
    assert_eq!(before.bins[&0].seen_us, 30_000_000);
    let open_gap = &before.gaps[0];
    assert_eq!((open_gap.from_us, open_gap.to_us, open_gap.reason.as_str()), (30_000_000, None, "down"));
    assert!(check(&path).iter().any(|f| f.severity == Severity::Warning && f.text.contains("uncleanly")));

    let mut ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.begin(&clip("a.mp4"), MAY).unwrap(), run, "the same clip, configuration and model");
    assert_eq!(report(&path, 1).series[0].bins[&0].seen_us, 30_000_000, "the mark does not go back");
    let first = ledger.commit(&batch(run, &all[..1], 10.0, None), MAY).unwrap();
    assert_eq!(first.crossings, [Stored::Known]);
    assert_eq!(report(&path, 1).series[0].bins[&0].seen_us, 30_000_000, "the mark does not go back");
    let second = ledger.commit(&batch(run, &all[1..], 60.0, None), MAY).unwrap();
    assert_eq!(second.crossings, [Stored::Known, Stored::New]);
    ledger.end(run, EndReason::Complete, MAY).unwrap();

    let after = &report(&path, 1).series[0];
    assert_eq!((after.state, after.bins[&0].seen_us, after.gaps.len()), (State::Complete, 60_000_000, 0));
    assert_eq!(counted(&report(&path, 1)), 3);
    assert!(check(&path).iter().all(|f| f.severity == Severity::Info), "{:?}", check(&path));
}

#[test]
fn a_live_source_that_crashed_has_a_gap_until_its_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let second = 1_000_000;

    let mut ledger = SqliteLedger::open(&path).unwrap();
    let first = ledger.begin(&camera("gate"), MAY).unwrap();
    ledger.commit(&batch(first, &[crossing(1, 10.0, Some(MAY))], 30.0, Some(MAY)), MAY + 31 * second).unwrap();
    drop(ledger);

    let restart = MAY + 90 * second;
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let run = ledger.begin(&camera("gate"), restart).unwrap();
    assert_ne!(run, first, "a live source is not replayed");
    ledger.commit(&batch(run, &[crossing(1, 5.0, Some(restart))], 30.0, Some(restart)), restart).unwrap();
    ledger.end(run, EndReason::Stopped, restart + 30 * second).unwrap();

    let report = report(&path, 1);
    let [gate] = &report.series[..] else { panic!("one axis for both runs: {report:?}") };
    let bins: Vec<_> =
        gate.bins.iter().map(|(t, b)| ((t - MAY) / second, b.seen_us / second, b.counts.len())).collect();
    assert_eq!(bins, [(0, 30, 1), (60, 30, 1)]);
    let gap = &gate.gaps[0];
    assert_eq!((gap.from_us - MAY, gap.to_us.unwrap() - MAY), (30 * second, 90 * second));
    assert_eq!((gate.gaps.len(), gap.reason.as_str()), (1, "down"));

    // A clean stop is no crash: the time until the next start was not meant to be watched.
    let mut ledger = SqliteLedger::open(&path).unwrap();
    ledger.begin(&camera("gate"), restart + 500 * second).unwrap();
    let gaps = crate::fixture::report(&path, 1).series[0].gaps.clone();
    assert_eq!(gaps.iter().filter(|g| g.to_us.is_some()).count(), 1);
}

#[test]
fn a_live_source_that_crashed_before_its_first_mark_has_a_gap_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    for start in [0, 60_000_000] {
        SqliteLedger::open(&path).unwrap().begin(&camera("gate"), MAY + start).unwrap();
    }
    let gaps = &report(&path, 1).series[0].gaps;
    assert!(gaps.iter().any(|g| (g.from_us, g.to_us) == (MAY, Some(MAY + 60_000_000))), "{gaps:?}");
}

#[test]
fn sessions_of_a_living_process_are_not_called_dead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let mut one = SqliteLedger::open(&path).unwrap();
    let a = one.begin(&camera("a"), MAY).unwrap();
    one.commit(&batch(a, &[], 5.0, Some(MAY)), MAY).unwrap();
    let mut two = SqliteLedger::open(&path).unwrap();
    let b = two.begin(&clip("b.mp4"), MAY).unwrap();
    two.commit(&batch(b, &[crossing(1, 1.0, None)], 5.0, None), MAY).unwrap();
    two.end(b, EndReason::Complete, MAY).unwrap();
    drop(two);
    let states: Vec<_> = report(&path, 1).series.iter().map(|s| (s.source.clone(), s.state)).collect();
    assert_eq!(states, [("a".into(), State::Running), ("b.mp4".into(), State::Complete)]);
    one.commit(&batch(a, &[crossing(1, 6.0, Some(MAY))], 7.0, Some(MAY)), MAY).unwrap();
    one.end(a, EndReason::Stopped, MAY).unwrap();
}

#[test]
fn another_configuration_model_line_or_clip_is_another_run() {
    let mut ledger = SqliteLedger::in_memory().unwrap();
    let first = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    let mut others = vec![clip("a.mp4"); 5];
    others[0].config_digest = "other".into();
    others[1].model_sha256 = "other".into();
    others[2].source_digest = Some("other".into());
    others[3].lines[0].segment.to.x = 0.8;
    others[4].source_digest = None;
    for info in &others {
        assert_ne!(ledger.begin(info, MAY).unwrap(), first, "{info:?}");
    }
    let error = ledger.begin(&clip("a.mp4"), MAY).unwrap_err().to_string();
    assert!(error.contains("already being counted"), "{error}");
}

#[test]
fn a_replay_that_differs_is_noticed_and_the_stored_row_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let gap = |to| gap(1.0, to, None, GapReason::Source);
    for (seconds, to, fate) in [(5.0, 2.0, Stored::New), (5.04, 2.5, Stored::Differing), (5.0, 2.0, Stored::Known)] {
        let mut ledger = SqliteLedger::open(&path).unwrap();
        let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
        let gaps = vec![(run, gap(to))];
        let batch = Batch { gaps, ..batch(run, &[crossing(1, seconds, None)], 10.0, None) };
        let fates = ledger.commit(&batch, MAY).unwrap();
        assert_eq!((fates.crossings[0], fates.gaps[0]), (fate, fate));
    }
    assert_eq!(counted(&report(&path, 1)), 1);
}

#[test]
fn a_vehicle_that_turns_round_twice_passes_three_times_also_in_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let there = |s| crossing(1, s, None);
    let back = wayside::event::Crossing { direction: wayside::event::Direction::BtoA, ..crossing(1, 4.0, None) };
    let passages = [there(2.0), back, there(6.0)];
    for fate in [Stored::New, Stored::Known] {
        let mut ledger = SqliteLedger::open(&path).unwrap();
        let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
        let first = ledger.commit(&batch(run, &passages[..1], 3.0, None), MAY).unwrap();
        let rest = ledger.commit(&batch(run, &passages[1..], 9.0, None), MAY).unwrap();
        assert_eq!([first.crossings, rest.crossings].concat(), [fate; 3]);
    }
    assert_eq!(counted(&report(&path, 1)), 3);
}

#[test]
fn a_bad_row_takes_its_whole_batch_with_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    let good = crossing(1, 1.0, None);
    let bad = |change: fn(&mut wayside::event::Crossing)| {
        let mut c = crossing(2, 2.0, None);
        change(&mut c);
        c
    };
    for c in [
        bad(|c| c.score = 1.5),
        bad(|c| c.score = f32::NAN),
        bad(|c| c.class = 9),
        bad(|c| c.line = 2),
        bad(|c| c.at.x = f32::NAN),
        bad(|c| c.track = 0),
    ] {
        let error = ledger.commit(&batch(run, &[good.clone(), c], 3.0, None), MAY).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(counted(&report(&path, 1)), 0);
    }
    let fates = ledger.commit(&batch(run, &[good], 3.0, None), MAY).unwrap();
    assert_eq!(fates.crossings, [Stored::New], "the same crossing can be committed after the failure");
}

#[test]
fn a_message_is_written_with_its_crossing_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let info = wayside::ledger::RunInfo { topic: Some("road/a".into()), ..clip("a.mp4") };
    for _ in 0..2 {
        let mut ledger = SqliteLedger::open(&path).unwrap();
        let run = ledger.begin(&info, MAY).unwrap();
        ledger.commit(&batch(run, &[crossing(1, 1.0, None), crossing(2, 2.0, None)], 3.0, None), MAY).unwrap();
    }
    let conn = rusqlite::Connection::open(&path).unwrap();
    let messages: Vec<(String, String)> = conn
        .prepare("SELECT topic, payload ->> 'direction' FROM outbox ORDER BY id")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(messages, vec![("road/a".to_string(), "down".to_string()); 2]);
    assert!(check(&path).iter().any(|f| f.text.contains("2 messages wait")));
}

#[test]
fn a_name_that_is_not_there_is_named_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    SqliteLedger::open(&path).unwrap().begin(&clip("a.mp4"), MAY).unwrap();
    let asked = |change: fn(&mut wayside::ledger::Query)| {
        let mut q = query(15);
        change(&mut q);
        read_report(&path, &q).unwrap_err().to_string()
    };
    assert!(asked(|q| q.source = Some("b.mp4".into())).ends_with("has no source 'b.mp4'; there are: a.mp4"));
    assert!(asked(|q| q.line = Some("middle".into())).ends_with("has no line 'middle'; there are: far, near"));
    assert!(asked(|q| q.run = Some(7)).contains("has no run 7"));
}
