//! Training speed: images a second of the two networks that speed is compared with, forward, backward and a step of SGD.
//! `benches/peers/training.py` runs it in turns with PyTorch.
//!
//!     cargo run --release -p wayside-train --example speed -- --device flex

use std::time::Duration;

use clap::Parser;
use ndarray::{ArrayD, IxDyn};
use wayside::clock::{Clock, SystemClock};
use wayside_train::data::Batch;
use wayside_train::loss::{MeanSquaredError, SparseCategoricalCrossentropy};
use wayside_train::model::{Compile, Model};
use wayside_train::optimizer::Sgd;
use wayside_train::{Result, device, zoo};

/// Images a second while training.
#[derive(Parser)]
struct Args {
    /// One of `resnet18_half` (64 px, batches of 32) and `yolo_small` (320 px, batches of 16); both without it.
    #[arg(long)]
    network: Option<String>,
    #[arg(long, default_value = "auto")]
    device: String,
    /// Steps that are measured.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Steps before, which count as nothing.
    #[arg(long, default_value_t = 3)]
    warm_up: usize,
    /// A line of JSON for each network.
    #[arg(long)]
    json: bool,
}

/// (name, pixels of a side, batch)
const NETWORKS: [(&str, usize, usize); 2] = [("resnet18_half", 64, 32), ("yolo_small", 320, 16)];

fn main() -> Result<()> {
    let args = Args::parse();
    for (network, pixels, batch) in NETWORKS {
        if args.network.as_deref().is_none_or(|wanted| wanted == network) {
            measure(&args, network, pixels, batch)?;
        }
    }
    Ok(())
}

fn measure(args: &Args, network: &str, pixels: usize, batch: usize) -> Result<()> {
    let (device, name) = device::open(&args.device)?;
    let classes = 4;
    let mut model = zoo::by_name(network, &[pixels, pixels, 3], classes)?.to_device(&device);
    let data = batch_for(&mut model, pixels, batch, classes)?;
    for _ in 0..args.warm_up {
        model.train_on_batch(&data)?;
    }
    let clock = SystemClock::new();
    let (start, used) = (clock.mono(), cpu_time());
    let mut fastest = Duration::MAX;
    for _ in 0..args.steps {
        let begun = clock.mono();
        model.train_on_batch(&data)?;
        fastest = fastest.min(clock.mono() - begun);
    }
    let images = (args.steps * batch) as f64;
    let rate = images / (clock.mono() - start).as_secs_f64();
    let best = batch as f64 / fastest.as_secs_f64();
    let cpu = (cpu_time() - used) / images * 1e3;
    if args.json {
        println!(
            "{{\"network\": \"{network}\", \"device\": \"{name}\", \"images_per_second\": {rate:.3}, \
             \"fastest\": {best:.3}, \"cpu_ms_per_image\": {cpu:.4}}}"
        );
    } else {
        println!(
            "{network} on {name}: {rate:.1} images/s, fastest step {best:.1}, {cpu:.2} ms of processor time an image"
        );
    }
    Ok(())
}

/// A batch without meaning, the same at each run, and the losses that belong to the network.
fn batch_for(model: &mut Model, pixels: usize, batch: usize, classes: usize) -> Result<Batch> {
    let wave = |shape: &[usize]| {
        let count: usize = shape.iter().product();
        let numbers = (0..count).map(|i| (i as f32 * 0.37).sin() * 0.5).collect();
        ArrayD::from_shape_vec(IxDyn(shape), numbers).expect("as many numbers as the shape says")
    };
    let outputs: Vec<Vec<usize>> = model.output_shapes().iter().map(|shape| shape.to_vec()).collect();
    let mut how = Compile::new(Sgd::new(0.001));
    let y = if outputs.len() == 1 {
        how = how.loss(SparseCategoricalCrossentropy { from_logits: false });
        let labels = (0..batch).map(|sample| (sample % classes) as f32).collect();
        vec![ArrayD::from_shape_vec(IxDyn(&[batch, 1]), labels).expect("a label for each sample")]
    } else {
        outputs
            .iter()
            .map(|shape| {
                let mut all = vec![batch];
                all.extend(shape);
                wave(&all)
            })
            .collect()
    };
    for _ in 0..if outputs.len() == 1 { 0 } else { outputs.len() } {
        how = how.loss(MeanSquaredError);
    }
    model.compile(how)?;
    Ok(Batch { x: vec![wave(&[batch, pixels, pixels, 3])], y, weights: None })
}

/// Seconds that this process has used, of all threads; 0 where there is no /proc.
fn cpu_time() -> f64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/stat") else { return 0.0 };
    // Behind the name in brackets, the 12th and 13th field are ticks of a hundredth of a second.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
