//! One followed vehicle: where it is, how large, how it moves, what it is. Not here: which detection is whose.

use std::time::Duration;

use super::TrackParams;
use super::kalman::Axis;
use crate::detection::Detection;
use crate::geometry::{BBox, Point};

/// Classes that one track can hold votes for; a vehicle is seen as two or three at most.
const CLASSES: usize = 6;

#[derive(Debug, Clone)]
pub(super) struct Target {
    pub id: u64,
    /// Centre in pixels.
    pub cx: Axis,
    pub cy: Axis,
    /// Natural logarithm of width and height in pixels: growth is then the same for near and far.
    pub lw: Axis,
    pub lh: Axis,
    pub first_seen: Duration,
    pub last_seen: Duration,
    pub hits: u32,
    pub confirmed: bool,
    /// Mostly inside a better known vehicle's box when it was last seen.
    pub shadow: bool,
    /// Sightings in which it was no shadow of another.
    pub apart: u32,
    /// Sum of all scores: how well it is known.
    pub evidence: f32,
    /// Matched in the current frame.
    pub seen: bool,
    /// Confirmed in the current frame.
    pub fresh: bool,
    /// Now part of another track.
    pub absorbed: bool,
    /// Where the last flow sample was left.
    pub sampled: Point,
    votes: [Vote; CLASSES],
}

#[derive(Debug, Clone, Copy, Default)]
struct Vote {
    class: u16,
    /// Sum and number of scores.
    score: f32,
    sightings: u32,
}

impl Target {
    /// From the first sighting. `growth` is what vehicles at this place have been seen to do.
    pub fn new(id: u64, now: Duration, d: &Detection, growth: f32, p: &TrackParams) -> Self {
        let c = d.bbox.center();
        let (w, h) = (d.bbox.width().max(1.0), d.bbox.height().max(1.0));
        let size = (w * h).sqrt();
        let vv = (p.free_speed * size).powi(2);
        let mut t = Self {
            id,
            cx: Axis::new(c.x, (p.position_noise * w).powi(2), 0.0, vv),
            cy: Axis::new(c.y, (p.position_noise * h).powi(2), 0.0, vv),
            lw: Axis::new(w.ln(), p.size_noise.powi(2), growth, p.growth.powi(2)),
            lh: Axis::new(h.ln(), p.size_noise.powi(2), growth, p.growth.powi(2)),
            first_seen: now,
            last_seen: now,
            hits: 0,
            confirmed: false,
            shadow: false,
            apart: 0,
            evidence: 0.0,
            seen: true,
            fresh: false,
            absorbed: false,
            sampled: c,
            votes: [Vote::default(); CLASSES],
        };
        t.vote(d);
        t
    }

    /// √(width · height): the length that noise and speed are measured in, pixels.
    pub fn size(&self) -> f32 {
        ((self.lw.x + self.lh.x) / 2.0).exp()
    }

    pub fn center(&self) -> Point {
        Point::new(self.cx.x, self.cy.x)
    }

    /// Growth of the box per second, as far as it is certain (the mean of both sides, shrunk by its own variance).
    pub fn growth(&self) -> f32 {
        let g = (self.lw.v + self.lh.v) / 2.0;
        let var = (self.lw.rate_var() + self.lh.rate_var()) / 4.0;
        g * g * g / (g * g + var).max(f32::MIN_POSITIVE)
    }

    /// Seconds between the first and the last sighting.
    pub fn age(&self) -> f32 {
        (self.last_seen - self.first_seen).as_secs_f32()
    }

    /// Pixels per second.
    pub fn velocity(&self) -> Point {
        Point::new(self.cx.v, self.cy.v)
    }

    pub fn bbox(&self) -> BBox {
        BBox::from_center(self.cx.x, self.cy.x, self.lw.x.exp(), self.lh.x.exp())
    }

