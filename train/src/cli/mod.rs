//! The command line: one file per verb, each with its `Args` and a `run`.

mod summary;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, trains, measures and exports networks for wayside.
#[derive(Debug, Parser)]
#[command(name = "wayside-train", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Summary(summary::Args),
}

/// Parses the arguments and runs the verb. Errors are printed as one line on stderr; exit status 1 for a failure, 2 for
/// wrong arguments (by clap), 130 where Ctrl-C ended a training early.
pub fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Summary(args) => summary::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("wayside-train: {error:#}");
        ExitCode::FAILURE
    })
}

/// `64,64,3`.
fn parse_shape(text: &str) -> Result<Vec<usize>, String> {
    let axes: Option<Vec<usize>> = text.split(',').map(|axis| axis.trim().parse().ok()).collect();
    match axes {
        Some(axes) if (1..=3).contains(&axes.len()) && !axes.contains(&0) => Ok(axes),
        _ => Err("height,width,channels, such as 64,64,3".into()),
    }
}
