//! Why the database cannot be used, in one line that says what to do. Not here: which step failed (the caller knows).

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("{path}: no such database: give the one that `wayside count` or `wayside run` wrote with --db")]
    Missing { path: PathBuf },
    #[error("{path}: the folder does not exist: create it, or give another path with --db")]
    NoFolder { path: PathBuf },
    #[error("{path}: is a folder: give the path of a file with --db")]
    Folder { path: PathBuf },
    #[error("{path}: is no SQLite database, and was left as it is: give another path with --db")]
    NotADatabase { path: PathBuf },
    #[error("{path}: is a database of another program, and was left as it is: give another path with --db")]
    Foreign { path: PathBuf },
    #[error("{path}: has schema {found}, but this wayside knows schemas up to {known}: update wayside")]
    Newer { path: PathBuf, found: i32, known: i32 },
    #[error(
        "{path}: has schema {found}, and this command does not change databases: count into it once to bring it to {known}"
    )]
    Older { path: PathBuf, found: i32, known: i32 },
    #[error(
        "{path}: cannot be written: make the file and its folder writable for this user, or give another path with --db"
    )]
    ReadOnly { path: PathBuf },
    #[error("{path}: the disk is full: what was reported is stored; free some space and start again")]
    Full { path: PathBuf },
    #[error("{path}: is locked by another program for longer than {seconds} s: close that program and start again")]
    Busy { path: PathBuf, seconds: u64 },
    #[error("{path}: is damaged ({reason}): keep a copy, then try `sqlite3 {path} .recover`")]
    Damaged { path: PathBuf, reason: String },
    #[error("{path}: disk error ({reason}): check the disk and its messages in `dmesg`")]
    Disk { path: PathBuf, reason: String },
    #[error(
        "{path}: was closed in the middle of writing, and its -wal file can only be read back in a writable folder: copy both there"
    )]
    Unrecovered { path: PathBuf },
    /// A value that the schema refuses; a bug of the caller.
    #[error("{path}: a row was refused ({reason}): please report this; the batch was not stored")]
    Refused { path: PathBuf, reason: String },
    #[error("{path}: run {run} is already being counted by this process: give its source another name")]
    AlreadyOpen { path: PathBuf, run: i64 },
    #[error("{path}: has no {what}; there are: {known}")]
    Unknown { path: PathBuf, what: String, known: String },
    #[error("{path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

impl LedgerError {
    /// SQLite's codes in words that say what to do.
    pub(super) fn new(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        let reason = source.to_string();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            // The -shm file could not grow: in practice there was no room for it.
            Some(ErrorCode::SystemIoFailure) if extended_code(&source) == Some(ffi::SQLITE_IOERR_SHMSIZE) => {
                Self::Full { path }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { path, seconds: super::open::BUSY_TIMEOUT.as_secs() }
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            Some(ErrorCode::SystemIoFailure) => Self::Disk { path, reason },
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => Self::Refused { path, reason },
            _ => Self::Sqlite { path, source },
        }
    }

    /// For the files beside the database.
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Full { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::Disk { path, reason: error.to_string() },
        }
    }
}

fn extended_code(error: &rusqlite::Error) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code)
}
