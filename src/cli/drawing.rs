//! Draws what is counted: every frame to an mp4 or a folder of jpg (`--draw`), or the fullest frame to one picture.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::console::{Names, Totals};
use crate::count::CountLine;
use crate::draw::{DrawSink, LineMark, Mark, draw, rgb_from_frame, write_jpg};
use crate::event::Direction;
use crate::geometry::Point;
use crate::pipeline::{FrameView, Observer};
use crate::source::SourceInfo;

/// Points of a trail: two seconds at 25 frames/s.
const TRAIL: usize = 50;

/// The picture of one frame: boxes with their trails, lines with the counts so far.
struct Painter {
    lines: Vec<CountLine>,
    names: Names,
    totals: Totals,
    trails: HashMap<u64, Vec<Point>>,
    picture: RgbImage,
}

impl Painter {
    fn new(lines: &[CountLine], names: &Names) -> Self {
        Self {
            lines: lines.to_vec(),
            names: names.clone(),
            totals: Totals::default(),
            trails: HashMap::new(),
            picture: RgbImage::default(),
        }
    }

    /// Takes in what a frame adds; to be called for every frame.
    fn follow(&mut self, view: &FrameView<'_>) {
        view.crossings.iter().for_each(|crossing| self.totals.add(0, crossing));
        self.trails.retain(|id, _| view.tracks.iter().any(|t| t.id == *id));
        for track in view.tracks.iter().filter(|t| t.seen && t.confirmed) {
            let trail = self.trails.entry(track.id).or_default();
            if trail.len() == TRAIL {
                trail.remove(0);
            }
            trail.push(track.bbox.bottom_center());
        }
    }

    fn paint(&mut self, view: &FrameView<'_>) -> &RgbImage {
        rgb_from_frame(view.frame, &mut self.picture);
        let shown = view.tracks.iter().filter(|t| t.seen && t.confirmed);
        let marks: Vec<Mark> = shown
            .map(|t| Mark {
                bbox: t.bbox,
                class: t.class,
                label: &self.names.labels[usize::from(t.class)],
                score: None,
                track: Some(t.id),
                trail: self.trails.get(&t.id).map_or(&[], Vec::as_slice),
            })
            .collect();
        let count = |line, direction| self.totals.of(0, line, direction);
        let words = self.lines.iter().zip(&self.names.lines).enumerate();
        let lines: Vec<LineMark> = words
            .map(|(i, (line, words))| LineMark {
                segment: line.segment,
                name: &words.name,
                a_to_b: (&words.a_to_b, count(i, Direction::AtoB)),
                b_to_a: (&words.b_to_a, count(i, Direction::BtoA)),
            })
            .collect();
        draw(&mut self.picture, &marks, &lines);
        &self.picture
    }
}

/// Every frame.
pub struct Drawing {
    sink: Option<DrawSink>,
    painter: Painter,
}

impl Drawing {
    pub fn new(path: &Path, info: &SourceInfo, lines: &[CountLine], names: &Names) -> anyhow::Result<Self> {
        Ok(Self { sink: Some(DrawSink::create(path, info.nominal_fps)?), painter: Painter::new(lines, names) })
    }
}

impl Observer for Drawing {
    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String> {
        self.painter.follow(view);
        let picture = self.painter.paint(view);
        let write = |sink: &mut DrawSink| sink.write(picture, &view.frame.stamp).map_err(|error| error.to_string());
        self.sink.as_mut().map_or(Ok(()), write)
    }

    fn finish(&mut self) -> Result<(), String> {
        self.sink.take().map_or(Ok(()), DrawSink::finish).map_err(|error| error.to_string())
    }
}

/// The one frame with most vehicles, late enough that something was counted.
pub struct Snapshot {
    path: PathBuf,
    painter: Painter,
    most: usize,
}

impl Snapshot {
    pub fn new(path: &Path, lines: &[CountLine], names: &Names) -> Self {
        Self { path: path.into(), painter: Painter::new(lines, names), most: 0 }
    }
}

impl Observer for Snapshot {
    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String> {
        self.painter.follow(view);
        let vehicles = view.tracks.iter().filter(|t| t.seen && t.confirmed).count();
        // The later one of two equal frames has more counts to show.
        if vehicles >= self.most {
            self.most = vehicles;
            self.painter.paint(view);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), String> {
        match self.painter.picture.width() {
            0 => Ok(()),
            _ => write_jpg(&self.path, &self.painter.picture).map_err(|error| error.to_string()),
        }
    }
}
