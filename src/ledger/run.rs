//! Runs and sessions: which run a start belongs to, and what an unclean end leaves behind. Not here: transactions and
//! rows of a batch (sqlite.rs).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::{EndReason, LineInfo, RunId, RunInfo};
use crate::event::{Crossing, Direction};

/// What is kept in memory of a run between begin and end.
#[derive(Debug)]
pub(super) struct OpenRun {
    pub session: i64,
    pub source_name: String,
    pub lines: Vec<OpenLine>,
    pub labels: Vec<String>,
    pub width: u32,
    pub height: u32,
    pub topic: Option<String>,
    passages: HashMap<PassageKey, u32>,
}

#[derive(Debug)]
pub(super) struct OpenLine {
    pub id: i64,
    pub name: String,
    a_to_b: String,
    b_to_a: String,
}

impl OpenLine {
    /// The direction's name.
    pub fn direction(&self, direction: Direction) -> &str {
        match direction {
            Direction::AtoB => &self.a_to_b,
            Direction::BtoA => &self.b_to_a,
        }
    }
}

/// A track passes a line in a direction once, as a rule; one that turns round twice does so again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PassageKey {
    track: u64,
    line: usize,
    direction: Direction,
}

impl PassageKey {
    pub fn of(crossing: &Crossing) -> Self {
        Self { track: crossing.track, line: crossing.line, direction: crossing.direction }
    }
}

/// Passages that are remembered to number the next one of the same track. Tracks are numbered upwards and live for
/// minutes, so the older half can be forgotten: 65,536 crossings are hours of a full motorway, and 3 MB.
const REMEMBERED_PASSAGES: usize = 65_536;

impl OpenRun {
    /// How often this track has passed this line in this direction, as far as it is committed.
    pub fn passages(&self, key: PassageKey) -> u32 {
        self.passages.get(&key).copied().unwrap_or(0)
    }

    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.passages.len()
    }

    /// One more passage is committed.
    pub fn passed(&mut self, key: PassageKey) {
        if self.passages.len() >= REMEMBERED_PASSAGES && !self.passages.contains_key(&key) {
            let mut tracks: Vec<u64> = self.passages.keys().map(|k| k.track).collect();
            let middle = tracks.len() / 2;
            let (_, &mut median, _) = tracks.select_nth_unstable(middle);
            self.passages.retain(|k, _| k.track > median);
        }
        *self.passages.entry(key).or_insert(0) += 1;
    }
}

/// Finds or makes the run, and opens a session on it.
pub(super) fn begin(tx: &Transaction<'_>, info: &RunInfo, now_us: i64) -> rusqlite::Result<(RunId, OpenRun)> {
    let key = replay_key(info);
    let known = tx.query_row("SELECT id FROM run WHERE replay_key = ?1", [&key], |row| row.get(0)).optional()?;
    let run = match known {
        Some(run) => run,
        None => insert_run(tx, info, key.as_deref())?,
    };
    tx.execute(
        "INSERT INTO session (run_id, wayside_version, started_wall_us, marked_wall_us) VALUES (?1, ?2, ?3, ?3)",
        params![run, env!("CARGO_PKG_VERSION"), now_us],
    )?;
    let session = tx.last_insert_rowid();
    if info.live {
        insert_down_gaps(tx, &info.source_name)?;
    }
    let open = OpenRun {
        session,
        source_name: info.source_name.clone(),
        lines: open_lines(tx, run)?,
        labels: info.labels.clone(),
        width: info.width,
        height: info.height,
        topic: info.topic.clone(),
        passages: HashMap::new(),
    };
    Ok((RunId(run), open))
}

pub(super) fn end(conn: &Connection, run: &OpenRun, reason: EndReason, now_us: i64) -> rusqlite::Result<()> {
    conn.execute(
        "UPDATE session SET ending = ?2, ended_wall_us = ?3, marked_wall_us = ?3 WHERE id = ?1",
        params![run.session, reason.as_str(), now_us],
    )?;
    Ok(())
}

