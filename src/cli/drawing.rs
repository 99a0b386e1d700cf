//! Draws what was counted, frame by frame, to an mp4 or a folder of jpg: the observer behind `--draw`.

use std::path::Path;

use super::console::{Names, Totals};
use crate::count::CountLine;
use crate::draw::{DrawSink, LineView, Overlay, draw_rgb};
use crate::frame::Frame;
use crate::pipeline::{FrameView, Observer};
use crate::source::SourceInfo;

pub struct Drawing {
    sink: DrawSink,
    overlay: Overlay,
    lines: Vec<CountLine>,
    names: Names,
    totals: Totals,
    canvas: Frame,
}
