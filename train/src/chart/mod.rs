//! Charts as SVG files: they open in every browser and keep their text.

mod confusion;
mod lines;

use std::path::Path;

use crate::{Error, Result};

pub use confusion::confusion;
pub use lines::{Line, lines, precision_recall, roc};

/// Ink, in the order of the lines: told apart in print and by the colour-blind (Okabe and Ito 2008).
const COLORS: [(u8, u8, u8); 6] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233)];

/// Writes a chart whole or not at all.
pub fn write(path: &Path, svg: &str) -> Result<()> {
    wayside::part_file::write(path, svg.as_bytes()).map_err(|error| Error::file(path, error))
}

/// What the drawing crate says where it can't draw: into a string it always can, but for ranges of nothing.
fn unable(error: impl std::fmt::Display) -> Error {
    Error::Data(format!("no chart: {error}"))
}
