//! Samples to train on and to measure with.

use ndarray::{ArrayD, Axis};

use crate::{Error, Result};

pub mod augment;
pub mod crops;
pub mod detection;
pub mod folder;
pub mod people;
pub mod pictures;
pub mod read;

/// Samples side by side, each array with the batch first and pictures channels last.
#[derive(Debug, Clone)]
pub struct Batch {
    /// For each input of the model.
    pub x: Vec<ArrayD<f32>>,
    /// For each output of the model.
    pub y: Vec<ArrayD<f32>>,
    /// How much each sample counts; all alike where there are none.
    pub weights: Option<Vec<f32>>,
}

/// Samples by number. Batches are made on a thread of their own while the network works.
pub trait Dataset: Send + Sync {
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples of these numbers. Whatever is drawn by chance, such as augmentation, follows from `epoch` and the sample's
    /// number alone: so a training that is resumed sees the same pictures.
    fn batch(&self, samples: &[usize], epoch: usize) -> Result<Batch>;
}

/// Arrays in memory.
#[derive(Debug, Clone)]
pub struct Arrays {
    x: Vec<ArrayD<f32>>,
    y: Vec<ArrayD<f32>>,
    weights: Option<Vec<f32>>,
}

impl Arrays {
    /// One input, one output.
    pub fn new(x: ArrayD<f32>, y: ArrayD<f32>) -> Result<Self> {
        Self::several(vec![x], vec![y])
    }

    pub fn several(x: Vec<ArrayD<f32>>, y: Vec<ArrayD<f32>>) -> Result<Self> {
        let lengths: Vec<usize> = x.iter().chain(&y).map(|array| array.shape().first().copied().unwrap_or(0)).collect();
        match lengths.first() {
            Some(first) if lengths.iter().all(|length| length == first) => Ok(Arrays { x, y, weights: None }),
            Some(_) => Err(Error::Data(format!("arrays with {lengths:?} samples: as many are needed in each"))),
            None => Err(Error::Data("no arrays".into())),
        }
    }

    /// How much each sample counts; or each step of each sample, a sample's side by side, where the model is compiled for that.
    pub fn sample_weight(mut self, weights: Vec<f32>) -> Result<Self> {
        if weights.is_empty() || !weights.len().is_multiple_of(self.len().max(1)) {
            return Err(Error::Data(format!("{} sample weights for {} samples", weights.len(), self.len())));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    fn weights_of(&self, samples: &[usize]) -> Option<Vec<f32>> {
        let weights = self.weights.as_ref()?;
        let steps = weights.len() / self.len().max(1);
        Some(samples.iter().flat_map(|sample| &weights[sample * steps..][..steps]).copied().collect())
    }
}

impl Dataset for Arrays {
    fn len(&self) -> usize {
        self.x.iter().chain(&self.y).next().map_or(0, |array| array.shape()[0])
    }

    fn batch(&self, samples: &[usize], _epoch: usize) -> Result<Batch> {
        let pick = |array: &ArrayD<f32>| array.select(Axis(0), samples);
        Ok(Batch {
            x: self.x.iter().map(pick).collect(),
            y: self.y.iter().map(pick).collect(),
            weights: self.weights_of(samples),
        })
    }
}
