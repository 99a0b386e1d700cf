//! Counters of a running pipeline: cheap to write from any thread, read by the progress line and the summary.

use std::sync::atomic::{AtomicU64, Ordering};

/// Of one source.
#[derive(Debug, Default)]
pub struct SourceStats {
    /// Frames that the source delivered.
    pub delivered: Counter,
    /// Frames thrown away because a newer one came before a session was free (live sources only).
    pub overload: Counter,
    /// Frames that the source says it never delivered (jumps of its sequence number).
    pub missing: Counter,
    /// Frames that went through detection, tracking and counting.
    pub processed: Counter,
    pub detections: Counter,
    pub crossings: Counter,
    /// Media time of the last processed frame, in microseconds.
    pub position_us: Counter,
}

/// Of the whole pipeline.
#[derive(Debug, Default)]
pub struct Stats {
    pub sources: Vec<SourceStats>,
    /// Rows committed to the database.
    pub committed: Counter,
    /// Rows that a replay found already there.
    pub known: Counter,
    /// Rows whose key a replay found with another content: it was not deterministic. The stored row stays.
    pub differing: Counter,
    /// Scores or boxes that were not numbers, refused by the heads and by NMS.
    pub refused: Counter,
    /// Candidates beyond their limit, and pictures with more objects than theirs (limits.rs).
    pub over_limit: Counter,
    /// Microseconds from the start of the pipeline to the first processed frame.
    pub first_frame_us: Counter,
}

impl Stats {
    pub fn new(sources: usize) -> Self {
        Self { sources: (0..sources).map(|_| SourceStats::default()).collect(), ..Self::default() }
    }
}

/// A number that several threads add to. Relaxed: it orders nothing.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
