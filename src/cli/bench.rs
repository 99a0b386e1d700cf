use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::json;

use super::counting::{self, Options};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Counting, DatabaseConfig, LineSpec, ModelConfig, SourceConfig};
use crate::count::{CountLine, LineCounter};
use crate::engine::{EngineChoice, Outputs, Program};
use crate::frame::Frame;
use crate::geometry::Point;
use crate::model::{self, Graph, HeadKind, Hints, ModelError, ModelFolder};
use crate::pipeline::{Shutdown, parallel};
use crate::preprocess::{Letterbox, Letterboxed};
use crate::source::{Live, Predecoded, Source};
use crate::track::Tracker;

/// Measures each stage and the whole
///
/// The first frames of SOURCE are decoded once and kept; every stage then runs alone on one thread,
/// and after that the whole pipeline, in turn with the bare network, several times: machines are
/// noisy, so the best of the turns counts.
///
/// Examples:
///   wayside bench
///   wayside bench traffic.mp4 --model yolox_nano.onnx --sessions 2
///   wayside bench engine yolox_nano.onnx --sessions 2 --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,

    /// What to count: a clip, pictures, or scene:NAME
    #[arg(default_value = "scene:road")]
    source: String,

    /// A model's name, a model folder, or an ONNX file whose head is recognised
    #[arg(long, default_value = model::BUILT_IN)]
    model: String,

    /// What runs the network: auto, tract, int8 or onnxruntime
    #[arg(long, value_name = "NAME", default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,

    /// Engine sessions of the whole
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    sessions: u16,

    /// Frames to measure with
    #[arg(long, value_name = "N", default_value_t = 150)]
    frames: usize,

    /// Decode while counting, as in earnest, instead of beforehand: all frames of the source
    #[arg(long)]
    decode: bool,

    /// Turns; the best one counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    turns: usize,

    /// For programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Measures the network alone
    Engine {
        /// A model's name, a model folder, or the ONNX file of any network of one picture
        model: String,

        /// Which engine runs it
        #[arg(long, value_name = "NAME", default_value_t = EngineChoice::Auto)]
        engine: EngineChoice,

        /// Sessions side by side, a thread each
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
        sessions: u16,

        /// Runs per session and turn
        #[arg(long, value_name = "N", default_value_t = 50)]
        runs: usize,

        /// Turns; the best one counts
        #[arg(long, value_name = "N", default_value_t = 3)]
        turns: usize,

        /// What each step of the network costs (int8 engine): the best of all runs, the dearest first
        #[arg(long, conflicts_with_all = ["sessions", "json"])]
        layers: bool,

        /// For programs
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        Some(What::Engine { model, engine, runs, turns, layers: true, .. }) => {
            bench_layers(model, *engine, runs * turns)
        }
        Some(What::Engine { model, engine, sessions, runs, turns, json, .. }) => {
            bench_engine(model, *engine, usize::from(*sessions), *runs, *turns, *json)
        }
        None => bench_whole(&args),
    }
}

/// Times of one thing, in milliseconds.
#[derive(Debug, Clone, Serialize)]
struct Timing {
    best_ms: f64,
    median_ms: f64,
}

impl Timing {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let ms = |t: Option<&Duration>| t.map_or(f64::NAN, |t| t.as_secs_f64() * 1e3);
        Self { best_ms: ms(times.first()), median_ms: ms(times.get(times.len() / 2)) }
    }
}

