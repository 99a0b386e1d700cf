//! From a camera's name to its adapter, by the features of this build; and what cameras there are.

use super::camera_spec::{CameraKind, CameraSpec};
use super::live::{Camera, Live};
use super::retry::Retry;
use super::{Source, SourceError};

/// One camera that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraInfo {
    /// As `wayside count` takes it.
    pub spec: String,
    pub name: String,
    /// Where it is plugged in.
    pub place: String,
    pub formats: Vec<FormatInfo>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FormatInfo {
    pub name: String,
    /// Whether wayside reads it.
    pub readable: bool,
    /// "640x480 at 15, 30/s", or a range of sizes.
    pub modes: Vec<String>,
}

/// Every camera of this machine, and why what may be one could not be asked.
pub fn list_cameras() -> (Vec<CameraInfo>, Vec<String>) {
    #[cfg(feature = "v4l")]
    let (cameras, refused) = super::v4l::list();
    #[cfg(all(feature = "webcam", not(feature = "v4l")))]
    let (cameras, refused) = super::webcam::list();
    #[cfg(not(any(feature = "v4l", feature = "webcam")))]
    let (cameras, refused) = (Vec::new(), vec!["this build lists no cameras (features `v4l`, `webcam`)".into()]);
    (cameras, refused)
}

/// A source that does not end: see retry.rs. `name`: as it was typed.
pub(super) fn open(name: &str, spec: CameraSpec, live: &Live) -> Result<Box<dyn Source>, SourceError> {
    let (size, fps) = (spec.size, spec.fps);
    // What no attempt can mend is no reason to wait.
    check(&spec).map_err(|reason| SourceError::Unreadable { path: name.into(), reason })?;
    let opener = Box::new(move || connect(&spec));
    Ok(Box::new(Retry::open(name, opener, live, size, fps)?))
}

/// Whether this build has the adapter, and the spec all that it needs.
fn check(spec: &CameraSpec) -> Result<(), String> {
    let (here, feature) = match spec.kind {
        CameraKind::V4l => (cfg!(feature = "v4l"), "v4l"),
        CameraKind::Webcam => (cfg!(feature = "webcam"), "webcam"),
        CameraKind::Pipe => (cfg!(feature = "pipe"), "pipe"),
    };
    match spec.kind {
        _ if !here => Err(format!("this build has no such cameras: build it with --features {feature}")),
        #[cfg(feature = "webcam")]
        CameraKind::Webcam => super::webcam::Webcam::check(spec),
        #[cfg(feature = "pipe")]
        CameraKind::Pipe => super::pipe::Pipe::check(spec),
        _ => Ok(()),
    }
}

/// For a spec that was checked.
fn connect(spec: &CameraSpec) -> Result<Box<dyn Camera>, String> {
    match spec.kind {
        #[cfg(feature = "v4l")]
        CameraKind::V4l => Ok(Box::new(super::v4l::V4l::open(spec)?)),
        #[cfg(not(feature = "v4l"))]
        CameraKind::V4l => Err("not in this build".into()),
        #[cfg(feature = "webcam")]
        CameraKind::Webcam => Ok(Box::new(super::webcam::Webcam::open(spec)?)),
        #[cfg(not(feature = "webcam"))]
        CameraKind::Webcam => Err("not in this build".into()),
        #[cfg(feature = "pipe")]
        CameraKind::Pipe => Ok(Box::new(super::pipe::Pipe::open(spec)?)),
        #[cfg(not(feature = "pipe"))]
        CameraKind::Pipe => Err("not in this build".into()),
    }
}
