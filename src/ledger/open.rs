//! Opening the file: every way in which it may be unusable is found here, before anything is changed in it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::LedgerError;
use super::migrate::{APPLICATION_ID, VERSION, migrate};

/// How long another program's transaction is waited for. A writer of ours holds the lock for milliseconds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The -wal file is cut back to this after a checkpoint, so that one long report does not leave a large file for ever.
const WAL_KEEP_BYTES: i64 = 4 * 1024 * 1024;

/// For writing; made where it is missing, and brought to the current schema.
pub(super) fn writable(path: &Path) -> Result<Connection, LedgerError> {
    if path.is_dir() {
        return Err(LedgerError::Folder { path: path.into() });
    }
    if path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(LedgerError::NoFolder { path: path.into() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| LedgerError::new(path, error);
    let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    // SQLite opens a file that it may not write as a read-only one, without a word.
    if conn.is_readonly("main").map_err(failed)? {
        return Err(LedgerError::ReadOnly { path: path.into() });
    }
    schema_version(&conn, path)?;
    prepare(&mut conn).map_err(failed)?;
    Ok(conn)
}

/// The settings of every writer, and the current schema.
pub(super) fn prepare(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "journal_size_limit", WAL_KEEP_BYTES)?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    migrate(conn)
}

/// For reading, also while a counter writes. Changes nothing.
pub(super) fn read_only(path: &Path) -> Result<Connection, LedgerError> {
    if path.is_dir() {
        return Err(LedgerError::Folder { path: path.into() });
    }
    if fs::metadata(path).map_or(true, |meta| meta.len() == 0) {
        return Err(LedgerError::Missing { path: path.into() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(|error| LedgerError::new(path, error))?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(|error| LedgerError::new(path, error))?;
    if let Err(error) = conn.pragma_query_value(None, "user_version", |_| Ok(()))
        && matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    {
        conn = immutable(path)?;
    }
    let version = schema_version(&conn, path)?;
    if version < VERSION {
        return Err(LedgerError::Older { path: path.into(), found: version, known: VERSION });
    }
    Ok(conn)
}

/// A database in WAL mode on a medium where its -wal and -shm files cannot be made. Without a -wal file that waits to
/// be read back nobody is writing it, so it may be read as what it is.
fn immutable(path: &Path) -> Result<Connection, LedgerError> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    if fs::metadata(&wal).is_ok_and(|meta| meta.len() > 0) {
        return Err(LedgerError::Unrecovered { path: path.into() });
    }
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
        .map_err(|error| LedgerError::new(path, error))
}

/// The version of a wayside database, 0 for an empty one; an error for any other file.
fn schema_version(conn: &Connection, path: &Path) -> Result<i32, LedgerError> {
    let failed = |error| LedgerError::new(path, error);
    let version: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(failed)?;
    match (application, version) {
        (0, 0) if objects == 0 => Ok(0),
        (APPLICATION_ID, ..=VERSION) => Ok(version),
        (APPLICATION_ID, found) => Err(LedgerError::Newer { path: path.into(), found, known: VERSION }),
        _ => Err(LedgerError::Foreign { path: path.into() }),
    }
}
