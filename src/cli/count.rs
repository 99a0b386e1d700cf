use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::Context;

use super::counting::{self, Options, Outcome};
use crate::config::{Config, Counting, DatabaseConfig, LineSpec, ModelConfig, SourceConfig, name_lines, parse_start};
use crate::engine::EngineChoice;
use crate::part_file;
use crate::pipeline::Shutdown;
use crate::source::scene::Scene;

/// Counts the vehicles of one source over lines
///
/// SOURCE is a clip (mp4 with H.264; anything else through ffmpeg), a picture, a folder or glob of
/// pictures, a synthetic road (scene:road, scene:jitter, …), or a camera (v4l:/dev/video0, …: see
/// `wayside cameras --help`), which is counted until Ctrl-C.
///
/// A line is NAME:x1,y1,x2,y2:A_TO_B/B_TO_A with coordinates relative to the picture (0 to 1) or in
/// pixels; the name and the direction words may be left out. Looking along the line, side A is on the
/// left: a line drawn from left to right is crossed from A to B by what drives down the picture. What
/// counts is the middle of a box's lower edge.
///
/// Every crossing becomes a row in the database. The same clip, configuration and model are counted
/// once: a second run, or one after a crash, finds its own rows and adds what is missing.
///
/// Examples:
///   wayside count traffic.mp4 --line 0.1,0.6,0.9,0.6
///   wayside count traffic.mp4 --model yolox_nano.onnx --line east:130,480,1130,480:in/out --draw counted.mp4
///   wayside count v4l,size=1280x720,fps=15:/dev/video0 --line 0.1,0.6,0.9,0.6
///   wayside count scene:road --csv crossings.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// What to count: a clip, pictures, scene:NAME, or a camera
    source: String,

    /// A counting line, NAME:x1,y1,x2,y2:A_TO_B/B_TO_A; may be given several times
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<LineSpec>,

    #[command(flatten)]
    common: Common,

    /// Draw boxes, tracks and counts to an mp4, or to a folder of jpg
    #[arg(long, value_name = "OUT.mp4|DIR")]
    draw: Option<PathBuf>,

    /// Write a row per crossing
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// When the source's first frame was taken, e.g. 2026-05-04T08:00:00+02:00; without it times are relative
    #[arg(long, value_name = "TIME", value_parser = parse_start)]
    start: Option<i64>,

    /// Play it at its own rate, as if it were a camera: a board that is too slow drops frames
    #[arg(long)]
    realtime: bool,
}

/// What `count` and `demo` have in common.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// A model's name (vehicle@256: at a smaller size, which is faster), a model folder, or an ONNX file whose head is recognised
    #[arg(long, default_value = crate::model::BUILT_IN)]
    pub model: String,

    /// Frames worked on side by side, each on its own thread; 0: one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub sessions: usize,

    /// What runs the network: auto (int8 where the file is quantised), tract, int8 or onnxruntime
    #[arg(long, value_name = "NAME", default_value_t = EngineChoice::Auto)]
    pub engine: EngineChoice,

    /// Use each N-th frame only, with its own time: what a slower board would see
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub every: u32,

    /// Least score of a detection that may begin a track, 0 to 1
    #[arg(long)]
    pub score: Option<f32>,

    /// The database; created where it is missing
    #[arg(long, value_name = "FILE", default_value = "wayside.db")]
    pub db: PathBuf,

    /// Store nothing
    #[arg(long)]
    pub no_db: bool,

    /// No progress bar
    #[arg(long, short)]
    pub quiet: bool,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            model: crate::model::BUILT_IN.into(),
            sessions: 0,
            engine: EngineChoice::Auto,
            every: 1,
            score: None,
            db: DatabaseConfig::default().path,
            no_db: false,
            quiet: false,
        }
    }
}

impl Common {
    /// A configuration of one source.
    pub fn config(&self, source: SourceConfig) -> anyhow::Result<Config> {
        let mut counting = Counting::default();
        if let Some(score) = self.score {
            counting.set_score(score)?;
        }
        Ok(Config {
            database: DatabaseConfig { path: self.db.clone(), ..DatabaseConfig::default() },
            model: ModelConfig { name: self.model.clone(), sessions: self.sessions, engine: self.engine },
            counting,
            sources: vec![source],
        })
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut lines = args.lines;
    if lines.is_empty() {
        match args.source.starts_with("scene:") {
            true => lines.push(scene_line(&Scene::parse(&args.source)?)?),
            false => anyhow::bail!("no line to count over: give at least one, e.g. --line 0.1,0.6,0.9,0.6"),
        }
    }
    name_lines(&mut lines)?;
    let source = SourceConfig {
        name: args.source.clone(),
        input: args.source,
        start: args.start,
        every: args.common.every,
        realtime: args.realtime,
        lines,
    };
    let config = args.common.config(source)?;

    if let Some(path) = &args.csv {
        // A report that has no place to go is found out before an hour of counting, not after it.
        part_file::begin(path).with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let options = Options {
        draw: args.draw,
        keep: args.csv.is_some(),
        quiet: args.common.quiet,
        no_database: args.common.no_db,
        ..Options::default()
    };
    let outcome = counting::count(&config, options, &shutdown)?;
    if let Some(path) = &args.csv {
        write_csv(path, &outcome)?;
    }
    println!("{}", outcome.table);
    Ok(outcome.close(&config))
}

/// The line across the road that every scene brings along, drawn upwards: A→B is to the right.
pub fn scene_line(scene: &Scene) -> anyhow::Result<LineSpec> {
    let line = scene.line();
    Ok(LineSpec::new("road", line.from, line.to, ["right", "left"])?)
}

/// A row per crossing in the order of time, then line and track: the same bytes for the same count.
fn write_csv(path: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    let names = &outcome.names[0];
    let mut crossings: Vec<_> = outcome.crossings.iter().map(|(_, crossing)| crossing).collect();
    crossings.sort_by_key(|c| (c.stamp.mono, c.line, c.track, c.direction));
    let mut rows = csv::Writer::from_writer(Vec::new());
    rows.write_record(["seconds", "time", "frame", "line", "direction", "class", "score", "track", "x", "y"])?;
    for c in crossings {
        let wall = c.stamp.wall.map(jiff::Timestamp::from_microsecond).transpose()?;
        rows.write_record([
            format!("{:.6}", c.stamp.mono.as_secs_f64()),
            wall.map(|t| t.to_string()).unwrap_or_default(),
            c.stamp.seq.to_string(),
            names.line(c).to_owned(),
            names.direction(c).to_owned(),
            names.class(c).to_owned(),
            format!("{:.3}", c.score),
            c.track.to_string(),
            format!("{:.1}", c.at.x),
            format!("{:.1}", c.at.y),
        ])?;
    }
    let bytes = rows.into_inner()?;
    part_file::write(path, &bytes).with_context(|| format!("{}: cannot be written", path.display()))
}
