//! The few numbers of a database that tell how counting goes, for `wayside doctor`. Not here: whether the file is sound
//! (check.rs), intervals (report.rs).

use std::path::Path;

use super::{LedgerError, lock, open};

/// Times are this machine's, in Unix microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// Of the file and what waits beside it.
    pub bytes: u64,
    /// Start of the first session.
    pub first_wall_us: Option<i64>,
    /// The last sign of life of any session.
    pub marked_wall_us: Option<i64>,
    /// A process has it open for writing.
    pub written: bool,
    pub crossings: u64,
    /// Gaps that reach into the time asked for: how many, and how long they are within it, in microseconds.
    pub gaps: (u64, i64),
}

/// Reads the database at `path`, changes nothing. `since_us`: from when on gaps are of interest, until `now_us`.
pub fn vitals(path: &Path, since_us: i64, now_us: i64) -> Result<Vitals, LedgerError> {
    let conn = open::read_only(path)?;
    let failed = |error| LedgerError::new(path, error);
    let wal = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
    let bytes = [path, &wal].iter().filter_map(|file| std::fs::metadata(file).ok()).map(|meta| meta.len()).sum();
    let session = "SELECT min(started_wall_us), max(marked_wall_us) FROM session";
    let (first_wall_us, marked_wall_us) =
        conn.query_row(session, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    let crossings: i64 = conn.query_row("SELECT count(*) FROM crossing", [], |row| row.get(0)).map_err(failed)?;
    let gaps = "SELECT count(*), coalesce(sum(min(to_wall_us, ?2) - max(from_wall_us, ?1)), 0) FROM gap
                WHERE to_wall_us > ?1 AND from_wall_us < ?2";
    let (count, length): (i64, i64) =
        conn.query_row(gaps, [since_us, now_us], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    let written = lock::is_written(path) == Some(true);
    let (crossings, count) = (crossings.unsigned_abs(), count.unsigned_abs());
    Ok(Vitals { bytes, first_wall_us, marked_wall_us, written, crossings, gaps: (count, length) })
}