/// Closes the sessions that nobody works on any more. Only for a writer that is alone.
pub(super) fn close_crashed(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("UPDATE session SET ending = 'crashed' WHERE ending IS NULL", [])?;
    Ok(())
}

/// `None` for what cannot be replayed. Each field goes in with its length, so that no two lists of fields look alike.
fn replay_key(info: &RunInfo) -> Option<String> {
    let digest = info.source_digest.as_ref().filter(|_| !info.live)?;
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    for text in [&info.source_name, digest, &info.config_digest, &info.model_sha256] {
        add(text);
    }
    for line in &info.lines {
        let s = line.segment;
        add(&format!("{} {} {} {}", s.from.x, s.from.y, s.to.x, s.to.y));
        for text in [&line.name, &line.a_to_b, &line.b_to_a] {
            add(text);
        }
    }
    info.labels.iter().for_each(|label| add(label));
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn insert_run(tx: &Transaction<'_>, info: &RunInfo, replay_key: Option<&str>) -> rusqlite::Result<i64> {
    tx.execute(
        "INSERT INTO run (replay_key, source_name, source_sha256, live, width_px, height_px, config_sha256,
                          model_name, model_sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            replay_key,
            info.source_name,
            info.source_digest,
            info.live,
            info.width,
            info.height,
            info.config_digest,
            info.model_name,
            info.model_sha256,
        ],
    )?;
    let run = tx.last_insert_rowid();
    let mut statement = tx.prepare(
        "INSERT INTO line (run_id, number, name, from_x, from_y, to_x, to_y, a_to_b, b_to_a)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (number, LineInfo { name, segment: s, a_to_b, b_to_a }) in (0_i64..).zip(&info.lines) {
        let (from, to) = (s.from, s.to);
        statement.execute(params![run, number, name, from.x, from.y, to.x, to.y, a_to_b, b_to_a])?;
    }
    Ok(run)
}

fn open_lines(tx: &Transaction<'_>, run: i64) -> rusqlite::Result<Vec<OpenLine>> {
    tx.prepare("SELECT id, name, a_to_b, b_to_a FROM line WHERE run_id = ?1 ORDER BY number")?
        .query_map([run], |row| {
            Ok(OpenLine { id: row.get(0)?, name: row.get(1)?, a_to_b: row.get(2)?, b_to_a: row.get(3)? })
        })?
        .collect()
}

/// For every session of a live source that crashed or failed: from its last mark to the start of the source's next
/// session nobody was looking. Belongs to the run that broke off. The source's clock died with the session, so the gap
/// is measured on the wall clock: the frames' where they have one, else this machine's.
fn insert_down_gaps(tx: &Transaction<'_>, source_name: &str) -> rusqlite::Result<()> {
    tx.execute(
        "WITH mine AS (
             SELECT session.*, lead(started_wall_us) OVER (ORDER BY session.id) AS next_wall_us
             FROM session JOIN run ON run.id = session.run_id
             WHERE run.source_name = ?1 AND run.live = 1
         ), broken AS (
             SELECT mine.run_id, next_wall_us, coalesce(seen.until_us, 0) AS from_us,
                    iif(seen.session_id IS NULL, mine.marked_wall_us, seen.until_wall_us) AS from_wall_us,
                    coalesce(seen.until_wall_us, mine.marked_wall_us) AS last_wall_us,
                    row_number() OVER (PARTITION BY mine.id ORDER BY seen.until_us DESC) AS nth
             FROM mine LEFT JOIN seen ON seen.session_id = mine.id
             WHERE mine.ending IN ('crashed', 'failed')
         )
         INSERT INTO gap (run_id, from_us, to_us, from_wall_us, to_wall_us, frames, reason)
         SELECT run_id, from_us, from_us + next_wall_us - last_wall_us,
                from_wall_us, iif(from_wall_us IS NULL, NULL, next_wall_us), 0, 'down'
         FROM broken
         WHERE nth = 1 AND next_wall_us > last_wall_us
         ON CONFLICT (run_id, from_us, reason) DO NOTHING",
        [source_name],
    )?;
    Ok(())
}
