//! `wayside quantize`
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::model;
use crate::quantize::{Calibration, Prepared, Progress};
use crate::source::picture_paths;

#[derive(Debug, clap::Args)]
pub struct Args {
    model: String,
    #[arg(long)]
    calibrate: PathBuf,
    #[arg(short)]
    output: PathBuf,
}
struct P;
impl Progress for P {
    fn begin(&self, what: &str, steps: usize) { eprintln!("{what} {steps}"); }
    fn step(&self) {}
    fn stopped(&self) -> bool { false }
}
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let model = model::find(&args.model)?;
    let all = picture_paths(&args.calibrate.to_string_lossy())?;
    let step = all.len().div_ceil(200).max(1);
    let pictures: Vec<PathBuf> = all.into_iter().step_by(step).collect();
    let asked = Calibration { pictures: &pictures, seed: 1, sessions: 2, kept_at: Some("/tmp/quant/c.cal".into()) };
    let prepared = Prepared::new(&model, &asked, &P)?;
    crate::part_file::write(&args.output, &prepared.quantised(&BTreeSet::new()).encode())?;
    Ok(ExitCode::SUCCESS)
}
