use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::Context;

use super::counting::{self, Options};
use super::journal::to_journald;
use crate::config::Config;
use crate::pipeline::{Shutdown, Watchdog};
use crate::source::SourceError;

/// Counts several sources as a config file says
///
/// All sources share one model and its engine sessions, fairly. Ctrl-C or SIGTERM takes no more
/// frames, finishes those that were read, stores them and ends with exit status 0; a second one stops
/// at once. What was reported is stored either way.
///
/// Where nobody watches (stderr is no terminal) it logs a line per event instead of a progress bar;
/// under systemd it tells when it is ready and that every stage moves. See docs/service.md.
///
/// `config/wayside.toml` has every key with its meaning. Check yours first: wayside check --config
/// my.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The config file
    #[arg(long, value_name = "FILE", default_value = "config/wayside.toml")]
    config: PathBuf,

    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

/// EX_CONFIG of sysexits(3): the unit file names it, so that systemd does not try again what cannot work.
const CONFIG_ERROR: u8 = 78;

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("wayside: {error}");
            return Ok(ExitCode::from(CONFIG_ERROR));
        }
    };
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let watchdog = Watchdog::from_env();
    watchdog.status("opening the sources, loading the model");
    let journal = !std::io::stderr().is_terminal();
    let sources: Vec<_> = config.sources.iter().map(|source| format!("{} ({})", source.name, source.input)).collect();
    log::info!(
        "wayside {}: counting {} with model {} into {}",
        env!("CARGO_PKG_VERSION"),
        sources.join(", "),
        config.model.name,
        config.database.path.display()
    );

    let options = Options { quiet: args.quiet, patient: true, journal, watchdog, ..Options::default() };
    let outcome = match counting::count(&config, options, &shutdown) {
        Ok(outcome) => outcome,
        // A signal came while a camera was waited for: nothing was begun, so nothing is missing.
        Err(error) if matches!(error.downcast_ref(), Some(SourceError::Stopped(_))) => return Ok(ExitCode::SUCCESS),
        Err(error) => return Err(error),
    };
    match journal {
        true => outcome.remarks(&config).iter().for_each(|line| log::info!("{line}")),
        false => drop(outcome.close(&config)),
    }
    if !to_journald() {
        println!("{}", outcome.table);
    }
    Ok(ExitCode::SUCCESS)
}
