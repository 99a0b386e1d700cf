//! `wayside quantize`: an 8-bit network of a float one.

mod explain;
mod judge;
mod plain;
mod table;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::judge::Measure;
use crate::draw::{png, table_picture};
use crate::engine::EngineChoice;
use crate::model::{self, Draft, ModelFolder, ModelSpec};
use crate::part_file;
use crate::pipeline::Shutdown;
use crate::quantize::{self, Calibration, Found, Prepared, Progress, QuantizeError, choose};
use crate::source::picture_paths;

/// Makes an 8-bit network of a float one, for the int8 engine, and proves what it loses
///
/// The pictures to calibrate with should be like those that the network will see; 200 of them, chosen
/// by --seed, are used. What is lost is measured in AP50 points on labelled pictures (--evaluate),
/// else as agreement with the float network on the pictures to calibrate with: AP50 with the float
/// network's boxes as the truth, or for a network that is no detector the cosine between the outputs,
/// in percent. If more than half of --budget is lost, the layers that cost most stay float; if more
/// than --budget is lost even so, nothing is written.
///
/// The result is a model folder with a table of its layers, or with -o NAME.onnx the network alone:
/// QDQ ONNX, which ONNX Runtime runs too.
///
/// Examples:
///   wayside quantize yolox_nano.onnx --calibrate pictures/ -o models/road8
///   wayside quantize road --calibrate train/ --evaluate val.json --images val/ --agnostic -o models/road8
///   wayside quantize encoder.onnx --calibrate faces/ --color rgb --mean 123.7,116.3,103.5 --std 58.4,57.1,57.4 -o enc8.onnx
///   wayside quantize yolox_nano.onnx --calibrate pictures/ --explain
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Name of a model, a model folder, or an ONNX file
    model: String,

    /// Pictures to calibrate with: a folder, a glob, or a text file with a path a line
    #[arg(long, value_name = "PICTURES")]
    calibrate: PathBuf,

    /// Where to: a model folder, or a file NAME.onnx
    #[arg(short, long, value_name = "OUT", required_unless_present = "explain")]
    output: Option<PathBuf>,

    /// Labelled pictures to measure the loss on: COCO json, or a folder of YOLO labels
    #[arg(long, value_name = "FILE.json|DIR", requires = "images")]
    evaluate: Option<PathBuf>,

    /// Folder of the pictures of --evaluate
    #[arg(long, value_name = "DIR", requires = "evaluate")]
    images: Option<PathBuf>,

    /// Score all classes of --evaluate as one kind
    #[arg(long, requires = "evaluate")]
    agnostic: bool,

    /// Score these classes only, separated by commas
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',', requires = "evaluate")]
    classes: Vec<String>,

    /// Points that may be lost [default: 1 with --evaluate and for networks that are no detectors, else 5]
    #[arg(long, value_name = "POINTS")]
    budget: Option<f64>,

    /// Pictures of --calibrate that are used at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    most: usize,

    /// Which pictures and numbers are looked at: the same seed gives the same file
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Pictures worked on side by side [default: one per core, at most 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    sessions: Option<u16>,

    /// Print where the error comes from, the largest part first, and what each layer would cost in float
    #[arg(long)]
    explain: bool,

    /// Replace OUT
    #[arg(long)]
    force: bool,

    /// No progress bar
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    plain: plain::PlainArgs,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(output) = &args.output {
        check_place(output, args.force)?;
    }
    let (model, detects) = plain::find(&args.model, &args.plain)?;
    ensure!(detects || args.evaluate.is_none(), "{model}: is no detector, so --evaluate has nothing to score");
    let pictures = choose(pictures(&args.calibrate)?, args.most, args.seed);
    let bar = Bar::new(args.quiet)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sessions = args.sessions.map_or(cores.min(2), usize::from);
    let measure = Measure::new(args, &model, detects, &pictures, sessions, &bar)?;
    let asked =
        Calibration { pictures: &pictures, seed: args.seed, sessions, kept_at: args.output.as_deref().map(kept_at) };
    let result = Prepared::new(&model, &asked, &bar).and_then(|prepared| {
        if args.explain {
            return explain::run(&model, &prepared, &pictures, &bar).map(|()| None);
        }
        let budget = args.budget.unwrap_or(measure.budget());
        quantize::search(&model, prepared, &measure, budget, &pictures, &bar).map(Some)
    });
    bar.finish();
    let found = match result {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(ExitCode::SUCCESS),
        Err(QuantizeError::Stopped) => {
            eprintln!("wayside: {}", QuantizeError::Stopped);
            return Ok(ExitCode::from(130));
        }
        Err(error) => return Err(error.into()),
    };
    let Some(output) = &args.output else { bail!("-o is missing") };
    let prepared = &found.prepared;
    let rows = table::lines(&prepared.rows(&found.float, found.scan.as_ref()));
    let words = words(&measure, &found, prepared.layers.len());
    write(output, &model.spec, &found, &rows, &words, args.force)?;
    prepared.forget();
    println!("{}\n{}: {words}", table::text(&rows), output.display());
    Ok(ExitCode::SUCCESS)
}

