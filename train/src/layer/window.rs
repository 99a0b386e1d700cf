//! Windows that walk over height and width: those of convolutions and of pooling.

use crate::shape::{Padding, Pair, Walk};

/// Over height and width; the error where a window does not fit.
pub(crate) fn walks(
    padding: Padding,
    [height, width]: [usize; 2],
    kernel: Pair,
    strides: Pair,
    dilation: Pair,
) -> Result<[Walk; 2], String> {
    Ok([padding.walk(height, kernel.0, strides.0, dilation.0)?, padding.walk(width, kernel.1, strides.1, dilation.1)?])
}

/// What is put before and after each of the two axes, as burn takes it.
pub(crate) fn pads(walks: [Walk; 2]) -> [(usize, usize); 2] {
    walks.map(|walk| (walk.before, walk.after))
}
