//! `wayside model`: lists, shows, checks, imports and pulls models. Not here: how a model is found and read (model/).

mod golden;
mod import;
#[cfg(feature = "pull")]
mod pull;

use std::path::Path;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use clap::Subcommand;
use comfy_table::{Table, presets};
use serde::Serialize;

pub use import::size;

use super::one_line;
use crate::detect::{DetectParams, Detector};
use crate::engine::{self, EngineChoice};
use crate::model::{self, Graph, ModelFolder};

/// Lists, shows, checks, imports and downloads models
///
/// A model is a folder: model.onnx, the network, and model.toml, which says how to feed it and how to read its answer
/// (docs/models.md). Wherever wayside takes --model, it takes the NAME of such a folder, its path, or a bare ONNX file
/// whose head it recognises. Names are looked up in the directories of $WAYSIDE_MODELS, in ./models, in models/ beside
/// the program, and in /usr/local/share/wayside/models and /usr/share/wayside/models; last inside the program.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the models that can be named.
    List,
    /// Prints what is known of a model: input, outputs, head, classes, weights, licence.
    Show {
        /// Name, folder or ONNX file.
        model: String,
    },
    /// Checks models: sha256, that the head fits the network's outputs, one run, and golden/ where there is one.
    ///
    /// golden/ holds input.png and detections.json: what the model finds in that picture, computed when it was
    /// imported or by another program. Each box must be found again with an overlap of 0.9 and a score within 0.05.
    Check {
        /// Names, folders or ONNX files; without one, every model of `wayside model list`.
        models: Vec<String>,
    },
    Import(Box<import::Args>),
    #[cfg(feature = "pull")]
    Pull(pull::Args),
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.verb {
        Verb::List => list(),
        Verb::Show { model } => show(&model),
        Verb::Check { models } => check(models),
        Verb::Import(args) => import::run(*args),
        #[cfg(feature = "pull")]
        Verb::Pull(args) => pull::run(args),
    }
}

fn list() -> anyhow::Result<ExitCode> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["name", "head", "input", "classes", "where"]);
    for listed in model::list(&model::search_dirs()) {
        let place = place(listed.folder.as_deref());
        match listed.model {
            Ok(ModelFolder { spec, .. }) => {
                let input = format!("{}x{}", spec.input.width, spec.input.height);
                table.add_row([listed.name, word(&spec.head), input, spec.labels.len().to_string(), place]);
            }
            // Its name is taken all the same: a later folder of this name would not be found.
            Err(error) => {
                table.add_row([listed.name, "broken".into(), String::new(), String::new(), error.to_string()]);
            }
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    match table.row_count() {
        0 => println!(
            "no models; `wayside model import FILE.onnx` makes one from a network, `wayside model pull` lists some"
        ),
        _ => println!("{}", table.trim_fmt()),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(name: &str) -> anyhow::Result<ExitCode> {
    let model = model::find(name)?;
    let bytes = model.read()?;
    let spec = &model.spec;
    // One that computes any size may declare another than it is given.
    let size = (!spec.rect).then_some((spec.input.width, spec.input.height));
    let graph = engine::inspect(&bytes, size).map_err(anyhow::Error::msg).with_context(|| model.to_string())?;
    let outputs: Vec<String> = graph.outputs.iter().map(ToString::to_string).collect();
    let operators: Vec<String> = graph.operators.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let input = &spec.input;
    let lines = [
        ("name", spec.name.clone()),
        ("where", place(folder_of(&model))),
        ("task", word(&spec.task)),
        ("head", word(&spec.head)),
        ("input", graph.input.to_string()),
        (
            "picture",
            format!(
                "{}x{} {}, {}, padded with {}",
                input.width,
                input.height,
                word(&input.color),
                word(&input.resize),
                input.pad
            ),
        ),
        ("pixels", format!("(pixel - {:?}) / {:?}", input.mean, input.std)),
        ("outputs", outputs.join("; ")),
        ("anchors", spec.anchors.iter().map(|[w, h]| format!("{w},{h}")).collect::<Vec<_>>().join(" ")),
        ("classes", format!("{}: {}", spec.labels.len(), spec.labels.join(", "))),
        ("threshold", spec.score_threshold.map(|score| score.to_string()).unwrap_or_default()),
        ("operators", format!("{} (opset {})", operators.join(", "), graph.opset)),
        ("parameters", format!("{} in a file of {:.2} MB", graph.parameters, bytes.len() as f64 / 1e6)),
        ("licence", spec.licence.clone()),
        ("trained on", spec.training_data.clone()),
        ("accuracy", spec.accuracy.clone()),
        ("sha256", spec.sha256.clone()),
    ];
    for (key, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        println!("{key:<11} {value}");
    }
    Ok(ExitCode::SUCCESS)
}

fn check(mut names: Vec<String>) -> anyhow::Result<ExitCode> {
    if names.is_empty() {
        names = model::list(&model::search_dirs()).into_iter().map(|listed| listed.name).collect();
    }
    if names.is_empty() {
        bail!("no models to check: name one, or import one with `wayside model import FILE.onnx`");
    }
    let mut status = ExitCode::SUCCESS;
    for name in &names {
        match model::find(name).map_err(Into::into).and_then(|model| prove(&model)) {
            Ok(proof) => println!("ok      {name}: {proof}"),
            Err(error) => {
                println!("broken  {name}: {}", one_line(&error));
                status = ExitCode::FAILURE;
            }
        }
    }
    Ok(status)
}

/// Loads the model, which checks its sha256 and runs it once, fits its head and compares with golden/. Returns what
/// holds, in words.
fn prove(model: &ModelFolder) -> anyhow::Result<String> {
    let program = EngineChoice::Auto.load(model)?;
    let mut detector = Detector::new(&model.spec, program.as_ref(), &DetectParams::for_model(&model.spec))?;
    let golden = match folder_of(model).map(|folder| folder.join(golden::FOLDER)).filter(|golden| golden.is_dir()) {
        Some(_) if !at_own_size(model) => "golden/ is of its own size".into(),
        Some(folder) => golden::compare(&folder, &model.spec, &mut detector)?,
        None => "no golden/ to compare with".into(),
    };
    Ok(format!("sha256, head and one run on {}; {golden}", program.engine()))
}

fn folder_of(model: &ModelFolder) -> Option<&Path> {
    match &model.graph {
        Graph::File(path) => path.parent(),
        Graph::Embedded(_) | Graph::Memory(_) => None,
    }
}

/// Not as NAME@SIDE.
fn at_own_size(model: &ModelFolder) -> bool {
    let size = |model: &ModelFolder| (model.spec.input.width, model.spec.input.height);
    folder_of(model).and_then(|folder| ModelFolder::open(folder).ok()).is_none_or(|own| size(&own) == size(model))
}

fn place(folder: Option<&Path>) -> String {
    folder.map_or("built in".into(), |folder| folder.display().to_string())
}

/// The word that model.toml has for a value.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        // No enum of model.toml gets here: they have no data.
        _ => String::new(),
    }
}
