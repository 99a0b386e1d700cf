//! Samples as a batch.

use std::ops::Range;

use super::{LabelledBox, Region};
use crate::Result;
use crate::data::Batch;
use crate::data::pictures::array;

/// A part of a sample, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tile {
    pub x: Range<usize>,
    pub y: Range<usize>,
}

/// Tiles are divided down to this width and height.
const LEAST: usize = 32;

impl Tile {
    pub fn size(&self) -> (usize, usize) {
        (self.x.len(), self.y.len())
    }

    pub fn rect(&self) -> [f32; 4] {
        [self.x.start, self.y.start, self.x.end, self.y.end].map(|side| side as f32)
    }

    pub fn divisible(&self) -> bool {
        self.x.len().min(self.y.len()) >= 2 * LEAST
    }

    pub fn quarters(&self) -> Vec<Tile> {
        let halves = |range: &Range<usize>| {
            let middle = range.start.midpoint(range.end);
            [range.start..middle, middle..range.end]
        };
        let rows = halves(&self.y);
        halves(&self.x).iter().flat_map(|x| rows.iter().map(|y| Tile { x: x.clone(), y: y.clone() })).collect()
    }
}

/// One sample; lengths in pixels of the input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// (side, side, 3)
    pub pixels: Vec<u8>,
    pub boxes: Vec<LabelledBox>,
    pub ignored: Vec<[f32; 4]>,
    pub regions: Vec<Region>,
    /// Each tile and the part of it that its picture covers.
    pub tiles: Vec<(Tile, Tile)>,
}

impl Sample {
    pub fn black(side: usize) -> Self {
        let pixels = vec![0; side * side * 3];
        Sample { pixels, boxes: Vec::new(), ignored: Vec::new(), regions: Vec::new(), tiles: Vec::new() }
    }

    /// Puts a tile's pixels in their place.
    pub fn put(&mut self, pixels: &[u8], tile: &Tile, side: usize) {
        let lines = self.pixels.chunks_exact_mut(side * 3).skip(tile.y.start);
        for (line, painted) in lines.zip(pixels.chunks_exact(tile.x.len() * 3)) {
            line[tile.x.start * 3..][..painted.len()].copy_from_slice(painted);
        }
    }

    /// Makes what no picture covers one grey.
    pub fn pad(&mut self, side: usize, grey: u8) {
        for (tile, picture) in &self.tiles {
            for (y, line) in self.pixels.chunks_exact_mut(side * 3).enumerate().skip(tile.y.start).take(tile.y.len()) {
                match picture.y.contains(&y) {
                    true => {
                        line[tile.x.start * 3..picture.x.start * 3].fill(grey);
                        line[picture.x.end * 3..tile.x.end * 3].fill(grey);
                    }
                    false => line[tile.x.start * 3..tile.x.end * 3].fill(grey),
                }
            }
        }
    }

    /// As numbers from 0 to 1.
    pub fn write(&self, out: &mut [f32]) {
        out.iter_mut().zip(&self.pixels).for_each(|(number, &byte)| *number = f32::from(byte) / 255.0);
    }
}

/// The batch as the module describes it; `x` is (samples, side, side, 3) already.
pub(super) fn batch(samples: &[Sample], x: Vec<f32>, side: usize, classes: usize) -> Result<Batch> {
    let (mut boxes, mut ignored, mut regions) = (Vec::new(), Vec::new(), Vec::new());
    for (place, sample) in samples.iter().enumerate() {
        let place = place as f32;
        for one in &sample.boxes {
            boxes.extend([place, one.class as f32]);
            boxes.extend(one.rect);
        }
        for rect in &sample.ignored {
            ignored.push(place);
            ignored.extend(rect);
        }
        for region in &sample.regions {
            regions.push(place);
            regions.extend(region.rect);
            regions.push(f32::from(u8::from(region.exhaustive)));
            regions.extend(region.known.iter().map(|&known| f32::from(u8::from(known))));
        }
    }
    let rows = |numbers: Vec<f32>, columns: usize| array(vec![numbers.len() / columns, columns], numbers);
    Ok(Batch {
        x: vec![array(vec![samples.len(), side, side, 3], x)?],
        y: vec![rows(boxes, 6)?, rows(ignored, 5)?, rows(regions, 6 + classes)?],
        weights: None,
    })
}