fn bench_engine(
    name: &str,
    engine: EngineChoice,
    sessions: usize,
    runs: usize,
    turns: usize,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::new();
    let model = any_network(name)?;
    let loading = clock.mono();
    let program = engine.load(&model)?;
    let load_ms = (clock.mono() - loading).as_secs_f64() * 1e3;
    let mut times = Vec::new();
    let mut rate = 0.0f64;
    for _ in 0..turns.max(1) {
        let (turn, per_second) = engine_alone(program.as_ref(), &grey(&model), sessions, runs.max(1), &clock)?;
        times.extend(turn);
        rate = rate.max(per_second);
    }
    let timing = Timing::of(times);
    let (engine, model) = (program.engine(), &model.spec.name);
    match as_json {
        true => println!(
            "{}",
            json!({"model": model, "engine": engine, "sessions": sessions, "best_ms": timing.best_ms,
                   "median_ms": timing.median_ms, "frames_per_s": rate, "load_ms": load_ms, "peak_mb": peak_mb()})
        ),
        false => println!(
            "{model} on {engine}, {sessions} session(s): best {:.2} ms, median {:.2} ms, {rate:.1} frames/s, \
             load {load_ms:.0} ms, peak memory {:.0} MB",
            timing.best_ms,
            timing.median_ms,
            peak_mb()
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// A model, or any network of a picture: what its outputs mean is of no matter to its time.
fn any_network(name: &str) -> anyhow::Result<ModelFolder> {
    let unknown = match model::find(name) {
        Err(error @ ModelError::Unrecognised { .. }) => error,
        found => return Ok(found?),
    };
    let (head, labels) = (Some(HeadKind::Yolox), Some(vec!["unknown".into()]));
    let hints = Hints { head, labels, ..Hints::default() };
    let file = Path::new(name);
    let spec = model::recognise(file, &model::read_limited(file)?, hints).map_err(|_| unknown)?;
    Ok(ModelFolder { spec, graph: Graph::File(file.into()) })
}

/// A table of steps: kinds together, then each.
fn bench_layers(name: &str, engine: EngineChoice, runs: usize) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::new();
    let model = any_network(name)?;
    let program = engine.load(&model)?;
    let (mut session, mut outputs, input) = (program.session()?, Outputs::default(), grey(&model));
    let mut best = session.profile(&input, &mut outputs, &clock)?;
    anyhow::ensure!(!best.is_empty(), "engine {} cannot tell its steps apart: try --engine int8", program.engine());
    for _ in 1..runs.max(1) {
        for (best, now) in best.iter_mut().zip(session.profile(&input, &mut outputs, &clock)?) {
            best.time = best.time.min(now.time);
        }
    }
    let peak = program.peak(&clock);
    let total: Duration = best.iter().map(|step| step.time).sum();
    let mut kinds: BTreeMap<&str, (usize, u64, Duration)> = BTreeMap::new();
    for step in &best {
        let (count, operations, time) = kinds.entry(&step.kind).or_default();
        (*count, *operations, *time) = (*count + 1, *operations + step.operations, *time + step.time);
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (_, _, time))| std::cmp::Reverse(*time));
    let row = |operations: u64, time: Duration| {
        let seconds = time.as_secs_f64();
        let rate = operations as f64 / seconds;
        let text = |value: Option<f64>| value.filter(|_| operations > 0).map_or(String::new(), |v| format!("{v:.0}"));
        [
            format!("{:.3}", seconds * 1e3),
            format!("{:.1}", 100.0 * seconds / total.as_secs_f64()),
            text(Some(rate / 1e9)),
            text(peak.map(|peak| 100.0 * rate / peak)),
        ]
    };
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["kind", "steps", "ms", "%", "GOP/s", "% of peak"]);
    for (kind, (count, operations, time)) in kinds {
        let [ms, share, rate, part] = row(operations, time);
        table.add_row([kind.to_owned(), count.to_string(), ms, share, rate, part]);
    }
    println!("{table}\nall steps: {:.3} ms", total.as_secs_f64() * 1e3);
    if let Some(peak) = peak {
        println!("peak of one core for these instructions, on registers alone: {:.0} GOP/s in 8 bits", peak / 1e9);
    }
    best.sort_by_key(|step| std::cmp::Reverse(step.time));
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["node", "kind", "ms", "%", "GOP/s", "% of peak"]);
    for step in best {
        let [ms, share, rate, part] = row(step.operations, step.time);
        table.add_row([step.node, step.kind, ms, share, rate, part]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

/// A picture in the middle of what networks expect: their time does not depend on the pixels.
pub fn grey(model: &ModelFolder) -> Letterboxed {
    let mut input = Letterboxed::default();
    let frame = Frame::rgb(64, 64, vec![114; 64 * 64 * 3]);
    Letterbox::new(&model.spec.input).step(&frame, &mut input);
    input
}

/// Each run's time, and runs per second of all sessions together.
pub fn engine_alone(
    program: &dyn Program,
    input: &Letterboxed,
    sessions: usize,
    runs: usize,
    clock: &dyn Clock,
) -> anyhow::Result<(Vec<Duration>, f64)> {
    let workers = (0..sessions).map(|_| program.session()).collect::<Result<Vec<_>, _>>()?;
    let started = clock.mono();
    let all = parallel(workers, |mut session| -> anyhow::Result<Vec<Duration>> {
        let mut outputs = Outputs::default();
        (0..runs)
            .map(|_| {
                let before = clock.mono();
                session.run(input, &mut outputs)?;
                Ok(clock.mono() - before)
            })
            .collect()
    });
    let seconds = (clock.mono() - started).as_secs_f64();
    let times = all.into_iter().collect::<anyhow::Result<Vec<_>>>()?.concat();
    Ok((times, (sessions * runs) as f64 / seconds))
}

fn bench_whole(args: &Args) -> anyhow::Result<ExitCode> {
    let clock = SystemClock::new();
    let config = config(args)?;
    let model = model::find(&args.model)?;
    let sessions = usize::from(args.sessions);

    let (frames, decode) = decode(args, &model, &config, &clock)?;
    let model = model.for_frames(frames[0].width, frames[0].height);
    let mut stages = vec![("decode", decode)];
    stages.extend(stage_times(&config, &model, &frames, &clock)?);

    let program = args.engine.load(&model)?;
    let (mut engine, mut whole, mut cpu) = (0.0f64, 0.0f64, f64::INFINITY);
    let mut dropped = 0;
    for _ in 0..args.turns.max(1) {
        let runs = frames.len().div_ceil(sessions).max(20);
        engine = engine.max(engine_alone(program.as_ref(), &grey(&model), sessions, runs, &clock)?.1);
        let source = match args.decode {
            true => None,
            false => {
                let source = counting::open_source(&config.sources[0], &model, &Live::default())?;
                Some(Box::new(Predecoded::new(source, frames.len())?) as Box<dyn Source>)
            }
        };
        let options = Options { quiet: true, no_database: true, replace_source: source, ..Options::default() };
        let cpu_before = cpu_seconds();
        let outcome = counting::count(&config, options, &Shutdown::new())?;
        let processed: u64 = outcome.stats.sources.iter().map(|s| s.processed.get()).sum();
        whole = whole.max(processed as f64 / outcome.seconds);
        cpu = cpu.min((cpu_seconds() - cpu_before) / processed.max(1) as f64 * 1e3);
        dropped = outcome.stats.sources.iter().map(|s| s.overload.get() + s.missing.get()).sum();
    }

    if args.json {
        let stages: serde_json::Map<_, _> = stages.iter().map(|(name, t)| (name.to_string(), json!(t))).collect();
        println!(
            "{}",
            json!({"source": args.source, "model": model.spec.name, "sessions": sessions, "frames": frames.len(),
                   "stages": stages, "engine_frames_per_s": engine, "frames_per_s": whole, "ratio": whole / engine,
                   "cpu_ms_per_frame": cpu, "dropped": dropped, "peak_mb": peak_mb()})
        );
    } else {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["stage", "best ms", "median ms"]);
        for (name, t) in &stages {
            table.add_row([name.to_string(), format!("{:.3}", t.best_ms), format!("{:.3}", t.median_ms)]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!("{table}");
        println!(
            "network alone, {sessions} session(s): {engine:.1} frames/s\nwhole pipeline:            {whole:.1} frames/s, \
             {:.0} % of the network alone, {cpu:.1} CPU ms a frame, {dropped} dropped\npeak memory:               {:.0} MB",
            100.0 * whole / engine,
            peak_mb()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn config(args: &Args) -> anyhow::Result<Config> {
    let across = LineSpec::new("middle", Point::new(0.0, 0.5), Point::new(1.0, 0.5), ["down", "up"])?;
    Ok(Config {
        database: DatabaseConfig::default(),
        model: ModelConfig { name: args.model.clone(), sessions: args.sessions.into(), engine: args.engine },
        counting: Counting::default(),
        sources: vec![SourceConfig {
            name: args.source.clone(),
            input: args.source.clone(),
            start: None,
            every: 1,
            realtime: false,
            lines: vec![across],
        }],
    })
}

/// The first frames of the source, and the time that each took.
fn decode(
    args: &Args,
    model: &ModelFolder,
    config: &Config,
    clock: &dyn Clock,
) -> anyhow::Result<(Vec<Frame>, Timing)> {
    let mut source = counting::open_source(&config.sources[0], model, &Live::default())?;
    let (mut frames, mut times) = (Vec::new(), Vec::new());
    let mut frame = Frame::default();
    while frames.len() < args.frames.max(1) {
        let before = clock.mono();
        if !source.next_frame(&mut frame)? {
            break;
        }
        times.push(clock.mono() - before);
        frames.push(frame.clone());
    }
    anyhow::ensure!(!frames.is_empty(), "{}: has no frame to measure with", args.source);
    Ok((frames, Timing::of(times)))
}

fn stage_times(
    config: &Config,
    model: &ModelFolder,
    frames: &[Frame],
    clock: &dyn Clock,
) -> anyhow::Result<Vec<(&'static str, Timing)>> {
    let program = config.model.engine.load(model)?;
    let mut session = program.session()?;
    let mut letterbox = Letterbox::new(&model.spec.input);
    let mut postprocess = config.counting.detect_params(&model.spec).postprocess(&model.spec, program.as_ref())?;
    let mut tracker = Tracker::new(config.counting.track.clone());
    let (width, height) = (frames[0].width, frames[0].height);
    let segment = config.sources[0].lines[0].on_picture(width, height).context("the middle of the picture")?;
    let lines = vec![CountLine { name: "middle".into(), segment }];
    let mut counter = LineCounter::new(lines, config.counting.count.clone());

    let (mut input, mut outputs) = (Letterboxed::default(), Outputs::default());
    let (mut detections, mut crossings) = (Vec::new(), Vec::new());
    let mut times: [Vec<Duration>; 4] = Default::default();
    for frame in frames {
        let t0 = clock.mono();
        letterbox.step(frame, &mut input);
        let t1 = clock.mono();
        session.run(&input, &mut outputs)?;
        let t2 = clock.mono();
        detections.clear();
        postprocess.step(&outputs, &input.transform, frame.width, frame.height, &mut detections)?;
        let t3 = clock.mono();
        let tracks = tracker.step(frame.stamp.mono, (frame.width, frame.height), &detections);
        counter.step(&frame.stamp, tracks, &mut crossings);
        let t4 = clock.mono();
        for (list, time) in times.iter_mut().zip([t1 - t0, t2 - t1, t3 - t2, t4 - t3]) {
            list.push(time);
        }
    }
    let names = ["letterbox", "network", "decode boxes + NMS", "track + count"];
    Ok(names.into_iter().zip(times.map(Timing::of)).collect())
}

/// Most resident memory of this process so far, in MB; NaN where the system does not say.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kb.map_or(f64::NAN, |kb| kb / 1024.0)
}

/// Processor time of this process and its finished children, in seconds.
fn cpu_seconds() -> f64 {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN]
        .into_iter()
        .map(|who| {
            // SAFETY: getrusage only writes into the struct that it is given, and all zeros is a valid one.
            let usage = unsafe {
                let mut usage = std::mem::zeroed::<libc::rusage>();
                libc::getrusage(who, &mut usage);
                usage
            };
            let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
            seconds(usage.ru_utime) + seconds(usage.ru_stime)
        })
        .sum()
}
