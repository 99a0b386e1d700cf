//! Pictures for people: boxes, lines and counts drawn over frames, and files of them.
//!
//! Not here: what is drawn (callers hand over plain marks), the live view, threads.

mod canvas;
mod overlay;
mod rgb;
mod sink;
mod table;
mod text;
#[cfg(feature = "clip")]
mod video;

pub use overlay::{LineMark, Mark, draw};
pub use rgb::{i420_from_rgb, rgb_from_frame};
pub use sink::{DrawError, DrawSink, write_jpg};
pub use table::{TableRow, png, table_picture};