/// Before minutes of work, not after them.
fn check_place(output: &Path, force: bool) -> anyhow::Result<()> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
    if is_file(output) {
        ensure!(
            force || !output.exists(),
            "{}: exists: name another place, or replace it with --force",
            output.display()
        );
        ensure!(parent.is_none_or(Path::is_dir), "{}: there is no such folder", output.display());
        return Ok(());
    }
    Ok(Draft::check(output, force)?)
}

/// A network alone, or a model folder.
fn is_file(output: &Path) -> bool {
    output.extension().is_some_and(|extension| extension == "onnx")
}

/// Hidden beside the result, under its name.
fn kept_at(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.calibration"))
}

/// What `--calibrate` names. Paths in a list are relative to its folder.
fn pictures(asked: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if asked.extension().is_some_and(|extension| extension == "txt") {
        let text = std::fs::read_to_string(asked).with_context(|| asked.display().to_string())?;
        let folder = asked.parent().unwrap_or(Path::new(""));
        return Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| folder.join(line)).collect());
    }
    Ok(picture_paths(&asked.to_string_lossy())?)
}

/// Loss and layers, in a line.
fn words(measure: &Measure, found: &Found, layers: usize) -> String {
    let float = found.float.len();
    let (before, after) = (found.before, found.after);
    format!("{} {before:.2} float, {after:.2} int8; {} of {layers} layers int8", measure.what(), layers - float)
}

fn write(
    output: &Path,
    spec: &ModelSpec,
    found: &Found,
    rows: &[table::Line],
    words: &str,
    force: bool,
) -> anyhow::Result<()> {
    if is_file(output) {
        return part_file::write(output, &found.bytes).with_context(|| output.display().to_string());
    }
    let name = output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let before =
        if spec.accuracy.is_empty() { String::new() } else { format!("; of the float network: {}", spec.accuracy) };
    let spec = ModelSpec {
        name,
        accuracy: format!("{words}{before}"),
        sha256: model::sha256_hex(&found.bytes),
        ..spec.clone()
    };
    let draft = Draft::write(output, &spec, &found.bytes, force)?;
    draft.add("layers.txt", format!("{words}\n{}\n", table::text(rows)).as_bytes())?;
    draft.add("layers.png", &png(&table_picture(&table::HEADER, &table::pictured(rows))).context("layers.png")?)?;
    draft.publish()?;
    Ok(())
}

/// Shows how far the work is, and hears signals.
pub struct Bar {
    bar: ProgressBar,
    shutdown: Shutdown,
}

const TEMPLATE: &str = "{msg:28} {bar:30} {pos}/{len}, {eta} left";

impl Bar {
    fn new(quiet: bool) -> anyhow::Result<Self> {
        let shutdown = Shutdown::new();
        shutdown.on_signals().context("cannot listen to signals")?;
        let target = match quiet || !std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let style = ProgressStyle::with_template(TEMPLATE)
            // Proof: the template is a constant, and a test builds it.
            .expect("a valid template");
        Ok(Self { bar: ProgressBar::with_draw_target(None, target).with_style(style), shutdown })
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, steps: usize) {
        self.bar.set_message(what.to_owned());
        self.bar.set_length(steps as u64);
        self.bar.set_position(0);
        self.bar.reset_eta();
    }

    fn step(&self) {
        self.bar.inc(1);
    }

    fn stopped(&self) -> bool {
        self.shutdown.draining()
    }
}

/// Loads what an engine choice names: the words of an error are the engine's.
fn load(model: &ModelFolder, engine: EngineChoice) -> Result<Box<dyn crate::engine::Program>, QuantizeError> {
    Ok(engine.load(model)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_built() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn statistics_lie_hidden_beside_the_result() {
        assert_eq!(kept_at(Path::new("models/road8")), Path::new("models/.road8.calibration"));
        assert_eq!(kept_at(Path::new("x.onnx")), Path::new(".x.onnx.calibration"));
    }
}