    pub fn predict(&mut self, dt: f32, p: &TrackParams) {
        let q = (p.acceleration * self.size()).powi(2);
        let k = approach(self.growth(), dt);
        for axis in [&mut self.cx, &mut self.cy] {
            axis.predict(dt * k, q);
            axis.scale_rate(k * k);
        }
        self.lw.predict(dt, p.size_drift.powi(2));
        self.lh.predict(dt, p.size_drift.powi(2));
        // A box never doubles per second for long; unchecked, an unseen one would.
        for axis in [&mut self.lw, &mut self.lh] {
            axis.v = axis.v.clamp(-1.5, 1.5);
        }
        self.seen = false;
    }

    pub fn update(&mut self, now: Duration, d: &Detection, edges: Edges, p: &TrackParams) {
        let c = d.bbox.center();
        let (w, h) = (d.bbox.width().max(1.0), d.bbox.height().max(1.0));
        let r = edges.noise(p.position_noise);
        let s = edges.noise(p.size_noise);
        self.cx.update(c.x, (r.0 * w).powi(2));
        self.cy.update(c.y, (r.1 * h).powi(2));
        self.lw.update(w.ln(), s.0.powi(2));
        self.lh.update(h.ln(), s.1.powi(2));
        self.last_seen = now;
        self.seen = true;
        self.vote(d);
    }

    fn vote(&mut self, d: &Detection) {
        self.hits += 1;
        self.evidence += d.score;
        let slot = self.votes.iter_mut().find(|v| v.sightings == 0 || v.class == d.class);
        // More classes than slots: the vehicle is hardly known anyway, its first ones stand.
        if let Some(v) = slot {
            v.class = d.class;
            v.score += d.score;
            v.sightings += 1;
        }
    }

    /// The class with the largest sum of scores, and their mean.
    pub fn class(&self) -> (u16, f32) {
        let mut best = self.votes[0];
        for v in &self.votes[1..] {
            if v.score > best.score {
                best = *v;
            }
        }
        (best.class, best.score / best.sightings.max(1) as f32)
    }

    /// Takes over the state of `later`, which turned out to be the same vehicle.
    pub fn absorb(&mut self, later: &Target) {
        let votes = self.votes;
        let (id, hits, apart, evidence) = (self.id, self.hits, self.apart, self.evidence);
        *self = later.clone();
        self.id = id;
        self.hits += hits;
        self.apart += apart;
        self.evidence += evidence;
        self.confirmed = true;
        for old in votes.iter().filter(|v| v.sightings > 0) {
            if let Some(v) = self.votes.iter_mut().find(|v| v.sightings == 0 || v.class == old.class) {
                v.class = old.class;
                v.score += old.score;
                v.sightings += old.sightings;
            }
        }
    }
}

/// By which factor the way of `dt` seconds is longer than at constant image speed, for a vehicle whose box grows by
/// `growth` per second: at constant speed on the road its distance Z falls evenly, size and speed in the picture go
/// with 1/Z and 1/Z², so the way is v·dt / (1 − g·dt) and the speed afterwards v / (1 − g·dt)².
pub(super) fn approach(growth: f32, dt: f32) -> f32 {
    1.0 / (1.0 - (growth * dt).clamp(-1.0, 0.5))
}

/// Which sides of the picture a box is cut off by: its centre and size there say little of the vehicle's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Edges {
    pub x: bool,
    pub y: bool,
}

impl Edges {
    pub fn of(b: &BBox, frame: (u32, u32)) -> Self {
        let (w, h) = (frame.0 as f32, frame.1 as f32);
        let (mx, my) = (0.01 * w, 0.01 * h);
        Self { x: b.x1 < mx || b.x2 > w - mx, y: b.y1 < my || b.y2 > h - my }
    }

    fn noise(self, base: f32) -> (f32, f32) {
        (if self.x { 3.0 * base } else { base }, if self.y { 3.0 * base } else { base })
    }
}
