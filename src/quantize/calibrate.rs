//! Runs the float network over pictures and gathers what its tensors hold.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::checkpoint::Checkpoint;
use super::statistics::{Statistics, Tensor, kept, next};
use super::{Progress, QuantizeError};
use crate::engine::{OutputInfo, Outputs, Program, Session};
use crate::frame::Frame;
use crate::model::InputSpec;
use crate::pipeline::parallel;
use crate::preprocess::{Letterbox, Letterboxed};
use crate::source::read_picture;

/// Pictures between two looks at the bar and the signal; results of so many wait to be added in order.
const TURN: usize = 16;
/// Turns between two checkpoints.
const TURNS: usize = 4;
/// Grey steps by which a picture must vary to show anything.
const LEAST_CONTRAST: f64 = 3.0;

/// Adds to `checkpoint` what the tensors of `program`'s outputs hold on the pictures that it has not seen. The order of
/// the pictures is the order of the samples, however many `sessions` work on them.
pub fn run(
    program: &dyn Program,
    input: &InputSpec,
    pictures: &[PathBuf],
    seed: u64,
    sessions: usize,
    checkpoint: &mut Checkpoint,
    progress: &dyn Progress,
) -> Result<(), QuantizeError> {
    let channels = program.outputs().iter().map(|output| output.shape.get(1).copied().unwrap_or(1)).sum();
    let kept = kept(channels, pictures.len());
    let mut workers = Vec::new();
    for _ in 0..sessions.clamp(1, pictures.len().max(1)) {
        workers.push(Worker {
            session: program.session()?,
            letterbox: Letterbox::new(input),
            outputs: Outputs::default(),
        });
    }
    let workers: Vec<Mutex<Worker>> = workers.into_iter().map(Mutex::new).collect();
    let (mut done, mut turn) = (checkpoint.pictures, 0);
    progress.begin("calibrating", pictures.len());
    while done < pictures.len() {
        let until = (done + TURN).min(pictures.len());
        let free = AtomicUsize::new(done);
        let work = |worker: &Mutex<Worker>| -> Result<Vec<(usize, Seen)>, QuantizeError> {
            // Each worker has a thread of its own: nobody else holds it.
            let mut worker = worker.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let mut seen = Vec::new();
            loop {
                let index = free.fetch_add(1, Ordering::Relaxed);
                if index >= until {
                    return Ok(seen);
                }
                seen.push((index, worker.look(program.outputs(), &pictures[index], kept, seed ^ index as u64)?));
                progress.step();
            }
        };
        let mut seen = Vec::new();
        for part in parallel(workers.iter().collect(), work) {
            seen.extend(part?);
        }
        seen.sort_by_key(|(index, _)| *index);
        for (_, picture) in seen {
            checkpoint.add(picture.tensors, picture.blank);
        }
        (done, turn) = (until, turn + 1);
        if progress.stopped() || turn % TURNS == 0 {
            checkpoint.save();
        }
        if progress.stopped() {
            return Err(QuantizeError::Stopped);
        }
    }
    Ok(())
}

/// What one picture showed.
struct Seen {
    tensors: Statistics,
    blank: bool,
}

struct Worker {
    session: Box<dyn Session>,
    letterbox: Letterbox,
    outputs: Outputs,
}

impl Worker {
    fn look(&mut self, infos: &[OutputInfo], path: &Path, kept: usize, seed: u64) -> Result<Seen, QuantizeError> {
        let (mut frame, mut input) = (Frame::default(), Letterboxed::default());
        read_picture(path, &mut frame)?;
        self.letterbox.step(&frame, &mut input);
        self.session.run(&input, &mut self.outputs)?;
        let mut state = seed;
        let tensors = infos
            .iter()
            .zip(&self.outputs.tensors)
            .map(|(info, tensor)| (info.name.clone(), Tensor::of(&tensor.shape, &tensor.data, kept, next(&mut state))));
        Ok(Seen { tensors: tensors.collect(), blank: contrast(&frame.data) < LEAST_CONTRAST })
    }
}

/// Standard deviation of the pixels' values.
fn contrast(pixels: &[u8]) -> f64 {
    let count = pixels.len().max(1) as f64;
    let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / count;
    (pixels.iter().map(|&p| (f64::from(p) - mean).powi(2)).sum::<f64>() / count).sqrt()
}
