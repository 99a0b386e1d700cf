//! The finished plan: steps in order, and one arena in which each buffer lies only while it is needed.

use super::step::{Kind, Op, READ_SLACK, Step};
use super::view::View;
use crate::engine::OutputInfo;
use crate::limits::MAX_ARENA_BYTES;

/// Grows while a network is lowered.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub steps: Vec<Step>,
    pub buffers: Vec<Buffer>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer {
    pub kind: Kind,
    /// Elements.
    pub len: usize,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// What each buffer is made of, and its first element in that memory.
    pub places: Vec<(Kind, usize)>,
    pub bytes: usize,
    pub floats: usize,
    pub outputs: Vec<OutputInfo>,
}

/// Buffers begin at a cache line.
const ALIGN: usize = 64;

impl Builder {
    fn buffer(&mut self, kind: Kind, view: impl FnOnce(usize) -> View) -> View {
        let view = view(self.buffers.len());
        let tail = view.pixels().map_or(0, |pixels| pixels.pitch - pixels.channels);
        self.buffers.push(Buffer { kind, len: view.span().end + tail });
        view
    }

    /// A new buffer of bytes; pixels begin at multiples of 4, as the kernels read.
    pub fn bytes(&mut self, dims: &[usize]) -> View {
        self.buffer(Kind::Bytes, |id| View::channels_last(id, dims, 4))
    }

    /// A new buffer of bytes without any room between pixels.
    pub fn dense_bytes(&mut self, dims: &[usize]) -> View {
        self.buffer(Kind::Bytes, |id| View::channels_last(id, dims, 1))
    }

    pub fn floats(&mut self, dims: &[usize]) -> View {
        self.buffer(Kind::Floats, |id| View::channels_last(id, dims, 1))
    }

    pub fn row_major_bytes(&mut self, dims: &[usize]) -> View {
        self.buffer(Kind::Bytes, |id| View::row_major(id, dims))
    }

    pub fn row_major_floats(&mut self, dims: &[usize]) -> View {
        self.buffer(Kind::Floats, |id| View::row_major(id, dims))
    }

    pub fn output(&mut self, index: usize, dims: &[usize]) -> View {
        self.buffer(Kind::Output(index), |id| View::row_major(id, dims))
    }

    pub fn kind(&self, view: &View) -> Kind {
        self.buffers[view.buffer].kind
    }

    pub fn push(&mut self, name: &str, op: Op, reads: Vec<View>, write: &View) {
        self.steps.push(Step { name: name.to_owned(), op, reads, write: write.clone() });
    }

    /// Lays the buffers out: two may share memory when no step needs both.
    ///
    /// # Errors
    /// They need more memory than [`MAX_ARENA_BYTES`].
    pub fn finish(mut self, outputs: Vec<OutputInfo>) -> Result<Plan, String> {
        super::optimise::run(&mut self);
        let mut lives: Vec<Option<(usize, usize)>> = vec![None; self.buffers.len()];
        for (index, step) in self.steps.iter().enumerate() {
            for view in step.reads.iter().chain([&step.write]) {
                let life = lives[view.buffer].get_or_insert((index, index));
                *life = (life.0, index);
            }
        }
        let mut places: Vec<(Kind, usize)> = self.buffers.iter().map(|buffer| (buffer.kind, 0)).collect();
        let mut totals = [0; 2];
        for (kind, total) in [Kind::Bytes, Kind::Floats].into_iter().zip(&mut totals) {
            let mut order: Vec<usize> =
                (0..places.len()).filter(|&id| places[id].0 == kind && lives[id].is_some()).collect();
            // The largest first, at the lowest place that is free during its life.
            order.sort_by_key(|&id| (std::cmp::Reverse(self.buffers[id].len), id));
            let mut placed: Vec<(usize, usize, (usize, usize))> = Vec::new();
            for id in order {
                let len = (self.buffers[id].len + READ_SLACK).next_multiple_of(ALIGN);
                let Some(life) = lives[id] else { continue };
                let mut taken: Vec<(usize, usize)> = (placed.iter())
                    .filter(|(_, _, other)| life.0 <= other.1 && other.0 <= life.1)
                    .map(|(start, end, _)| (*start, *end))
                    .collect();
                taken.sort_unstable();
                let start = taken.iter().fold(0, |at, &(start, end)| if at + len <= start { at } else { at.max(end) });
                placed.push((start, start + len, life));
                places[id].1 = start;
                *total = (*total).max(start + len);
            }
        }
        let [bytes, floats] = totals;
        let needed = bytes as u64 + 4 * floats as u64;
        match needed <= MAX_ARENA_BYTES {
            true => Ok(Plan { steps: self.steps, places, bytes, floats, outputs }),
            false => Err(format!("a session would take {} MB, which no network for a board needs", needed >> 20)),
        }
    }
}
