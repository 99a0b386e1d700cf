//! `wayside-train summary`: the table of a network.

use std::process::ExitCode;

use anstream::print;
use anyhow::Result;

use crate::shape::Shape;
use crate::zoo;

/// Show the layers of a network, their shapes and numbers of parameters
#[derive(Debug, clap::Args)]
#[command(after_help = "wayside-train summary resnet50 --input 64,64,3 --classes 6")]
pub struct Args {
    /// Which network
    #[arg(value_name = "ARCH", value_parser = super::networks())]
    arch: String,

    /// Shape of a picture: height, width, channels
    #[arg(long, value_name = "H,W,C", default_value = "64,64,3", value_parser = super::parse_shape)]
    input: Shape,

    /// How many classes it tells apart
    #[arg(long, value_name = "N", default_value_t = 6)]
    classes: usize,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = zoo::by_name(&args.arch, &args.input, args.classes)?;
    print!("{}", model.summary());
    Ok(ExitCode::SUCCESS)
}
