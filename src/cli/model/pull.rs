//! `wayside model pull`: a well-known model from its publisher.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::word;
use crate::clock::SystemClock;
use crate::detect::{DetectParams, Detector};
use crate::engine::EngineChoice;
use crate::model::pull::{Entry, Event, Origin, Patience, Place, catalog, entry, is_installed};
use crate::model::{self, Graph, ModelFolder, ModelSpec};

/// Downloads a well-known model; without a name, lists them
///
/// The file comes from its publisher, and has to have the size and the sha256 that the catalogue inside this program
/// says. A detector then has to run once. Only after that the folder appears, whole; what was there before stays until
/// then. A download that ends early, by Ctrl-C too, leaves NAME.part, and the same command goes on from there.
///
/// Detectors are ready for --model NAME. Of other models, the file is kept and this version does not run them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wayside model pull
  wayside model pull yolox-nano
  wayside model pull yolox-s --into /usr/local/share/wayside/models
  wayside model pull yolox-s --from /media/usb
  wayside model pull yolox-s --from http://mirror.local/models")]
pub struct Args {
    /// One of the list that `wayside model pull` prints.
    name: Option<String>,

    /// Directory in which the folder NAME is made.
    #[arg(long, value_name = "DIR", default_value = "models")]
    into: PathBuf,

    /// Take the file from here, by the same sha256: the file itself, or a folder or address that has it by its publisher's
    /// name.
    #[arg(long, value_name = "FILE|DIR|URL", requires = "name")]
    from: Option<String>,

    /// Replace the folder if there is one.
    #[arg(long, requires = "name")]
    force: bool,

    /// No progress bar.
    #[arg(long, short)]
    quiet: bool,
}

const TEMPLATE: &str = "{bar:28.cyan/dim} {bytes} of {total_bytes}  {bytes_per_sec}  ({eta} left)";

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Some(name) = &args.name else {
        println!("{}", list(&args.into));
        return Ok(ExitCode::SUCCESS);
    };
    let entry = entry(name)?;
    let place = Place::new(&args.into, name, args.force)?;
    let origin = Origin::new(&entry, args.from.as_deref())?;
    let bar = progress(entry.bytes, args.quiet);
    let mut tell = |event| match event {
        Event::There(bytes) => bar.set_position(bytes),
        Event::Again(reason) => bar.suspend(|| log::warn!("{name}: {reason}")),
    };
    let bytes = place.obtain(&entry, &origin, &Patience::default(), &SystemClock::new(), &mut tell);
    bar.finish_and_clear();
    let bytes = bytes?;
    let spec = entry.spec();
    if let Some(spec) = &spec {
        prove(spec, &bytes).with_context(|| format!("{name}: the file is right, but does not run here"))?;
    }
    let folder = place.folder.clone();
    place.install(&entry, &bytes)?;
    println!("{}: {}", folder.display(), outcome(&entry, spec.as_ref(), &args.into, &folder));
    Ok(ExitCode::SUCCESS)
}

/// Runs the network once, and fits its head: a catalogue that is wrong in these is noticed here and not at the road.
fn prove(spec: &ModelSpec, bytes: &[u8]) -> anyhow::Result<()> {
    let model = ModelFolder { spec: spec.clone(), graph: Graph::Memory(bytes.into()) };
    let program = EngineChoice::Auto.load(&model)?;
    if let Err(error) = Detector::new(spec, program.as_ref(), &DetectParams::for_model(spec)) {
        bail!("{error}");
    }
    Ok(())
}

fn outcome(entry: &Entry, spec: Option<&ModelSpec>, into: &Path, folder: &Path) -> String {
    let Some(spec) = spec else {
        return format!("the file alone; this version of wayside does not run models for {} yet", entry.task);
    };
    let found_by_name = model::search_dirs().iter().any(|dir| dir == into);
    let model = if found_by_name { entry.name.clone() } else { folder.display().to_string() };
    let (head, input) = (word(&spec.head), &spec.input);
    format!("{head} {}x{}, {} classes: --model {model}", input.width, input.height, spec.labels.len())
}

fn list(into: &Path) -> String {
    let mut dirs = model::search_dirs();
    dirs.insert(0, into.into());
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["name", "task", "what", "MB", "licence", "installed"]);
    for entry in catalog() {
        let installed = dirs.iter().map(|dir| dir.join(&entry.name)).find(|folder| is_installed(folder));
        let installed = installed.map(|folder| folder.display().to_string()).unwrap_or_default();
        let size = format!("{:.1}", entry.bytes as f64 / 1e6);
        table.add_row([entry.name, entry.task, entry.what, size, entry.licence, installed]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index == 3 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn progress(bytes: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(TEMPLATE)
        // Proof: the template is a constant, and a test builds it.
        .expect("a valid template");
    ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr()).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }
}
