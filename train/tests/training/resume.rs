//! A training that is cut off comes to the same numbers.

use std::path::Path;
use std::process::{Command, Stdio};

use ndarray::{Array2, Array4};
use wayside::clock::{Clock, SystemClock};
use wayside_train::loss::SparseCategoricalCrossentropy;
use wayside_train::metric::SparseCategoricalAccuracy;
use wayside_train::model::{Compile, Fit};
use wayside_train::optimizer::Adam;
use wayside_train::prelude::*;
use wayside_train::schedule::Schedule;

/// Says to this test program, started anew, where its checkpoint is and how many epochs are wanted.
const CHECKPOINT: &str = "WAYSIDE_TEST_CHECKPOINT";
const EPOCHS: &str = "WAYSIDE_TEST_EPOCHS";

/// This test program again, running only the training below: a process that can be killed.
pub fn course(checkpoint: &Path, epochs: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "resume::a_training"]);
    command.env(CHECKPOINT, checkpoint).env(EPOCHS, epochs.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Dropout, batch normalisation, a schedule, shuffled batches: everything that has to go on.
#[test]
#[ignore = "the other tests run it, in a process of its own"]
fn a_training() {
    let (Ok(checkpoint), Ok(epochs)) = (std::env::var(CHECKPOINT), std::env::var(EPOCHS)) else { return };
    let mut model = Sequential::new()
        .add(Conv2D::new(8, 3).padding(Padding::Same).use_bias(false))
        .add(BatchNormalization::new())
        .add(Activation::Relu)
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dropout::new(0.3))
        .add(Dense::new(2).activation(Activation::Softmax))
        .build([8, 8, 1])
        .unwrap();
    let schedule = Schedule::Cosine { initial: 0.01, last: 0.001, steps: 96, warm_up: 8 };
    let how = Compile::new(Adam::new(schedule)).loss(SparseCategoricalCrossentropy::default());
    model.compile(how.metric(SparseCategoricalAccuracy::default())).unwrap();
    // Stripes, lying or standing.
    let x = Array4::from_shape_fn((128, 8, 8, 1), |(sample, row, column, _)| {
        let along = if sample % 2 == 1 { column } else { row };
        ((along + sample / 2) % 4) as f32 / 3.0
    });
    let y = Array2::from_shape_fn((128, 1), |(sample, _)| (sample % 2) as f32);
    let data = Arrays::new(x.into_dyn(), y.into_dyn()).unwrap();
    let how = Fit::new().batch_size(16).epochs(epochs.parse().unwrap()).checkpoint(checkpoint);
    model.fit(&data, how).unwrap();
}

#[test]
fn killed_at_any_moment_it_goes_on_to_the_same_file_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    let clock = SystemClock::new();
    assert!(course(&whole, 12).status().unwrap().success());
    let took = clock.mono();
    let mut kills = 0;
    for part in 1..=5 {
        let mut child = course(&cut, 12).spawn().unwrap();
        std::thread::sleep(took * part / 6);
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        // What is there is whole.
        if cut.exists() {
            Model::load(&cut).unwrap();
        }
    }
    assert!(course(&cut, 12).status().unwrap().success());
    assert!(kills > 0, "it was never alive when it was to be killed");
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&cut).unwrap(), "after {kills} kills the numbers differ");
}

#[test]
fn more_epochs_go_on_from_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, steps) = (folder.path().join("whole"), folder.path().join("steps"));
    assert!(course(&whole, 5).status().unwrap().success());
    assert!(course(&steps, 2).status().unwrap().success());
    assert!(course(&steps, 5).status().unwrap().success());
    assert!(std::fs::read(&whole).unwrap() == std::fs::read(&steps).unwrap());
}

#[test]
fn weights_that_fit_are_taken_and_others_begin_anew() {
    let network = |classes: usize, seed: u64| {
        let layers = Sequential::new().add(Dense::new(8).activation(Activation::Relu)).add(Dense::new(classes));
        layers.build([4]).unwrap().reseeded(seed)
    };
    let x = Array2::from_shape_fn((3, 4), |(row, column)| (row + column) as f32 - 2.0).into_dyn();
    let data = Arrays::new(x, Array2::<f32>::zeros((3, 1)).into_dyn()).unwrap();
    let answers = |model: &Model| model.predict(&data, Default::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two");
    let first = network(2, 1);
    first.save(&file).unwrap();

    let mut same = network(2, 2);
    assert_ne!(answers(&same), answers(&first));
    assert!(same.load_fitting_weights(&file).unwrap().is_empty());
    assert_eq!(answers(&same), answers(&first));
    let left = network(3, 2).load_fitting_weights(&file).unwrap();
    assert!(left.len() == 2 && left.iter().all(|name| name.starts_with("dense_1/")), "{left:?}");
    let mut other = Sequential::new().add(Dense::new(5)).build([7]).unwrap();
    assert!(other.load_fitting_weights(&file).unwrap_err().to_string().contains("no weights that fit"));
}
