//! The seam between what delivers pictures as they happen and what keeps it delivering (retry.rs). An adapter is a
//! [`Camera`]: it opens once, waits no longer than it is told to, and says in one line why it cannot go on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::frame::Frame;

/// What a live source needs from outside.
#[derive(Clone)]
pub struct Live {
    pub clock: Arc<dyn Clock>,
    /// Whether frames are still wanted; asked about twenty times a second.
    pub going: Arc<dyn Fn() -> bool + Send + Sync>,
    /// A camera that is not there at the start is waited for, as one that goes away later is; else it is an error.
    pub patient: bool,
}

impl Default for Live {
    /// The machine's clock, for ever, impatient.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::new()), going: Arc::new(|| true), patient: false }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("patient", &self.patient).finish_non_exhaustive()
    }
}

/// An open camera. Dropping it lets go of the device.
pub(super) trait Camera: Send {
    /// Frames per second as agreed with the device; 0 where nobody knows.
    fn fps(&self) -> f64;

    /// Waits at most about `patience` for the next picture, and fills all of `frame` but its stamp.
    ///
    /// # Errors
    /// The camera is lost, and why, in words that follow its name and a colon.
    fn capture(&mut self, frame: &mut Frame, patience: Duration) -> Result<Capture, String>;
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    not(any(feature = "pipe", feature = "v4l", feature = "webcam", test)),
    expect(dead_code, reason = "a build without any camera")
)]
pub(super) enum Capture {
    Picture {
        /// The device's own number: one more for every picture that it took, delivered or not.
        seq: u64,
        /// When it was taken, on a clock of the device; `None` means now.
        time: Option<Duration>,
    },
    /// Data without a picture in it, and why. It has used up its number.
    Damaged(String),
    /// None yet.
    Nothing,
}
