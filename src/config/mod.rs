//! The configuration as meant: read, checked, and in the units and structs of the rooms that it fills in.
//!
//! Two stages: raw.rs holds the file as written, this file what it means. keys.rs is the one table of keys, ranges and
//! defaults. Not here: opening what it names (sources, models, databases), the command line's own arguments (cli/).

mod detect;
pub mod keys;
mod line;
mod raw;

pub use detect::DetectConfig;
pub use line::{DEFAULT_A_TO_B, DEFAULT_B_TO_A, LineError, LineSpec, Unit, name_lines};

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::count::{Anchor, CountParams};
use crate::detect::DetectParams;
use crate::engine::EngineChoice;
use crate::geometry::Point;
use crate::model::ModelSpec;
use crate::track::TrackParams;
use raw::{Raw, RawLine, RawSource, Text};

/// A whole config file.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub database: DatabaseConfig,
    pub model: ModelConfig,
    pub counting: Counting,
    /// At least one; names are unique.
    pub sources: Vec<SourceConfig>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseConfig {
    pub path: PathBuf,
    pub commit_interval: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// As `--model` takes it: a name, a model folder, or an ONNX file.
    pub name: String,
    /// 0: one per processor core.
    pub sessions: usize,
    pub engine: EngineChoice,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { path: "wayside.db".into(), commit_interval: Duration::from_secs(1) }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { name: crate::model::BUILT_IN.into(), sessions: 0, engine: EngineChoice::Auto }
    }
}

/// Everything but the source and the model that decides what is counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counting {
    pub detect: DetectConfig,
    pub track: TrackParams,
    pub count: CountParams,
}

/// One camera, clip, folder or scene with its lines.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    pub name: String,
    /// As `wayside count` takes it.
    pub input: String,
    /// Unix time of the first frame, in microseconds.
    pub start: Option<i64>,
    /// Use each N-th frame; at least 1.
    pub every: u32,
    /// At its own rate, as if it were a camera.
    pub realtime: bool,
    /// At least one, at most [`crate::limits::MAX_LINES`]; names are unique.
    pub lines: Vec<LineSpec>,
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}:{line}: {reason}")]
    Invalid { path: PathBuf, line: usize, reason: String },
}

/// A score that is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("score {0}: expected a number from 0 to 1")]
pub struct ScoreError(f32);

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The first thing that is wrong, as one line with the file, the line in it, the key, its value and what is allowed.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.into(), source })?;
        Self::parse(path, &text)
    }

    /// The same for a text that is at hand; `path` stands in the messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let text = Text { path, text };
        let raw = text.read()?;
        let mut database = DatabaseConfig::default();
        set(&mut database.path, &raw.database.path.as_ref().map(PathBuf::from));
        set(&mut database.commit_interval, &raw.database.commit_interval.map(Duration::from_secs_f64));
        let mut model = ModelConfig::default();
        set(&mut model.name, &raw.model.name);
        set(&mut model.sessions, &raw.model.sessions);
        // The table of keys has let no other word through.
        set(&mut model.engine, &raw.model.engine.as_ref().and_then(|word| word.parse().ok()));
        Ok(Self { database, model, counting: counting(&text, &raw)?, sources: sources(&text, raw.source)? })
    }

    /// sha256 (hex) of all that decides counts, over all sources: comments, order of keys, spelling of numbers, the
    /// database's place and the number of sessions do not change it.
    pub fn digest(&self) -> String {
        let engine = self.model.engine.to_string();
        let parts: Vec<String> = self.sources.iter().map(|source| self.counting.digest(source, &engine)).collect();
        hex_sha256(&parts.join("\n"))
    }
}

impl Counting {
    /// The detector's part, for this model.
    pub fn detect_params(&self, model: &ModelSpec) -> DetectParams {
        self.detect.params(model)
    }

    /// `[detect] score` alone: the lower score follows where it would be above.
    ///
    /// # Errors
    /// A number that is no share, as one line.
    pub fn set_score(&mut self, score: f32) -> Result<(), ScoreError> {
        if !(0.0..=1.0).contains(&score) {
            return Err(ScoreError(score));
        }
        self.set_scores(score, self.detect.score_low.min(score));
        Ok(())
    }

    /// The tracker has the same two thresholds: what begins a track and what may continue one.
    fn set_scores(&mut self, score: f32, low: f32) {
        (self.detect.score, self.detect.score_low) = (score, low);
        (self.track.high_score, self.track.birth_score, self.track.low_score) = (score, score, low);
    }

