//! Counts against hand-counted truth: one-to-one matching, precision, recall, F1, count error, and why an event was missed.
//! Detections against labelled boxes: detect/.
//!
//! Not here: running a clip (pipeline/), printing (cli/evaluate/). Everything is plain data in, plain data out, so that
//! a score can be recomputed from files alone.

pub mod count;
pub mod detect;
pub mod files;
pub mod misses;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::Direction;
use crate::geometry::Segment;

/// The truth's word for a direction: in picture coordinates, whichever way the line was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// y decreases: normally away from the camera.
    Up,
    /// y increases: normally towards it.
    Down,
}

impl Way {
    /// Of a crossing of `line`; `None` where the line is vertical, so that a crossing is neither up nor down.
    pub fn of(direction: Direction, line: &Segment) -> Option<Self> {
        // Side B is below a line that runs from left to right (geometry::Segment).
        let runs_right = match line.to.x.partial_cmp(&line.from.x)? {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => return None,
        };
        Some(if (direction == Direction::AtoB) == runs_right { Way::Down } else { Way::Up })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Way::Up => "up",
            Way::Down => "down",
        }
    }
}

/// One vehicle that a person saw crossing.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthEvent {
    /// As numbered by the truth, for people.
    pub id: String,
    /// First and last frame in which the vehicle covers the line: 0-based, in decode order.
    pub first: u64,
    pub last: u64,
    /// Extent on the line, in pixels of the native size.
    pub x: (f32, f32),
    pub way: Way,
    pub class: String,
    /// Flagged (`edge_start`, `edge_end`…): may be counted or not, and changes no figure either way.
    pub free: bool,
}

/// One crossing that we counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// Nearest native frame, 0-based, in decode order.
    pub frame: u64,
    pub way: Way,
    /// The model's label.
    pub class: String,
    /// Its track, where known: [`misses`] does not offer it to another event.
    pub track: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// A file that is not what the evaluation expects; `reason` names the place and what belongs there.
    #[error("{path}: {reason}")]
    Unreadable { path: PathBuf, reason: String },
}

fn io(path: &Path, source: std::io::Error) -> EvaluateError {
    EvaluateError::Io { path: PathBuf::from(path), source }
}

fn unreadable(path: &Path, reason: String) -> EvaluateError {
    EvaluateError::Unreadable { path: PathBuf::from(path), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Point;

    #[test]
    fn a_to_b_is_down_over_a_line_to_the_right_and_up_over_the_same_line_drawn_backwards() {
        let (left, right) = (Point::new(10.0, 50.0), Point::new(90.0, 60.0));
        assert_eq!(Way::of(Direction::AtoB, &Segment::new(left, right)), Some(Way::Down));
        assert_eq!(Way::of(Direction::BtoA, &Segment::new(left, right)), Some(Way::Up));
        assert_eq!(Way::of(Direction::AtoB, &Segment::new(right, left)), Some(Way::Up));
        assert_eq!(Way::of(Direction::AtoB, &Segment::new(left, Point::new(10.0, 90.0))), None);
    }
}
