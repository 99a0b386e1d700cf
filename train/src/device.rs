//! Where the numbers are kept and computed.

pub use burn::tensor::Device;

use crate::{Error, Result};

/// Names that this build knows, the best one first.
pub fn names() -> Vec<&'static str> {
    let mut names = Vec::new();
    if cfg!(feature = "cuda") {
        names.push("cuda");
    }
    // About as fast as PyTorch on a processor (docs/results.md), and nothing has to be installed.
    names.push("flex");
    if cfg!(feature = "tch") {
        names.push("tch");
    }
    if cfg!(feature = "wgpu") {
        names.push("wgpu");
    }
    names
}

/// The device of a name; `auto` is the first of [`names`]. Also says which it took.
pub fn open(name: &str) -> Result<(Device, &'static str)> {
    let known = names();
    let wanted = if name == "auto" { known[0] } else { name };
    Ok(match wanted {
        #[cfg(feature = "cuda")]
        "cuda" => (Device::cuda(0), "cuda"),
        #[cfg(feature = "wgpu")]
        "wgpu" => (Device::wgpu(Default::default()), "wgpu"),
        #[cfg(feature = "tch")]
        "tch" => (Device::libtorch(), "tch"),
        "flex" => (Device::flex(), "flex"),
        other => {
            return Err(Error::Model(format!("no device {other} in this build: auto, {}", known.join(", "))));
        }
    })
}
