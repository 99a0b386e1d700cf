//! Counting lines of one source, over all its tracks. Not here: the decision for one track (passage.rs).

use std::time::Duration;

use crate::event::Crossing;
use crate::frame::Stamp;
use crate::geometry::{BBox, Point, Segment};
use crate::track::TrackView;

use super::passage::{Passage, Sighting};

/// Which point of a box crosses the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anchor {
    /// Where the vehicle stands on the road.
    #[default]
    BottomCenter,
    Center,
}

impl Anchor {
    pub fn of(self, b: &BBox) -> Point {
        match self {
            Anchor::BottomCenter => b.bottom_center(),
            Anchor::Center => b.center(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CountLine {
    pub name: String,
    /// In pixels of the source picture.
    pub segment: Segment,
}

/// When a change of side counts. Lengths in object sizes, √(width · height) of the box.
#[derive(Debug, Clone, PartialEq)]
pub struct CountParams {
    pub anchor: Anchor,
    /// How far beyond the line the anchor must be.
    pub hysteresis: f32,
    /// How far it must have come, across the line, since it was furthest on the other side.
    pub min_travel: f32,
    /// The same for every further passage of a vehicle that was counted: it must have gone back a whole length.
    pub return_travel: f32,
    /// A vehicle that was not seen for this long is gone, seconds.
    pub gone_s: f32,
    /// How long after its first frame a source has just begun, seconds.
    pub start_s: f32,
}

impl Default for CountParams {
    fn default() -> Self {
        Self {
            anchor: Anchor::default(),
            hysteresis: 0.25,
            min_travel: 0.4,
            return_travel: 1.0,
            start_s: 0.5,
            gone_s: 0.5,
        }
    }
}

/// Counts the passages of every track over every line of one source.
#[derive(Debug)]
pub struct LineCounter {
    lines: Vec<CountLine>,
    params: CountParams,
    began: Option<Duration>,
    before: Option<Stamp>,
    /// The tracks that are followed, ascending, and per track one passage per line.
    ids: Vec<u64>,
    passages: Vec<Passage>,
    // The next frame's two lists are built here, then swapped in.
    next_ids: Vec<u64>,
    next_passages: Vec<Passage>,
}

impl LineCounter {
    pub fn new(lines: Vec<CountLine>, params: CountParams) -> Self {
        Self {
            lines,
            params,
            began: None,
            before: None,
            ids: vec![],
            passages: vec![],
            next_ids: vec![],
            next_passages: vec![],
        }
    }

    pub fn lines(&self) -> &[CountLine] {
        &self.lines
    }

    /// Takes in the tracks after the frame of `stamp` (in ascending order of id, as the tracker gives them) and
    /// appends the passages that are now certain. State of a track that is no longer followed is dropped.
    pub fn step(&mut self, stamp: &Stamp, tracks: &[TrackView], out: &mut Vec<Crossing>) {
        let began = *self.began.get_or_insert(stamp.mono);
        let at_start = stamp.mono.saturating_sub(began).as_secs_f32() <= self.params.start_s;
        let before = self.before.replace(*stamp);
        self.next_ids.clear();
        self.next_passages.clear();
        let mut old = 0;
        for t in tracks {
            while self.ids.get(old).is_some_and(|&id| id < t.id) {
                old += 1;
            }
            let known = self.ids.get(old) == Some(&t.id);
            let now = Sighting { stamp: *stamp, bbox: t.bbox };
            if !known && !t.seen {
                continue;
            }
            self.next_ids.push(t.id);
            for (index, line) in self.lines.iter().enumerate() {
                if !known {
                    self.next_passages.push(Passage::new(&line.segment, before, now, at_start, &self.params));
                    continue;
                }
                let mut passage = self.passages[old * self.lines.len() + index];
                // What was counted of the vehicle under its other name is counted.
                if let Some(other) = t.merged.and_then(|id| self.ids.binary_search(&id).ok()) {
                    passage.merge(&self.passages[other * self.lines.len() + index]);
                }
                let passed = if t.seen {
                    passage.step(&line.segment, now, t.confirmed, &self.params)
                } else if passage.unseen(stamp) >= self.params.gone_s {
                    passage.gone()
                } else {
                    None
                };
                if let Some((direction, m)) = passed {
                    out.push(Crossing {
                        line: index,
                        track: t.id,
                        direction,
                        class: t.class,
                        score: t.score,
                        stamp: m.stamp,
                        at: m.at,
                    });
                }
                self.next_passages.push(passage);
            }
        }
        std::mem::swap(&mut self.ids, &mut self.next_ids);
        std::mem::swap(&mut self.passages, &mut self.next_passages);
    }
}
