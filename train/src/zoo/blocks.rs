//! What several networks are built of.

use crate::graph::{Apply, Symbol};
use crate::initializer::Initializer;
use crate::layer::{BatchNormalization, Conv2D};
use crate::shape::{Padding, with_batch};
use crate::{Error, Result};

/// A convolution with batch normalisation behind it, which has a bias already.
pub(super) fn convolution(
    x: &Symbol,
    filters: usize,
    kernel: usize,
    strides: usize,
    norm: BatchNormalization,
) -> Result<Symbol> {
    let convolution = Conv2D::new(filters, kernel)
        .strides(strides)
        .padding(Padding::Same)
        .use_bias(false)
        .kernel_initializer(Initializer::HeNormal { seed: None });
    norm.on(&convolution.on(x)?)
}

/// A detector's coarsest grid has cells of 32 pixels.
pub(super) fn check_grid(name: &str, shape: &[usize]) -> Result<()> {
    match shape {
        [height, width, _] if height % 32 == 0 && width % 32 == 0 => Ok(()),
        _ => {
            let text = with_batch(shape);
            Err(Error::Shape(format!("{name} takes heights and widths that 32 divides, not {text}")))
        }
    }
}
