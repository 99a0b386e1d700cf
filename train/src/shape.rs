//! Shapes as Keras writes them: channels last, without the batch.

use serde::{Deserialize, Serialize};

/// Lengths of the axes without the batch: `[height, width, channels]` of a picture, `[features]` of a row.
pub type Shape = Vec<usize>;

/// As Keras prints a shape: `(None, 64, 64, 3)`.
pub fn with_batch(shape: &[usize]) -> String {
    let mut text = String::from("(None");
    for axis in shape {
        text += &format!(", {axis}");
    }
    text + ")"
}

/// `[height, width, channels]`, or what is there instead, in words.
pub fn picture(shape: &[usize]) -> Result<[usize; 3], String> {
    shape.try_into().map_err(|_| format!("takes (height, width, channels), not {}", with_batch(shape)))
}

/// The only shape of a layer with one input.
pub fn only(shapes: &[Shape]) -> Result<&Shape, String> {
    match shapes {
        [one] => Ok(one),
        several => Err(format!("takes one input, not {}", several.len())),
    }
}

/// Which axis of a shape Keras means, where the batch is axis 0 and -1 the last one.
pub fn axis(axis: i32, rank: usize) -> Result<usize, String> {
    let last = i32::try_from(rank).unwrap_or(i32::MAX);
    let place = if axis < 0 { axis + last } else { axis - 1 };
    match usize::try_from(place) {
        Ok(place) if place < rank => Ok(place),
        _ => Err(format!("has an axis of {axis}: 1 to {last}, or -{last} to -1")),
    }
}

/// Where an axis of a shape lies in what [`crate::value::Value`] stores, with the batch.
pub fn stored_axis(axis: usize, rank: usize) -> usize {
    match rank {
        3 => [2, 3, 1][axis],
        _ => axis + 1,
    }
}

/// A length of both axes of a picture: `3`, or `(height, width)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair(pub usize, pub usize);

impl Pair {
    pub fn array(self) -> [usize; 2] {
        [self.0, self.1]
    }
}

impl From<usize> for Pair {
    fn from(both: usize) -> Self {
        Pair(both, both)
    }
}

impl From<(usize, usize)> for Pair {
    fn from((height, width): (usize, usize)) -> Self {
        Pair(height, width)
    }
}

/// What a window does at the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// The window stays inside the picture.
    #[default]
    Valid,
    /// Zeros around, the odd one at the bottom and right, so that stride 1 keeps the size.
    Same,
}

/// How a window walks over one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Places of the window.
    pub out: usize,
    /// Zeros before and after.
    pub before: usize,
    pub after: usize,
}

impl Padding {
    /// Over an axis of `length`, a window of `kernel` taps, `dilation` apart, in steps of `stride`; as TensorFlow does.
    pub fn walk(self, length: usize, kernel: usize, stride: usize, dilation: usize) -> Result<Walk, String> {
        if kernel == 0 || stride == 0 || dilation == 0 {
            return Err("takes kernel sizes, strides and dilations of at least 1".into());
        }
        let reach = (kernel - 1) * dilation + 1;
        match self {
            Padding::Valid if reach > length => Err(format!("has a window of {reach} on an axis of {length}")),
            Padding::Valid => Ok(Walk { out: (length - reach) / stride + 1, before: 0, after: 0 }),
            Padding::Same => {
                let out = length.div_ceil(stride);
                let pad = ((out.max(1) - 1) * stride + reach).saturating_sub(length);
                Ok(Walk { out, before: pad / 2, after: pad - pad / 2 })
            }
        }
    }
}
