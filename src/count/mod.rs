//! From tracks to crossings: lines, hysteresis, one count per physical passage. Not here: detection, storage, threads.

mod line;
mod passage;

pub use line::{Anchor, CountLine, CountParams, LineCounter};
