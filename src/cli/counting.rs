//! From a configuration to a finished count: what `count`, `run` and `demo` share.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use super::console::{Console, LineNames, Names};
use super::drawing::{Drawing, Snapshot};
use super::journal::Journal;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, SourceConfig};
use crate::count::{CountLine, LineCounter};
use crate::detect::{Detector, Shapes};
use crate::event::Crossing;
use crate::ledger::{BatchPolicy, Batcher, Ledger, LineInfo, RunInfo, SqliteLedger};
use crate::model::{self, ModelFolder};
use crate::pipeline::{
    self, Counter, Job, Observer, Recorder, Shutdown, SourceJob, SourceStats, Stats, Summary, Watchdog,
};
use crate::source::{self, Live, OpenOptions, Source};
use crate::track::Tracker;

/// What differs between the verbs.
#[derive(Default)]
pub struct Options {
    /// Draw every frame of the first source to an mp4 or a folder of jpg.
    pub draw: Option<PathBuf>,
    /// Draw the first source's fullest frame to this jpg.
    pub snapshot: Option<PathBuf>,
    /// Watches the first source's frames, where nothing is drawn.
    pub observer: Option<Box<dyn Observer>>,
    /// Stands in for the first source: frames that are decoded already.
    pub replace_source: Option<Box<dyn Source>>,
    /// Keep every crossing for the caller: not for a run of months.
    pub keep: bool,
    pub quiet: bool,
    /// A camera that is missing at the start is waited for, as one that goes away later is.
    pub patient: bool,
    /// Store nothing.
    pub no_database: bool,
    /// Log what happens, as a service does, in place of a progress bar.
    pub journal: bool,
    /// Who is told that the run is alive.
    pub watchdog: Watchdog,
}

/// A finished count.
pub struct Outcome {
    pub names: Vec<Names>,
    /// A table per line, direction and class.
    pub table: String,
    /// By source index, in the order of their commits; empty unless [`Options::keep`].
    pub crossings: Vec<(usize, Crossing)>,
    pub summary: Summary,
    pub stats: Stats,
    pub seconds: f64,
}

impl Outcome {
    /// Prints how the run ended, on stderr, and gives the exit status: 130 where a signal ended it early.
    pub fn close(&self, config: &Config) -> ExitCode {
        self.remarks(config).iter().for_each(|line| eprintln!("{line}"));
        if self.summary.interrupted { ExitCode::from(130) } else { ExitCode::SUCCESS }
    }

    /// How the run ended, for people.
    pub fn remarks(&self, config: &Config) -> Vec<String> {
        let mut lines = Vec::new();
        for (source, warnings) in config.sources.iter().zip(&self.summary.warnings) {
            lines.extend(warnings.iter().map(|warning| format!("warning: {}: {warning}", source.name)));
        }
        let sum = |counter: fn(&SourceStats) -> &Counter| -> u64 {
            self.stats.sources.iter().map(|s| counter(s).get()).sum()
        };
        let frames = sum(|s| &s.processed);
        let rate = frames as f64 / self.seconds.max(1e-3);
        lines.push(format!("{frames} frames in {:.1} s, {rate:.0} frames/s", self.seconds));
        for (count, what) in [
            (sum(|s| &s.missing), "frames were not delivered by the source"),
            (sum(|s| &s.overload), "frames were dropped: the processor is too slow for this rate"),
            (self.stats.refused.get(), "values of the network were not numbers and were refused"),
            (self.stats.over_limit.get(), "detections beyond the limits were dropped"),
            (self.stats.known.get(), "rows were in the database already: this was counted before"),
            (
                self.stats.differing.get(),
                "rows differ from those of an earlier count of the same clip, which were kept",
            ),
        ] {
            if count > 0 {
                lines.push(format!("{count} {what}"));
            }
        }
        if self.summary.interrupted {
            lines.push("ended early by a signal: the counts are those up to then".into());
        }
        lines
    }
}

