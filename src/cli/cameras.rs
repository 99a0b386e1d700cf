use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::println;
use anyhow::{Context, ensure};
use image::RgbImage;

use crate::clock::SystemClock;
use crate::draw::{rgb_from_frame, write_jpg};
use crate::frame::Frame;
use crate::pipeline::Shutdown;
use crate::source::{self, Live, OpenOptions};

/// Lists the cameras of this machine, or takes a picture with one
///
/// The list has each camera with its formats, sizes and rates; a camera has several nodes in /dev, of
/// which only those that capture video are shown. `*` marks the formats that are read.
///
/// A camera is named KIND[,key=value…]:WHAT, here as for `wayside count` and in `input` of a config file:
///   v4l:/dev/video0                                      a camera that the kernel knows; /dev/video0 will do
///   v4l,size=1280x720,fps=15,format=mjpg:/dev/video0     with what is asked of it
///   pipe,format=h264:rpicam-vid -n -t 0 --inline -o -    what a command writes
///
/// Examples:
///   wayside cameras
///   wayside cameras --snapshot /dev/video0 -o view.jpg
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Take a picture with this camera
    #[arg(long, value_name = "CAMERA", requires = "output")]
    snapshot: Option<String>,

    /// Where the picture goes
    #[arg(long, short, value_name = "FILE.jpg", requires = "snapshot")]
    output: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match (args.snapshot, args.output) {
        (Some(camera), Some(path)) => snapshot(&camera, &path),
        _ => Ok(list()),
    }
}

fn list() -> ExitCode {
    let (cameras, refused) = source::list_cameras();
    for camera in &cameras {
        println!("{}  {} ({})", camera.spec, camera.name, camera.place);
        for format in &camera.formats {
            let mark = if format.readable { '*' } else { ' ' };
            println!("  {mark} {:<5} {}", format.name, format.modes.join("; "));
        }
    }
    for reason in &refused {
        eprintln!("{reason}");
    }
    if cameras.is_empty() {
        eprintln!("no camera here; ribbon cameras come through a command, see docs/cameras.md");
    }
    ExitCode::SUCCESS
}

/// Pictures that are thrown away first: many cameras need some to find their exposure.
const WARM_UP: usize = 5;

fn snapshot(camera: &str, path: &std::path::Path) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new();
    shutdown.on_signals().context("cannot listen to signals")?;
    let live =
        Live { clock: Arc::new(SystemClock::new()), going: Arc::new(move || !shutdown.draining()), patient: false };
    let options = OpenOptions { live, ..OpenOptions::default() };
    ensure!(source::is_camera(camera), "{camera}: this names no camera, e.g. v4l:/dev/video0");
    let mut source = source::open(camera, &options)?;
    let mut frame = Frame::default();
    for _ in 0..=WARM_UP {
        ensure!(source.next_frame(&mut frame)?, "{camera}: stopped before its picture");
    }
    let mut picture = RgbImage::default();
    rgb_from_frame(&frame, &mut picture);
    write_jpg(path, &picture)?;
    println!("{}: {}x{} as {:?}", path.display(), frame.width, frame.height, frame.format);
    Ok(ExitCode::SUCCESS)
}
