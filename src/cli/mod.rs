//! The command line: one file per verb, each with its `Args` and a `run`. Not here: any work that a library user
//! could want; a verb reads its arguments, calls the rooms, and prints.

mod bench;
mod cameras;
mod check;
mod console;
mod count;
mod counting;
mod demo;
mod detect;
mod doctor;
mod drawing;
mod evaluate;
mod journal;
mod model;
mod quantize;
mod report;
mod run;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::source::SourceError;

/// Counts vehicles at a road: detects, tracks and counts them over lines, into SQLite.
#[derive(Debug, Parser)]
#[command(name = "wayside", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Args),
    Count(count::Args),
    Detect(detect::Args),
    Run(run::Args),
    Report(report::Args),
    Cameras(cameras::Args),
    Check(check::Args),
    Doctor(doctor::Args),
    Model(model::Args),
    Train(train::Args),
    Quantize(quantize::Args),
    Evaluate(evaluate::Args),
    Bench(bench::Args),
}

/// Parses the arguments and runs the verb. Errors are printed as one line on stderr; exit status 1 for a failure,
/// 2 for wrong arguments (by clap), 130 where a signal ended a count early; `run` ends by one, with 0, and gives 78 for a
/// config that it cannot use, so that systemd does not try again.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    journal::init(matches!(cli.verb, Verb::Run(_)));
    let result = match cli.verb {
        Verb::Demo(args) => demo::run(args),
        Verb::Count(args) => count::run(args),
        Verb::Detect(args) => detect::run(args),
        Verb::Run(args) => run::run(args),
        Verb::Report(args) => report::run(args),
        Verb::Cameras(args) => cameras::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Model(args) => model::run(args),
        Verb::Train(args) => train::run(args),
        Verb::Quantize(args) => quantize::run(&args),
        Verb::Evaluate(args) => evaluate::run(args),
        Verb::Bench(args) => bench::run(args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("wayside: {}", one_line(&error));
        match error.downcast_ref() {
            Some(SourceError::Stopped(_)) => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    })
}

/// The chain of causes, joined with colons. A cause that its effect has already quoted is not said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            line += if line.is_empty() { "" } else { ": " };
            line += &cause;
        }
    }
    line
}
