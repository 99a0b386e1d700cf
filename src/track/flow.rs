//! What motion is usual at a place: a kernel density over the velocities of earlier vehicles. At 5 frames/s the second
//! sighting of a fast car is several lengths away from the first, and only this tells which way to look.
//! Not here: tracks, association.

use crate::geometry::Point;

/// Samples that are remembered; the oldest is forgotten first. A vehicle leaves one per length that it travels, so
/// this is the memory of some 50 to 100 vehicles.
const CAPACITY: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Point,
    size: f32,
    velocity: Point,
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

    pub fn add(&mut self, at: Point, size: f32, velocity: Point) {
        let sample = Sample { at, size, velocity };
        if self.samples.len() < CAPACITY {
            self.samples.push(sample);
        } else {
            self.samples[self.oldest] = sample;
            self.oldest = (self.oldest + 1) % CAPACITY;
        }
    }

    /// −ln of the probability density that an object of `size` at `at` moves with `velocity`, when the velocity was
    /// measured with variance `var`.
    pub fn surprise(&self, at: Point, size: f32, velocity: Point, var: f32) -> f32 {
        // One sample's worth of doubt: unknown places, and vehicles that do what none did before.
        let mut weight = 1.0;
        let mut density = gauss2(velocity.x, velocity.y, self.free * self.free + var);
        for s in &self.samples {
            let (dx, dy) = ((at.x - s.at.x) / (self.reach * size), (at.y - s.at.y) / (self.reach * size));
            let near = dx * dx + dy * dy;
            let ratio = (size / s.size).ln() / 0.5;
            if near < 9.0 {
                let w = (-0.5 * (near + ratio * ratio)).exp();
                weight += w;
                density +=
                    w * gauss2(velocity.x - s.velocity.x, velocity.y - s.velocity.y, self.spread * self.spread + var);
            }
        }
        -(density / weight).max(f32::MIN_POSITIVE).ln()
    }
}

/// Density of an isotropic normal distribution of the plane.
fn gauss2(x: f32, y: f32, var: f32) -> f32 {
    (-0.5 * (x * x + y * y) / var).exp() / (std::f32::consts::TAU * var)
}
