//! `wayside train`: hands over to the program wayside-train, as cargo does with its commands.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// Build, train and export networks, with the program wayside-train (a package of its own: a board needs none of it).
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Arguments of wayside-train: `wayside train --help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

const PROGRAM: &str = "wayside-train";

pub fn run(args: Args) -> Result<ExitCode> {
    // A success does not come back: the program takes this one's place, with its terminal, signals and exit status.
    let error = Command::new(program()).args(args.arguments).exec();
    if error.kind() == ErrorKind::NotFound {
        bail!(
            "no {PROGRAM} beside this program or on the PATH; in wayside's source folder: cargo install --path train \
             (or: cargo build --release -p {PROGRAM})"
        );
    }
    Err(error).context(format!("{PROGRAM} does not start"))
}

/// The one beside this program, or else what the PATH has.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|path| Some(path.parent()?.join(PROGRAM)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PROGRAM.into())
}
