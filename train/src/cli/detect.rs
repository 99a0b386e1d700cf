//! `wayside-train detect`: a detector of one's own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use anyhow::{Context, Result, bail};
use wayside::evaluate::detect::{Figures, Report};

use crate::callback::{Callback, CsvLogger, Progress};
use crate::data::Dataset;
use crate::data::detection::{DetectionSet, MosaicOptions, Mosaics, Plain, Reading, sheet};
use crate::data::read::Skipped;
use crate::interrupt::on_ctrl_c;
use crate::task::detect::{Detect, Detected};

/// Train a detector and write the model folder that `wayside count --model` runs
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Pictures with labels as YOLO has them (classes.txt, train.txt, val.txt, images/, labels/):\n  \
    wayside-train detect --data road -o road-net\n  \
    wayside count clip.mp4 --model road-net/detector\n\
    For 8 bits: wayside quantize road-net/detector --calibrate road/images -o models/road8"
)]
pub struct Args {
    /// A folder with classes.txt, train.txt, val.txt (lists of pictures) and labels/NAME.txt
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,

    /// Classes to find, in this order; all of classes.txt where none is named
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Vec<String>,

    /// What other detectors found (`wayside-train label`): fills in what is not labelled
    #[arg(long, value_name = "FOLDER")]
    pseudo: Option<PathBuf>,

    /// Pseudo-labels with this score or more count as labels
    #[arg(long, value_name = "SCORE", default_value_t = 0.5)]
    sure: f32,

    /// Those from here on are ignored: neither right nor wrong
    #[arg(long, value_name = "SCORE", default_value_t = 0.2)]
    unsure: f32,

    /// A folder of pictures without labels: of anything else, so that the network learns what is no object, or of other
    /// surroundings. What --pseudo is sure of in them is labelled, what it is unsure of is ignored, and nothing else there is an
    /// object; may be repeated
    #[arg(long, value_name = "FOLDER")]
    unlabelled: Vec<PathBuf>,

    /// Part of the tiles that show one of those; within it, small folders come more often, as --balance says
    #[arg(long, value_name = "PART", default_value_t = 0.2)]
    unlabelled_part: f32,

    /// The network
    #[arg(long, default_value = "detector_small", value_parser = super::networks(), hide_possible_values = true)]
    arch: String,

    /// Begin with the weights of another training: its checkpoint, or the float model that it made (folder, ONNX file or name, such as
    /// vehicle-float inside the program); what does not fit (a head for other classes) begins anew
    #[arg(long, value_name = "FILE|MODEL")]
    weights: Option<PathBuf>,

    /// Side of the network's input in pixels, a multiple of 32
    #[arg(long, value_name = "PIXELS", default_value_t = 320)]
    input: usize,

    /// Side for the first four fifths of the training, which is faster; 0: the same
    #[arg(long, value_name = "PIXELS", default_value_t = 256)]
    first_input: usize,

    #[arg(long, value_name = "N", default_value_t = 60)]
    epochs: usize,

    /// Batches of an epoch
    #[arg(long, value_name = "N", default_value_t = 50)]
    steps: usize,

    /// Pictures for a step
    #[arg(long, value_name = "N", default_value_t = 32)]
    batch_size: usize,

    /// Of the convolutions (Muon); it falls to a hundredth by a cosine
    #[arg(long, value_name = "RATE", default_value_t = 0.02)]
    learning_rate: f32,

    /// Of everything else (AdamW)
    #[arg(long, value_name = "RATE", default_value_t = 0.002)]
    rest_rate: f32,

    /// Momentum of the average of the weights that is measured and written
    #[arg(long, value_name = "PART", default_value_t = 0.9995)]
    average: f32,

    /// Part of the pictures that are frames of the synthetic road
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    scenes: f32,

    /// How much more often pictures with rare classes and those of small sources are drawn, 0 to 1
    #[arg(long, value_name = "PART", default_value_t = 0.5)]
    balance: f32,

    /// Pictures become wider or narrower by up to this factor
    #[arg(long, value_name = "FACTOR", default_value_t = 1.25)]
    aspect: f32,

    /// AP is measured after so many epochs
    #[arg(long, value_name = "N", default_value_t = 5)]
    measure_every: usize,

    /// Pictures are kept decoded in so much memory, labelled ones and those without labels each; more are decoded at each use
    #[arg(long, value_name = "GIB", default_value_t = 2)]
    memory: u64,

    /// Threads that make pictures, beside those that compute
    #[arg(long, value_name = "N", default_value_t = 1)]
    loaders: usize,

    /// Draw what the network will see and be told into this picture, and do not train
    #[arg(long, value_name = "FILE.png")]
    show_data: Option<PathBuf>,

    /// Of first weights, order and augmentation: the same seed gives the same network
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Where to compute: auto, or a device of this build
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: String,

    /// Name of the model
    #[arg(long, default_value = "detector")]
    name: String,

    /// Licence of the weights, for model.toml
    #[arg(long, value_name = "WORDS", default_value = "not stated")]
    licence: String,

    /// What it was trained on, for model.toml
    #[arg(long, value_name = "WORDS", default_value = "")]
    trained_on: String,

