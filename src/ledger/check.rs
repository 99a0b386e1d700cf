//! The state of a database, for `wayside check`. Not here: intervals (report.rs).

use std::path::Path;

use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::report::{Query, Series, State, read_report};
use super::{ClockKind, LedgerError, migrate, open};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    /// Something was not counted, or waits.
    Warning,
    /// The database cannot be relied on.
    Error,
}

/// One line about the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub text: String,
}

/// Problems of one kind that are listed; SQLite itself stops at 100.
const LISTED: usize = 10;

/// Reads the database at `path`, changes nothing, and says what it found; the first finding of a sound database is a
/// summary. Every problem is a finding, also a file that is no database.
pub fn check(path: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = inspect(path, &mut findings) {
        findings.push(Finding { severity: Severity::Error, text: error.to_string() });
    }
    findings
}

fn inspect(path: &Path, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
    let conn = open::read_only(path)?;
    let failed = |error| LedgerError::new(path, error);
    let mut add = |severity, text: String| {
        findings.push(Finding { severity, text: format!("{}: {text}", path.display()) });
    };

    let damage = damage(&conn).map_err(failed)?;
    if !damage.is_empty() {
        for line in damage {
            add(Severity::Error, format!("damaged: {line}"));
        }
        return Ok(());
    }
    let count = |table: &str| -> Result<i64, LedgerError> {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).map_err(failed)
    };
    let (runs, crossings, gaps) = (count("run")?, count("crossing")?, count("gap")?);
    let version = migrate::VERSION;
    add(Severity::Info, format!("sound, schema {version}, {runs} runs, {crossings} crossings, {gaps} gaps"));

    let unsent: i64 = conn
        .query_row("SELECT count(*) FROM outbox WHERE sent_wall_us IS NULL", [], |row| row.get(0))
        .map_err(failed)?;
    if unsent > 0 {
        add(Severity::Warning, format!("{unsent} messages wait in the outbox"));
    }
    let query = Query { minutes: 60, zone: TimeZone::UTC, source: None, run: None, line: None, range: None };
    for series in read_report(path, &query)?.series {
        for (severity, text) in state(&series).into_iter().chain(unseen(&series)) {
            add(severity, format!("{}{text}", name(&series)));
        }
    }
    Ok(())
}

/// What SQLite finds wrong with the file, or with its references.
fn damage(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut lines: Vec<String> = conn
        .prepare(&format!("PRAGMA integrity_check({LISTED})"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    lines.retain(|line| line != "ok");
    let orphans: Vec<String> = conn
        .prepare("PRAGMA foreign_key_check")?
        .query_map([], |row| {
            let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
            Ok(format!("a row of {table} belongs to a row of {parent} that is not there"))
        })?
        .take(LISTED)
        .collect::<Result<_, _>>()?;
    lines.extend(orphans);
    Ok(lines)
}

fn name(series: &Series) -> String {
    let run = series.run.map_or(String::new(), |run| format!(" (run {run})"));
    format!("{}{run}: ", series.source)
}

fn state(series: &Series) -> Option<(Severity, String)> {
    let until = series.seen_until_us.map_or("nothing was seen".into(), |us| format!("seen until {}", time(series, us)));
    match series.state {
        State::Crashed => {
            Some((Severity::Warning, format!("the last session ended uncleanly; {until}, not covered since")))
        }
        State::Failed => {
            Some((Severity::Warning, format!("the last session ended with an error; {until}, not covered since")))
        }
        State::Running => Some((Severity::Info, format!("is being counted; {until}"))),
        State::Complete | State::Stopped => None,
    }
}

/// The closed gaps of a series, per reason.
fn unseen(series: &Series) -> Vec<(Severity, String)> {
    let mut reasons: Vec<&str> = series.gaps.iter().map(|g| g.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let line = |reason: &str| {
        let gaps = series.gaps.iter().filter(|g| g.reason == reason);
        let lengths: Vec<i64> = gaps.filter_map(|g| Some(g.to_us? - g.from_us)).collect();
        let seconds = lengths.iter().sum::<i64>() as f64 / 1e6;
        (!lengths.is_empty())
            .then(|| (Severity::Warning, format!("not seen ({reason}): {} times, {seconds:.1} s", lengths.len())))
    };
    reasons.into_iter().filter_map(line).collect()
}

fn time(series: &Series, us: i64) -> String {
    match (series.clock, jiff::Timestamp::from_microsecond(us)) {
        (ClockKind::Wall, Ok(time)) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}
