//! Association over time: ByteTrack's two rounds (Zhang et al. 2021, arXiv:2110.06864) with likelihoods in place of
//! IoU, because at a board's frame rate the boxes of one vehicle do not overlap.

use std::time::Duration;

use super::assign::Assigner;
use super::flow::Flow;
use super::target::{Edges, Target};
use super::{TrackParams, TrackView};
use crate::detection::Detection;
use crate::geometry::{BBox, Point};

/// Follows the vehicles of one camera. Not thread-safe and not shared: one per source.
#[derive(Debug)]
pub struct Tracker {
    params: TrackParams,
    /// In ascending order of id.
    targets: Vec<Target>,
    flow: Flow,
    next_id: u64,
    time: Duration,
    views: Vec<TrackView>,
    assigner: Assigner,
    cost: Vec<f32>,
    rows: Vec<usize>,
    parked: Vec<usize>,
    high: Vec<usize>,
    low: Vec<usize>,
    used: Vec<bool>,
}

impl Tracker {
    pub fn new(params: TrackParams) -> Self {
        Self {
            flow: Flow::new(params.flow_reach, params.flow_spread, params.free_speed),
            params,
            targets: Vec::new(),
            next_id: 1,
            time: Duration::ZERO,
            views: Vec::new(),
            assigner: Assigner::default(),
            cost: Vec::new(),
            rows: Vec::new(),
            parked: Vec::new(),
            high: Vec::new(),
            low: Vec::new(),
            used: Vec::new(),
        }
    }

    /// Takes in the detections of the frame taken at `time` (of the source's clock), of a picture of `frame` pixels,
    /// and returns every vehicle that is followed, seen now or not. A time that does not advance is taken as equal to
    /// the last one. Boxes that are not finite are ignored.
    pub fn step(&mut self, time: Duration, frame: (u32, u32), detections: &[Detection]) -> &[TrackView] {
        let dt = time.saturating_sub(self.time).as_secs_f32();
        self.time = self.time.max(time);
        for t in &mut self.targets {
            t.predict(dt, &self.params);
        }
        self.split(detections);

        // First round: every track and the detections that are sure.
        self.rows.clear();
        let (now, coast) = (self.time, self.params.coast_s.max(1.5 * dt));
        let young = self.params.young_s.max(1.5 * dt);
        self.rows.extend((0..self.targets.len()).filter(|&r| {
            unseen(&self.targets[r], now) <= coast.min((self.params.trust * self.targets[r].age()).max(young))
        }));
        let high = std::mem::take(&mut self.high);
        self.associate(detections, &high, frame);
        self.high = high;

        // Second round: what is left, and was seen a moment ago, may go on with an unsure detection.
        let memory = self.params.low_memory_s.max(1.5 * dt);
        let targets = &self.targets;
        self.rows.retain(|&r| !targets[r].seen && unseen(&targets[r], now) <= memory);
        let low = std::mem::take(&mut self.low);
        self.associate(detections, &low, frame);
        self.low = low;

        self.give_birth(detections);
        self.confirm();
        self.stitch(coast);
        self.prune(dt, frame);
        self.learn();
        self.publish();
        &self.views
    }

    /// Sorts detections into sure and unsure ones.
    fn split(&mut self, detections: &[Detection]) {
        self.high.clear();
        self.low.clear();
        self.used.clear();
        self.used.resize(detections.len(), false);
        for (i, d) in detections.iter().enumerate().filter(|(_, d)| d.bbox.is_finite()) {
            if d.score >= self.params.high_score {
                self.high.push(i);
            } else if d.score >= self.params.low_score {
                self.low.push(i);
            }
        }
    }

