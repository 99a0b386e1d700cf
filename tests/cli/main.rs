//! The program as a user meets it: whole counts of the synthetic road, interrupted ones, and bad input.

mod bad_input;
#[cfg(all(feature = "pipe", feature = "v4l"))]
mod cameras;
mod detect;
mod evaluate_detect;
mod killed;
mod quantize;
mod replays;
mod service;
mod train;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the program in `folder`, so that nothing is found by its place in this repository but the models, for `--model scene`.
fn wayside(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the program starts")
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command.args(args).current_dir(folder).env_remove("RUST_LOG");
    command.env("WAYSIDE_MODELS", Path::new(env!("CARGO_MANIFEST_DIR")).join("models"));
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// `../shared/assets`, where it is.
fn assets() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets").canonicalize().ok();
    if found.is_none() {
        eprintln!("skipped: no ../shared/assets");
    }
    found
}
