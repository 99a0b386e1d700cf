//! The ledger in SQLite: batches in, one transaction each. Not here: opening files (open.rs), runs and sessions
//! (run.rs), reading (report.rs).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params};
use serde_json::json;

use super::lock::WriterLock;
use super::run::{self, OpenRun, PassageKey};
use super::{Batch, CommitReport, EndReason, Ledger, LedgerError, RunId, RunInfo, Seen, Stored, open};
use crate::event::{Crossing, Gap};

/// `wayside.db`, open for writing. Several processes may write to one file; each waits for the other's transactions.
pub struct SqliteLedger {
    // Before the lock: the database must be closed before others may call its sessions dead.
    conn: Connection,
    path: PathBuf,
    runs: BTreeMap<RunId, OpenRun>,
    _lock: Option<WriterLock>,
}

impl SqliteLedger {
    /// Opens the database at `path`, or makes it. Sessions that no living process can be working on are closed as
    /// `crashed`.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let conn = open::writable(path)?;
        let disk = |error| LedgerError::io(path, &error);
        let mut lock = WriterLock::acquire(path).map_err(disk)?;
        if lock.alone {
            run::close_crashed(&conn).map_err(|error| LedgerError::new(path, error))?;
        }
        lock.share().map_err(disk)?;
        Ok(Self { conn, path: path.into(), runs: BTreeMap::new(), _lock: Some(lock) })
    }

    /// A ledger that is gone with the process, for a count that nobody keeps.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = PathBuf::from(":memory:");
        let failed = |error| LedgerError::new(Path::new(":memory:"), error);
        let mut conn = Connection::open_in_memory().map_err(failed)?;
        open::prepare(&mut conn).map_err(failed)?;
        Ok(Self { conn, path, runs: BTreeMap::new(), _lock: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(test)]
    pub(super) fn conn(&self) -> &Connection {
        &self.conn
    }

    #[cfg(test)]
    pub(super) fn remembered_passages(&self, run: RunId) -> usize {
        self.runs[&run].remembered()
    }

    fn not_open(&self, run: RunId) -> LedgerError {
        LedgerError::Refused { path: self.path.clone(), reason: format!("run {run} is not open") }
    }
}

impl Ledger for SqliteLedger {
    fn begin(&mut self, info: &RunInfo, now_us: i64) -> Result<RunId, LedgerError> {
        let failed = |error| LedgerError::new(&self.path, error);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let (run, open) = run::begin(&tx, info, now_us).map_err(failed)?;
        if self.runs.contains_key(&run) {
            return Err(LedgerError::AlreadyOpen { path: self.path.clone(), run: run.0 });
        }
        tx.commit().map_err(failed)?;
        self.runs.insert(run, open);
        Ok(run)
    }

    fn commit(&mut self, batch: &Batch, now_us: i64) -> Result<CommitReport, LedgerError> {
        let named = batch.crossings.iter().map(|c| c.0).chain(batch.gaps.iter().map(|g| g.0));
        if let Some(run) = named.chain(batch.seen.iter().map(|s| s.run)).find(|run| !self.runs.contains_key(run)) {
            return Err(self.not_open(run));
        }
        let failed = |error| LedgerError::new(&self.path, error);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let (report, passages) = store(&tx, &self.runs, batch, now_us).map_err(failed)?;
        tx.commit().map_err(failed)?;
        for (run, key) in passages {
            if let Some(open) = self.runs.get_mut(&run) {
                open.passed(key);
            }
        }
        Ok(report)
    }

    fn end(&mut self, run: RunId, reason: EndReason, now_us: i64) -> Result<(), LedgerError> {
        let open = self.runs.get(&run).ok_or_else(|| self.not_open(run))?;
        run::end(&self.conn, open, reason, now_us).map_err(|error| LedgerError::new(&self.path, error))?;
        self.runs.remove(&run);
        Ok(())
    }
}

/// The passages of a batch, to be remembered once it is committed.
type Passages = Vec<(RunId, PassageKey)>;

fn store(
    tx: &Transaction<'_>,
    runs: &BTreeMap<RunId, OpenRun>,
    batch: &Batch,
    now_us: i64,
) -> rusqlite::Result<(CommitReport, Passages)> {
    let mut report = CommitReport::default();
    let mut passages = Passages::new();
    let mut in_batch: HashMap<(RunId, PassageKey), u32> = HashMap::new();
    for (run, crossing) in &batch.crossings {
        let key = PassageKey::of(crossing);
        let nth = in_batch.entry((*run, key)).or_insert_with(|| runs[run].passages(key));
        *nth += 1;
        report.crossings.push(store_crossing(tx, &runs[run], crossing, *nth, now_us)?);
        passages.push((*run, key));
    }
    for (run, gap) in &batch.gaps {
        report.gaps.push(store_gap(tx, *run, gap)?);
    }
    for seen in &batch.seen {
        store_seen(tx, runs[&seen.run].session, seen)?;
    }
    for (run, open) in runs {
        if batch.seen.iter().any(|s| s.run == *run) || batch.crossings.iter().any(|c| c.0 == *run) {
            tx.prepare_cached("UPDATE session SET marked_wall_us = ?2 WHERE id = ?1")?
                .execute(params![open.session, now_us])?;
        }
    }
    Ok((report, passages))
}