    /// Folder for the model folder, the checkpoint and the curves; a training that was cut off goes on
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.input == 0 || !args.input.is_multiple_of(32) || !args.first_input.is_multiple_of(32) {
        bail!("--input {} and --first-input {}: multiples of 32 are needed", args.input, args.first_input);
    }
    let mut skipped = Skipped::default();
    let train = read(args, "train", &mut skipped)?;
    let val = read(args, "val", &mut skipped)?;
    for (class, (train, val)) in train.classes.iter().zip(train.counts().iter().zip(val.counts())) {
        eprintln!("{class:>16}: {train} boxes to train on, {val} to measure with");
    }
    let options = options(args, train.pictures.len());
    let mut mosaics = Mosaics::new(Arc::new(train), options)?;
    if !args.unlabelled.is_empty() {
        let set = read_unlabelled(args, &mut skipped)?;
        let (boxes, pictures) = (set.counts().iter().sum::<usize>(), set.pictures.len());
        let ignored: usize = set.pictures.iter().map(|picture| picture.ignored.len()).sum();
        eprintln!("{:>16}: {pictures} pictures, {boxes} boxes by --pseudo, {ignored} places ignored", "unlabelled");
        mosaics = mosaics.with_unlabelled(Arc::new(set))?;
    }
    if let Some(file) = &args.show_data {
        return show(&mosaics, file);
    }
    let val = Plain::new(Arc::new(val), args.input);
    let task = Detect {
        arch: args.arch.clone(),
        weights: args.weights.clone(),
        name: args.name.clone(),
        side: args.input,
        epochs: args.epochs,
        steps: args.steps,
        batch_size: args.batch_size,
        learning_rate: args.learning_rate,
        rest_rate: args.rest_rate,
        average: args.average,
        measure_every: args.measure_every,
        seed: args.seed,
        device: args.device.clone(),
        licence: args.licence.clone(),
        training_data: args.trained_on.clone(),
        out: args.out.clone(),
        stop: on_ctrl_c()?,
    };
    let callbacks: Vec<Box<dyn Callback>> =
        vec![Box::new(Progress::new()), Box::new(CsvLogger::new(args.out.join("history.csv")))];
    let Some(done) = task.run(&mosaics, &val, callbacks)? else { return Ok(super::ended_early()) };
    print_outcome(mosaics.classes(), &done);
    for line in skipped.lines() {
        eprintln!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Eight samples of the first epoch.
fn show(mosaics: &Mosaics, file: &Path) -> Result<ExitCode> {
    let few: Vec<usize> = (0..mosaics.len()).step_by((mosaics.len() / 8).max(1)).take(8).collect();
    sheet(mosaics, &few, 0, 4)?.save(file).with_context(|| file.display().to_string())?;
    println!("{} samples drawn into {}", few.len(), file.display());
    Ok(ExitCode::SUCCESS)
}

fn options(args: &Args, pictures: usize) -> MosaicOptions {
    // Mosaics count passes over the pictures, which a training's epochs need not be.
    let steps = (args.epochs - args.epochs / 5) * args.steps;
    let last = steps / pictures.div_ceil(args.batch_size.max(1)).max(1);
    let sides = match args.first_input {
        0 => vec![(0, args.input)],
        first => vec![(0, first), (last, args.input)],
    };
    MosaicOptions {
        seed: args.seed,
        sides,
        scenes: args.scenes,
        balance: args.balance,
        aspect: args.aspect,
        unlabelled: args.unlabelled_part,
        threads: args.loaders,
        divide: true,
        ..MosaicOptions::default()
    }
}

fn read(args: &Args, part: &str, skipped: &mut Skipped) -> Result<DetectionSet> {
    let (bar, step) = super::reading(part);
    let set = DetectionSet::yolo(&args.data, &format!("{part}.txt"), &reading(args), skipped, step)?;
    bar.finish_and_clear();
    Ok(set)
}

fn read_unlabelled(args: &Args, skipped: &mut Skipped) -> Result<DetectionSet> {
    let classes = super::lines_of(&args.data.join("classes.txt"))?;
    let (bar, step) = super::reading("unlabelled");
    // Photographs of cameras are ten times as large as tiles need, and memory holds fewer of them.
    let reading = Reading { longest: Some(args.input as u32 * 3 / 2), ..reading(args) };
    let set = DetectionSet::unlabelled(&args.unlabelled, &classes, &reading, skipped, step)?;
    bar.finish_and_clear();
    Ok(set)
}

fn reading(args: &Args) -> Reading {
    Reading {
        classes: args.classes.clone(),
        pseudo: args.pseudo.clone(),
        sure: args.sure,
        unsure: args.unsure,
        memory: args.memory.saturating_mul(1 << 30),
        ..Reading::default()
    }
}

fn print_outcome(classes: &[String], done: &Detected) {
    println!("parameters   {}", done.parameters);
    println!("device       {}", done.device);
    println!("{:<12} {:>7} {:>7} {:>7} {:>7} {:>7}", "", "boxes", "AP50", "AP75", "AP", "recall");
    let row = |name: &str, it: &Figures| {
        let text = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
        let values = [it.ap50, it.ap75, it.ap, it.recall].map(text);
        println!("{name:<12} {:>7} {:>7} {:>7} {:>7} {:>7}", it.boxes, values[0], values[1], values[2], values[3]);
    };
    let Report { classes: figures, all } = &done.report;
    classes.iter().zip(figures).for_each(|(class, figures)| row(class, figures));
    row("mean", all);
    row("as one", &done.agnostic.all);
    println!("written to   {}", done.folder.display());
}
