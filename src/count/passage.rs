//! One track and one line: has the vehicle passed it? A crossing is a net change of side: the vehicle was clearly on
//! one side, is clearly on the other, and went between the line's ends. Not here: which track is which vehicle.

use crate::event::Direction;
use crate::frame::Stamp;
use crate::geometry::{BBox, Point, Segment};

use super::{Anchor, CountParams};

/// A sighting of a vehicle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    pub stamp: Stamp,
    pub bbox: BBox,
}

/// Sightings after which a motion is established.
const ESTABLISHED: u32 = 3;

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

impl Meeting {
    fn is_within(&self) -> bool {
        (0.0..=1.0).contains(&self.along)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Passage {
    /// −1 on side A, +1 on side B: where the vehicle is, as far as counting is concerned.
    side: f32,
    /// How far it got from the line on that side, signed pixels.
    furthest: f32,
    anchor: Anchor,
    /// When and where the anchor was last seen, and its signed distance from the line.
    last: (Stamp, Point),
    distance: f32,
    meeting: Option<Meeting>,
    /// Is over the line, but not yet far enough for it to be certain.
    pending: bool,
    counted: bool,
    /// The first sighting, while it may still turn out that the vehicle passed just before it, and the frame before.
    first: Option<(Stamp, Sighting)>,
    sightings: u32,
}

impl Passage {
    /// From the first sighting; `at_start` if the source had just begun.
    pub fn new(line: &Segment, before: Option<Stamp>, now: Sighting, at_start: bool, p: &CountParams) -> Self {
        let (foot, middle) = (line.signed_distance(now.bbox.bottom_center()), line.signed_distance(now.bbox.center()));
        // Nobody can have counted a vehicle that already stands across the line when the source begins: it passes
        // when its centre does. Later, a track that begins there is the rest of a vehicle that was seen before.
        let anchor = if at_start && (foot > 0.0) != (middle > 0.0) { Anchor::Center } else { p.anchor };
        let at = anchor.of(&now.bbox);
        let d = line.signed_distance(at);
        Self {
            side: d.signum(),
            furthest: d,
            anchor,
            last: (now.stamp, at),
            distance: d,
            meeting: None,
            pending: false,
            counted: false,
            first: before.map(|b| (b, now)),
            sightings: 1,
        }
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
        let at = self.anchor.of(&now.bbox);
        let d = line.signed_distance(at);
        if (d > 0.0) != (self.distance > 0.0) {
            self.meeting = Some(meet(line, self.last, (now.stamp, at)));
        }
        (self.last, self.distance) = ((now.stamp, at), d);
        self.sightings += 1;
        if d * self.side >= 0.0 {
            self.pending = false;
            if d.abs() > self.furthest.abs() {
                self.furthest = d;
            }
            return if believed && self.sightings >= ESTABLISHED { self.came(line, now, p) } else { None };
        }
        let travel = (d - self.furthest).abs();
        let needed = if self.counted { p.return_travel } else { p.min_travel };
        self.pending = believed && travel >= needed * now.size();
        if self.pending && d.abs() >= p.hysteresis * now.size() { self.settle() } else { None }
    }

    /// Goes on as `later` if that was counted: they are one vehicle.
    pub fn merge(&mut self, later: &Passage) {
        if later.counted {
            *self = *later;
        }
    }

    /// Seconds since it was last seen.
    pub fn unseen(&self, now: &Stamp) -> f32 {
        now.mono.saturating_sub(self.last.0.mono).as_secs_f32()
    }

    /// The vehicle is gone. If it was over the line, and only the last bit of the way is missing that would have made it
    /// certain, it passed: many are lost there, behind a sign or in the haze.
    pub fn gone(&mut self) -> Option<(Direction, Meeting)> {
        if self.pending { self.settle() } else { None }
    }

    /// Is on the other side from now on; `Some` if it went between the line's ends.
    fn settle(&mut self) -> Option<(Direction, Meeting)> {
        let d = self.distance;
        (self.side, self.furthest, self.pending) = (d.signum(), d, false);
        // A change of side has a meeting; without one there is nothing to report.
        let meeting = self.meeting.filter(Meeting::is_within)?;
        self.counted = true;
        Some((direction(d), meeting))
    }

    /// Did the vehicle pass between its first sighting and the frame before that? At a board's rate it comes into the
    /// picture, or out from behind another, and over the line within one frame. Asked once, when its motion is
    /// established; never for the first frame of a source, and never further back than one frame: what was missed
    /// for longer may be a vehicle that was counted under another track.
    fn came(&mut self, line: &Segment, now: Sighting, p: &CountParams) -> Option<(Direction, Meeting)> {
        let (before, first) = self.first.take()?;
        let (a, b) = (self.anchor.of(&first.bbox), self.anchor.of(&now.bbox));
        let (da, db) = (line.signed_distance(a), line.signed_distance(b));
        let since = now.stamp.mono.saturating_sub(first.stamp.mono).as_secs_f32();
        let back = first.stamp.mono.saturating_sub(before.mono).as_secs_f32() / since;
        let origin = Point::new(a.x + (a.x - b.x) * back, a.y + (a.y - b.y) * back);
        let d = line.signed_distance(origin);
        let passed = since > 0.0 && d * da < 0.0 && (db - da).abs() >= p.min_travel * now.size();
        let meeting = passed.then(|| meet(line, (before, origin), (first.stamp, a)))?;
        self.counted = meeting.is_within();
        meeting.is_within().then_some((direction(da), meeting))
    }
}

/// Towards the side on which `distance` is.
fn direction(distance: f32) -> Direction {
    if distance > 0.0 { Direction::AtoB } else { Direction::BtoA }
}

/// Straight and even motion between two sightings on either side of the line.
fn meet(line: &Segment, from: (Stamp, Point), to: (Stamp, Point)) -> Meeting {
    let (d0, d1) = (line.signed_distance(from.1), line.signed_distance(to.1));
    let f = if d1 == d0 { 1.0 } else { (d0 / (d0 - d1)).clamp(0.0, 1.0) };
    let mix = |a: f32, b: f32| a + (b - a) * f;
    let at = Point::new(mix(from.1.x, to.1.x), mix(from.1.y, to.1.y));
    Meeting { stamp: between(from.0, to.0, f64::from(f)), at, along: line.along(at) }
}

/// The moment at fraction `f` of the way from `a` to `b`.
fn between(a: Stamp, b: Stamp, f: f64) -> Stamp {
    Stamp {
        seq: a.seq + (b.seq.saturating_sub(a.seq) as f64 * f).round() as u64,
        mono: a.mono + b.mono.saturating_sub(a.mono).mul_f64(f),
        wall: a.wall.zip(b.wall).map(|(a, b)| a + ((b - a) as f64 * f).round() as i64),
    }
}
