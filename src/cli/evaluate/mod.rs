//! `wayside evaluate`: what wayside finds and counts beside what people did.

pub mod classes;
mod count;
mod detect;
mod detect_report;
pub mod labelled;

use std::process::ExitCode;

/// Compares with labelled truth.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Count(count::CountArgs),
    Detect(detect::DetectArgs),
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Count(args) => count::run(&args),
        What::Detect(args) => detect::run(&args),
    }
}
