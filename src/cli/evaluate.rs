//! `wayside evaluate`: our counts beside hand-counted truth.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use crate::evaluate::count::{DEFAULT_SLACK, DirectionCount, Score, score};
use crate::evaluate::files::{ClipLine, read_lines, read_truth, write_predictions};
use crate::evaluate::misses::{Observation, misses};
use crate::evaluate::{Predicted, TruthEvent};

/// Compares with labelled truth.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Count(CountArgs),
}

/// Counts clips and scores the crossings against hand-counted ones.
///
/// Every clip that lines.json names is counted over its line. A crossing matches an event of the same direction when its
/// frame lies in the event's window ± slack; matching is one to one and maximal. Flagged events change nothing.
///
///   wayside evaluate count --clips clips/ --model yolox_nano.onnx --misses
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct CountArgs {
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
    /// Take [model], [detect], [track] and [count] from this config; its sources and lines are not used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use each N-th frame with its own time, as a slower board would.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
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

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Count(args) => evaluate(&args, &mut std::io::stdout().lock(), |clip| count_clip(clip, &args))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts one clip over its line with the whole pipeline.
fn count_clip(_clip: &ClipLine, _args: &CountArgs) -> anyhow::Result<Counted> {
    anyhow::bail!("under construction")
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
    table.load_preset(comfy_table::presets::NOTHING);
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
    let mut text = table.to_string();
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
