//! `wayside evaluate count`: our counts beside hand-counted truth.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde_json::json;

use crate::cli::counting::{self, Options};
use crate::config::{Config, Counting, DatabaseConfig, LineSpec, ModelConfig, SourceConfig};
use crate::engine::EngineChoice;
use crate::evaluate::count::{DEFAULT_SLACK, DirectionCount, Score, score};
use crate::evaluate::files::{ClipLine, read_lines, read_truth, write_predictions};
use crate::evaluate::misses::{Observation, misses};
use crate::evaluate::{Predicted, TruthEvent, Way};
use crate::event::Crossing;
use crate::model::BUILT_IN;
use crate::pipeline::{FrameView, Observer, Shutdown};

/// Counts clips and scores the crossings against hand-counted ones
///
/// Every clip that lines.json names is counted over its line. A crossing matches an event of the same
/// direction when its frame lies in the event's window ± slack; matching is one to one and maximal.
/// Flagged events change nothing.
///
///   wayside evaluate count --clips clips/ --model yolox_nano.onnx --misses
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct CountArgs {
    /// Folder of the clips.
    #[arg(long, value_name = "DIR")]
    clips: PathBuf,
    /// Size and line of each clip [default: lines.json in the clips' folder].
    #[arg(long, value_name = "FILE")]
    lines: Option<PathBuf>,
    /// The counted events [default: crossings.csv in the clips' folder].
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Name of a model, a model folder, or an ONNX file [default: the config's].
    #[arg(long)]
    model: Option<String>,
    /// What runs the network: auto (int8 where the file is quantised), tract, int8 or onnxruntime [default: the config's, else auto]
    #[arg(long, value_name = "NAME")]
    engine: Option<EngineChoice>,
    /// Take [model], [detect], [track] and [count] from this config; its sources and lines are not used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use each N-th frame with its own time, as a slower board would.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// Frames worked on side by side [default: the config's, else one per core].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    sessions: usize,
    /// Frames by which a crossing may lie outside an event's window.
    #[arg(long, value_name = "FRAMES", default_value_t = DEFAULT_SLACK)]
    slack: u64,
    /// Write all counted crossings here: clip, frame, direction, class.
    #[arg(long, value_name = "OUT.csv")]
    predictions: Option<PathBuf>,
    /// List each event that was missed, and which stage lost it.
    #[arg(long)]
    misses: bool,
    /// Print the scores as JSON.
    #[arg(long)]
    json: bool,
}

/// What counting one clip gives.
struct Counted {
    predicted: Vec<Predicted>,
    /// Per processed frame, in order; only needed for `--misses`.
    seen: Vec<Observation>,
}

pub fn run(args: &CountArgs) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    evaluate(args, &mut std::io::stdout().lock(), |clip| count_clip(clip, args, &shutdown))?;
    Ok(ExitCode::SUCCESS)
}

/// Counts one clip over its line with the whole pipeline, storing nothing.
fn count_clip(clip: &ClipLine, args: &CountArgs, shutdown: &Shutdown) -> anyhow::Result<Counted> {
    let (counting, mut model) = match &args.config {
        Some(path) => {
            let config = Config::load(path)?;
            (config.counting, config.model)
        }
        None => (Counting::default(), ModelConfig { name: BUILT_IN.into(), ..ModelConfig::default() }),
    };
    if let Some(name) = &args.model {
        model.name.clone_from(name);
    }
    if let Some(engine) = args.engine {
        model.engine = engine;
    }
    if args.sessions > 0 {
        model.sessions = args.sessions;
    }
    let line = LineSpec::new("line", clip.line.from, clip.line.to, ["a_to_b", "b_to_a"])?;
    let input = args.clips.join(&clip.file).display().to_string();
    let source = SourceConfig {
        name: clip.key().into(),
        input,
        start: None,
        every: args.every,
        realtime: false,
        lines: vec![line],
    };
    let config = Config { database: DatabaseConfig::default(), model, counting, sources: vec![source] };

    let seen = Arc::new(Mutex::new(Vec::new()));
    let options = Options {
        observer: args.misses.then(|| Box::new(Watcher(seen.clone())) as Box<dyn Observer>),
        keep: true,
        quiet: args.json,
        no_database: true,
        ..Options::default()
    };
    let outcome = counting::count(&config, options, shutdown)?;
    anyhow::ensure!(!outcome.summary.interrupted, "stopped by a signal");
    let predicted = |(_, c): &(usize, Crossing)| {
        let class = outcome.names[0].class(c).to_owned();
        let way = Way::of(c.direction, &clip.line).context("the line is vertical, and truth only says up and down")?;
        Ok(Predicted { frame: c.stamp.seq, way, class, track: Some(c.track) })
    };
    let predicted = outcome.crossings.iter().map(predicted).collect::<anyhow::Result<_>>()?;
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Counted { predicted, seen })
}

