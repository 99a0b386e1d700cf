//! `wayside-train embed`: a network whose vectors tell people apart.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use anyhow::{Result, bail};

use crate::callback::{Callback, CsvLogger, Progress};
use crate::data::folder;
use crate::data::pictures::Size;
use crate::data::read::Skipped;
use crate::interrupt::on_ctrl_c;
use crate::loss::Mining;
use crate::measure::Roc;
use crate::task::embed::Embed;

/// Train a network whose vectors are near for pictures of one person
#[derive(Debug, clap::Args)]
#[command(after_help = "wayside-train embed --data orl --unseen 10 --input 112,92,1 -o faces\n\
    The last people, by name, are kept apart: the network is measured on people that it has never seen.")]
pub struct Args {
    /// A folder with a folder of pictures for each person
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,

    /// How many people are kept apart to measure with
    #[arg(long, value_name = "N", default_value_t = 10)]
    unseen: usize,

    /// The network
    #[arg(long, default_value = "face_small", value_parser = super::networks(), hide_possible_values = true)]
    arch: String,

    /// Pictures are scaled to this: height, width, channels (3, or 1 for grey)
    #[arg(long, value_name = "H,W,C", default_value = "112,92,1", value_parser = super::parse_picture)]
    input: Size,

    /// Length of the vector
    #[arg(long, value_name = "N", default_value_t = 128)]
    dimensions: usize,

    #[arg(long, value_name = "N", default_value_t = 40)]
    epochs: usize,

    /// People in a batch
    #[arg(long, value_name = "N", default_value_t = 8)]
    people: usize,

    /// Pictures of each in a batch
    #[arg(long, value_name = "N", default_value_t = 4)]
    each: usize,

    /// Batches in an epoch
    #[arg(long, value_name = "N", default_value_t = 10)]
    batches: usize,

    /// Of the first step; it falls to nothing by a cosine
    #[arg(long, value_name = "RATE", default_value_t = 0.001)]
    learning_rate: f32,

    /// Which triplets of a batch are learned from
    #[arg(long, value_name = "WHICH", value_enum, default_value = "all")]
    mining: Which,

    /// How much nearer one's own pictures have to be than others' (squared distance)
    #[arg(long, value_name = "DISTANCE", default_value_t = 0.2)]
    margin: f32,

    /// Of first weights, order and augmentation: the same seed gives the same network
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Where to compute: auto, or a device of this build
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: String,

    /// Folder for the network (model.onnx), its checkpoint, loss curve and ROC; a training that was cut off goes on
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Which {
    /// All that still cost something
    All,
    /// For each picture the farthest of its own and the nearest of the others
    Hard,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut skipped = Skipped::default();
    let (bar, step) = super::reading("people");
    let all = folder::read(&args.data, args.input, &mut skipped, step)?;
    bar.finish_and_clear();
    let Some(seen) = all.classes.len().checked_sub(args.unseen).filter(|&seen| seen >= 2 && args.unseen >= 2) else {
        bail!("{} people, {} kept apart: at least two are needed on both sides", all.classes.len(), args.unseen);
    };
    let train = all.filtered(|sample| all.labels[sample] < seen);
    let unseen = all.filtered(|sample| all.labels[sample] >= seen);
    eprintln!(
        "{seen} people, {} pictures to train on; {} others, {} pictures",
        train.labels.len(),
        args.unseen,
        unseen.labels.len()
    );
    let task = Embed {
        arch: args.arch.clone(),
        dimensions: args.dimensions,
        epochs: args.epochs,
        people: args.people,
        each: args.each,
        batches: args.batches,
        learning_rate: args.learning_rate,
        mining: match args.mining {
            Which::All => Mining::BatchAll,
            Which::Hard => Mining::BatchHard,
        },
        margin: args.margin,
        seed: args.seed,
        device: args.device.clone(),
        out: args.out.clone(),
        stop: on_ctrl_c()?,
    };
    let callbacks: Vec<Box<dyn Callback>> =
        vec![Box::new(Progress::new()), Box::new(CsvLogger::new(args.out.join("history.csv")))];
    let Some(done) = task.run(train, &unseen, callbacks)? else { return Ok(super::ended_early()) };
    println!("parameters     {}", done.parameters);
    println!("device         {}", done.device);
    println!("pairs          {} of {} people never seen", done.pairs, args.unseen);
    print_rates("before", &done.before);
    print_rates("trained", &done.roc);
    println!("written to     {}", args.out.display());
    for line in skipped.lines() {
        eprintln!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_rates(name: &str, roc: &Roc) {
    let (eer, threshold) = roc.eer();
    println!(
        "{name:<14} AUC {:.4}, EER {:.2} % (at a squared distance of {:.3}), accepted at FAR 1 % {:.1} %, at 0.1 % {:.1} %",
        roc.auc(),
        100.0 * eer,
        -threshold,
        100.0 * roc.acceptance_at(0.01),
        100.0 * roc.acceptance_at(0.001)
    );
}
