//! Pictures as frames: a file, a folder, or a glob of jpg, png and webp, in natural order (`2.jpg` before `10.jpg`).
//!
//! Not here: videos. Times are made up: picture `n` of the list is taken at `n / fps` seconds.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{DynamicImage, ImageDecoder, ImageReader};
use sha2::{Digest, Sha256};

use super::timeline::Timeline;
use super::{Source, SourceError, SourceInfo, digest};
use crate::frame::{Frame, PixelFormat};
use crate::limits::check_picture_size;

const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

pub(super) struct Pictures {
    info: SourceInfo,
    paths: Vec<PathBuf>,
    next: usize,
    fps: f64,
    timeline: Timeline,
    skipped: u64,
    last_error: Option<String>,
}

/// Whether the name is one of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// The pictures directly in a folder, without its subfolders and hidden files.
pub(super) fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && is_picture(&path) && path.is_file() {
            paths.push(path);
        }
    }
    sort_naturally(&mut paths);
    Ok(paths)
}

/// The pictures that a glob matches; `Err` where the pattern itself is wrong.
pub(super) fn matching(pattern: &str) -> Result<Vec<PathBuf>, glob::PatternError> {
    let mut paths: Vec<_> = glob::glob(pattern)?.flatten().filter(|path| is_picture(path) && path.is_file()).collect();
    sort_naturally(&mut paths);
    Ok(paths)
}

fn sort_naturally(paths: &mut [PathBuf]) {
    paths.sort_by(|a, b| natord::compare(&a.to_string_lossy(), &b.to_string_lossy()));
}

impl Pictures {
    /// `name`: what the user asked for. `paths` is not empty. `fps`: pictures per second of media time. `start`: unix
    /// time of the first one in microseconds. Reads all files once, for the digest.
    pub fn open(name: &str, paths: Vec<PathBuf>, fps: f64, start: Option<i64>) -> Result<Self, SourceError> {
        let single = paths.len() == 1;
        let mut hash = Sha256::new();
        let mut size = None;
        let mut first_error = None;
        for path in &paths {
            hash.update(super::file_name(path).as_bytes());
            hash.update([0]);
            digest::add_file(&mut hash, path).map_err(|source| SourceError::Io { path: path.clone(), source })?;
            if size.is_none() {
                match upright_size(path) {
                    Ok(found) => size = Some(found),
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
        }
        let (width, height) = match (size, first_error) {
            (Some(size), _) => size,
            (None, Some(error)) if single => return Err(error),
            (None, error) => {
                let first = error.map_or_else(String::new, |error| format!(", the first: {error}"));
                let reason = format!("none of its {} pictures can be read{first}", paths.len());
                return Err(SourceError::Unreadable { path: name.into(), reason });
            }
        };
        Ok(Self {
            info: SourceInfo {
                name: name.to_owned(),
                width,
                height,
                nominal_fps: fps,
                frames: Some(paths.len() as u64),
                seq_step: 1,
                duration: Some(nth_time(paths.len(), fps)),
                live: false,
                digest: Some(digest::hex(hash)),
            },
            paths,
            next: 0,
            fps,
            timeline: Timeline::new(start),
            skipped: 0,
            last_error: None,
        })
    }
}

impl Source for Pictures {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        while let Some(path) = self.paths.get(self.next) {
            let number = self.next;
            self.next += 1;
            match read_picture(path, frame) {
                Ok(()) => {
                    frame.stamp = self.timeline.stamp(number as u64, nth_time(number, self.fps));
                    return Ok(true);
                }
                Err(error) if self.paths.len() == 1 => return Err(error),
                Err(error) => {
                    self.skipped += 1;
                    self.last_error = Some(error.to_string());
                }
            }
        }
        Ok(false)
    }

    fn skip_frame(&mut self, _scratch: &mut Frame) -> Result<bool, SourceError> {
        let there = self.next < self.paths.len();
        self.next += usize::from(there);
        Ok(there)
    }

    fn warnings(&self) -> Vec<String> {
        let unreadable = self.last_error.as_ref().map(|last| match self.skipped {
            1 => format!("1 unreadable picture was skipped: {last}"),
            n => format!("{n} unreadable pictures were skipped, the last: {last}"),
        });
        unreadable.into_iter().chain(self.timeline.warning()).collect()
    }
}

fn nth_time(number: usize, fps: f64) -> Duration {
    Duration::try_from_secs_f64(number as f64 / fps).unwrap_or(Duration::MAX)
}

/// Width and height as shown, from the header alone.
fn upright_size(path: &Path) -> Result<(u32, u32), SourceError> {
    let mut decoder = decoder(path)?;
    let (width, height) = decoder.dimensions();
    let turned = decoder.orientation().is_ok_and(|orientation| {
        use image::metadata::Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    });
    Ok(if turned { (height, width) } else { (width, height) })
}

/// Decodes a picture into `frame`, upright as its EXIF tag says; the stamp is left alone.
///
/// # Errors
/// A file that cannot be read, is no picture, or is larger than the limits allow.
pub fn read_picture(path: &Path, frame: &mut Frame) -> Result<(), SourceError> {
    let rgb = read(path)?.into_rgb8();
    (frame.width, frame.height, frame.format) = (rgb.width(), rgb.height(), PixelFormat::Rgb8);
    frame.data = rgb.into_raw();
    Ok(())
}

fn read(path: &Path) -> Result<DynamicImage, SourceError> {
    let mut decoder = decoder(path)?;
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| unreadable(path, &error))?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture)
}

/// A decoder that has read the header of a picture of bearable size, and no pixel yet.
fn decoder(path: &Path) -> Result<impl ImageDecoder, SourceError> {
    let io_error = |source| SourceError::Io { path: path.to_owned(), source };
    let reader = ImageReader::open(path).map_err(io_error)?.with_guessed_format().map_err(io_error)?;
    let decoder = reader.into_decoder().map_err(|error| unreadable(path, &error))?;
    let (width, height) = decoder.dimensions();
    match check_picture_size(width, height) {
        Ok(()) => Ok(decoder),
        Err(reason) => Err(SourceError::Unreadable { path: path.to_owned(), reason }),
    }
}

fn unreadable(path: &Path, error: &image::ImageError) -> SourceError {
    let reason = error.to_string().replace('\n', " ");
    SourceError::Unreadable {
        path: path.to_owned(),
        reason: format!("no readable jpg, png or webp picture ({reason})"),
    }
}
