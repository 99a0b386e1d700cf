//! The source cut into bands that fit the cache, with zeros around where windows reach over the border.

use std::ops::Range;

use super::axis::Axis;

/// Numbers of a band's source: with a panel of the kernel beside it, this fits the second-level cache of common
/// processors.
const BAND: usize = 48 * 1024;

/// Both axes of a convolution over a source, and where its outputs lie.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub rows: Axis,
    pub columns: Axis,
    /// (batch, height, width, channels)
    pub source: [usize; 4],
    pub output: [usize; 4],
}

/// Rows of outputs of some pictures: all of them where there are several pictures.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub pictures: Range<usize>,
    pub rows: Range<usize>,
}

/// Where the windows of a unit lie.
#[derive(Default)]
pub(super) struct Band {
    padded: Vec<f32>,
    /// Of each output, in numbers: where its window begins behind [`Band::begin`].
    pub windows: Vec<usize>,
    /// Of each output, in numbers: where it lies among all outputs.
    pub outputs: Vec<usize>,
    /// Of each run of taps, behind a window's begin.
    pub taps: Vec<usize>,
}

impl Walk {
    /// Whether windows never leave the source, so that it serves as it is.
    fn is_inside(&self) -> bool {
        self.rows.is_inside(self.source[1]) && self.columns.is_inside(self.source[2])
    }

    /// Numbers that lie side by side in a window.
    pub fn run(&self) -> usize {
        self.source[3] * if self.columns.is_dense() { self.columns.taps.len() } else { 1 }
    }

    /// Numbers in a window.
    pub fn depth(&self) -> usize {
        self.rows.taps.len() * self.columns.taps.len() * self.source[3]
    }

    /// In the order of the outputs. Where pictures are small a unit has several, but leaves some for each thread.
    pub fn units(&self, threads: usize) -> Vec<Unit> {
        let (batch, rows) = (self.source[0], self.rows.count);
        let row = self.columns.span(self.columns.count) * self.source[3];
        let picture = row * self.rows.span(rows);
        if picture <= BAND {
            let each = (BAND / picture.max(1)).min(batch.div_ceil(threads)).max(1);
            let starts = (0..batch).step_by(each);
            return starts.map(|from| Unit { pictures: from..(from + each).min(batch), rows: 0..rows }).collect();
        }
        let parts = rows.div_ceil((BAND / (row * self.rows.stride)).max(1));
        let each = rows.div_ceil(parts);
        let bands = (0..batch).flat_map(|picture| (0..rows).step_by(each).map(move |from| (picture, from)));
        bands
            .map(|(picture, from)| Unit { pictures: picture..picture + 1, rows: from..(from + each).min(rows) })
            .collect()
    }
}

impl Band {
    /// Gets ready for a unit; the numbers behind which windows begin.
    pub fn begin<'a>(&'a mut self, walk: &Walk, source: &'a [f32], unit: &Unit) -> Windows<'a> {
        let [_, height, width, channels] = walk.source;
        let top = (unit.rows.start * walk.rows.stride) as isize - walk.rows.before;
        let left = -walk.columns.before;
        let (numbers, picture, row) = if walk.is_inside() {
            let begin = ((unit.pictures.start * height + top as usize) * width + left as usize) * channels;
            (&source[begin..], height * width * channels, width * channels)
        } else {
            let (rows, columns) = (walk.rows.span(unit.rows.len()), walk.columns.span(walk.columns.count));
            pad(&mut self.padded, walk, source, unit, [top, left], [rows, columns]);
            (&self.padded[..], rows * columns * channels, columns * channels)
        };
        let [_, output_height, output_width, filters] = walk.output;
        self.windows.clear();
        self.outputs.clear();
        for (place, of) in unit.pictures.clone().enumerate() {
            for (line, y) in unit.rows.clone().enumerate() {
                let window = place * picture + line * walk.rows.stride * row;
                let output = (of * output_height + walk.rows.first + y * walk.rows.step) * output_width;
                for x in 0..walk.columns.count {
                    self.windows.push(window + x * walk.columns.stride * channels);
                    self.outputs.push((output + walk.columns.first + x * walk.columns.step) * filters);
                }
            }
        }
        let columns = if walk.columns.is_dense() { &walk.columns.taps[..1] } else { &walk.columns.taps[..] };
        let taps = walk.rows.taps.iter().flat_map(|y| columns.iter().map(|x| y.offset * row + x.offset * channels));
        self.taps.clear();
        self.taps.extend(taps);
        Windows { numbers, windows: &self.windows, outputs: &self.outputs, taps: &self.taps }
    }
}

/// A unit, ready.
pub(super) struct Windows<'a> {
    pub numbers: &'a [f32],
    pub windows: &'a [usize],
    pub outputs: &'a [usize],
    pub taps: &'a [usize],
}

impl Windows<'_> {
    /// That every number of every window is there.
    pub fn check(&self, run: usize) {
        let furthest =
            self.windows.iter().max().zip(self.taps.iter().max()).map_or(0, |(window, tap)| window + tap + run);
        assert!(furthest <= self.numbers.len(), "windows reach {furthest} of {} numbers", self.numbers.len());
    }
}

/// Copies what lies under the windows, zeros where that is outside.
fn pad(padded: &mut Vec<f32>, walk: &Walk, source: &[f32], unit: &Unit, begin: [isize; 2], size: [usize; 2]) {
    let [_, height, width, channels] = walk.source;
    let [rows, columns] = size;
    padded.clear();
    padded.reserve(unit.pictures.len() * rows * columns * channels);
    // Of a row: zeros, numbers, zeros.
    let from = begin[1].clamp(0, width as isize) as usize;
    let to = (begin[1] + columns as isize).clamp(from as isize, width as isize) as usize;
    let before = ((from as isize - begin[1]) as usize).min(columns);
    for picture in unit.pictures.clone() {
        for line in 0..rows as isize {
            let end = padded.len() + columns * channels;
            let y = begin[0] + line;
            if (0..height as isize).contains(&y) && from < to {
                padded.resize(padded.len() + before * channels, 0.0);
                let line = (picture * height + y as usize) * width;
                padded.extend_from_slice(&source[(line + from) * channels..(line + to) * channels]);
            }
            padded.resize(end, 0.0);
        }
    }
}
