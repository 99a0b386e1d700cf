//! Operations whose burn versions are slow on a processor, with their ways back: forward and backward over pictures that
//! lie channels last in memory, on all threads. Each gives burn's own result to rounding, and is burn's own on any
//! other device. Not here: layers and their arguments (`layer`), anything of training (`model`).

mod conv;
mod elementwise;
mod gate;
mod loops;
mod normalize;
mod pictures;
mod pool;
mod shape;
mod sums;
mod tape;
mod vector;

pub use conv::conv2d;
pub use elementwise::{activate, add};
pub use gate::Gate;
pub use normalize::{Normalized, batch_norm, batch_norm_by};
pub use pool::{Windows, global_average, max_pool2d};
pub use shape::{concatenate, repeat};