/// Runs every source of `config` to its end, or until `shutdown` says so.
pub fn count(config: &Config, mut options: Options, shutdown: &Shutdown) -> anyhow::Result<Outcome> {
    let clock = SystemClock::new();

    let model = model::find(&config.model.name)?;
    let mut opened = Vec::new();
    let asked = shutdown.clone();
    let going = Arc::new(move || !asked.draining());
    let live = Live { clock: Arc::new(SystemClock::new()), going, patient: options.patient };
    for source in &config.sources {
        opened.push(match options.replace_source.take() {
            Some(replacement) => replacement,
            None => open_source(source, &model, &live)?,
        });
    }
    let frames = opened.first().map_or((0, 0), |source| (source.info().width, source.info().height));
    let shapes = Arc::new(Shapes::load(model.clone(), config.model.engine, frames)?);
    let params = config.counting.detect_params(&model.spec);
    let detectors = (0..sessions(config.model.sessions)).map(|_| Detector::of_shapes(&shapes, &params));
    let detectors = detectors.collect::<Result<Vec<_>, _>>()?;

    let mut names = Vec::new();
    let mut jobs = Vec::new();
    let mut runs = Vec::new();
    for (spec, source) in config.sources.iter().zip(opened) {
        let info = source.info();
        let lines = count_lines(spec, info.width, info.height)?;
        names.push(names_of(spec, &model));
        runs.push(run_info(config, spec, source.as_ref(), &model, shapes.first().program.engine()));
        // Taken by the first source.
        let words = &names[names.len() - 1];
        let observer: Option<Box<dyn Observer>> = match (options.draw.take(), options.snapshot.take()) {
            (Some(path), _) => Some(Box::new(Drawing::new(&path, source.info(), &lines, words)?)),
            (None, Some(path)) => Some(Box::new(Snapshot::new(&path, &lines, words))),
            (None, None) => options.observer.take(),
        };
        jobs.push(SourceJob {
            tracker: Tracker::new(config.counting.track.clone()),
            counter: LineCounter::new(lines, config.counting.count.clone()),
            source,
            observer,
        });
    }
    let recorder = match options.no_database {
        true => None,
        false => Some(recorder(config, &runs, &clock)?),
    };

    let frames = jobs.iter().map(|j| j.source.info().frames).sum();
    let stats = Stats::new(jobs.len());
    let mut console = Console::new(names.clone(), frames, &clock, shutdown.clone(), options.quiet);
    console.crossings = options.keep.then(Vec::new);
    console.journal = options.journal.then(|| Journal::new(&names, clock.mono()));
    let job = Job { sources: jobs, detectors, recorder, watchdog: options.watchdog };
    let started = clock.mono();
    let result = pipeline::run(job, &clock, shutdown, &stats, &mut console);
    let seconds = (clock.mono() - started).as_secs_f64();
    console.finish(&stats);
    let table = console.totals.table(&names);
    let crossings = console.crossings.take().unwrap_or_default();
    Ok(Outcome { names, table, crossings, summary: result?, stats, seconds })
}

/// Opens a source as it is configured.
pub fn open_source(spec: &SourceConfig, model: &ModelFolder, live: &Live) -> anyhow::Result<Box<dyn Source>> {
    let options = OpenOptions {
        start: spec.start,
        every: spec.every,
        realtime: spec.realtime,
        live: live.clone(),
        ..OpenOptions::default()
    };
    let source = source::open(&spec.input, &options)?;
    if model.is_test_network() && !spec.input.starts_with("scene:") {
        anyhow::bail!(
            "{}: the network 'scene' only sees the synthetic road (scene:…): name a detector, e.g. --model vehicle",
            spec.input
        );
    }
    Ok(source)
}

/// As configured; 0 is one per core that this process may use.
pub fn sessions(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    }
}

/// The lines of a source, in pixels of its picture.
fn count_lines(spec: &SourceConfig, width: u32, height: u32) -> anyhow::Result<Vec<CountLine>> {
    let line = |l: &crate::config::LineSpec| -> anyhow::Result<CountLine> {
        Ok(CountLine { name: l.name.clone(), segment: l.on_picture(width, height).context(spec.name.clone())? })
    };
    spec.lines.iter().map(line).collect()
}

fn names_of(spec: &SourceConfig, model: &ModelFolder) -> Names {
    let lines = spec.lines.iter().map(|l| LineNames {
        name: l.name.clone(),
        a_to_b: l.a_to_b.clone(),
        b_to_a: l.b_to_a.clone(),
    });
    Names { source: spec.name.clone(), labels: model.spec.labels.clone(), lines: lines.collect() }
}

fn run_info(
    config: &Config,
    spec: &SourceConfig,
    source: &dyn Source,
    model: &ModelFolder,
    engine: &'static str,
) -> RunInfo {
    let info = source.info();
    let (w, h) = (info.width.max(1) as f32, info.height.max(1) as f32);
    let relative = |l: &crate::config::LineSpec| LineInfo {
        name: l.name.clone(),
        segment: l.relative(w, h),
        a_to_b: l.a_to_b.clone(),
        b_to_a: l.b_to_a.clone(),
    };
    RunInfo {
        source_name: spec.name.clone(),
        source_digest: info.digest.clone(),
        live: info.live,
        width: info.width,
        height: info.height,
        config_digest: config.counting.digest(spec, engine),
        model_name: model.spec.name.clone(),
        model_sha256: model.spec.sha256.clone(),
        labels: model.spec.labels.clone(),
        lines: spec.lines.iter().map(relative).collect(),
        topic: None,
    }
}

fn recorder(config: &Config, runs: &[RunInfo], clock: &dyn Clock) -> anyhow::Result<Recorder> {
    let mut ledger = SqliteLedger::open(&config.database.path)?;
    let runs = runs.iter().map(|info| ledger.begin(info, clock.wall())).collect::<Result<_, _>>()?;
    let policy = BatchPolicy { max_wait: config.database.commit_interval, ..BatchPolicy::default() };
    Ok(Recorder { ledger: Box::new(ledger), runs, batcher: Batcher::new(policy) })
}
