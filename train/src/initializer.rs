//! First values of parameters, by the names of Keras.

use std::str::FromStr;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How the first values are drawn. A seed of its own draws the same numbers wherever it stands; without one they follow from
/// the model's seed and the parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    Zeros,
    Ones,
    Constant(f32),
    RandomUniform {
        low: f32,
        high: f32,
        seed: Option<u64>,
    },
    RandomNormal {
        mean: f32,
        deviation: f32,
        seed: Option<u64>,
    },
    /// Normal, drawn again beyond two standard deviations.
    TruncatedNormal {
        mean: f32,
        deviation: f32,
        seed: Option<u64>,
    },
    /// Glorot and Bengio 2010, eq. 16: ±√(6 / (fan_in + fan_out)).
    GlorotUniform {
        seed: Option<u64>,
    },
    GlorotNormal {
        seed: Option<u64>,
    },
    /// He et al. 2015, eq. 10: variance 2 / fan_in.
    HeUniform {
        seed: Option<u64>,
    },
    HeNormal {
        seed: Option<u64>,
    },
    /// LeCun et al. 1998, §4.6: variance 1 / fan_in.
    LecunUniform {
        seed: Option<u64>,
    },
    LecunNormal {
        seed: Option<u64>,
    },
}

/// The standard deviation that is left of a normal distribution cut at two deviations.
const CUT_DEVIATION: f32 = 0.879_625_7;

pub fn glorot_uniform(seed: u64) -> Initializer {
    Initializer::GlorotUniform { seed: Some(seed) }
}

impl Initializer {
    /// `count` numbers for a layer with these fans; `model_seed` where the initializer has none.
    pub fn draw(&self, count: usize, (fan_in, fan_out): (usize, usize), model_seed: u64) -> Vec<f32> {
        use Initializer::*;
        let (fan_in, fan_out) = (fan_in.max(1) as f32, fan_out.max(1) as f32);
        match *self {
            Zeros => vec![0.0; count],
            Ones => vec![1.0; count],
            Constant(value) => vec![value; count],
            RandomUniform { low, high, seed } => uniform(count, low, high, seed.unwrap_or(model_seed)),
            RandomNormal { mean, deviation, seed } => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed.unwrap_or(model_seed));
                (0..count).map(|_| mean + deviation * normal(&mut rng)).collect()
            }
            TruncatedNormal { mean, deviation, seed } => cut_normal(count, mean, deviation, seed.unwrap_or(model_seed)),
            GlorotUniform { seed } => balanced(count, (6.0 / (fan_in + fan_out)).sqrt(), seed.unwrap_or(model_seed)),
            GlorotNormal { seed } => scaled(count, 2.0 / (fan_in + fan_out), seed.unwrap_or(model_seed)),
            HeUniform { seed } => balanced(count, (6.0 / fan_in).sqrt(), seed.unwrap_or(model_seed)),
            HeNormal { seed } => scaled(count, 2.0 / fan_in, seed.unwrap_or(model_seed)),
            LecunUniform { seed } => balanced(count, (3.0 / fan_in).sqrt(), seed.unwrap_or(model_seed)),
            LecunNormal { seed } => scaled(count, 1.0 / fan_in, seed.unwrap_or(model_seed)),
        }
    }
}

impl FromStr for Initializer {
    type Err = String;

    /// By the name that Keras has for it, with Keras' defaults: `glorot_uniform`, `he_normal`, `zeros`.
    fn from_str(name: &str) -> Result<Self, String> {
        use Initializer::*;
        Ok(match name {
            "zeros" => Zeros,
            "ones" => Ones,
            "random_uniform" => RandomUniform { low: -0.05, high: 0.05, seed: None },
            "random_normal" => RandomNormal { mean: 0.0, deviation: 0.05, seed: None },
            "truncated_normal" => TruncatedNormal { mean: 0.0, deviation: 0.05, seed: None },
            "glorot_uniform" => GlorotUniform { seed: None },
            "glorot_normal" => GlorotNormal { seed: None },
            "he_uniform" => HeUniform { seed: None },
            "he_normal" => HeNormal { seed: None },
            "lecun_uniform" => LecunUniform { seed: None },
            "lecun_normal" => LecunNormal { seed: None },
            other => {
                return Err(format!(
                    "no initializer {other}: zeros, ones, random_uniform, random_normal, truncated_normal, \
                     glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal"
                ));
            }
        })
    }
}

fn uniform(count: usize, low: f32, high: f32, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| low + (high - low) * rng.random::<f32>()).collect()
}

fn balanced(count: usize, limit: f32, seed: u64) -> Vec<f32> {
    uniform(count, -limit, limit, seed)
}

/// Cut normal whose variance is right after the cut, as Keras scales it.
fn scaled(count: usize, variance: f32, seed: u64) -> Vec<f32> {
    cut_normal(count, 0.0, variance.sqrt() / CUT_DEVIATION, seed)
}

fn cut_normal(count: usize, mean: f32, deviation: f32, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || loop {
        let value = normal(&mut rng);
        if value.abs() <= 2.0 {
            return mean + deviation * value;
        }
    };
    (0..count).map(|_| draw()).collect()
}

/// Standard normal, by Box and Muller 1958.
pub(crate) fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}

/// A seed for each name, the same on every machine: FNV-1a over the name, from the model's seed.
pub(crate) fn seed_for(model_seed: u64, name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ model_seed.rotate_left(32), |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
