//! `wayside-train export`: a trained model as ONNX.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::Result;

use crate::export::ExportOptions;
use crate::model::Model;

/// Write a saved model as ONNX, with a golden pair of input and outputs beside it
#[derive(Debug, clap::Args)]
#[command(after_help = "wayside-train export vehicles/checkpoint.safetensors -o vehicles.onnx --fold")]
pub struct Args {
    /// A model or checkpoint (.safetensors)
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,

    /// Fold batch normalisation into the convolutions before it
    #[arg(long)]
    fold: bool,

    /// Fix the size of the batch; it is open otherwise
    #[arg(long, value_name = "N")]
    batch: Option<usize>,

    /// Names of the classes, in the order of the outputs
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    labels: Vec<String>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = Model::load(&args.model)?;
    let options = ExportOptions {
        batch: args.batch,
        fold_batch_norm: args.fold,
        labels: args.labels.clone(),
        ..Default::default()
    };
    model.export(&args.out, &options)?;
    println!("written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
