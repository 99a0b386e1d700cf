//! `wayside-train classify`: a network that tells pictures apart.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Result, bail};

use crate::callback::{Callback, CsvLogger, Progress};
use crate::data::crops::Crops;
use crate::data::folder;
use crate::data::pictures::{Pictures, Size};
use crate::data::read::Skipped;
use crate::interrupt::on_ctrl_c;
use crate::task::classify::{Classified, Classify};

/// Train a network that tells pictures apart
#[derive(Debug, clap::Args)]
#[command(after_help = "Pictures in a folder for each class:\n  \
    wayside-train classify --data fruit -o fruit-net\n\
    Objects cut out of a detection set (train.txt, val.txt, classes.txt, labels/):\n  \
    wayside-train classify --data road --classes car,bus,truck,motorcycle -o vehicles")]
pub struct Args {
    /// A folder with train/CLASS/*.jpg and val/CLASS/*.jpg, or a detection set
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,

    /// Classes to cut out of a detection set
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Vec<String>,

    /// Boxes with a shorter side below this many pixels are left out
    #[arg(long, value_name = "PIXELS", default_value_t = 24)]
    smallest: u32,

    /// The network
    #[arg(long, default_value = "resnet_small", value_parser = super::networks(), hide_possible_values = true)]
    arch: String,

    /// Pictures are scaled to this: height, width, channels (3, or 1 for grey)
    #[arg(long, value_name = "H,W,C", default_value = "64,64,3", value_parser = super::parse_picture)]
    input: Size,

    /// Times that every picture is seen
    #[arg(long, value_name = "N", default_value_t = 12)]
    epochs: usize,

    /// Pictures for a step
    #[arg(long, value_name = "N", default_value_t = 32)]
    batch_size: usize,

    /// Of the first step; it falls to nothing by a cosine
    #[arg(long, value_name = "RATE", default_value_t = 0.05)]
    learning_rate: f32,

    /// Show the pictures as they are: not flipped, moved, scaled or lit otherwise
    #[arg(long)]
    no_augment: bool,

    /// Let each picture count alike, however many there are of its class
    #[arg(long)]
    no_balance: bool,

    /// Of first weights, order and augmentation: the same seed gives the same network
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Where to compute: auto, or a device of this build
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: String,

    /// Folder for the network (model.onnx), its checkpoint, curves and confusion matrix; a training that was cut off goes on
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut skipped = Skipped::default();
    let train = read(args, "train", &mut skipped)?;
    let val = read(args, "val", &mut skipped)?;
    if train.classes != val.classes {
        bail!("train has the classes {} and val {}", train.classes.join(", "), val.classes.join(", "));
    }
    for (class, (train, val)) in train.classes.iter().zip(train.counts().iter().zip(val.counts())) {
        eprintln!("{class:>16}: {train} to train on, {val} to measure with");
    }
    let task = Classify {
        arch: args.arch.clone(),
        epochs: args.epochs,
        batch_size: args.batch_size,
        learning_rate: args.learning_rate,
        augment: !args.no_augment,
        balance: !args.no_balance,
        seed: args.seed,
        device: args.device.clone(),
        out: args.out.clone(),
        stop: on_ctrl_c()?,
    };
    let callbacks: Vec<Box<dyn Callback>> =
        vec![Box::new(Progress::new()), Box::new(CsvLogger::new(args.out.join("history.csv")))];
    let Some(done) = task.run(train, &val, callbacks)? else { return Ok(super::ended_early()) };
    print_outcome(args, &done);
    for line in skipped.lines() {
        eprintln!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn read(args: &Args, part: &str, skipped: &mut Skipped) -> Result<Pictures> {
    let (bar, step) = super::reading(part);
    let pictures = if args.data.join("classes.txt").is_file() {
        if args.classes.len() < 2 {
            bail!("{} is a detection set: name the classes to cut out, such as --classes car,bus", args.data.display());
        }
        let crops = Crops { size: args.input, classes: args.classes.clone(), smallest: args.smallest };
        crops.read(&args.data, &format!("{part}.txt"), skipped, step)?
    } else {
        folder::read(&args.data.join(part), args.input, skipped, step)?
    };
    bar.finish_and_clear();
    Ok(pictures)
}

fn print_outcome(args: &Args, done: &Classified) {
    let confusion = &done.confusion;
    println!("parameters         {}", done.parameters);
    println!("device             {}", done.device);
    println!("accuracy           {:.2} %", 100.0 * confusion.accuracy());
    println!("balanced accuracy  {:.2} %", 100.0 * confusion.balanced_accuracy());
    for (class, recall) in confusion.classes.iter().zip(confusion.recalls()) {
        match recall {
            Some(recall) => println!("  {class:<16} {:.2} % found", 100.0 * recall),
            None => println!("  {class:<16} none to measure with"),
        }
    }
    println!("written to         {}", args.out.display());
}
