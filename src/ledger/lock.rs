//! Who is writing: an advisory lock on `<database>-lock` that the kernel takes back when its process dies, however it
//! dies. With it a session without an ending is known to be running or known to be dead, without guessing from times.
//! Not here: SQLite's own locks, which guard each transaction; this one only tells the living from the dead.
//!
//! It lies beside the database because a second handle on the database file itself would, when closed, drop SQLite's
//! POSIX locks of the whole process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held by every writer for its life, shared.
#[derive(Debug)]
pub(super) struct WriterLock {
    file: File,
    /// No other writer lived when this one started; until [`WriterLock::share`] none can start.
    pub alone: bool,
}

impl WriterLock {
    pub fn acquire(database: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(lock_path(database))?;
        let alone = file.try_lock().is_ok();
        if !alone {
            share(&file)?;
        }
        Ok(Self { file, alone })
    }

    /// Lets other writers in.
    pub fn share(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.alone) { share(&self.file) } else { Ok(()) }
    }
}

impl Drop for WriterLock {
    /// Not left to the closing of the file: a process that is being started has a copy of the handle for a moment, and with it the lock.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn share(file: &File) -> io::Result<()> {
    match file.lock_shared() {
        // A file system without locks: nobody is ever known to be dead, everything else works.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        other => other,
    }
}

/// Whether a process has the database open for writing; `None` where that cannot be known.
pub(super) fn is_written(database: &Path) -> Option<bool> {
    let file = match File::open(lock_path(database)) {
        Ok(file) => file,
        Err(error) => return (error.kind() == io::ErrorKind::NotFound).then_some(false),
    };
    match file.try_lock() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_living_from_the_dead() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("a.db");
        assert_eq!(is_written(&db), Some(false), "nobody ever wrote");
        let mut first = WriterLock::acquire(&db).unwrap();
        assert!(first.alone);
        first.share().unwrap();
        let second = WriterLock::acquire(&db).unwrap();
        assert!(!second.alone);
        drop(first);
        assert_eq!(is_written(&db), Some(true), "the second lives");
        drop(second);
        assert_eq!(is_written(&db), Some(false));
        assert!(WriterLock::acquire(&db).unwrap().alone);
    }

    #[test]
    fn a_copy_of_the_handle_does_not_outlive_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("a.db");
        let writer = WriterLock::acquire(&db).unwrap();
        let _copy = writer.file.try_clone().unwrap();
        drop(writer);
        assert_eq!(is_written(&db), Some(false));
    }
}
