//! What motion is usual at a place: a kernel density over the velocities of earlier vehicles. At 5 frames/s the second
//! sighting of a fast car is several lengths away from the first, and only this tells which way to look.
//! Not here: tracks, association.

use super::target::approach;
use crate::geometry::Point;

/// Samples that are remembered; the oldest is forgotten first. A vehicle leaves one per length that it travels, so
/// this is the memory of some 50 to 100 vehicles.
const CAPACITY: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Point,
    size: f32,
    velocity: Point,
    growth: f32,
}

/// Velocities here are in object sizes per second, so that near and far vehicles of a lane agree.
#[derive(Debug)]
pub struct Flow {
    samples: Vec<Sample>,
    oldest: usize,
    /// Reach of a sample, in object sizes.
    reach: f32,
    /// Spread of velocities around a sample's, in sizes per second.
    spread: f32,
    /// Spread of velocities where nothing is known.
    free: f32,
}

impl Flow {
    pub fn new(reach: f32, spread: f32, free: f32) -> Self {
        Self { samples: Vec::with_capacity(CAPACITY), oldest: 0, reach, spread, free }
    }

    pub fn add(&mut self, at: Point, size: f32, velocity: Point, growth: f32) {
        let sample = Sample { at, size, velocity, growth };
        if self.samples.len() < CAPACITY {
            self.samples.push(sample);
        } else {
            self.samples[self.oldest] = sample;
            self.oldest = (self.oldest + 1) % CAPACITY;
        }
    }

    /// −ln of the probability density (per size²) that an object of `size` at `at` is `way` sizes further after `dt`
    /// seconds, when the way was measured with variance `var`.
    pub fn surprise(&self, at: Point, size: f32, way: Point, dt: f32, var: f32) -> f32 {
        let (mut weight, mut density) = (0.0, 0.0);
        for (s, w) in self.near(at, size) {
            let t = dt * approach(s.growth, dt);
            weight += w;
            density += w * gauss2(way.x - s.velocity.x * t, way.y - s.velocity.y * t, (self.spread * t).powi(2) + var);
        }
        // What is usual is believed as far as it is known. The unusual is made no rarer by that: a vehicle that does
        // what none did before is still more likely than one that vanished beside one that came from nowhere.
        let usual = if weight > 0.0 { density / (1.0 + weight) } else { 0.0 };
        let free = gauss2(way.x, way.y, (self.free * dt).powi(2) + var);
        -(free + usual).max(f32::MIN_POSITIVE).ln()
    }

    /// The usual growth of a box at this place, per second; 0 where nothing is known.
    pub fn growth(&self, at: Point, size: f32) -> f32 {
        let (sum, weight) =
            self.near(at, size).fold((0.0, 1.0), |(sum, weight), (s, w)| (sum + w * s.growth, weight + w));
        sum / weight
    }

    /// Samples of the neighbourhood and of similar size, with their weights, 0..=1.
    fn near(&self, at: Point, size: f32) -> impl Iterator<Item = (&Sample, f32)> {
        self.samples.iter().filter_map(move |s| {
            let (dx, dy) = ((at.x - s.at.x) / (self.reach * size), (at.y - s.at.y) / (self.reach * size));
            let ratio = (size / s.size).ln() / 0.5;
            let far = dx * dx + dy * dy + ratio * ratio;
            (far < 9.0).then(|| (s, (-0.5 * far).exp()))
        })
    }
}

/// Density of an isotropic normal distribution of the plane.
fn gauss2(x: f32, y: f32, var: f32) -> f32 {
    (-0.5 * (x * x + y * y) / var).exp() / (std::f32::consts::TAU * var)
}
