//! One track and one line: has the vehicle passed it? A crossing is a net change of side: the vehicle was clearly on
//! one side, is clearly on the other, and went between the line's ends. Not here: which track is which vehicle.

use crate::event::Direction;
use crate::frame::Stamp;
use crate::geometry::{BBox, Point, Segment};

use super::{Anchor, CountParams};

/// A sighting of the anchor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    pub stamp: Stamp,
    pub bbox: BBox,
}

impl Sighting {
    fn size(&self) -> f32 {
        self.bbox.area().sqrt()
    }
}

/// Where the way between two sightings met the line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting {
    pub stamp: Stamp,
    pub at: Point,
    /// 0 at the line's start, 1 at its end.
    along: f32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Passage {
    /// −1 on side A, +1 on side B: where the vehicle is, as far as counting is concerned.
    side: f32,
    /// How far it got from the line on that side, signed pixels.
    furthest: f32,
    anchor: Anchor,
    last: Sighting,
    distance: f32,
    meeting: Option<Meeting>,
    counted: bool,
}

impl Passage {
    /// From the first sighting; `at_start` if the source had just begun.
    pub fn new(line: &Segment, now: Sighting, at_start: bool, p: &CountParams) -> Self {
        let (foot, middle) = (line.signed_distance(now.bbox.bottom_center()), line.signed_distance(now.bbox.center()));
        // Nobody can have counted a vehicle that already stands across the line when the source begins: it passes
        // when its centre does. Later, a track that begins there is the rest of a vehicle that was seen before.
        let anchor = if at_start && (foot > 0.0) != (middle > 0.0) { Anchor::Center } else { p.anchor };
        let d = line.signed_distance(anchor.of(&now.bbox));
        Self { anchor, side: d.signum(), furthest: d, last: now, distance: d, meeting: None, counted: false }
    }

    /// Takes in the next sighting; `Some` if the vehicle has now passed. While `believed` is false nothing is
    /// reported, and a passage is reported later, with its own time, once it is true.
    pub fn step(
        &mut self,
        line: &Segment,
        now: Sighting,
        believed: bool,
        p: &CountParams,
    ) -> Option<(Direction, Meeting)> {
        let d = line.signed_distance(self.anchor.of(&now.bbox));
        if (d > 0.0) != (self.distance > 0.0) {
            self.meeting = Some(meet(line, self.anchor, self.last, self.distance, now, d));
        }
        (self.last, self.distance) = (now, d);
        if d * self.side >= 0.0 {
            if d.abs() > self.furthest.abs() {
                self.furthest = d;
            }
            return None;
        }
        let travel = (d - self.furthest).abs();
        let needed = if self.counted { p.return_travel } else { p.min_travel };
        if !believed || travel < needed * now.size() || d.abs() < p.hysteresis * now.size() {
            return None;
        }
        (self.side, self.furthest) = (d.signum(), d);
        // A change of side has a meeting; without one there is nothing to report.
        let meeting = self.meeting.filter(|m| (0.0..=1.0).contains(&m.along))?;
        self.counted = true;
        Some((if d > 0.0 { Direction::AtoB } else { Direction::BtoA }, meeting))
    }
}

/// Straight and even motion between two sightings on either side of the line.
fn meet(line: &Segment, anchor: Anchor, from: Sighting, d0: f32, to: Sighting, d1: f32) -> Meeting {
    let f = if d1 == d0 { 1.0 } else { (d0 / (d0 - d1)).clamp(0.0, 1.0) };
    let mix = |a: f32, b: f32| a + (b - a) * f;
    let (a, b) = (anchor.of(&from.bbox), anchor.of(&to.bbox));
    let at = Point::new(mix(a.x, b.x), mix(a.y, b.y));
    Meeting { stamp: between(from.stamp, to.stamp, f64::from(f)), at, along: line.along(at) }
}

/// The moment at fraction `f` of the way from `a` to `b`.
fn between(a: Stamp, b: Stamp, f: f64) -> Stamp {
    Stamp {
        seq: a.seq + (b.seq.saturating_sub(a.seq) as f64 * f).round() as u64,
        mono: a.mono + b.mono.saturating_sub(a.mono).mul_f64(f),
        wall: a.wall.zip(b.wall).map(|(a, b)| a + ((b - a) as f64 * f).round() as i64),
    }
}
