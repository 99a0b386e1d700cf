//! Pictures as the appliance will see them: to measure with.

use std::sync::Arc;

use wayside::evaluate::detect::{Found, Labelled, Picture, Rect};
use wayside::frame::Frame;
use wayside::geometry::BBox;
use wayside::model::{ColorOrder, InputSpec, Resize};
use wayside::preprocess::{Letterbox, Letterboxed, Transform};

use super::arrays::{self, Sample};
use super::tile::GREY;
use super::{DetectionSet, LabelledBox, Region};
use crate::Result;
use crate::data::{Batch, Dataset};

/// Each picture of the set in its order, by the appliance's own letterbox: at the upper left, the rest grey.
pub struct Plain {
    set: Arc<DetectionSet>,
    input: InputSpec,
}

impl Plain {
    /// `side`: of the network's input, in pixels.
    pub fn new(set: Arc<DetectionSet>, side: usize) -> Self {
        let side = side as u32;
        let (mean, std) = ([0.0; 3], [1.0; 3]);
        let input = InputSpec {
            width: side,
            height: side,
            color: ColorOrder::Rgb,
            mean,
            std,
            resize: Resize::Letterbox,
            pad: GREY,
        };
        Plain { set, input }
    }

    pub fn set(&self) -> &DetectionSet {
        &self.set
    }

    /// The way back from the input to the picture of this number.
    pub fn way_back(&self, number: usize) -> Transform {
        // The letterbox alone knows how it rounds, and it wants pixels to tell.
        let (width, height) = self.set.pictures[number].size;
        self.letterboxed(&Frame::rgb(width, height, vec![0; width as usize * height as usize * 3])).transform
    }

    /// What was found in the picture of this number, beside what is labelled in it, for `wayside::evaluate::detect`.
    /// `found`: boxes in pixels of the input, class and score. Ignored regions are crowds of each class; what was found of a
    /// class that is not labelled in this picture is left out, as nobody knows whether it is right.
    pub fn judged(&self, number: usize, found: impl IntoIterator<Item = (BBox, usize, f32)>) -> Picture {
        let picture = &self.set.pictures[number];
        let labelled = |rect: [f32; 4], class: usize, crowd: bool| {
            let rect = rect_of(rect);
            Labelled { rect, class, crowd, area: rect.area() }
        };
        let mut truth: Vec<Labelled> = picture.boxes.iter().map(|one| labelled(one.rect, one.class, false)).collect();
        for &rect in &picture.ignored {
            truth.extend((0..self.set.classes.len()).map(|class| labelled(rect, class, true)));
        }
        let way_back = self.way_back(number);
        let (width, height) = (picture.size.0 as f32, picture.size.1 as f32);
        let found = found.into_iter().filter(|(_, class, _)| picture.known[*class]).map(|(bbox, class, score)| {
            let bbox = way_back.to_picture(bbox).clip(width, height);
            Found { rect: rect_of([bbox.x1, bbox.y1, bbox.x2, bbox.y2]), class, score: f64::from(score) }
        });
        Picture { found: found.collect(), truth }
    }

    fn letterboxed(&self, frame: &Frame) -> Letterboxed {
        let mut out = Letterboxed::default();
        Letterbox::new(&self.input).step(frame, &mut out);
        out
    }

    fn sample(&self, number: usize) -> Result<Sample> {
        let picture = &self.set.pictures[number];
        let pixels = self.set.pixels(number)?;
        let shown = self.letterboxed(&Frame::rgb(pixels.width(), pixels.height(), pixels.as_raw().clone()));
        let way = shown.transform;
        let place = |[x1, y1, x2, y2]: [f32; 4]| {
            let (x, y) = (|x: f32| x * way.scale_x + way.offset_x, |y: f32| y * way.scale_y + way.offset_y);
            [x(x1), y(y1), x(x2), y(y2)]
        };
        let side = self.input.width as f32;
        Ok(Sample {
            boxes: picture.boxes.iter().map(|one| LabelledBox { rect: place(one.rect), ..*one }).collect(),
            ignored: picture.ignored.iter().map(|&rect| place(rect)).collect(),
            regions: vec![Region::of([0.0, 0.0, side, side], picture)],
            pixels: shown.pixels,
            tiles: Vec::new(),
        })
    }
}

fn rect_of([x1, y1, x2, y2]: [f32; 4]) -> Rect {
    let [x, y, right, bottom] = [x1, y1, x2, y2].map(f64::from);
    Rect { x, y, width: right - x, height: bottom - y }
}

impl Dataset for Plain {
    fn len(&self) -> usize {
        self.set.pictures.len()
    }

    fn batch(&self, samples: &[usize], _epoch: usize) -> Result<Batch> {
        let side = self.input.width as usize;
        let mut x = vec![0.0; samples.len() * side * side * 3];
        let drawn = samples.iter().zip(x.chunks_mut(side * side * 3)).map(|(&number, out)| {
            let sample = self.sample(number)?;
            sample.write(out);
            Ok(sample)
        });
        let drawn: Vec<Sample> = drawn.collect::<Result<_>>()?;
        arrays::batch(&drawn, x, side, self.set.classes.len())
    }
}
