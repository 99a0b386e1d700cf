//! Makes `models/scene`: a test network, not a trained one, that sees the vehicles of the synthetic road.
//!
//!     cargo run --example make_scene_model            writes models/scene/{model.onnx, model.toml}
//!     cargo run --example make_scene_model -- DIR     writes them there
//!
//! A test compares the committed files with what this makes.

mod measure;
mod network;
mod onnx;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let default = || concat!(env!("CARGO_MANIFEST_DIR"), "/models/scene").into();
    let folder: PathBuf = std::env::args_os().nth(1).map_or_else(default, Into::into);
    let model = network::make();
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("model.onnx"), &model.graph)?;
    std::fs::write(folder.join("model.toml"), &model.description)?;
    println!("{}: {} bytes of ONNX", folder.display(), model.graph.len());
    Ok(())
}