    /// Pairs the tracks in `rows` with the detections in `cols`, and updates them.
    fn associate(&mut self, detections: &[Detection], cols: &[usize], frame: (u32, u32)) {
        self.cost.clear();
        for &r in &self.rows {
            let t = &self.targets[r];
            for &c in cols {
                let d = &detections[c];
                self.cost.push(pair_cost(t, d, Edges::of(&d.bbox, frame), self.time, &self.flow, &self.params));
            }
        }
        let pairs = self.assigner.solve(&self.cost, self.rows.len(), cols.len(), self.params.max_cost);
        for (&r, &c) in self.rows.iter().zip(pairs) {
            if let Some(c) = c {
                let d = &detections[cols[c]];
                self.used[cols[c]] = true;
                self.targets[r].update(self.time, d, Edges::of(&d.bbox, frame), &self.params);
            }
        }
    }

    fn give_birth(&mut self, detections: &[Detection]) {
        let known = self.targets.len();
        for &i in &self.high {
            let d = &detections[i];
            let duplicate = || {
                let mut seen = self.targets[..known].iter().filter(|t| t.seen);
                seen.any(|t| t.bbox().iou(&d.bbox) > self.params.duplicate_iou)
            };
            if !self.used[i] && d.score >= self.params.birth_score && !duplicate() {
                let size = d.bbox.area().sqrt().max(1.0);
                let growth = self.flow.growth(d.bbox.center(), size);
                self.targets.push(Target::new(self.next_id, self.time, d, growth, &self.params));
                self.next_id += 1;
            }
        }
    }

    /// Believes tracks that were seen often enough, not counting sightings as the shadow of a better known one.
    fn confirm(&mut self) {
        for i in 0..self.targets.len() {
            let t = &self.targets[i];
            if !t.seen {
                continue;
            }
            let b = t.bbox();
            let (now, lately) = (self.time, 0.25_f32);
            let shadow = self.targets.iter().any(|o| {
                let better = (o.confirmed, o.evidence) > (t.confirmed, t.evidence);
                let part = o.bbox();
                o.id != t.id
                    && unseen(o, now) <= lately
                    && better
                    && shared(&part, &b) > self.params.shadow_overlap
                    && b.area() > self.params.shadow_part * part.area()
            });
            let t = &mut self.targets[i];
            t.shadow = shadow;
            t.apart += u32::from(!shadow);
            t.fresh = !t.confirmed && t.apart >= self.params.confirm_hits;
            t.confirmed |= t.fresh;
        }
    }

    /// Gives a vehicle that was lost for a while its identity back: a track that was just confirmed, near where the
    /// lost one should be now, of its size and with its motion.
    fn stitch(&mut self, coast: f32) {
        let (now, p) = (self.time, &self.params);
        self.rows.clear();
        self.rows.extend((0..self.targets.len()).filter(|&i| self.targets[i].fresh));
        self.parked.clear();
        self.parked.extend((0..self.targets.len()).filter(|&i| {
            let t = &self.targets[i];
            t.confirmed && unseen(t, now) > 0.0
        }));
        let _ = coast;
        self.cost.clear();
        for &r in &self.rows {
            let new = &self.targets[r];
            for &l in &self.parked {
                self.cost.push(stitch_cost(&self.targets[l], new, now, p));
            }
        }
        let pairs = self.assigner.solve(&self.cost, self.rows.len(), self.parked.len(), f32::MAX);
        for (&r, l) in self.rows.iter().zip(pairs) {
            if let Some(l) = *l {
                let new = self.targets[r].clone();
                self.targets[self.parked[l]].absorb(&new);
                self.targets[r].absorbed = true;
            }
        }
        self.targets.retain(|t| !t.absorbed);
        self.targets.iter_mut().for_each(|t| t.fresh = false);
    }

    fn prune(&mut self, dt: f32, frame: (u32, u32)) {
        let (now, p) = (self.time, &self.params);
        self.targets.retain(|t| {
            let memory = if t.confirmed { p.memory_s } else { p.tentative_s };
            let c = t.center();
            let inside = c.x >= 0.0 && c.y >= 0.0 && c.x <= frame.0 as f32 && c.y <= frame.1 as f32;
            t.seen || (unseen(t, now) <= memory.max(1.5 * dt) && inside)
        });
    }