fn store_crossing(
    tx: &Transaction<'_>,
    run: &OpenRun,
    crossing: &Crossing,
    nth: u32,
    now_us: i64,
) -> rusqlite::Result<Stored> {
    let refused = |what: &str| rusqlite::Error::ToSqlConversionFailure(format!("a crossing without {what}").into());
    let line = run.lines.get(crossing.line).ok_or_else(|| refused("a line of its run"))?;
    let class = run.labels.get(usize::from(crossing.class)).ok_or_else(|| refused("a class of its model"))?;
    // Where two sightings meet the line is computed in floats: it may lie a rounding error outside the picture.
    let x = (f64::from(crossing.at.x) / f64::from(run.width)).clamp(0.0, 1.0);
    let y = (f64::from(crossing.at.y) / f64::from(run.height)).clamp(0.0, 1.0);
    let row = params![
        line.id,
        crossing.direction.as_str(),
        integer(crossing.track),
        nth,
        class,
        f64::from(crossing.score),
        micros(crossing.stamp.mono),
        crossing.stamp.wall,
        integer(crossing.stamp.seq),
        x,
        y,
    ];
    let stored = insert(
        tx,
        "INSERT INTO crossing (line_id, direction, track, passage, class, score, media_us, wall_us, frame_seq, x, y)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (line_id, direction, track, passage) DO NOTHING",
        "SELECT 1 FROM crossing WHERE line_id = ?1 AND direction = ?2 AND track = ?3 AND passage = ?4
         AND class = ?5 AND score = ?6 AND media_us = ?7 AND wall_us IS ?8 AND frame_seq = ?9 AND x = ?10 AND y = ?11",
        row,
    )?;
    if stored == Stored::New
        && let Some(topic) = &run.topic
    {
        let crossing_id = tx.last_insert_rowid();
        let payload = json!({
            "source": run.source_name,
            "line": line.name,
            "direction": line.direction(crossing.direction),
            "class": class,
            "score": crossing.score,
            "track": crossing.track,
            "media_us": micros(crossing.stamp.mono),
            "wall_us": crossing.stamp.wall,
        });
        tx.prepare_cached("INSERT INTO outbox (crossing_id, topic, payload, created_wall_us) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![crossing_id, topic, payload.to_string(), now_us])?;
    }
    Ok(stored)
}

fn store_gap(tx: &Transaction<'_>, run: RunId, gap: &Gap) -> rusqlite::Result<Stored> {
    let row = params![
        run.0,
        micros(gap.from.mono),
        gap.reason.as_str(),
        micros(gap.to.mono),
        gap.from.wall,
        gap.to.wall,
        integer(gap.frames),
    ];
    insert(
        tx,
        "INSERT INTO gap (run_id, from_us, reason, to_us, from_wall_us, to_wall_us, frames)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (run_id, from_us, reason) DO NOTHING",
        "SELECT 1 FROM gap WHERE run_id = ?1 AND from_us = ?2 AND reason = ?3
         AND to_us = ?4 AND from_wall_us IS ?5 AND to_wall_us IS ?6 AND frames = ?7",
        row,
    )
}

/// Inserts a row unless its key is there; `same` finds the row that is there if it is equal. Only the key's conflict is
/// tolerated: `INSERT OR IGNORE` would drop a row that a CHECK refuses, without a word.
fn insert(tx: &Transaction<'_>, insert: &str, same: &str, row: impl Params + Clone) -> rusqlite::Result<Stored> {
    if tx.prepare_cached(insert)?.execute(row.clone())? == 1 {
        return Ok(Stored::New);
    }
    let known = tx.prepare_cached(same)?.query_row(row, |_| Ok(())).optional()?;
    Ok(if known.is_some() { Stored::Known } else { Stored::Differing })
}

/// A mark never goes back: a stretch only grows.
fn store_seen(tx: &Transaction<'_>, session: i64, seen: &Seen) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO seen (session_id, from_us, until_us, from_wall_us, until_wall_us) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (session_id, from_us) DO UPDATE SET
             until_us = max(until_us, excluded.until_us),
             until_wall_us = max(until_wall_us, excluded.until_wall_us)
         WHERE from_wall_us IS excluded.from_wall_us",
    )?
    .execute(params![
        session,
        micros(seen.from.mono),
        micros(seen.until.mono),
        seen.from.wall,
        seen.until.wall
    ])?;
    Ok(())
}

/// Microseconds as SQLite's integer; saturates after 292,000 years.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// SQLite has no unsigned 64-bit integer; counters do not get that far.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
