//! `wayside-train average`: one network out of several.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Result, bail};

use crate::task::average::average_folder;

/// Average the weights of models that were trained from one another
///
/// What was trained further on other pictures loses some of what it could; the mean of both is often better than either. Models that
/// were not trained from one another, or from the same one, give nothing that works.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "wayside-train average models/vehicle-float road-net/detector --shares 1,2 -o models/road-float"
)]
pub struct Args {
    /// Float models of the same network: names, folders or ONNX files
    #[arg(value_name = "MODEL", num_args = 2.., required = true)]
    models: Vec<String>,

    /// How much each counts
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    shares: Vec<f32>,

    /// The model folder to write; one that is there is replaced
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if !args.shares.is_empty() && args.shares.len() != args.models.len() {
        bail!("{} shares for {} models", args.shares.len(), args.models.len());
    }
    let Some(name) = args.out.file_name().and_then(|name| name.to_str()) else {
        bail!("{}: the folder's name is the model's", args.out.display());
    };
    let mut models = Vec::new();
    for (place, model) in args.models.iter().enumerate() {
        models.push((wayside::model::find(model)?, args.shares.get(place).copied().unwrap_or(1.0)));
    }
    average_folder(&models, &args.out, name)?;
    println!("written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
