//! One followed vehicle: where it is, how large, how it moves, what it is. Not here: which detection is whose.

use std::time::Duration;

use super::TrackParams;
use super::flow::Flow;
use super::kalman::Axis;
use super::measure::Measured;
use super::votes::Votes;
use crate::detection::Detection;
use crate::geometry::{BBox, Point};

#[derive(Debug, Clone)]
pub(super) struct Target {
    pub id: u64,
    /// Centre in pixels.
    cx: Axis,
    cy: Axis,
    /// Natural logarithm of width and height in pixels: growth is then the same for near and far.
    lw: Axis,
    lh: Axis,
    pub first_seen: Duration,
    pub last_seen: Duration,
    /// The centre when it was last seen, pixels.
    pub last_place: Point,
    /// Matched in the current frame.
    pub seen: bool,
    pub votes: Votes,
    /// Sightings in which it was no shadow of another (identity.rs).
    pub apart: u32,
    pub confirmed: bool,
    /// Mostly inside a better known vehicle's box when it was last seen.
    pub shadow: bool,
    /// The nearer vehicle that it vanished behind.
    pub behind: Option<u64>,
    /// Was moving out of the picture, and partly out of it, when it was last seen.
    pub leaving: bool,
    /// Now part of another track.
    pub absorbed: bool,
    /// The track that became part of this one in the current frame.
    pub merged: Option<u64>,
    /// Where the last flow sample was left.
    pub sampled: Point,
}

impl Target {
    /// From the first sighting. `growth` is what vehicles at this place have been seen to do.
    pub fn new(id: u64, now: Duration, d: &Detection, m: &Measured, growth: f32, p: &TrackParams) -> Self {
        let speed_var = (p.free_speed * m.size()).powi(2);
        let mut votes = Votes::default();
        votes.add(d);
        Self {
            id,
            // The first box of a vehicle that comes into the picture is cut off: it is taken as it is.
            cx: Axis::new(m.x, m.var_x, 0.0, speed_var),
            cy: Axis::new(m.y, m.var_y, 0.0, speed_var),
            lw: Axis::new(m.ln_w, m.var_w, growth, p.growth.powi(2)),
            lh: Axis::new(m.ln_h, m.var_h, growth, p.growth.powi(2)),
            first_seen: now,
            last_seen: now,
            last_place: Point::new(m.x, m.y),
            seen: true,
            votes,
            apart: 0,
            confirmed: false,
            shadow: false,
            behind: None,
            leaving: false,
            absorbed: false,
            merged: None,
            sampled: Point::new(m.x, m.y),
        }
    }

    /// √(width · height), pixels: the length that noise and speed are measured in.
    pub fn size(&self) -> f32 {
        ((self.lw.x + self.lh.x) / 2.0).exp()
    }

    pub fn center(&self) -> Point {
        Point::new(self.cx.x, self.cy.x)
    }

    /// Pixels per second.
    pub fn velocity(&self) -> Point {
        Point::new(self.cx.v, self.cy.v)
    }

    pub fn bbox(&self) -> BBox {
        BBox::from_center(self.cx.x, self.cy.x, self.lw.x.exp(), self.lh.x.exp())
    }

    /// Growth of the box per second, as far as it is certain: the mean of both sides, shrunk by its own variance.
    pub fn growth(&self) -> f32 {
        let g = (self.lw.v + self.lh.v) / 2.0;
        let var = (self.lw.rate_var() + self.lh.rate_var()) / 4.0;
        g * g * g / (g * g + var).max(f32::MIN_POSITIVE)
    }

    /// Seconds since the last sighting.
    pub fn unseen(&self, now: Duration) -> f32 {
        now.saturating_sub(self.last_seen).as_secs_f32()
    }

    /// Seconds between its first and its last sighting.
    pub fn known(&self) -> f32 {
        self.last_seen.saturating_sub(self.first_seen).as_secs_f32()
    }

    /// How long after its last sighting it is still expected where its motion leads, seconds. `dt` is the time
    /// between frames: one frame may always be missed.
    pub fn coasts(&self, dt: f32, p: &TrackParams) -> f32 {
        // What is found where a vehicle has just left the picture is the next one that comes in.
        let most = if self.leaving { p.young_s } else { p.coast_s };
        most.min((p.trust * self.known()).max(p.young_s)).max(1.5 * dt)
    }

