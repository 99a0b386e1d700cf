use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::counting::{self, Options};
use crate::config::Config;
use crate::pipeline::Shutdown;

/// Counts several sources as a config file says.
///
/// All sources share one model and its engine sessions, fairly. Ctrl-C (or SIGTERM) takes no more frames, finishes those
/// that were read, stores and prints the counts; a second Ctrl-C stops at once. What was reported is stored either way.
///
/// `config/wayside.toml` has every key with its meaning. Check yours first: wayside check --config my.toml
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

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let options = Options { quiet: args.quiet, patient: true, ..Options::default() };
    let outcome = counting::count(&config, options, &shutdown)?;
    println!("{}", outcome.table);
    Ok(outcome.close(&config))
}
