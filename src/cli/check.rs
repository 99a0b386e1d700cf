//! `wayside check`: is everything that a run needs in order? Not here: the checks themselves; every room has its own. The
//! machine is looked at by doctor/, which begins with what is here.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;

use super::counting;
use crate::config::{Config, Counting, ModelConfig, SourceConfig};
use crate::ledger::{self, Finding, Severity};
use crate::model::{self, ModelFolder};
use crate::source::{Live, SourceInfo};

/// Checks a config, its model, sources and database.
///
/// Prints one line per finding and changes nothing. The exit status is 1 if anything is wrong; a warning is not.
/// Without arguments config/wayside.toml is checked where there is one, else the built-in model.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  wayside check --config my.toml      the config, and all that it names
  wayside check --db wayside.db       is the database sound, and what does it lack?
  wayside check --model yolox_nano    does the model match its sha256, and its outputs its head?")]
pub struct Args {
    /// A config file, with the model, the sources and the database that it names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A database; in place of the config's.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,

    /// A model's name, a model folder, or an ONNX file; in place of the config's.
    #[arg(long)]
    model: Option<String>,
}

const USUAL_CONFIG: &str = "config/wayside.toml";

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let findings = check(args);
    for Finding { severity, text } in &findings {
        let word = match severity {
            Severity::Info => "ok",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        println!("{word}: {text}");
    }
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check(args: Args) -> Vec<Finding> {
    let mut findings = Vec::new();
    let nothing_named = args.config.is_none() && args.db.is_none() && args.model.is_none();
    let usual = || (nothing_named && Path::new(USUAL_CONFIG).exists()).then(|| USUAL_CONFIG.into());
    let config = args.config.or_else(usual).and_then(|path| config(&path, &mut findings));

    let counting = config.as_ref().map_or_else(Counting::default, |config| config.counting.clone());
    let configured = config.as_ref().map(|config| config.model.clone());
    let usual = nothing_named.then(ModelConfig::default);
    let named = args.model.map(|name| ModelConfig { name, ..configured.clone().unwrap_or_default() });
    let model = named.or(configured).or(usual).and_then(|config| model(&config, &counting, &mut findings));

    if let (Some(config), Some(model)) = (&config, &model) {
        for spec in &config.sources {
            source(spec, model, &mut findings);
        }
    }
    match (args.db, config) {
        (Some(path), _) => findings.extend(ledger::check(&path)),
        (None, Some(config)) if config.database.path.exists() => findings.extend(ledger::check(&config.database.path)),
        (None, Some(config)) => {
            findings.push(ok(format!("{}: is made by the first run", config.database.path.display())));
        }
        (None, None) => {}
    }
    findings
}

/// What the file says, and how much it names.
pub fn config(path: &Path, findings: &mut Vec<Finding>) -> Option<Config> {
    let loaded = Config::load(path).map_err(anyhow::Error::from);
    let config = note(loaded, String::new(), findings)?;
    let lines: usize = config.sources.iter().map(|source| source.lines.len()).sum();
    findings.push(ok(format!("{}: {} source(s), {lines} line(s)", path.display(), config.sources.len())));
    Some(config)
}

/// sha256, graph, head, and the labels that the config names.
pub fn model(config: &ModelConfig, counting: &Counting, findings: &mut Vec<Finding>) -> Option<ModelFolder> {
    let checked = || -> anyhow::Result<ModelFolder> {
        let model = model::find(&config.name)?;
        let program = config.engine.load(&model)?;
        counting.detect_params(&model.spec).postprocess(&model.spec, program.as_ref())?;
        Ok(model)
    };
    let model = note(checked(), "model: ".into(), findings)?;
    let (spec, input) = (&model.spec, &model.spec.input);
    findings.push(ok(format!(
        "model {model}: head {}, {} labels, input {}x{}, sha256 {}",
        format!("{:?}", spec.head).to_lowercase(),
        spec.labels.len(),
        input.width,
        input.height,
        &spec.sha256[..12.min(spec.sha256.len())],
    )));
    Some(model)
}

/// Opens it, and puts its lines on the picture.
pub fn source(spec: &SourceConfig, model: &ModelFolder, findings: &mut Vec<Finding>) -> Option<SourceInfo> {
    let checked = || -> anyhow::Result<SourceInfo> {
        let source = counting::open_source(spec, model, &Live::default())?;
        let (width, height) = (source.info().width, source.info().height);
        spec.lines.iter().try_for_each(|line| line.on_picture(width, height).map(|_| ()))?;
        Ok(source.info().clone())
    };
    let info = note(checked(), format!("source {:?}: ", spec.name), findings)?;
    findings.push(ok(format!("source {:?}: {}, {}x{}", spec.name, spec.input, info.width, info.height)));
    Some(info)
}

/// The value, or its error as a finding.
fn note<T>(result: anyhow::Result<T>, prefix: String, findings: &mut Vec<Finding>) -> Option<T> {
    result
        .map_err(|error| findings.push(Finding { severity: Severity::Error, text: format!("{prefix}{error:#}") }))
        .ok()
}

fn ok(text: String) -> Finding {
    Finding { severity: Severity::Info, text }
}
