//! `wayside-train label`: pseudo-labels by other detectors.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, Result};

use crate::callback;
use crate::data::read::{Skipped, pictures_in};
use crate::task::label::{Label, listed};

/// Let other detectors label pictures, for what nobody has labelled
#[derive(Debug, clap::Args)]
#[command(
    after_help = "wayside-train label --data road --teacher yolox_nano.onnx --teacher nanodet.onnx -o road-pseudo\n\
    wayside-train detect --data road --pseudo road-pseudo -o road-net\n\
    Mind the licence of the teachers: what learns from their answers may inherit it."
)]
pub struct Args {
    /// A folder with classes.txt, train.txt and val.txt
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,

    /// Lists of pictures in that folder
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "train.txt,val.txt")]
    lists: Vec<String>,

    /// Label all pictures of this folder instead, for `detect --unlabelled`; the classes are those of --data
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,

    /// A detector that `wayside detect` runs: name, model folder or ONNX file; may be repeated
    #[arg(long = "teacher", value_name = "MODEL", required = true)]
    teachers: Vec<String>,

    /// Look at each picture in N × N overlapping parts as well, for small objects; 1: not
    #[arg(long, value_name = "N", default_value_t = 2)]
    tiles: u32,

    /// What a teacher is less sure of is left out
    #[arg(long, value_name = "SCORE", default_value_t = 0.15)]
    least: f32,

    /// Folder for NAME.txt, a line `class cx cy w h score` for each object; one that was cut off goes on
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let classes = super::lines_of(&args.data.join("classes.txt"))?;
    let pictures = match &args.pictures {
        Some(folder) => pictures_in(folder).with_context(|| folder.display().to_string())?,
        None => args.lists.iter().map(|list| listed(&args.data, list)).collect::<Result<Vec<_>, _>>()?.concat(),
    };
    let bar = callback::bar(pictures.len() as u64, "labelling");
    let task = Label { teachers: args.teachers.clone(), classes, tiles: args.tiles, least: args.least };
    let mut skipped = Skipped::default();
    let count = task.run(&pictures, &args.out, &mut skipped, || bar.inc(1))?;
    bar.finish_and_clear();
    for line in skipped.lines() {
        eprintln!("{line}");
    }
    println!("{count} boxes in {} pictures, written to {}", pictures.len(), args.out.display());
    Ok(ExitCode::SUCCESS)
}