    /// Every confirmed vehicle leaves its velocity behind, once per length travelled.
    fn learn(&mut self) {
        for t in self.targets.iter_mut().filter(|t| t.seen && t.hits >= 3) {
            let (c, size) = (t.center(), t.size());
            if c.distance(t.sampled) >= size {
                self.flow.add(c, size, Point::new(t.cx.v / size, t.cy.v / size), t.growth());
                t.sampled = c;
            }
        }
    }

    fn publish(&mut self) {
        self.views.clear();
        self.views.extend(self.targets.iter().map(|t| {
            let (class, score) = t.class();
            TrackView {
                id: t.id,
                bbox: t.bbox(),
                velocity: t.velocity(),
                class,
                score,
                seen: t.seen,
                confirmed: t.confirmed && !t.shadow,
            }
        }));
    }
}

/// −ln of the density (per size²) of finding `t` as `d`; infinite outside the gates.
fn pair_cost(t: &Target, d: &Detection, edges: Edges, now: Duration, flow: &Flow, p: &TrackParams) -> f32 {
    let size = t.size();
    let (w, h) = (d.bbox.width().max(1.0), d.bbox.height().max(1.0));
    let loose = |on: bool| if on { 3.0 } else { 1.0 };
    let rx = (p.position_noise * w * loose(edges.x)).powi(2);
    let ry = (p.position_noise * h * loose(edges.y)).powi(2);
    let c = d.bbox.center();
    let (dx, dy) = (c.x - t.cx.x, c.y - t.cy.x);
    let (sx, sy) = (t.cx.var() + rx, t.cy.var() + ry);
    let (zx, zy) = (dx * dx / sx, dy * dy / sy);
    let rw = (p.size_noise * loose(edges.x)).powi(2);
    let rh = (p.size_noise * loose(edges.y)).powi(2);
    let zw = (w.ln() - t.lw.x).powi(2) / (t.lw.var() + rw);
    let zh = (h.ln() - t.lh.x).powi(2) / (t.lh.var() + rh);
    if !(zx.max(zy).max(zw).max(zh) < p.gate * p.gate) {
        return f32::INFINITY;
    }
    let shape = 0.5 * (zw + zh);
    if t.hits == 1 {
        let dt = (now - t.last_seen).as_secs_f32().max(1e-3);
        let way = Point::new(dx / size, dy / size);
        let var = (rx + ry) / (size * size);
        if way.x.hypot(way.y) > p.max_speed * dt + 3.0 * p.position_noise {
            return f32::INFINITY;
        }
        return flow.surprise(t.center(), size, way, dt, var) + shape;
    }
    let norm = std::f32::consts::TAU * (sx * sy).sqrt() / (size * size);
    0.5 * (zx + zy) + norm.ln() + shape
}

/// How different a lost and a new track are, or infinite if they can't be one vehicle.
fn stitch_cost(lost: &Target, new: &Target, now: Duration, p: &TrackParams) -> f32 {
    let size = (lost.size() * new.size()).sqrt();
    let ratio = (lost.size() / new.size()).ln().abs();
    let apart = lost.center().distance(new.center()) / size;
    let (a, b) = (lost.velocity(), new.velocity());
    let speed = (a.x - b.x).hypot(a.y - b.y) / size;
    let _ = now;
    if apart < p.stitch_distance && speed < p.stitch_speed && ratio < 0.5 {
        apart + speed + ratio
    } else {
        f32::INFINITY
    }
}

/// Seconds since the last sighting.
fn unseen(t: &Target, now: Duration) -> f32 {
    (now - t.last_seen).as_secs_f32()
}

/// The common part of two boxes, as a fraction of the smaller one.
fn shared(a: &BBox, b: &BBox) -> f32 {
    let smaller = a.area().min(b.area());
    if smaller > 0.0 { a.intersection(b) / smaller } else { 0.0 }
}