    /// sha256 (hex) of what decides the counts of this source, apart from its pictures and the model, which have digests
    /// of their own. `engine`: what runs the model, as its sums are its own. With it a run that is killed and started
    /// again recognises its own rows.
    pub fn digest(&self, source: &SourceConfig, engine: &str) -> String {
        // Played in real time it is a run of its own each time, which nobody has to recognise.
        let SourceConfig { name: _, input: _, start, every, realtime: _, lines } = source;
        // Debug prints every field, those of other rooms that are added later too: none can be forgotten here.
        hex_sha256(&format!("{self:?} {engine} {start:?} {every:?} {lines:?}"))
    }
}

fn hex_sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn counting(text: &Text, raw: &Raw) -> Result<Counting, ConfigError> {
    let mut counting = Counting::default();
    let mut score = counting.detect.score;
    set(&mut score, &raw.detect.score);
    let low = match &raw.detect.score_low {
        Some(low) if *low.get_ref() > score => {
            let written = &text.text[low.span()];
            let reason = format!("score_low = {written} in [detect]: must not be above score = {score}");
            return Err(text.error(low.span(), reason));
        }
        Some(low) => *low.get_ref(),
        None => counting.detect.score_low.min(score),
    };
    counting.set_scores(score, low);

    let Counting { detect, track, count } = &mut counting;
    set(&mut detect.iou, &raw.detect.iou);
    set(&mut detect.class_agnostic, &raw.detect.class_agnostic);
    set(&mut detect.classes, &raw.detect.classes);
    if let Some(groups) = &raw.detect.groups {
        if !detect.class_agnostic && !groups.get_ref().is_empty() {
            return Err(text.error(groups.span(), "groups in [detect]: mean nothing with class_agnostic = false"));
        }
        detect.groups = groups.get_ref().clone();
    }

    set(&mut track.confirm_hits, &raw.track.confirm_hits);
    set(&mut track.memory_s, &raw.track.memory);

    // The table of keys has let no other word through.
    match raw.count.anchor.as_deref() {
        Some("center") => count.anchor = Anchor::Center,
        Some(_) => count.anchor = Anchor::BottomCenter,
        None => {}
    }
    set(&mut count.hysteresis, &raw.count.hysteresis);
    set(&mut count.min_travel, &raw.count.min_travel);
    Ok(counting)
}

fn set<T: Clone>(target: &mut T, written: &Option<T>) {
    if let Some(value) = written {
        *target = value.clone();
    }
}

fn sources(text: &Text, raw: Vec<RawSource>) -> Result<Vec<SourceConfig>, ConfigError> {
    if raw.is_empty() {
        return Err(text.error(text.text.len()..text.text.len(), "no [[source]]: name at least one to count"));
    }
    let mut sources: Vec<SourceConfig> = Vec::new();
    for raw in raw {
        let name = raw.name.get_ref();
        if sources.iter().any(|earlier| earlier.name == *name) {
            return Err(text.error(raw.name.span(), format!("two sources are called {name:?}: rename one")));
        }
        let start = match &raw.start {
            Some(written) => Some(parse_start(written.get_ref()).map_err(|reason| text.error(written.span(), reason))?),
            None => None,
        };
        let mut lines = Vec::new();
        for line in raw.lines.get_ref() {
            lines.push(line_spec(line.get_ref()).map_err(|error| text.error(line.span(), error.to_string()))?);
        }
        if lines.is_empty() {
            return Err(
                text.error(raw.lines.span(), format!("lines = [] of {name:?}: name at least one to count over"))
            );
        }
        name_lines(&mut lines).map_err(|error| text.error(raw.lines.span(), format!("lines of {name:?}: {error}")))?;
        sources.push(SourceConfig {
            name: raw.name.into_inner(),
            input: raw.input,
            start,
            every: raw.every.unwrap_or(1),
            realtime: raw.realtime.unwrap_or(false),
            lines,
        });
    }
    Ok(sources)
}

fn line_spec(raw: &RawLine) -> Result<LineSpec, LineError> {
    let [from, to] = [raw.from, raw.to].map(|[x, y]| Point::new(x, y));
    let directions = [raw.a_to_b.as_deref().unwrap_or(DEFAULT_A_TO_B), raw.b_to_a.as_deref().unwrap_or(DEFAULT_B_TO_A)];
    LineSpec::new(&raw.name, from, to, directions)
}

/// A wall time (RFC 3339, with its offset, so that it means the same on every machine) in Unix microseconds.
pub fn parse_start(text: &str) -> Result<i64, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| time.as_microsecond())
        .map_err(|_| format!("start = {text:?}: expected a time with its offset, e.g. 2026-05-04T08:00:00+02:00"))
}
