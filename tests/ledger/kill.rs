//! `kill -9` at any moment: what was acknowledged is there, the rest comes with the replay, nothing comes twice.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use wayside::ledger::{EndReason, Ledger, Severity, SqliteLedger, State, Stored, check};

use crate::fixture::*;

const CROSSINGS: u64 = 3000;
const PER_BATCH: u64 = 3;

/// Counts the clip, and says after each commit how far it is stored.
fn count(ledger: &mut SqliteLedger, mut committed: impl FnMut(u64, &[Stored])) {
    let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    for first in (1..=CROSSINGS).step_by(PER_BATCH as usize) {
        let tracks = first..first + PER_BATCH;
        let crossings: Vec<_> = tracks.map(|track| crossing(track, track as f64, None)).collect();
        let last = first + PER_BATCH - 1;
        let report = ledger.commit(&batch(run, &crossings, last as f64, None), MAY).unwrap();
        committed(last, &report.crossings);
    }
    ledger.end(run, EndReason::Complete, MAY).unwrap();
}

#[test]
#[ignore = "the process that is killed, started by nothing_acknowledged_is_lost_and_nothing_is_doubled"]
fn victim() {
    let Some(path) = std::env::var_os("WAYSIDE_TEST_DB") else { return };
    count(&mut SqliteLedger::open(path.as_ref()).unwrap(), |last, _| println!("ACK {last}"));
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let mut stored = 0;
    for kill in 0..10_u64 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::victim", "--ignored", "--nocapture"])
            .env("WAYSIDE_TEST_DB", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Some acknowledgements, then any moment of the following transactions.
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let acks = 1 + kill * 7 % 23;
        let mut last =
            lines.by_ref().map_while(Result::ok).filter(|l| l.starts_with("ACK")).nth(acks as usize).unwrap();
        std::thread::sleep(Duration::from_micros(kill * 2654 % 3001));
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What it had said before it died counts as said.
        last = lines.map_while(Result::ok).filter(|l| l.starts_with("ACK ") && l.len() > 4).last().unwrap_or(last);
        let acked: u64 = last[4..].parse().unwrap();

        let findings = check(&path);
        assert!(findings.iter().all(|f| f.severity < Severity::Error), "{findings:?}");
        assert!(findings.iter().any(|f| f.text.contains("ended uncleanly")), "{findings:?}");
        let report = report(&path, 1);
        assert_eq!(report.series[0].state, State::Crashed);
        let counted = counted(&report);
        assert!(counted >= acked, "{counted} rows, but {acked} were acknowledged");
        assert!(counted >= stored, "rows of an earlier session are gone");
        assert_eq!(counted % PER_BATCH, 0, "half a batch");
        let mark = report.series[0].seen_until_us.unwrap() as u64 / 1_000_000;
        assert_eq!(mark, counted, "the mark is committed with its batch");
        assert!(report.series[0].gaps.iter().any(|g| g.to_us.is_none()), "the time since the mark is a gap");
        stored = counted;
    }

    let (mut new, mut known) = (0, 0);
    count(&mut SqliteLedger::open(&path).unwrap(), |_, fates| {
        new += fates.iter().filter(|&&f| f == Stored::New).count() as u64;
        known += fates.iter().filter(|&&f| f == Stored::Known).count() as u64;
    });
    assert_eq!((new + known, known), (CROSSINGS, stored));
    let report = report(&path, 1);
    assert_eq!(counted(&report), CROSSINGS);
    assert_eq!((report.series[0].state, report.series[0].gaps.len()), (State::Complete, 0));
}
