//! What a trained network is worth, from its answers.

mod confusion;
mod roc;

pub use confusion::Confusion;
pub use roc::{Pair, Roc, pairs};
