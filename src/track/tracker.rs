//! Association over time: ByteTrack's two rounds (Zhang et al. 2021, arXiv:2110.06864) with likelihoods in place of
//! IoU, because at a board's frame rate the boxes of one vehicle do not overlap. Not here: whether a track is to be
//! believed, and which tracks are one vehicle (identity.rs).

use std::time::Duration;

use super::assign::Assigner;
use super::flow::Flow;
use super::measure::Measured;
use super::target::Target;
use super::{TrackParams, TrackView};
use crate::detection::Detection;
use crate::geometry::Point;

/// Follows the vehicles of one camera. Allocates nothing once its lists have grown to the busiest frame.
#[derive(Debug)]
pub struct Tracker {
    pub(super) params: TrackParams,
    /// In ascending order of id.
    pub(super) targets: Vec<Target>,
    pub(super) time: Duration,
    next_id: u64,
    flow: Flow,
    views: Vec<TrackView>,
    // Scratch of one frame.
    pub(super) assigner: Assigner,
    pub(super) cost: Vec<f32>,
    pub(super) rows: Vec<usize>,
    pub(super) cols: Vec<usize>,
    measured: Vec<Measured>,
    used: Vec<bool>,
}

impl Tracker {
    pub fn new(params: TrackParams) -> Self {
        Self {
            flow: Flow::new(params.flow_reach, params.flow_spread, params.free_speed),
            params,
            targets: Vec::new(),
            time: Duration::ZERO,
            next_id: 1,
            views: Vec::new(),
            assigner: Assigner::default(),
            cost: Vec::new(),
            rows: Vec::new(),
            cols: Vec::new(),
            measured: Vec::new(),
            used: Vec::new(),
        }
    }

    /// Takes in the detections of the frame of `time` (on the source's clock), of a picture of `frame` = width × height
    /// pixels, and returns every vehicle that is followed, seen now or not, in ascending order of id. A time before
    /// the last one is taken as equal to it. Boxes that are not finite are ignored.
    pub fn step(&mut self, time: Duration, frame: (u32, u32), detections: &[Detection]) -> &[TrackView] {
        let dt = time.saturating_sub(self.time).as_secs_f32();
        self.time = self.time.max(time);
        self.targets.iter_mut().for_each(|t| t.predict(dt, &self.params));
        self.measured.clear();
        self.measured.extend(detections.iter().map(|d| Measured::new(d, frame, &self.params)));
        self.used.clear();
        self.used.extend(detections.iter().map(|d| !d.bbox.is_finite()));

        // First the detections that are sure; what is left of the tracks may go on with an unsure one.
        let (high, low) = (self.params.high_score, self.params.low_score);
        self.associate(detections, dt, high..f32::INFINITY);
        self.associate(detections, dt, low..high);
        self.give_birth(detections);
        self.confirm();
        self.hide();
        self.stitch();
        self.forget(dt, frame);
        self.learn();
        self.publish();
        &self.views
    }

    /// Pairs the tracks that are not yet seen in this frame with the free detections of these scores.
    fn associate(&mut self, detections: &[Detection], dt: f32, scores: std::ops::Range<f32>) {
        let (now, params) = (self.time, &self.params);
        self.rows.clear();
        self.rows.extend((0..self.targets.len()).filter(|&r| {
            let t = &self.targets[r];
            !t.seen && t.unseen(now) <= t.coasts(dt, params)
        }));
        self.cols.clear();
        self.cols.extend((0..detections.len()).filter(|&c| !self.used[c] && scores.contains(&detections[c].score)));
        self.cost.clear();
        for &r in &self.rows {
            let (t, flow, measured) = (&self.targets[r], &self.flow, &self.measured);
            self.cost.extend(self.cols.iter().map(|&c| t.surprise(&measured[c], now, flow, params)));
        }
        let pairs = self.assigner.solve(&self.cost, self.rows.len(), self.cols.len(), params.max_surprise);
        for (&r, pair) in self.rows.iter().zip(pairs) {
            if let Some(c) = pair.map(|c| self.cols[c]) {
                self.used[c] = true;
                self.targets[r].update(now, &detections[c], &self.measured[c]);
            }
        }
    }

    /// Begins a track for every sure detection that nobody took.
    fn give_birth(&mut self, detections: &[Detection]) {
        let least = self.params.birth_score.max(self.params.high_score);
        for (i, d) in detections.iter().enumerate() {
            if !self.used[i] && d.score >= least {
                let m = &self.measured[i];
                let growth = self.flow.growth(Point::new(m.x, m.y), m.size());
                self.targets.push(Target::new(self.next_id, self.time, d, m, growth, &self.params));
                self.next_id += 1;
            }
        }
    }

    /// Drops what was not seen for long, or should have left the picture.
    fn forget(&mut self, dt: f32, frame: (u32, u32)) {
        let (now, p) = (self.time, &self.params);
        self.targets.retain(|t| {
            let expected = t.coasts(dt, p);
            let c = t.center();
            let inside = c.x >= 0.0 && c.y >= 0.0 && c.x <= frame.0 as f32 && c.y <= frame.1 as f32;
            // One that should have left the picture may be wrong by a little, and is told of for a moment longer.
            let memory = match (t.confirmed, inside) {
                (true, true) => p.memory_s.max(expected),
                (true, false) => p.coast_s.max(expected),
                (false, _) => expected,
            };
            t.seen || t.unseen(now) <= memory
        });
    }

    /// Every vehicle leaves its motion behind, once per length travelled.
    fn learn(&mut self) {
        for t in self.targets.iter_mut().filter(|t| t.seen && t.votes.sightings() >= 3) {
            let (at, size, v) = (t.center(), t.size(), t.velocity());
            if at.distance(t.sampled) >= size {
                self.flow.add(at, size, Point::new(v.x / size, v.y / size), t.growth());
                t.sampled = at;
            }
        }
    }

    fn publish(&mut self) {
        self.views.clear();
        self.views.extend(self.targets.iter().map(|t| {
            let (class, score) = t.votes.winner();
            TrackView {
                id: t.id,
                bbox: t.bbox(),
                velocity: t.velocity(),
                class,
                score,
                seen: t.seen,
                confirmed: t.confirmed && !t.shadow,
                merged: t.merged,
            }
        }));
    }
}
