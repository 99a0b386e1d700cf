//! Where frames come from. The seam is [`Source`]; each adapter is one file. Cameras have a narrower one, `live::Camera`,
//! and retry.rs makes a [`Source`] of it that does not end.
//!
//! Not here: threads and queues (pipeline/), letterboxing (preprocess/), what to do when a source fails (pipeline/).

#[cfg(all(feature = "pipe", feature = "clip"))]
mod annexb;
mod camera;
mod camera_spec;
#[cfg(feature = "clip")]
mod clip;
mod digest;
mod every;
mod ffmpeg;
#[cfg(feature = "clip")]
mod h264;
#[cfg(any(feature = "pipe", feature = "v4l", feature = "webcam"))]
mod jpeg;
mod live;
#[cfg(feature = "clip")]
mod mp4;
mod open;
mod opening;
mod pictures;
#[cfg(feature = "pipe")]
mod pipe;
mod predecoded;
mod realtime;
mod retry;
pub mod scene;
mod timeline;
#[cfg(any(feature = "pipe", feature = "v4l", feature = "webcam"))]
mod unpack;
#[cfg(feature = "v4l")]
mod v4l;
#[cfg(feature = "webcam")]
mod webcam;

pub use camera::{CameraInfo, FormatInfo, list_cameras};
pub use every::Every;
pub use live::Live;
pub use open::{OpenOptions, is_camera, open, picture_paths};
pub use pictures::read_picture;
pub use predecoded::Predecoded;
pub use realtime::Realtime;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::beat::Beat;
use crate::frame::Frame;

/// What is known of a source once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// For people and for the database: the file's name, `scene:crowd`, the device or the command.
    pub name: String,
    pub width: u32,
    pub height: u32,
    /// Nominal frames per second, for progress and for the rate of a drawn video; never for times. 0 if unknown.
    pub nominal_fps: f64,
    /// Frames in all, where the source ends and says so.
    pub frames: Option<u64>,
    /// By how much `Stamp::seq` grows from frame to frame when none is missing: n where each n-th frame is read.
    pub seq_step: u64,
    /// Length in media time, where known.
    pub duration: Option<Duration>,
    /// A live source is never waited for: its frames go through a `Latest` queue and may be dropped (and counted).
    /// A file is `false`: no frame is dropped, so a replay is exact.
    pub live: bool,
    /// sha256 (hex) of the content where it has one: a clip's bytes, a picture list's names and bytes, a scene's script.
    /// With it a run that is killed and started again recognises its own rows.
    pub digest: Option<String>,
}

/// A stream of frames, in order, on one thread.
pub trait Source: Send {
    fn info(&self) -> &SourceInfo;

    /// Fills `frame` (buffer reused) with the next picture. `Ok(false)`: the stream has ended. Frames come in
    /// presentation order with `stamp.mono` never decreasing; equal or backward file times are lifted, and counted in
    /// [`Source::warnings`].
    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError>;

    /// Passes over the next picture as cheaply as the source can; `Ok(false)` at the end. `scratch` may be overwritten.
    fn skip_frame(&mut self, scratch: &mut Frame) -> Result<bool, SourceError> {
        self.next_frame(scratch)
    }

    /// Called once, before the first frame. A source that may wait for its device for longer than some seconds calls
    /// [`Beat::moved`] as it waits: so an absent camera, which is waited for, can be told from a driver that hangs.
    fn attend(&mut self, _beat: Beat) {}

    /// Damage that was survived so far, for the end of the run: "3 undecodable pictures skipped".
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why a source cannot be opened or read, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// The file is not what its name promises, or is damaged; `reason` ends with what to do.
    #[error("{path}: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    /// The source needs a program or feature that is not here.
    #[error("{what}: {todo}")]
    Unavailable { what: String, todo: String },
    /// A camera that was waited for, until frames were no longer wanted: no failure.
    #[error("{0}: ended by a signal before its first picture")]
    Stopped(String),
}

/// A path's last component, for people.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
