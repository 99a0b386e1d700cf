//! Frames held in memory, so that a benchmark measures the stages and not a decoder.

use std::time::Duration;

use super::{Source, SourceError, SourceInfo};
use crate::frame::Frame;

/// Plays the first frames of another source, again and again where more are asked for.
pub struct Predecoded {
    info: SourceInfo,
    frames: Vec<Frame>,
    /// From the start of one round to the start of the next.
    round: Duration,
    played: u64,
    total: u64,
}

impl Predecoded {
    /// Decodes up to `max_frames` frames of `source`, which take their memory until this is dropped.
    pub fn new(mut source: Box<dyn Source>, max_frames: usize) -> Result<Self, SourceError> {
        let mut frames = Vec::new();
        let mut frame = Frame::default();
        while frames.len() < max_frames && source.next_frame(&mut frame)? {
            frames.push(frame.clone());
        }
        let span = match frames.as_slice() {
            [first, .., last] => last.stamp.mono.saturating_sub(first.stamp.mono),
            _ => Duration::ZERO,
        };
        let step = span.checked_div(frames.len().saturating_sub(1) as u32).unwrap_or(Duration::from_millis(40));
        let total = frames.len() as u64;
        let mut info = source.info().clone();
        info.frames = Some(total);
        info.duration = Some(span + step);
        Ok(Self { info, frames, round: span + step, played: 0, total })
    }

    /// Plays `total` frames in all: later rounds continue `seq` and the times.
    pub fn repeat_to(mut self, total: u64) -> Self {
        self.total = if self.frames.is_empty() { 0 } else { total };
        self.info.frames = Some(self.total);
        self.info.duration = None;
        self
    }
}

impl Source for Predecoded {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if self.played == self.total {
            return Ok(false);
        }
        let count = self.frames.len() as u64;
        let (round, at) = ((self.played / count) as u32, (self.played % count) as usize);
        let held = &self.frames[at];
        frame.reshape(held.width, held.height, held.format);
        frame.data.copy_from_slice(&held.data);
        frame.stamp = held.stamp;
        frame.stamp.seq = self.played;
        frame.stamp.mono += self.round * round;
        let shift = (self.round * round).as_micros() as i64;
        frame.stamp.wall = held.stamp.wall.map(|wall| wall + shift);
        self.played += 1;
        Ok(true)
    }
}
