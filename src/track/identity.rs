//! One vehicle, one track: what is only a part or a second box of a vehicle is not believed, and what was lost for a
//! while gets its identity back. Not here: association from frame to frame.

use super::TrackParams;
use super::target::Target;
use super::tracker::Tracker;
use crate::geometry::{BBox, Point};

/// A better known vehicle that was not seen for this long still casts a shadow, seconds: detectors flicker.
const SHADOW_LINGERS_S: f32 = 0.25;

/// For how long after its first sighting a track may turn out to be a lost vehicle, seconds.
const STITCH_S: f32 = 1.0;

/// ln of the ratio of sizes beyond which a lost and a new track are two vehicles.
const STITCH_SIZE: f32 = 0.5;

/// What stands moves no faster than its box jitters, sizes/s, and is found again no further than this from where it
/// was, sizes.
const STANDING_SPEED: f32 = 1.0;
const STANDING_DISTANCE: f32 = 1.0;

impl Tracker {
    /// Believes tracks that were seen often enough, not counting sightings as a shadow.
    pub(super) fn confirm(&mut self) {
        for i in 0..self.targets.len() {
            if !self.targets[i].seen {
                continue;
            }
            let shadow = self.is_shadow(&self.targets[i]);
            let t = &mut self.targets[i];
            t.shadow = shadow;
            t.apart += u32::from(!shadow);
            t.confirmed |= t.apart >= self.params.confirm_hits;
        }
    }

    /// Is it mostly inside the box of a vehicle that is better known?
    fn is_shadow(&self, t: &Target) -> bool {
        let p = &self.params;
        let mine = t.bbox();
        self.targets.iter().any(|o| {
            let better = (o.confirmed, o.votes.evidence()) > (t.confirmed, t.votes.evidence());
            if o.id == t.id || !better || o.unseen(self.time) > SHADOW_LINGERS_S {
                return false;
            }
            let theirs = o.bbox();
            shared(&theirs, &mine) > p.shadow_overlap && mine.area() > p.shadow_part * theirs.area()
        })
    }

    /// A vehicle that vanished behind a nearer one is still there: where its motion would have brought it into view, it
    /// is taken to keep behind the other and to move with it.
    pub(super) fn hide(&mut self) {
        for i in 0..self.targets.len() {
            let t = &self.targets[i];
            if t.seen || !t.confirmed {
                continue;
            }
            let mine = t.bbox();
            let nearer = self.targets.iter().find(|o| match t.behind {
                Some(id) => o.id == id && o.seen,
                None => {
                    o.seen && o.confirmed && o.bbox().y2 > mine.y2 && o.bbox().intersection(&mine) > mine.area() / 2.0
                }
            });
            let found = nearer.map(|o| (o.id, o.bbox(), o.velocity()));
            let t = &mut self.targets[i];
            t.behind = found.map(|(id, ..)| id);
            if let Some((_, cover, velocity)) = found {
                t.keep_within(&cover, velocity);
            }
        }
    }

    /// Gives a vehicle that was lost its identity back: a new track, near where the lost one should be now, of its size
    /// and with its motion, is the same. A new one is asked for a while, as its own motion becomes clear.
    pub(super) fn stitch(&mut self) {
        self.rows.clear();
        self.rows.extend((0..self.targets.len()).filter(|&i| {
            let t = &self.targets[i];
            t.confirmed && t.seen && t.known() <= STITCH_S
        }));
        self.cols.clear();
        self.cols.extend((0..self.targets.len()).filter(|&i| {
            let t = &self.targets[i];
            t.confirmed && !t.seen && !t.leaving
        }));
        self.cost.clear();
        for &new in &self.rows {
            let (new, targets, p) = (&self.targets[new], &self.targets, &self.params);
            self.cost.extend(self.cols.iter().map(|&lost| difference(&targets[lost], new, p)));
        }
        let pairs = self.assigner.solve(&self.cost, self.rows.len(), self.cols.len(), f32::MAX);
        for (&new, pair) in self.rows.iter().zip(pairs) {
            if let Some(lost) = pair.map(|c| self.cols[c]) {
                let later = self.targets[new].clone();
                self.targets[lost].absorb(&later);
                self.targets[new].absorbed = true;
            }
        }
        self.targets.retain(|t| !t.absorbed);
    }
}

/// How different a lost and a new track are, or infinite if they can't be one vehicle. It either went on as it did, or
/// came to a stand where it was last seen.
fn difference(lost: &Target, new: &Target, p: &TrackParams) -> f32 {
    if new.first_seen <= lost.last_seen {
        return f32::INFINITY;
    }
    let size = (lost.size() * new.size()).sqrt();
    let ratio = (lost.size() / new.size()).ln().abs();
    let moved_on = (
        lost.center().distance(new.center()) / size,
        lost.velocity().distance(new.velocity()) / size,
        p.stitch_distance,
        p.stitch_speed,
    );
    let stopped = (
        lost.last_place.distance(new.center()) / size,
        new.velocity().distance(Point::default()) / size,
        STANDING_DISTANCE,
        STANDING_SPEED,
    );
    [moved_on, stopped]
        .into_iter()
        .filter(|&(apart, speed, most_apart, most_speed)| {
            apart < most_apart && speed < most_speed && ratio < STITCH_SIZE
        })
        .map(|(apart, speed, ..)| apart + speed + ratio)
        .fold(f32::INFINITY, f32::min)
}

/// The common part of two boxes, as a share of the smaller one.
fn shared(a: &BBox, b: &BBox) -> f32 {
    let smaller = a.area().min(b.area());
    if smaller > 0.0 { a.intersection(b) / smaller } else { 0.0 }
}
