//! Files that cannot be used: each is one line that says what to do, and is left as it was.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use wayside::ledger::{EndReason, Ledger, LedgerError, Severity, SqliteLedger, check, read_report};

use crate::fixture::*;

fn filled(path: &Path) {
    let mut ledger = SqliteLedger::open(path).unwrap();
    let run = ledger.begin(&clip("a.mp4"), MAY).unwrap();
    ledger.commit(&batch(run, &[crossing(1, 1.0, None)], 3.0, None), MAY).unwrap();
    ledger.end(run, EndReason::Complete, MAY).unwrap();
}

/// The error of every way to open `path`; none may change a byte of it.
fn errors(path: &Path) -> Vec<LedgerError> {
    let before = fs::read(path).ok();
    let finding = check(path).pop().unwrap();
    let errors = vec![SqliteLedger::open(path).err().unwrap(), read_report(path, &query(15)).unwrap_err()];
    assert_eq!(finding.severity, Severity::Error, "{finding:?}");
    assert_eq!(fs::read(path).ok(), before, "was changed");
    for error in &errors {
        let line = error.to_string();
        assert!(line.starts_with(&path.display().to_string()) && !line.contains('\n'), "{line}");
    }
    errors
}

#[test]
fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("short", &b"hello"[..]), ("text", &b"name,count\na,1\n".repeat(1000)), ("zeros", &[0; 8192])]
    {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let errors = errors(&path);
        assert!(errors.iter().all(|e| matches!(e, LedgerError::NotADatabase { .. })), "{name}: {errors:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing was left beside them");
}

#[test]
fn a_database_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(errors(&path).iter().all(|e| matches!(e, LedgerError::Foreign { .. })));
}

#[test]
fn a_database_of_a_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    filled(&path);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(errors(&path).iter().all(|e| matches!(e, LedgerError::Newer { found: 99, .. })));
}

#[test]
fn a_folder_or_a_folder_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    assert!(errors(folder.path()).iter().all(|e| matches!(e, LedgerError::Folder { .. })));
    let errors = errors(&folder.path().join("nowhere/w.db"));
    assert!(matches!(errors[..], [LedgerError::NoFolder { .. }, LedgerError::Missing { .. }]), "{errors:?}");
}

#[test]
fn an_empty_file_becomes_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    fs::write(&path, "").unwrap();
    assert!(matches!(read_report(&path, &query(15)).unwrap_err(), LedgerError::Missing { .. }));
    filled(&path);
    assert_eq!(counted(&report(&path, 15)), 1);
}

#[test]
fn a_damaged_database_is_found_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    filled(&path);
    let bytes = fs::read(&path).unwrap();
    for page in 1..bytes.len() / 4096 {
        let mut damaged = bytes.clone();
        damaged[page * 4096..page * 4096 + 64].fill(0xa5);
        let copy = folder.path().join(format!("{page}.db"));
        fs::write(&copy, damaged).unwrap();
        let findings = check(&copy);
        assert!(findings.iter().any(|f| f.severity == Severity::Error), "page {page}: {findings:?}");
        // Whatever still can be read must not panic.
        let _ = read_report(&copy, &query(15));
        let _ = SqliteLedger::open(&copy);
    }
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(check(&path).iter().any(|f| f.severity == Severity::Error), "half of the file is missing");
}

/// Runs one of the tests below that are ignored, as a user who may not write (root may everywhere).
fn as_a_guest(test: &str, path: &Path) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env("WAYSIDE_TEST_DB", path);
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    match command.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            println!("skipped: another user cannot run this test: {error}");
            None
        }
    }
}

#[test]
fn a_read_only_file_can_be_reported_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    filled(&path);
    let rights = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    rights(&path, 0o444);
    for mode in [0o755, 0o555] {
        rights(folder.path(), mode);
        let Some(said) = as_a_guest("files::guest", &path) else { return };
        assert!(said.contains("w.db: cannot be written: make the file and its folder writable"), "{said}");
        assert!(said.contains("reported: 1"), "{said}");
    }
    rights(&path, 0o644);
    rights(folder.path(), 0o755);
}

#[test]
#[ignore = "a process of its own, started by a_read_only_file_can_be_reported_and_not_written"]
fn guest() {
    let Some(path) = std::env::var_os("WAYSIDE_TEST_DB") else { return };
    println!("{}", SqliteLedger::open(path.as_ref()).err().unwrap());
    println!("reported: {}", counted(&report(path.as_ref(), 15)));
}
