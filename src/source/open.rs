//! From what a user types to a source.

use std::io;
use std::path::{Path, PathBuf};

use super::camera;
use super::camera_spec::CameraSpec;
use super::every::Every;
use super::ffmpeg::Ffmpeg;
use super::live::Live;
use super::pictures::{self, Pictures};
use super::realtime::Realtime;
use super::scene::SceneSource;
use super::{Source, SourceError};
use crate::clock::SystemClock;

/// How a source is to be read.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Unix time of the first frame in microseconds; without it frames have no wall time.
    pub start: Option<i64>,
    /// Only each n-th frame is read; 0 and 1 read all.
    pub every: u32,
    /// Pictures have no times of their own: this many are taken as one second. Above 0.
    pub picture_fps: f64,
    /// At its own rate, as if it were a camera.
    pub realtime: bool,
    /// For cameras.
    pub live: Live,
}

impl Default for OpenOptions {
    /// All frames, no wall time, one picture a second.
    fn default() -> Self {
        Self { start: None, every: 1, picture_fps: 1.0, realtime: false, live: Live::default() }
    }
}

/// Whether `spec` names a camera, which is waited for and does not end. A misspelt camera is one too.
pub fn is_camera(spec: &str) -> bool {
    CameraSpec::parse(spec).is_some()
}

/// Opens a video file, a picture, a folder or glob of pictures, `scene:NAME`, or a camera.
pub fn open(spec: &str, options: &OpenOptions) -> Result<Box<dyn Source>, SourceError> {
    let source = open_all(spec, options)?;
    let source = match options.every {
        0 | 1 => source,
        n => Box::new(Every::new(source, n)),
    };
    Ok(match options.realtime && !source.info().live {
        true => Box::new(Realtime::new(source, Box::new(SystemClock::new()))),
        false => source,
    })
}

fn open_all(spec: &str, options: &OpenOptions) -> Result<Box<dyn Source>, SourceError> {
    if spec.starts_with("scene:") {
        return Ok(Box::new(SceneSource::open(spec)?.starting_at(options.start)));
    }
    if let Some(camera) = CameraSpec::parse(spec) {
        let unreadable = |reason| SourceError::Unreadable { path: spec.into(), reason };
        if options.start.is_some() {
            return Err(unreadable("a camera has its own wall times: leave `start` out".into()));
        }
        return camera::open(spec, camera.map_err(unreadable)?, &options.live);
    }
    let path = Path::new(spec);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let paths = pictures::in_folder(path).map_err(|source| io_error(path, source))?;
            open_pictures(spec, paths, options)
        }
        Ok(_) if pictures::is_picture(path) => open_pictures(spec, vec![path.to_owned()], options),
        Ok(_) => open_video(path, options),
        Err(error) if error.kind() == io::ErrorKind::NotFound => open_missing(spec, options),
        Err(source) => Err(io_error(path, source)),
    }
}

/// The pictures that `spec` names: a file, a folder or a glob, in natural order; at least one. For callers that need each
/// file's name; [`open`] makes a source of them.
pub fn picture_paths(spec: &str) -> Result<Vec<PathBuf>, SourceError> {
    let path = Path::new(spec);
    let unreadable = |reason: &str| Err(SourceError::Unreadable { path: path.to_owned(), reason: reason.to_owned() });
    let paths = match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => pictures::in_folder(path).map_err(|source| io_error(path, source))?,
        Ok(_) if pictures::is_picture(path) => vec![path.to_owned()],
        Ok(_) => return unreadable("this is no jpg, png or webp picture; `wayside count` reads clips"),
        Err(error) if error.kind() == io::ErrorKind::NotFound && spec.contains(['*', '?', '[']) => {
            match pictures::matching(spec) {
                Ok(paths) => paths,
                Err(error) => return unreadable(&format!("this pattern is wrong: {error}")),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return unreadable("no such file or folder (a picture, a folder or a glob of pictures)");
        }
        Err(source) => return Err(io_error(path, source)),
    };
    if paths.is_empty() {
        return unreadable("there is no jpg, png or webp picture here (subfolders are not searched)");
    }
    Ok(paths)
}

/// `spec` is no path: a glob, an address, or a mistake.
fn open_missing(spec: &str, options: &OpenOptions) -> Result<Box<dyn Source>, SourceError> {
    let unreadable = |reason: String| Err(SourceError::Unreadable { path: spec.into(), reason });
    if spec.contains("://") {
        return unreadable("addresses are not read: give a file, or record the stream to one first".into());
    }
    if spec.contains(['*', '?', '[']) {
        return match pictures::matching(spec) {
            Ok(paths) => open_pictures(spec, paths, options),
            Err(error) => unreadable(format!("this pattern is wrong: {error}")),
        };
    }
    unreadable("no such file or folder (a video, a picture, a folder or glob of pictures, scene:NAME, or a camera: v4l:/dev/video0)".into())
}

fn open_pictures(spec: &str, paths: Vec<PathBuf>, options: &OpenOptions) -> Result<Box<dyn Source>, SourceError> {
    if paths.is_empty() {
        let reason = "there is no jpg, png or webp picture here (subfolders are not searched)".into();
        return Err(SourceError::Unreadable { path: spec.into(), reason });
    }
    if !(options.picture_fps.is_finite() && options.picture_fps > 0.0) {
        let reason = format!("{} pictures per second make no time: give a number above 0", options.picture_fps);
        return Err(SourceError::Unreadable { path: spec.into(), reason });
    }
    Ok(Box::new(Pictures::open(spec, paths, options.picture_fps, options.start)?))
}

/// H.264 in mp4 by ourselves; all else by ffmpeg.
fn open_video(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>, SourceError> {
    let why = match is_mp4(path).map_err(|source| io_error(path, source))? {
        true => match open_clip(path, options)? {
            Ok(clip) => return Ok(clip),
            Err(why) => why,
        },
        false => "it is no H.264 in mp4, which needs no other program".into(),
    };
    Ok(Box::new(Ffmpeg::open("ffmpeg", path, &why, options.start)?))
}

/// By name or by content: an mp4 may have lost its name, and a name may promise one in vain.
fn is_mp4(path: &Path) -> io::Result<bool> {
    let named = path
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| ["mp4", "m4v", "mov"].iter().any(|known| extension.eq_ignore_ascii_case(known)));
    let mut head = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(std::fs::File::open(path)?, 8), &mut head)?;
    Ok(named || head.get(4..) == Some(b"ftyp") || head.is_empty())
}

/// The clip, or why it is not for this decoder.
#[cfg(feature = "clip")]
fn open_clip(path: &Path, options: &OpenOptions) -> Result<Result<Box<dyn Source>, String>, SourceError> {
    use super::mp4::Mp4Error;
    match super::clip::Clip::open(path, options.start) {
        Ok(clip) => Ok(Ok(Box::new(clip))),
        Err(Mp4Error::Foreign(why)) => Ok(Err(why)),
        Err(Mp4Error::Broken(reason)) => Err(SourceError::Unreadable { path: path.to_owned(), reason }),
        Err(Mp4Error::Io(source)) => Err(io_error(path, source)),
    }
}

#[cfg(not(feature = "clip"))]
fn open_clip(_path: &Path, _options: &OpenOptions) -> Result<Result<Box<dyn Source>, String>, SourceError> {
    Ok(Err("this build has no video decoder (feature `clip`)".into()))
}

fn io_error(path: &Path, source: io::Error) -> SourceError {
    SourceError::Io { path: path.to_owned(), source }
}
