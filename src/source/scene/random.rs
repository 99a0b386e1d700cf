//! Random scenes for property tests and load: the same numbers always give the same scene.
//!
//! Each lane moves as one file, so that no vehicle runs through another: it drives at changing speeds, halts, and now
//! and then rocks by ±4 px. At the end all stand still, nobody nearer than 25 px to the line, so that no frame rate
//! cuts a passage in two.

use super::named::{self, Way};
use super::script::{Kind, Scene};

/// What a random scene is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Random {
    pub seed: u64,
    pub seconds: f64,
    /// How many are on their way; those at the end of a long file may not reach the picture in time.
    pub vehicles: usize,
    pub fps: f64,
}

impl Default for Random {
    fn default() -> Self {
        Self { seed: 1, seconds: 20.0, vehicles: 30, fps: 25.0 }
    }
}

/// Nobody stands nearer to the line at the end, in pixels. Two neighbours' middles are at least 58 px apart, so there
/// is always such a place within reach.
const CLEAR: f64 = 25.0;

pub fn random(params: &Random) -> Scene {
    let &Random { seed, seconds, vehicles, fps } = params;
    let name = format!("random?seed={seed}&seconds={seconds}&vehicles={vehicles}&fps={fps}");
    let mut scene = Scene { name, fps, seconds, lanes: named::four_lanes(), vehicles: Vec::new() };
    let mut dice = SplitMix(seed);
    let mut files = vec![Vec::new(); scene.lanes.len()];
    for _ in 0..vehicles {
        let lane = dice.below(files.len() as u64) as usize;
        files[lane].push(match dice.below(10) {
            0..=5 => Kind::Car,
            6..=7 => Kind::Motorcycle,
            8 => Kind::Truck,
            _ => Kind::Bus,
        });
    }
    for (lane, kinds) in files.iter().enumerate() {
        let gap = 24.0 + dice.within(0.0, 60.0);
        let way = wander(&mut dice, seconds - 2.0);
        let first = scene.vehicles.len();
        scene.convoy(lane, kinds, gap, &way);
        let middles: Vec<f64> = scene.vehicles[first..].iter().filter_map(|v| Some(v.path.last()?.x)).collect();
        let (from, to) = scene.ends(lane);
        let more = advance_to_clear(&middles, (to - from).signum());
        scene.vehicles.truncate(first);
        let rest = (seconds + 1.0 - way.t()).max(1.0);
        let end = way.x() + more;
        scene.convoy(lane, kinds, gap, &way.to(end, 60.0).wait(rest));
    }
    scene
}

/// How far a lane has come over time, until about `until`: seconds of driving, halts, rocking.
fn wander(dice: &mut SplitMix, until: f64) -> Way {
    let mut way = Way::start(0.0, dice.within(0.0, 200.0));
    while way.t() < until {
        let left = until - way.t();
        way = match dice.below(6) {
            0 => way.wait(dice.within(0.3, 3.0).min(left)),
            1 if left > 2.0 => {
                let x = way.x();
                (0..1 + dice.below(3)).fold(way, |way, _| way.to(x - 4.0, 24.0).to(x + 4.0, 24.0).to(x, 24.0))
            }
            _ => {
                let (speed, time) = (dice.within(50.0, 320.0), dice.within(0.5, 3.0).min(left));
                let x = way.x() + speed * time;
                way.to(x, speed)
            }
        };
    }
    way
}

/// The shortest way forwards, in whole pixels, after which none of `middles` is nearer than [`CLEAR`] to the line.
fn advance_to_clear(middles: &[f64], forward: f64) -> f64 {
    let line = (named::LEFT_END + named::RIGHT_END) / 2.0;
    let clear = |more: &f64| middles.iter().all(|x| (x + forward * more - line).abs() >= CLEAR);
    (0..=60).map(f64::from).find(clear).unwrap_or(0.0)
}

/// Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators": one addition, two multiplications.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
