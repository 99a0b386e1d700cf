//! What a training makes small.

mod arcface;
mod crossentropy;
mod detection;
mod regression;
mod triplet;

use std::fmt::Debug;

use burn::tensor::Tensor;
use ndarray::ArrayD;

use crate::Error;
use crate::value::Value;

pub use arcface::ArcFace;
pub use crossentropy::{BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy};
pub use detection::{TaskAligned, YoloGrid};
pub use regression::{Huber, MeanAbsoluteError, MeanSquaredError};
pub use triplet::{Mining, Triplet, triplet};

/// A loss of one output. One of one's own implements this.
pub trait Loss: Debug + Send {
    /// Loss of each sample, (batch). `truth` is what the dataset gives for this output, of any shape; `prediction` is on the tape.
    /// The model weighs the samples and takes the mean.
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1>;

    /// Whether a truth of this shape (without the batch) fits an output of that one; why not, to end "the truth …".
    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        if truth == output { Ok(()) } else { Err(format!("has the shape {truth:?}, the output {output:?}")) }
    }

    /// What becomes of the samples' losses.
    fn reduction(&self) -> Reduction {
        Reduction::Mean
    }

    /// Whether the numbers of a truth mean something for an output of this shape; why not, to end "the truth …".
    fn check(&self, _truth: &ArrayD<f32>, _output: &[usize]) -> Result<(), String> {
        Ok(())
    }
}

/// A loss of all outputs together, with truth of any form: three encodings of a triplet, the boxes of a detector. One of one's own
/// implements this.
pub trait JointLoss: Debug + Send {
    /// Loss of each sample, (batch), for each part. `truth` are the arrays that the dataset gives, as they are: as many as it
    /// likes, of any length; `predictions` are all outputs, on the tape.
    fn call(&self, truth: &[ArrayD<f32>], predictions: Vec<Value>) -> Vec<Tensor<1>>;

    /// Names of the parts, which are logged with `_loss` behind them; none where there is only one.
    fn parts(&self) -> Vec<String> {
        Vec::new()
    }

    /// What becomes of the samples' losses.
    fn reduction(&self) -> Reduction {
        Reduction::Mean
    }

    /// Whether the truth of `batch` samples fits outputs of these shapes; why not, to end "the truth …".
    fn check(&self, _truth: &[ArrayD<f32>], _batch: usize, _outputs: &[&[usize]]) -> Result<(), String> {
        Ok(())
    }
}

/// How the losses of a batch become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Over the samples: Keras' sum_over_batch_size.
    #[default]
    Mean,
    Sum,
}

/// Numbers of classes, each below `classes`.
fn check_classes(truth: &ArrayD<f32>, classes: usize) -> Result<(), String> {
    match truth.iter().find(|&&class| !(class >= 0.0 && class < classes as f32 && class.fract() == 0.0)) {
        Some(class) => Err(format!("holds {class}: numbers of classes, 0 to {}, are needed", classes - 1)),
        None => Ok(()),
    }
}

/// By Keras' name, with Keras' defaults.
pub fn by_name(name: &str) -> Result<Box<dyn Loss>, Error> {
    Ok(match name {
        "mse" | "mean_squared_error" => Box::new(MeanSquaredError),
        "mae" | "mean_absolute_error" => Box::new(MeanAbsoluteError),
        "huber" => Box::new(Huber::default()),
        "binary_crossentropy" => Box::new(BinaryCrossentropy::default()),
        "categorical_crossentropy" => Box::new(CategoricalCrossentropy::default()),
        "sparse_categorical_crossentropy" => Box::new(SparseCategoricalCrossentropy::default()),
        other => {
            return Err(Error::Model(format!(
                "no loss {other}: mse, mae, huber, binary_crossentropy, categorical_crossentropy, \
                 sparse_categorical_crossentropy"
            )));
        }
    })
}

impl Loss for Box<dyn Loss> {
    fn call(&self, truth: Value, prediction: Value) -> Tensor<1> {
        (**self).call(truth, prediction)
    }

    fn fits(&self, truth: &[usize], output: &[usize]) -> Result<(), String> {
        (**self).fits(truth, output)
    }

    fn reduction(&self) -> Reduction {
        (**self).reduction()
    }

    fn check(&self, truth: &ArrayD<f32>, output: &[usize]) -> Result<(), String> {
        (**self).check(truth, output)
    }
}

/// Keeps logarithms finite; Keras' value.
const EPSILON: f32 = 1e-7;

/// (batch, everything else).
fn rows(value: Value) -> Tensor<2> {
    let (batch, count) = (value.batch(), value.shape().iter().product::<usize>());
    value.into_flat().reshape([batch, count])
}

/// Mean over everything but the batch.
fn mean_of_rows(table: Tensor<2>) -> Tensor<1> {
    let batch = table.dims()[0];
    table.mean_dim(1).reshape([batch])
}
