//! The state of a database, for `wayside check`.

use std::path::Path;

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

/// Reads the database at `path`, changes nothing, and says what it found; the first finding is a summary. Every
/// problem is a finding, also a file that is no database.
pub fn check(path: &Path) -> Vec<Finding> {
    vec![Finding { severity: Severity::Error, text: format!("{}: not yet checked", path.display()) }]
}