/// Keeps what detector and tracker had in every frame, to say later which of them lost a vehicle.
struct Watcher(Arc<Mutex<Vec<Observation>>>);

impl Observer for Watcher {
    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String> {
        let observation = Observation {
            frame: view.frame.stamp.seq,
            detections: view.detections.iter().map(|d| d.bbox).collect(),
            tracks: view.tracks.iter().filter(|t| t.seen).map(|t| (t.id, t.bbox)).collect(),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(observation);
        Ok(())
    }
}

/// One scored clip.
struct Row {
    clip: String,
    score: Score,
    missed: Vec<serde_json::Value>,
}

fn evaluate(
    args: &CountArgs,
    out: &mut impl Write,
    mut count_clip: impl FnMut(&ClipLine) -> anyhow::Result<Counted>,
) -> anyhow::Result<()> {
    let clips = read_lines(&args.lines.clone().unwrap_or_else(|| args.clips.join("lines.json")))?;
    let truth = read_truth(&args.truth.clone().unwrap_or_else(|| args.clips.join("crossings.csv")))?;
    // Missing clips are found out before an hour of counting, not after it.
    for clip in &clips {
        let path = args.clips.join(&clip.file);
        anyhow::ensure!(path.is_file(), "{}: no such clip, but lines.json names it", path.display());
    }
    let mut rows = Vec::new();
    let mut predictions = Vec::new();
    for clip in &clips {
        let counted = count_clip(clip).with_context(|| clip.file.clone())?;
        let events = truth.get(clip.key()).map_or(&[][..], Vec::as_slice);
        rows.push(Row {
            clip: clip.key().to_owned(),
            score: score(events, &counted.predicted, args.slack),
            missed: missed(args, clip, events, &counted),
        });
        predictions.push((clip.file.clone(), counted.predicted));
    }
    if let Some(path) = &args.predictions {
        write_predictions(path, &predictions)?;
    }
    let text = if args.json { as_json(&rows, args.misses) } else { as_table(&rows) };
    writeln!(out, "{text}")?;
    Ok(())
}

fn missed(args: &CountArgs, clip: &ClipLine, truth: &[TruthEvent], counted: &Counted) -> Vec<serde_json::Value> {
    if !args.misses {
        return Vec::new();
    }
    misses(truth, &counted.predicted, args.slack, &clip.line, &counted.seen)
        .iter()
        .map(|miss| {
            let event = &truth[miss.event];
            json!({
                "clip": clip.key(), "event": event.id, "first": event.first, "last": event.last,
                "direction": event.way.as_str(), "class": event.class, "cause": miss.cause.as_str(),
            })
        })
        .collect()
}

fn total(rows: &[Row]) -> Score {
    let mut total = Score::default();
    rows.iter().for_each(|row| total.add(&row.score));
    total
}

fn as_json(rows: &[Row], with_misses: bool) -> String {
    let figures = |name: &str, s: &Score| {
        json!({
            "clip": name, "truth": s.truth, "predicted": s.predicted, "matched": s.matched,
            "precision": s.precision(), "recall": s.recall(), "f1": s.f1(),
            "up": s.up, "down": s.down, "count_error": s.count_error(),
        })
    };
    let clips: Vec<_> = rows.iter().map(|row| figures(&row.clip, &row.score)).collect();
    let mut report = json!({ "clips": clips, "total": figures("total", &total(rows)) });
    if with_misses {
        report["misses"] = rows.iter().flat_map(|row| row.missed.clone()).collect();
    }
    format!("{report:#}")
}

fn as_table(rows: &[Row]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new());
    table.set_header(["clip", "truth", "counted", "matched", "precision", "recall", "F1", "up", "down", "count error"]);
    let mut add = |name: &str, s: &Score| {
        let mut cells = vec![name.to_owned()];
        cells.extend([s.truth, s.predicted, s.matched].map(|n| n.to_string()));
        cells.extend([s.precision(), s.recall(), s.f1()].map(|v| format!("{v:.3}")));
        cells.extend([&s.up, &s.down].map(truth_and_count));
        cells.push(s.count_error().to_string());
        table.add_row(cells);
    };
    rows.iter().for_each(|row| add(&row.clip, &row.score));
    add("total", &total(rows));
    let mut text = table.trim_fmt();
    for miss in rows.iter().flat_map(|row| &row.missed) {
        let word = |key: &str| miss[key].as_str().unwrap_or_default().to_owned();
        text += &format!(
            "\nmissed: {} event {} ({} {}, frames {}-{}): {}",
            word("clip"),
            word("event"),
            word("class"),
            word("direction"),
            miss["first"],
            miss["last"],
            word("cause"),
        );
    }
    text
}

