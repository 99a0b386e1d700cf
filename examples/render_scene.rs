//! Renders a synthetic scene as motion JPEG: something for a virtual camera to show.
//!
//!     cargo run --example render_scene -- scene:road?fps=10 road.mjpeg

use std::error::Error;
use std::io::{BufWriter, Write};

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use wayside::draw::rgb_from_frame;
use wayside::frame::Frame;
use wayside::source::{OpenOptions, open};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scene, path] = arguments.as_slice() else {
        return Err("two arguments: a scene, e.g. scene:road, and a file for its pictures".into());
    };
    let mut source = open(scene, &OpenOptions::default())?;
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let (mut frame, mut picture) = (Frame::default(), RgbImage::default());
    while source.next_frame(&mut frame)? {
        rgb_from_frame(&frame, &mut picture);
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 90))?;
    }
    Ok(file.flush()?)
}
