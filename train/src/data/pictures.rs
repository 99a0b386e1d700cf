//! Labelled pictures of one size, in memory.

use image::RgbImage;
use image::imageops::{self, FilterType};
use ndarray::ArrayD;

use super::augment::Augment;
use super::{Batch, Dataset};
use crate::{Error, Result};

/// How pictures come to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub height: u32,
    pub width: u32,
    /// 3: red, green, blue. 1: grey.
    pub channels: u32,
}

impl Size {
    pub fn pixels(self) -> usize {
        (self.height * self.width * self.channels) as usize
    }

    pub fn shape(self) -> Vec<usize> {
        vec![self.height as usize, self.width as usize, self.channels as usize]
    }
}

/// x: (batch, height, width, channels), 0 to 1. y: (batch, 1), the number of the class.
#[derive(Debug, Clone)]
pub struct Pictures {
    pub size: Size,
    pub classes: Vec<String>,
    pub labels: Vec<usize>,
    pixels: Vec<u8>,
    augment: Option<Augment>,
}

impl Pictures {
    pub fn empty(size: Size, classes: Vec<String>) -> Self {
        Pictures { size, classes, labels: Vec::new(), pixels: Vec::new(), augment: None }
    }

    /// Adds a picture, stretched to the size.
    pub fn push(&mut self, picture: &RgbImage, label: usize) {
        let (width, height) = (self.size.width, self.size.height);
        let fits = picture.dimensions() == (width, height);
        let scaled = (!fits).then(|| imageops::resize(picture, width, height, FilterType::Triangle));
        let picture = scaled.as_ref().unwrap_or(picture);
        match self.size.channels {
            1 => self.pixels.extend(picture.pixels().map(|pixel| luma(pixel.0))),
            _ => self.pixels.extend_from_slice(picture.as_raw()),
        }
        self.labels.push(label);
    }

    /// The same pictures, changed a little and anew in each epoch.
    pub fn augmented(mut self, augment: Augment) -> Self {
        self.augment = Some(augment);
        self
    }

    /// Pictures of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[label] += 1;
        }
        counts
    }

    /// One picture as bytes, (height, width, channels).
    pub fn bytes(&self, sample: usize) -> &[u8] {
        let count = self.size.pixels();
        &self.pixels[sample * count..][..count]
    }

    /// Those that `keep` chooses, by number.
    pub fn filtered(&self, keep: impl Fn(usize) -> bool) -> Pictures {
        let mut kept = Pictures::empty(self.size, self.classes.clone());
        for sample in (0..self.labels.len()).filter(|&sample| keep(sample)) {
            kept.pixels.extend_from_slice(self.bytes(sample));
            kept.labels.push(self.labels[sample]);
        }
        kept
    }
}

impl Dataset for Pictures {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn batch(&self, samples: &[usize], epoch: usize) -> Result<Batch> {
        let mut x = Vec::with_capacity(samples.len() * self.size.pixels());
        for &sample in samples {
            match &self.augment {
                Some(augment) => augment.apply(self.bytes(sample), self.size, sample, epoch, &mut x),
                None => x.extend(self.bytes(sample).iter().map(|&byte| f32::from(byte) / 255.0)),
            }
        }
        let y = samples.iter().map(|&sample| self.labels[sample] as f32).collect();
        let mut shape = vec![samples.len()];
        shape.extend(self.size.shape());
        Ok(Batch { x: vec![array(shape, x)?], y: vec![array(vec![samples.len(), 1], y)?], weights: None })
    }
}

pub(super) fn array(shape: Vec<usize>, numbers: Vec<f32>) -> Result<ArrayD<f32>> {
    ArrayD::from_shape_vec(shape, numbers).map_err(|error| Error::Data(format!("a batch of pictures: {error}")))
}

/// ITU-R BT.601.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000) as u8
}
