//! The command line: one file per verb, each with its `Args` and a `run`.

mod classify;
mod detect;
mod embed;
mod export;
mod label;
mod plot;
mod summary;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Parser, Subcommand};
use indicatif::ProgressBar;

use crate::callback;
use crate::data::pictures::Size;
use crate::shape::Shape;
use crate::zoo;

/// Builds, trains, measures and exports networks for wayside.
#[derive(Debug, Parser)]
#[command(name = "wayside-train", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Classify(classify::Args),
    Detect(Box<detect::Args>),
    Embed(embed::Args),
    Label(label::Args),
    Summary(summary::Args),
    Export(export::Args),
    Plot(plot::Args),
}

/// Parses the arguments and runs the verb. Errors are printed as one line on stderr; exit status 1 for a failure, 2 for
/// wrong arguments (by clap), 130 where Ctrl-C ended a training early.
pub fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Classify(args) => classify::run(&args),
        Verb::Detect(args) => detect::run(&args),
        Verb::Embed(args) => embed::run(&args),
        Verb::Label(args) => label::run(&args),
        Verb::Summary(args) => summary::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Plot(args) => plot::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("wayside-train: {error:#}");
        ExitCode::FAILURE
    })
}

/// What a training says that Ctrl-C ended.
fn ended_early() -> ExitCode {
    eprintln!("wayside-train: ended early; the same command goes on from there");
    ExitCode::from(130)
}

/// The networks by name, so that help explains each and a wrong one is refused with all of them.
fn networks() -> PossibleValuesParser {
    zoo::NAMES.iter().map(|(name, what)| PossibleValue::new(*name).help(*what)).collect::<Vec<_>>().into()
}

/// `64,64,3`.
fn parse_shape(text: &str) -> Result<Shape, String> {
    let axes: Option<Shape> = text.split(',').map(|axis| axis.trim().parse().ok()).collect();
    match axes {
        Some(axes) if (1..=3).contains(&axes.len()) && !axes.contains(&0) => Ok(axes),
        _ => Err("height,width,channels, such as 64,64,3".into()),
    }
}

/// `64,64,3`, with 3 channels or 1.
fn parse_picture(text: &str) -> Result<Size, String> {
    match parse_shape(text)?.as_slice() {
        &[height @ 1..=4096, width @ 1..=4096, channels @ (1 | 3)] => {
            Ok(Size { height: height as u32, width: width as u32, channels: channels as u32 })
        }
        _ => Err("height,width,channels with 3 channels or 1, such as 64,64,3".into()),
    }
}

/// Words of a file, one in a line.
fn lines_of(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect())
}

/// A bar over pictures that are being read, and what to call for each with how many there are.
fn reading(what: &str) -> (ProgressBar, impl FnMut(usize) + use<>) {
    let bar = callback::bar(0, format!("reading {what}"));
    let moved = bar.clone();
    let step = move |all: usize| {
        moved.set_length(all as u64);
        moved.inc(1);
    };
    (bar, step)
}
