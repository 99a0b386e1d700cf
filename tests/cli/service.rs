//! `wayside run` as a service and `wayside doctor`, without systemd; with it: tests/vm/service.sh.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rusqlite::Connection;

use super::{command, folder, stderr, wayside};

const CONFIG: &str = r#"
[database]
commit_interval = 0.1
[model]
name = "scene"
[[source]]
name = "road"
input = "scene:random?seed=7&seconds=900&vehicles=600&fps=10"
realtime = true
lines = [{ name = "middle", from = [0.5, 1.0], to = [0.5, 0.2] }]
"#;

fn rows(db: &Path) -> i64 {
    let count = |db: Connection| db.query_row("SELECT count(*) FROM crossing", [], |row| row.get(0));
    Connection::open(db).and_then(count).unwrap_or(0)
}

#[test]
fn sigterm_stores_all_that_was_seen_and_is_no_failure() {
    let dir = folder();
    fs::write(dir.path().join("my.toml"), CONFIG).unwrap();
    let db = dir.path().join("wayside.db");
    let child = command(dir.path(), &["run", "--config", "my.toml"])
        .env("RUST_LOG", "wayside=debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A minute on the slowest machine: the first vehicles pass within seconds.
    let counted = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        db.exists() && rows(&db) > 2
    });
    // SAFETY: a signal to a child that has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert!(counted, "nothing was counted: {said}");
    assert_eq!(output.status.code(), Some(0), "{said}");

    let reported = said.lines().filter(|line| line.contains("road: middle ")).count();
    assert_eq!(rows(&db), reported as i64, "what is reported is stored: {said}");
    let db = Connection::open(db).unwrap();
    let ending: String = db.query_row("SELECT ending FROM session", [], |row| row.get(0)).unwrap();
    assert_eq!(ending, "stopped");
    let frames =
        said.lines().find_map(|line| line.split_once(" frames in ")?.0.split_whitespace().last()?.parse().ok());
    let sql = "SELECT (SELECT max(until_us) FROM seen) / 100000 + 1 - (SELECT coalesce(sum(frames), 0) FROM gap)";
    let marked: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(Some(marked), frames, "each frame that was looked at is marked: {said}");
}

#[test]
fn a_config_that_cannot_be_used_has_an_exit_status_of_its_own() {
    let dir = folder();
    let output = wayside(dir.path(), &["run", "--config", "nosuch.toml"]);
    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
    assert!(fs::read_to_string("systemd/wayside.service").unwrap().contains("RestartPreventExitStatus=78"));
}

#[test]
fn doctor_ends_with_1_where_something_is_wrong() {
    let dir = folder();
    fs::write(dir.path().join("my.toml"), CONFIG).unwrap();
    let doctor = |args: &[&str]| {
        let output = wayside(dir.path(), &[&["doctor", "--config", "my.toml"][..], args].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, text) = doctor(&[]);
    assert_eq!(status, Some(0), "{text}");
    let signs = ["✓ ", "! "];
    assert!(text.lines().all(|line| signs.iter().any(|sign| line.starts_with(sign))), "{text}");
    for about in ["config", "source", "permissions", "processor", "disk", "clock", "model", "speed", "database"] {
        assert!(text.contains(&format!(" {about}: ")), "nothing about {about}: {text}");
    }

    fs::write(dir.path().join("wayside.db"), "no database, but a text of some length\n".repeat(99)).unwrap();
    let (status, text) = doctor(&["--json"]);
    assert_eq!(status, Some(1), "{text}");
    let notes: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let wrong: Vec<_> = notes.iter().filter(|note| note["status"] == "error").map(|note| &note["about"]).collect();
    assert_eq!(wrong, ["database"]);
}
