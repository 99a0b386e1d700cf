//! What was counted, and what was not seen, in one SQLite file. The seam is [`Ledger`]; the document is `schema.sql`.
//!
//! A row is *reported* (printed, sent, served) only after its commit, and a commit is on the disk when it returns.
//! Not here: when to commit (the pipeline's ledger thread drives a [`Batcher`]), what is a crossing (count/), how a
//! report looks (cli/report.rs).

mod batch;
mod bins;
mod check;
mod error;
mod lock;
mod migrate;
mod open;
mod report;
mod run;
mod spans;
mod sqlite;
#[cfg(test)]
mod tests;
mod vitals;

pub use batch::{Batch, BatchPolicy, Batcher, Seen};
pub use bins::{Bin, ClockKind, CountKey, Counts};
pub use check::{Finding, Severity, check};
pub use error::LedgerError;
pub use report::{LineNames, Query, Range, Report, Series, SeriesGap, State, read_report};
pub use sqlite::SqliteLedger;
pub use vitals::{Vitals, vitals};

use crate::geometry::Segment;

/// Stores what the pipeline reports. All times called `now_us` are [`crate::clock::Clock::wall`]: Unix microseconds.
pub trait Ledger: Send {
    /// Opens a session of a run. A replayable source (`live` false, with a digest) that was counted with the same
    /// configuration and model goes on with its old run: replayed from the first frame, its known rows are recognised.
    /// Everything else is a run of its own. After a crash of a live source, what lies between its last mark and
    /// `now_us` becomes a gap of reason `down`.
    fn begin(&mut self, info: &RunInfo, now_us: i64) -> Result<RunId, LedgerError>;

    /// Stores the whole batch in one transaction, or nothing of it: after an error the batch may be committed again.
    /// The answer says of each row whether it is new; only those with [`Stored::New`] are reported.
    fn commit(&mut self, batch: &Batch, now_us: i64) -> Result<CommitReport, LedgerError>;

    /// Closes the session of `run`. Without this call the session counts as ended uncleanly.
    fn end(&mut self, run: RunId, reason: EndReason, now_us: i64) -> Result<(), LedgerError>;
}

/// A run of this ledger, open between [`Ledger::begin`] and [`Ledger::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub(crate) i64);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is counted, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    pub source_name: String,
    /// Of the content, where there is one ([`crate::source::SourceInfo::digest`]).
    pub source_digest: Option<String>,
    pub live: bool,
    /// Size of the picture in pixels, for relative coordinates.
    pub width: u32,
    pub height: u32,
    /// Of everything else that decides what is counted and when: thresholds, class groups, tracker, `--start`, `--every`.
    pub config_digest: String,
    pub model_name: String,
    pub model_sha256: String,
    /// Class names; `Crossing::class` is an index into them.
    pub labels: Vec<String>,
    /// `Crossing::line` is an index into them.
    pub lines: Vec<LineInfo>,
    /// Where a publisher is configured: crossings become messages of this topic, in the outbox.
    pub topic: Option<String>,
}

/// A counting line as it is stored: relative to the picture, with a name for each direction.
#[derive(Debug, Clone, PartialEq)]
pub struct LineInfo {
    pub name: String,
    /// Relative coordinates, 0..=1.
    pub segment: Segment,
    /// What people call the directions: `down`, `into town`. The plain words are `a_to_b`, `b_to_a`.
    pub a_to_b: String,
    pub b_to_a: String,
}

/// How a session was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The source ended, and all of it was counted.
    Complete,
    /// Somebody asked for it.
    Stopped,
    /// An error.
    Failed,
}

impl EndReason {
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Complete => "complete",
            EndReason::Stopped => "stopped",
            EndReason::Failed => "failed",
        }
    }
}

/// What became of a row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    New,
    /// A replay: the same row is already there.
    Known,
    /// The key is already there with another content: the replay was not deterministic. The stored row stays.
    Differing,
}

/// What became of a batch, row by row, in its order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CommitReport {
    pub crossings: Vec<Stored>,
    pub gaps: Vec<Stored>,
}

impl CommitReport {
    /// How many rows, crossings and gaps, met this fate.
    pub fn count(&self, fate: Stored) -> usize {
        self.crossings.iter().chain(&self.gaps).filter(|&&s| s == fate).count()
    }
}
