//! `kill -9` at random moments, and again, until the run is through: nothing is counted twice, nothing that was marked as
//! seen is lost, and the unclean end shows.
//!
//! `WAYSIDE_KILLS=50 cargo test --test cli killed` makes it fifty kills instead of eight.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;

use super::{command, folder, stderr, wayside};

const ARGS: [&str; 7] = ["count", "scene:crowd", "--model", "scene", "--quiet", "--db", "killed.db"];

/// A crossing is certain, and sent, some frames after its moment: once the vehicle is clear of the line.
const CERTAIN_AFTER_US: i64 = 2_000_000;

#[test]
fn killed_at_random_moments_counts_every_passage_once() {
    let dir = folder();
    let reference = wayside(dir.path(), &["count", "scene:crowd", "--model", "scene", "--quiet", "--db", "whole.db"]);
    assert!(reference.status.success(), "{}", stderr(&reference));
    let whole = rows(&dir.path().join("whole.db"));
    assert!(whole.len() > 5);

    let kills: u64 = std::env::var("WAYSIDE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let db = dir.path().join("killed.db");
    let mut unclean = 0;
    for i in 0..kills {
        let mut child =
            command(dir.path(), &ARGS).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a child");
        // Spread over start, first frames and commits; a multiplier that visits the whole range.
        std::thread::sleep(Duration::from_millis(150 + (i * 617) % 2400));
        child.kill().expect("SIGKILL");
        let through = child.wait().expect("its end").success();
        if !db.exists() || !has_schema(&db) {
            continue;
        }
        let found = rows(&db);
        let seen = seen_until(&db);
        assert!(found.iter().all(|row| whole.contains(row)), "kill {i}: a row that the whole count has not");
        let mut once = found.clone();
        once.dedup();
        assert_eq!(once, found, "kill {i}: counted twice");
        for row in whole.iter().filter(|row| row.0 + CERTAIN_AFTER_US <= seen) {
            assert!(found.contains(row), "kill {i}: {row:?} was seen by {seen} and is not stored");
        }
        let check = wayside(dir.path(), &["check", "--db", "killed.db"]);
        let said = String::from_utf8_lossy(&check.stdout).into_owned() + &stderr(&check);
        assert!(!said.contains("damaged"), "kill {i}: {said}");
        if !through && said.contains("uncleanly") {
            unclean += 1;
        }
    }
    assert!(unclean > 0, "the unclean end of a killed session shows in `wayside check`");

    let last = wayside(dir.path(), &ARGS);
    assert!(last.status.success(), "{}", stderr(&last));
    assert_eq!(rows(&db), whole, "after the last run everything is there, once");
    let integrity: String =
        Connection::open(&db).expect("opens").query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("an answer");
    assert_eq!(integrity, "ok");
}

/// Media time, way, class, track: of every stored crossing, in order.
fn rows(path: &Path) -> Vec<(i64, String, String, i64)> {
    let db = Connection::open(path).expect("the database");
    let sql = "SELECT media_us, direction, class, track FROM crossing ORDER BY media_us, track, direction";
    let mut query = db.prepare(sql).expect("the query");
    let rows = query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("values")
}

/// The first kill may come before the first transaction.
fn has_schema(path: &Path) -> bool {
    let db = Connection::open(path).expect("the database");
    db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'crossing'", [], |r| r.get::<_, i64>(0)) == Ok(1)
}

/// The mark of the last session: everything up to here was looked at.
fn seen_until(path: &Path) -> i64 {
    let db = Connection::open(path).expect("the database");
    let sql = "SELECT coalesce(max(until_us), 0) FROM seen WHERE session_id = (SELECT max(id) FROM session)";
    db.query_row(sql, [], |r| r.get(0)).expect("a number")
}
