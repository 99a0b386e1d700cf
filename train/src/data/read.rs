//! Picture files, and what becomes of those that can't be read.

use std::path::{Path, PathBuf};

use image::{ImageReader, Limits, RgbImage};

/// A picture that claims to be larger than this is not decoded: 16,384 pixels on a side, 512 MB in memory.
const MAX_SIDE: u32 = 16_384;
const MAX_BYTES: u64 = 512 << 20;

/// Files that were left out, and why, to be listed at the end.
#[derive(Debug, Clone, Default)]
pub struct Skipped(pub Vec<(PathBuf, String)>);

impl Skipped {
    /// The picture, or none: then it is on the list.
    pub fn read(&mut self, path: &Path) -> Option<RgbImage> {
        read(path).map_err(|why| self.0.push((path.to_owned(), why))).ok()
    }

    /// A line for each, the first ten.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.0.iter().take(10).map(|(path, why)| format!("skipped {}: {why}", path.display())).collect();
        if self.0.len() > lines.len() {
            lines.push(format!("and {} more skipped", self.0.len() - lines.len()));
        }
        lines
    }
}

/// Decodes a file by its content, whatever its name says.
pub fn read(path: &Path) -> Result<RgbImage, String> {
    let mut reader =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string().replace('\n', " "))?.into_rgb8();
    if picture.width() == 0 || picture.height() == 0 { Err("has no pixels".into()) } else { Ok(picture) }
}

/// Files of a folder that look like pictures, in the order of their names.
pub fn pictures_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
        ["jpg", "jpeg", "png", "webp"].contains(&extension.as_str()) && path.is_file()
    });
    files.sort();
    Ok(files)
}
