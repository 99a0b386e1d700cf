use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};

use super::count::{Common, scene_line};
use super::counting::{self, Options, Outcome};
use crate::config::{LineSpec, SourceConfig};
use crate::event::Direction;
use crate::pipeline::Shutdown;
use crate::source::scene::Scene;

/// Counts a synthetic road and compares with its truth; or a clip or camera of yours
///
/// Everything runs for real: the road is painted frame by frame, the built-in network finds the
/// vehicles, they are tracked, counted over a line and stored. The counts are printed beside the
/// truth, and a picture of the road as wayside saw it is written to disk. Needs nothing but this
/// binary.
///
/// A clip, pictures or a camera (until Ctrl-C) are counted over a line across the picture, at three
/// fifths of its height. `wayside count` does the same with lines of your own.
///
/// Examples:
///   wayside demo
///   wayside demo traffic.mp4
///   wayside demo --scene passing --model scene --out passing
///   wayside demo --scene 'random?seed=7&seconds=60&vehicles=80'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A clip, pictures or a camera in place of the synthetic road
    #[arg(conflicts_with = "scene")]
    input: Option<String>,

    /// The network: the name of a model, a model folder, or an ONNX file whose head is recognised
    #[arg(long, default_value = crate::model::BUILT_IN)]
    model: String,

    /// Which road: road, crowd, stop-and-go, jitter, reverse, abreast, occlusion, missed, empty, random?seed=N
    #[arg(long, default_value = "road")]
    scene: String,

    /// Folder for the picture and the database
    #[arg(long, value_name = "DIR", default_value = "wayside-demo")]
    out: PathBuf,

    /// Frames worked on side by side; 0: one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    sessions: usize,

    /// Use each N-th frame only: what a slower board would see
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
}

/// The line over which other sources are counted.
const ACROSS: &str = "across:0.0,0.6,1.0,0.6:down/up";

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let scene = args.input.is_none().then(|| Scene::parse(&args.scene)).transpose()?;
    let scene_name = || format!("scene:{}", args.scene.trim_start_matches("scene:"));
    let name = args.input.clone().unwrap_or_else(scene_name);
    let out = &args.out;
    std::fs::create_dir_all(out).with_context(|| format!("{}: cannot make the folder", out.display()))?;
    let (picture, db) = (out.join("demo.jpg"), out.join("wayside.db"));

    let common = Common { model: args.model.clone(), sessions: args.sessions, db: db.clone(), ..Common::default() };
    let lines = vec![match &scene {
        Some(scene) => scene_line(scene)?,
        None => ACROSS.parse()?,
    }];
    let config = common.config(SourceConfig {
        name: name.clone(),
        input: name,
        start: None,
        every: args.every,
        realtime: false,
        lines,
    })?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let options = Options { snapshot: Some(picture.clone()), keep: true, ..Options::default() };
    let outcome = match counting::count(&config, options, &shutdown) {
        Ok(outcome) => outcome,
        Err(error) => {
            // Input that cannot be counted leaves no folder behind; one with something in it stays.
            let _ = std::fs::remove_dir(out);
            return Err(error);
        }
    };
    let equal = match &scene {
        Some(scene) => print_beside_truth(scene, &config.sources[0].lines[0], &outcome),
        None => {
            println!("{}", outcome.table);
            true
        }
    };
    println!("picture: {}\nrows:    {} (see: wayside report --db {})", picture.display(), db.display(), db.display());
    let code = outcome.close(&config);
    Ok(if equal { code } else { ExitCode::FAILURE })
}

/// Whether every vehicle was counted, and none twice.
fn print_beside_truth(scene: &Scene, line: &LineSpec, outcome: &Outcome) -> bool {
    let truth = scene.truth(&scene.line());
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(["direction", "class", "truth", "counted"]);
    let mut equal = true;
    for (direction, word) in [(Direction::AtoB, &line.a_to_b), (Direction::BtoA, &line.b_to_a)] {
        for (class, label) in outcome.names[0].labels.iter().enumerate() {
            let true_ones = truth.iter().filter(|t| t.direction == direction && t.label() == label).count();
            let counted =
                outcome.crossings.iter().filter(|(_, c)| c.direction == direction && c.class as usize == class);
            let counted = counted.count();
            equal &= true_ones == counted;
            if true_ones + counted > 0 {
                table.add_row([word.clone(), label.clone(), true_ones.to_string(), counted.to_string()]);
            }
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!("{}", if equal { "every vehicle was counted" } else { "counts and truth differ" });
    equal
}
