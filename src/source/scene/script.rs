//! What a scene is: lanes and vehicles with their ways over time. Picture and truth are both derived from it.
//!
//! Not here: pixels (render.rs), crossings (truth.rs), the scenes themselves (named.rs, random.rs).

use serde::Serialize;

use crate::detection::Detection;
use crate::geometry::{BBox, Point, Segment};

/// Size of the picture. Fixed, because the vehicles' sizes are in pixels and the test network knows them.
pub const WIDTH: u32 = 640;
pub const HEIGHT: u32 = 360;

/// Class names in the order of [`Kind`]; those of `models/scene`.
pub const LABELS: [&str; 4] = ["car", "motorcycle", "bus", "truck"];

/// A road seen from its side. Times are seconds since the scene's start, lengths are picture pixels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scene {
    pub name: String,
    pub fps: f64,
    pub seconds: f64,
    /// Farthest first: a later lane's vehicles are drawn over those of an earlier one.
    pub lanes: Vec<Lane>,
    pub vehicles: Vec<Vehicle>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lane {
    /// Where the wheels stand: the lower edge of the boxes.
    pub y: f32,
    pub heading: Heading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Heading {
    Left,
    Right,
}

/// A vehicle's class; the discriminant is the index into [`LABELS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    Car = 0,
    Motorcycle = 1,
    Bus = 2,
    Truck = 3,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Car, Kind::Motorcycle, Kind::Bus, Kind::Truck];

    pub fn class(self) -> u16 {
        self as u16
    }

    /// Width and height of the box: one per class, for there is no perspective.
    pub fn size(self) -> (f32, f32) {
        match self {
            Kind::Car => (64.0, 30.0),
            Kind::Motorcycle => (34.0, 34.0),
            Kind::Bus => (128.0, 58.0),
            Kind::Truck => (120.0, 58.0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vehicle {
    pub kind: Kind,
    /// Index into [`Scene::lanes`].
    pub lane: usize,
    /// Chooses the shade of the class's colour.
    pub paint: u8,
    /// The bottom centre over time, linear between the points, which are in order of time. Outside of them the vehicle
    /// is not there.
    pub path: Vec<Waypoint>,
    /// When the vehicle is wrapped in fog: there, and counted by the truth, but invisible to the detector.
    pub hidden: Vec<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Waypoint {
    pub t: f64,
    pub x: f64,
}

/// From `from`, included, to `to`, excluded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    pub from: f64,
    pub to: f64,
}

impl Vehicle {
    /// Where the bottom centre is at `t`; `None` before the first point and after the last.
    pub fn x_at(&self, t: f64) -> Option<f64> {
        let after = self.path.partition_point(|p| p.t <= t);
        let before = self.path.get(after.checked_sub(1)?)?;
        match self.path.get(after) {
            Some(next) => Some(before.x + (next.x - before.x) * (t - before.t) / (next.t - before.t)),
            None => (before.t == t).then_some(before.x),
        }
    }

    pub fn hidden_at(&self, t: f64) -> bool {
        self.hidden.iter().any(|span| span.from <= t && t < span.to)
    }
}

/// One vehicle at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// Index into [`Scene::vehicles`].
    pub vehicle: usize,
    /// Index into [`LABELS`].
    pub class: u16,
    /// The whole box, not clipped to the picture.
    pub bbox: BBox,
    /// Share of the box that is inside the picture and behind no nearer vehicle's box, 0..=1; 0 in the fog.
    pub visible: f32,
}

impl Scene {
    /// Where a camera would count: over the whole road in the middle of the picture, drawn from below upwards, so that
    /// A→B is driving to the right.
    pub fn line(&self) -> Segment {
        Segment::new(Point::new(320.0, 356.0), Point::new(320.0, 64.0))
    }

    pub fn frames(&self) -> u64 {
        (self.seconds * self.fps).round() as u64
    }

    /// Media time of frame `index`, in seconds.
    pub fn time_of(&self, index: u64) -> f64 {
        index as f64 / self.fps
    }

    /// Every vehicle that touches the picture at `t`, farthest first (the order of drawing).
    pub fn boxes_at(&self, t: f64) -> Vec<Sight> {
        let mut sights: Vec<Sight> =
            self.vehicles.iter().enumerate().filter_map(|(i, v)| self.sight(i, v, t)).collect();
        sights.sort_by_key(|s| (self.vehicles[s.vehicle].lane, s.vehicle));
        for i in 0..sights.len() {
            let nearer: Vec<BBox> = sights[i + 1..].iter().map(|s| s.bbox).collect();
            let hidden = self.vehicles[sights[i].vehicle].hidden_at(t);
            sights[i].visible = if hidden { 0.0 } else { visible_share(&sights[i].bbox, &nearer) };
        }
        sights
    }

    /// What a perfect detector reports at `t`: the boxes, clipped to the picture, of which at least `min_visible` shows.
    pub fn detections_at(&self, t: f64, min_visible: f32) -> Vec<Detection> {
        let seen = self.boxes_at(t).into_iter().filter(|s| s.visible > 0.0 && s.visible >= min_visible);
        seen.map(|s| Detection { bbox: s.bbox.clip(WIDTH as f32, HEIGHT as f32), class: s.class, score: 1.0 }).collect()
    }

    fn sight(&self, index: usize, vehicle: &Vehicle, t: f64) -> Option<Sight> {
        let (x, y) = (vehicle.x_at(t)? as f32, self.lanes[vehicle.lane].y);
        let (w, h) = vehicle.kind.size();
        let bbox = BBox::new(x - w / 2.0, y - h, x + w / 2.0, y);
        let inside = bbox.x2 > 0.0 && bbox.x1 < WIDTH as f32;
        inside.then_some(Sight { vehicle: index, class: vehicle.kind.class(), bbox, visible: 0.0 })
    }
}

/// Exact by cutting the plane at all edges: within one rectangle of that grid every point is equally covered.
fn visible_share(bbox: &BBox, nearer: &[BBox]) -> f32 {
    let shown = bbox.clip(WIDTH as f32, HEIGHT as f32);
    let over: Vec<BBox> = nearer.iter().filter(|n| n.intersection(&shown) > 0.0).copied().collect();
    let cuts = |ends: &dyn Fn(&BBox) -> [f32; 2], low: f32, high: f32| {
        let mut all: Vec<f32> = over.iter().flat_map(ends).chain([low, high]).map(|v| v.clamp(low, high)).collect();
        all.sort_by(f32::total_cmp);
        all
    };
    let xs = cuts(&|b| [b.x1, b.x2], shown.x1, shown.x2);
    let ys = cuts(&|b| [b.y1, b.y2], shown.y1, shown.y2);
    let mut area = 0.0;
    for x in xs.windows(2) {
        for y in ys.windows(2) {
            let cell = BBox::new(x[0], y[0], x[1], y[1]);
            let c = cell.center();
            if !over.iter().any(|n| n.x1 < c.x && c.x < n.x2 && n.y1 < c.y && c.y < n.y2) {
                area += cell.area();
            }
        }
    }
    area / bbox.area()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visible_share_is_what_no_nearer_box_covers() {
        let b = BBox::new(100.0, 100.0, 200.0, 140.0);
        assert_eq!(visible_share(&b, &[]), 1.0);
        assert_eq!(visible_share(&b, &[BBox::new(90.0, 90.0, 150.0, 150.0)]), 0.5);
        // Two covers that overlap each other count once: 75 of 100 columns.
        let two = [BBox::new(100.0, 0.0, 150.0, 300.0), BBox::new(125.0, 0.0, 175.0, 300.0)];
        assert_eq!(visible_share(&b, &two), 0.25);
        let at_the_edge = BBox::new(-50.0, 100.0, 50.0, 140.0);
        assert_eq!(visible_share(&at_the_edge, &[]), 0.5);
        assert_eq!(visible_share(&b, &[BBox::new(0.0, 0.0, 640.0, 360.0)]), 0.0);
    }

    #[test]
    fn a_way_is_linear_between_its_points_and_nowhere_outside() {
        let path = vec![Waypoint { t: 1.0, x: 0.0 }, Waypoint { t: 3.0, x: 100.0 }, Waypoint { t: 4.0, x: 100.0 }];
        let v = Vehicle { kind: Kind::Car, lane: 0, paint: 0, path, hidden: vec![Span { from: 2.0, to: 2.5 }] };
        assert_eq!(
            [0.5, 1.0, 2.0, 3.5, 4.0, 4.5].map(|t| v.x_at(t)),
            [None, Some(0.0), Some(50.0), Some(100.0), Some(100.0), None]
        );
        assert_eq!([1.9, 2.0, 2.4, 2.5].map(|t| v.hidden_at(t)), [false, true, true, false]);
    }
}
