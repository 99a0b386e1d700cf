//! Each n-th frame of a source: what a board sees that is n times too slow.

use super::{Source, SourceError, SourceInfo};
use crate::beat::Beat;
use crate::frame::Frame;

/// Yields frames 0, n, 2n … of `inner` with their own stamps: `seq` jumps by n on purpose.
pub struct Every {
    inner: Box<dyn Source>,
    n: u32,
    info: SourceInfo,
    started: bool,
}

impl Every {
    /// `n` of 0 is taken as 1.
    pub fn new(inner: Box<dyn Source>, n: u32) -> Self {
        let n = n.max(1);
        let mut info = inner.info().clone();
        info.seq_step *= u64::from(n);
        info.nominal_fps /= f64::from(n);
        info.frames = info.frames.map(|frames| frames.div_ceil(u64::from(n)));
        Self { inner, n, info, started: false }
    }
}

impl Source for Every {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if self.started {
            for _ in 1..self.n {
                if !self.inner.skip_frame(frame)? {
                    return Ok(false);
                }
            }
        }
        self.started = true;
        self.inner.next_frame(frame)
    }

    fn attend(&mut self, beat: Beat) {
        self.inner.attend(beat);
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}