/// "24 → 23"; "24..26 → 25" where two events may be counted or not.
fn truth_and_count(count: &DirectionCount) -> String {
    let most = if count.truth_with_free > count.truth { format!("..{}", count.truth_with_free) } else { String::new() };
    format!("{}{most} → {}", count.truth, count.predicted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Way;

    const LINES: &str =
        r#"{"road": {"file": "road.mp4", "width": 640, "height": 360, "line": [[0, 200], [640, 200]]}}"#;
    const TRUTH: &str = "clip,event,frame_first_touch,frame_mid,frame_last_touch,x_min,x_max,direction,class_seen,flag\n\
        road.mp4,1,20,25,30,100,160,down,car,\n\
        road.mp4,2,80,85,90,100,160,up,truck,\n\
        road.mp4,3,95,98,99,300,360,up,car,edge_end\n";

    /// A folder as users have it, and the arguments that count it.
    fn clips(extra: &[&str]) -> (tempfile::TempDir, CountArgs) {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            args: CountArgs,
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("lines.json", LINES), ("crossings.csv", TRUTH), ("road.mp4", "")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let clips = folder.path().to_str().unwrap();
        let cli: Cli = clap::Parser::parse_from(["count", "--clips", clips].iter().chain(extra));
        (folder, cli.args)
    }

    /// Counts the car that drives down and misses the truck.
    fn count(clip: &ClipLine) -> anyhow::Result<Counted> {
        assert_eq!((clip.key(), clip.line.from.y), ("road", 200.0));
        let predicted = vec![Predicted { frame: 26, way: Way::Down, class: "car".into(), track: Some(1) }];
        Ok(Counted { predicted, seen: Vec::new() })
    }

    fn printed(args: &CountArgs) -> anyhow::Result<String> {
        let mut out = Vec::new();
        evaluate(args, &mut out, count)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn the_table_says_what_was_missed_and_the_predictions_are_on_disk() {
        let (folder, mut args) = clips(&["--misses"]);
        args.predictions = Some(folder.path().join("out.csv"));
        let text = printed(&args).unwrap();
        assert!(text.contains("1..2 → 0"), "{text}");
        assert!(text.contains("missed: road event 2 (truck up, frames 80-90): not detected"), "{text}");
        let csv = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
        assert_eq!(csv, "clip,frame,direction,class\nroad.mp4,26,down,car\n");
    }

    #[test]
    fn json_has_the_same_figures() {
        let (_folder, args) = clips(&["--json", "--misses"]);
        let report: serde_json::Value = serde_json::from_str(&printed(&args).unwrap()).unwrap();
        assert_eq!(report["clips"][0]["clip"], "road");
        assert_eq!(report["total"]["recall"], 0.5);
        assert_eq!(report["total"]["up"], json!({"truth": 1, "truth_with_free": 2, "predicted": 0, "error": 1}));
        assert_eq!(report["misses"][0]["cause"], "not detected");
    }

    #[test]
    fn a_clip_that_is_not_there_is_found_out_before_counting() {
        let (folder, args) = clips(&[]);
        std::fs::remove_file(folder.path().join("road.mp4")).unwrap();
        let error = printed(&args).unwrap_err().to_string();
        assert!(error.ends_with("road.mp4: no such clip, but lines.json names it"), "{error}");
    }
}
