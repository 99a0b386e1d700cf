//! `scene:NAME`: a synthetic road with exact truth, for tests, demos and property tests.
//!
//! [`Scene`] is data; [`SceneSource`] paints it as frames, [`Scene::truth`] says what a counter should say, and
//! [`Scene::boxes_at`] is a perfect detector without any pixel. All three are functions of the script alone.
//!
//! Not here: the network that sees these vehicles (`models/scene`, made by `examples/make_scene_model.rs`).

mod canvas;
mod named;
mod random;
mod render;
mod script;
mod truth;

pub use named::NAMES;
pub use random::{Random, random};
pub use script::{HEIGHT, Heading, Kind, LABELS, Lane, Scene, Sight, Span, Vehicle, WIDTH, Waypoint};
pub use truth::{BAND, TrueCrossing};

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Source, SourceError, SourceInfo};
use crate::frame::{Frame, Stamp};

/// Bounds of what may be asked for; a day at 25 fps and a picture full of vehicles are within them.
const FPS: RangeInclusive<f64> = 0.1..=240.0;
const SECONDS: RangeInclusive<f64> = 4.0..=86_400.0;
const VEHICLES: RangeInclusive<usize> = 0..=10_000;

impl Scene {
    /// Reads `road`, `scene:road`, `scene:jitter?fps=5` or `scene:random?seed=7&seconds=20&vehicles=30`. Every scene
    /// takes `fps`; the other keys belong to `random`. Errors name what is wrong and what there is.
    pub fn parse(spec: &str) -> Result<Scene, SourceError> {
        let unavailable = |todo: String| SourceError::Unavailable { what: spec.into(), todo };
        let text = spec.strip_prefix("scene:").unwrap_or(spec);
        let (name, query) = text.split_once('?').unwrap_or((text, ""));
        let mut fps = None;
        let mut params = Random::default();
        for (key, value) in
            query.split('&').filter(|pair| !pair.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")))
        {
            match key {
                "fps" => fps = Some(number(key, value, FPS).map_err(unavailable)?),
                "seed" if name == "random" => params.seed = number(key, value, 0..=u64::MAX).map_err(unavailable)?,
                "seconds" if name == "random" => params.seconds = number(key, value, SECONDS).map_err(unavailable)?,
                "vehicles" if name == "random" => {
                    params.vehicles = number(key, value, VEHICLES).map_err(unavailable)?
                }
                _ if name == "random" => {
                    return Err(unavailable(format!(
                        "no key {key:?}; random scenes take seed, seconds, vehicles and fps"
                    )));
                }
                _ => return Err(unavailable(format!("no key {key:?}; this scene takes only fps"))),
            }
        }
        if name == "random" {
            return Ok(random(&Random { fps: fps.unwrap_or(params.fps), ..params }));
        }
        let mut scene = named::scene(name).ok_or_else(|| unavailable(suggestion(name)))?;
        if let Some(fps) = fps {
            scene.fps = fps;
        }
        Ok(scene)
    }

    /// sha256 (hex) of the script, with the version of the drawing.
    pub fn digest(&self) -> String {
        // JSON only fails on maps without text keys and on a writer: neither is here.
        let script = serde_json::to_vec(&(render::DRAWING, self)).expect("plain numbers and names always become JSON");
        Sha256::digest(script).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    key: &str,
    value: &str,
    range: RangeInclusive<T>,
) -> Result<T, String> {
    let parsed = value.parse().ok().filter(|n| range.contains(n));
    parsed.ok_or_else(|| format!("{key}={value} must be a number from {} to {}", range.start(), range.end()))
}

fn suggestion(name: &str) -> String {
    let names = || NAMES.iter().map(|(name, _)| *name).chain(["random"]);
    let distance = |known: &&str| strsim::damerau_levenshtein(known, name);
    let near = names().min_by_key(distance).filter(|known| distance(known) <= 2);
    let hint = near.map(|known| format!(" (did you mean {known}?)")).unwrap_or_default();
    format!("no such scene{hint}; there are {}", names().collect::<Vec<_>>().join(", "))
}

/// A scene as a stream of RGB frames with the times of its nominal rate. Never live: nothing is dropped.
pub struct SceneSource {
    scene: Scene,
    painter: render::Painter,
    info: SourceInfo,
    next: u64,
    start: Option<i64>,
}

impl SceneSource {
    /// See [`Scene::parse`] for `spec`.
    pub fn open(spec: &str) -> Result<Self, SourceError> {
        Ok(Self::new(Scene::parse(spec)?))
    }

    pub fn new(scene: Scene) -> Self {
        let info = SourceInfo {
            name: format!("scene:{}", scene.name),
            width: WIDTH,
            height: HEIGHT,
            nominal_fps: scene.fps,
            frames: Some(scene.frames()),
            seq_step: 1,
            duration: Some(Duration::from_secs_f64(scene.seconds)),
            live: false,
            digest: Some(scene.digest()),
        };
        Self { painter: render::Painter::new(&scene), scene, info, next: 0, start: None }
    }

    /// Gives frames a wall time: `start` is the first one's, in Unix microseconds.
    pub fn starting_at(self, start: Option<i64>) -> Self {
        Self { start, ..self }
    }

    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// The picture at any time, in seconds, out of turn; leaves the stamp as it is.
    pub fn paint(&self, t: f64, frame: &mut Frame) {
        self.painter.paint(&self.scene, t, frame);
    }
}

impl Source for SceneSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if self.next >= self.scene.frames() {
            return Ok(false);
        }
        let t = self.scene.time_of(self.next);
        self.painter.paint(&self.scene, t, frame);
        let mono = Duration::from_secs_f64(t);
        let wall = self.start.map(|start| start + mono.as_micros() as i64);
        frame.stamp = Stamp { seq: self.next, mono, wall };
        self.next += 1;
        Ok(true)
    }

    fn skip_frame(&mut self, _scratch: &mut Frame) -> Result<bool, SourceError> {
        let there = self.next < self.scene.frames();
        self.next += u64::from(there);
        Ok(there)
    }
}
