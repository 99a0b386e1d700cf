//! What the pipeline reports: crossings, and gaps in what it saw. Plain values.

use crate::frame::Stamp;
use crate::geometry::Point;

/// Which way a line was crossed. See [`crate::geometry::Segment`] for the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From side A to side B: downwards over a line that runs from left to right.
    AtoB,
    BtoA,
}

impl Direction {
    /// The word stored in the database and printed where the line gives no name of its own.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::AtoB => "a_to_b",
            Direction::BtoA => "b_to_a",
        }
    }
}

/// One physical passage of one vehicle over one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Index of the line among the source's configured lines.
    pub line: usize,
    /// Unique within the source's run, from 1.
    pub track: u64,
    pub direction: Direction,
    /// Index into the model's labels: the class voted over the track so far.
    pub class: u16,
    /// Mean score of the track's detections of that class, 0..=1.
    pub score: f32,
    /// When the anchor passed the line, interpolated between the two sightings on either side of it.
    /// `seq` is the frame nearest to that moment.
    pub stamp: Stamp,
    /// Where on the line, in picture pixels.
    pub at: Point,
}

/// Frames that were due and not seen: an interval with a gap has a coverage below 1, never a silent zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    pub from: Stamp,
    pub to: Stamp,
    pub frames: u64,
    pub reason: GapReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The source did not deliver (driver dropped a buffer, a hole in the clip's times, camera away).
    Source,
    /// We were too slow and a newer frame replaced it.
    Overload,
    /// Between the last committed mark and the next start.
    Down,
}

impl GapReason {
    pub fn as_str(self) -> &'static str {
        match self {
            GapReason::Source => "source",
            GapReason::Overload => "overload",
            GapReason::Down => "down",
        }
    }
}