    /// Moves on by `dt` seconds.
    pub fn predict(&mut self, dt: f32, p: &TrackParams) {
        let density = (p.acceleration * self.size()).powi(2);
        let k = approach(self.growth(), dt);
        for axis in [&mut self.cx, &mut self.cy] {
            axis.predict(dt * k, density);
            axis.scale_rate(k * k);
        }
        for axis in [&mut self.lw, &mut self.lh] {
            axis.predict(dt, p.growth_drift.powi(2));
            // No vehicle's box grows faster for long; unchecked, the box of an unseen one would.
            axis.v = axis.v.clamp(-MAX_GROWTH, MAX_GROWTH);
        }
        self.seen = false;
        self.merged = None;
    }

    pub fn update(&mut self, now: Duration, d: &Detection, m: &Measured) {
        self.cx.update(m.x, m.var_x);
        self.cy.update(m.y, m.var_y);
        self.lw.update(m.ln_w, m.var_w);
        self.lh.update(m.ln_h, m.var_h);
        let v = self.velocity();
        self.leaving = (m.cut_low.0 && v.x < 0.0)
            || (m.cut_low.1 && v.y < 0.0)
            || (m.cut_high.0 && v.x > 0.0)
            || (m.cut_high.1 && v.y > 0.0);
        self.last_seen = now;
        self.last_place = self.center();
        self.seen = true;
        self.behind = None;
        self.votes.add(d);
    }

    /// Puts the centre back into `cover` where it is outside, and lets it move with that from now on.
    pub fn keep_within(&mut self, cover: &BBox, velocity: Point) {
        let (x, y) = (self.cx.x.clamp(cover.x1, cover.x2), self.cy.x.clamp(cover.y1, cover.y2));
        if (x, y) != (self.cx.x, self.cy.x) {
            (self.cx.x, self.cy.x) = (x, y);
            (self.cx.v, self.cy.v) = (velocity.x, velocity.y);
        }
    }

    /// −ln of the density (per size², natural logarithm) of this vehicle being seen as `m`; infinite outside the gates.
    pub fn surprise(&self, m: &Measured, now: Duration, flow: &Flow, p: &TrackParams) -> f32 {
        let size = self.size();
        let (dx, dy) = (m.x - self.cx.x, m.y - self.cy.x);
        let (var_x, var_y) = (self.cx.var() + m.var_x, self.cy.var() + m.var_y);
        let (zx, zy) = (dx * dx / var_x, dy * dy / var_y);
        let zw = (m.ln_w - self.lw.x).powi(2) / (self.lw.var() + m.var_w);
        let zh = (m.ln_h - self.lh.x).powi(2) / (self.lh.var() + m.var_h);
        if [zx, zy, zw, zh].iter().any(|z| *z > p.gate * p.gate) {
            return f32::INFINITY;
        }
        let place = if self.votes.sightings() == 1 {
            // Its own motion is unknown: what do others do here?
            let var = (m.var_x + m.var_y) / (size * size);
            flow.surprise(self.center(), size, Point::new(dx / size, dy / size), self.unseen(now), var)
        } else {
            (zx + zy) / 2.0 + (std::f32::consts::TAU * (var_x * var_y).sqrt() / (size * size)).ln()
        };
        place + (zw + zh) / 2.0
    }

    /// Goes on as `later`, which turned out to be the same vehicle.
    pub fn absorb(&mut self, later: &Target) {
        let earlier = self.clone();
        *self = Self { id: earlier.id, first_seen: earlier.first_seen, merged: Some(later.id), ..later.clone() };
        self.apart += earlier.apart;
        self.votes.merge(&earlier.votes);
    }
}

/// Growth of a box per second that no vehicle exceeds for long: at 1.5 it is upon the camera within 0.7 s.
const MAX_GROWTH: f32 = 1.5;

/// By which factor the way of `dt` seconds is longer than at constant image speed, for a vehicle whose box grows by
/// `growth` per second. At constant speed on the road its distance Z falls evenly while size and speed in the picture
/// go with 1/Z and 1/Z², so the way is v·dt / (1 − g·dt) and the speed afterwards v / (1 − g·dt)².
pub(super) fn approach(growth: f32, dt: f32) -> f32 {
    1.0 / (1.0 - (growth * dt).clamp(-1.0, 0.5))
}
