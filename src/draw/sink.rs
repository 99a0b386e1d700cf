//! Where drawn pictures go: an mp4, or a folder of numbered jpg files.

use std::io;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::frame::Stamp;
use crate::part_file;

/// JPEG quality: no visible blocks around text, a third of the size of 95.
const JPEG_QUALITY: u8 = 88;

#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {reason}")]
    Refused { path: PathBuf, reason: String },
}

/// A file or folder being written. Nothing is left of an mp4 that is dropped before [`DrawSink::finish`].
pub struct DrawSink {
    path: PathBuf,
    target: Target,
}

enum Target {
    Folder,
    #[cfg(feature = "clip")]
    Video(Box<super::video::Video>),
}

impl DrawSink {
    /// `path` ends in `.mp4`, or names a folder, which is made where it is missing. `fps`: nominal rate of the source,
    /// 0 where unknown; times come from the stamps.
    pub fn create(path: &Path, fps: f64) -> Result<Self, DrawError> {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let target = match extension.as_deref() {
            Some("mp4") => video(path, fps)?,
            Some(other) if ["avi", "mkv", "mov", "webm", "m4v", "gif", "jpg", "png"].contains(&other) => {
                let reason =
                    format!("only mp4 and folders of pictures are written, not {other}: name a file .mp4 or a folder");
                return Err(DrawError::Refused { path: path.to_owned(), reason });
            }
            _ => {
                std::fs::create_dir_all(path).map_err(|source| DrawError::Io { path: path.to_owned(), source })?;
                Target::Folder
            }
        };
        Ok(Self { path: path.to_owned(), target })
    }

    /// Adds one picture, at `stamp.mono`. Stamps increase; the first one is the video's time 0. All pictures of an mp4
    /// have the size of the first.
    pub fn write(&mut self, picture: &RgbImage, stamp: &Stamp) -> Result<(), DrawError> {
        match &mut self.target {
            Target::Folder => write_jpg(&self.path.join(format!("{:06}.jpg", stamp.seq)), picture),
            #[cfg(feature = "clip")]
            Target::Video(video) => video.write(picture, stamp.mono),
        }
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<(), DrawError> {
        match self.target {
            Target::Folder => Ok(()),
            #[cfg(feature = "clip")]
            Target::Video(video) => video.finish(),
        }
    }
}

#[cfg(feature = "clip")]
fn video(path: &Path, fps: f64) -> Result<Target, DrawError> {
    super::video::Video::create(path, fps).map(|video| Target::Video(Box::new(video)))
}

#[cfg(not(feature = "clip"))]
fn video(path: &Path, _fps: f64) -> Result<Target, DrawError> {
    let reason = "this build has no video encoder (feature `clip`): name a folder for pictures".into();
    Err(DrawError::Refused { path: path.to_owned(), reason })
}

/// One picture, there as a whole or not at all.
pub fn write_jpg(path: &Path, picture: &RgbImage) -> Result<(), DrawError> {
    let io_error = |source| DrawError::Io { path: path.to_owned(), source };
    let mut part = part_file::begin(path).map_err(io_error)?;
    let encoder =
        image::codecs::jpeg::JpegEncoder::new_with_quality(io::BufWriter::new(part.as_file_mut()), JPEG_QUALITY);
    picture.write_with_encoder(encoder).map_err(|error| match error {
        image::ImageError::IoError(source) => io_error(source),
        other => DrawError::Refused { path: path.to_owned(), reason: other.to_string() },
    })?;
    part.persist(path).map_err(|error| io_error(error.error))?;
    Ok(())
}
