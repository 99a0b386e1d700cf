//! Failures of the disk and of the lock in the middle of counting: the batch is refused whole, and can be tried again.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::event::{Crossing, Direction};
use crate::frame::Stamp;
use crate::geometry::Point;

fn begin(path: &Path) -> (SqliteLedger, RunId) {
    let line = LineInfo {
        name: "line".into(),
        segment: Segment::new(Point::new(0.0, 0.5), Point::new(1.0, 0.5)),
        a_to_b: "down".into(),
        b_to_a: "up".into(),
    };
    let info = RunInfo {
        source_name: "a.mp4".into(),
        source_digest: Some("d".into()),
        live: false,
        width: 100,
        height: 100,
        config_digest: "c".into(),
        model_name: "m".into(),
        model_sha256: "s".into(),
        labels: vec!["car".into()],
        lines: vec![line],
        topic: None,
    };
    let mut ledger = SqliteLedger::open(path).unwrap();
    let run = ledger.begin(&info, 0).unwrap();
    (ledger, run)
}

fn batch(run: RunId, tracks: std::ops::Range<u64>) -> Batch {
    let crossing = |track| Crossing {
        line: 0,
        track,
        direction: Direction::AtoB,
        class: 0,
        score: 1.0,
        stamp: Stamp { seq: track, mono: Duration::from_secs(track), wall: None },
        at: Point::new(50.0, 50.0),
    };
    let until = crossing(tracks.end).stamp;
    let crossings = tracks.map(|track| (run, crossing(track))).collect();
    Batch { crossings, gaps: vec![], seen: vec![Seen { run, from: Stamp::default(), until }] }
}

fn rows(path: &Path) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM crossing", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_full_disk_loses_nothing_that_was_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let (mut ledger, run) = begin(&path);
    let pages: i64 = ledger.conn().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    ledger.conn().pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();

    let mut reported = 0;
    let (error, refused) = (0..)
        .map(|i| batch(run, 1 + i * 50..1 + (i + 1) * 50))
        .find_map(|batch| match ledger.commit(&batch, 0) {
            Ok(report) => {
                reported += report.count(Stored::New) as i64;
                None
            }
            Err(error) => Some((error, batch)),
        })
        .unwrap();
    assert!(matches!(error, LedgerError::Full { .. }), "{error}");
    assert!(reported > 0);
    assert_eq!(rows(&path), reported, "nothing of the refused batch");

    ledger.conn().pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    assert_eq!(ledger.commit(&refused, 0).unwrap().count(Stored::New), 50, "space was freed: the batch is stored");
    assert_eq!(rows(&path), reported + 50);
    assert!(check(&path).iter().all(|f| f.severity == Severity::Info), "{:?}", check(&path));
}

#[test]
fn a_database_that_another_program_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let (mut ledger, run) = begin(&path);
    ledger.conn().busy_timeout(Duration::from_millis(1)).unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = ledger.commit(&batch(run, 1..4), 0).unwrap_err();
    assert!(matches!(error, LedgerError::Busy { .. }), "{error}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(ledger.commit(&batch(run, 1..4), 0).unwrap().count(Stored::New), 3);

    other.execute_batch("BEGIN; SELECT * FROM crossing").unwrap();
    assert_eq!(ledger.commit(&batch(run, 4..6), 0).unwrap().count(Stored::New), 2, "a reader is in nobody's way");
}

#[test]
fn a_commit_is_on_the_disk_when_it_returns() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = begin(&folder.path().join("w.db"));
    let setting = |name| ledger.conn().pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(setting("journal_mode").unwrap(), rusqlite::types::Value::Text("wal".into()));
    assert_eq!(setting("synchronous").unwrap(), rusqlite::types::Value::Integer(2), "FULL");
    assert_eq!(setting("foreign_keys").unwrap(), rusqlite::types::Value::Integer(1));
}

#[test]
fn a_report_of_a_day_does_not_read_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = begin(&folder.path().join("w.db"));
    let plan: String = ledger
        .conn()
        .prepare("EXPLAIN QUERY PLAN SELECT count(*) FROM passage WHERE wall_us >= 1 AND wall_us < 2 AND (?1 IS NULL OR line = ?1)")
        .unwrap()
        .query_map([None::<String>], |row| row.get::<_, String>(3))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(plan.contains("SEARCH crossing USING INDEX crossing_by_wall"), "{plan}");
}

#[test]
fn memory_of_passages_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, run) = begin(&folder.path().join("w.db"));
    for first in (1..200_000).step_by(20_000) {
        ledger.commit(&batch(run, first..first + 20_000), 0).unwrap();
    }
    let again = ledger.commit(&batch(run, 199_000..199_010), 0).unwrap();
    assert_eq!(again.count(Stored::New), 10, "recent tracks are remembered: each has passed a second time");
    assert!(ledger.remembered_passages(run) <= 65_536);
}
