//! `webcam:0`: cameras by the crate nokhwa, for systems whose cameras are not the Linux kernel's. On Linux `v4l:` is better:
//! nokhwa tells neither the driver's numbers nor the stride, and waits for a picture for ever, so it has a thread here.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Buffer, NokhwaError};

use super::camera_spec::{CameraSpec, Coding};
use super::jpeg;
use super::live::{Camera, Capture};
use super::unpack::Layout;
use super::{CameraInfo, FormatInfo};
use crate::frame::Frame;
use crate::limits::CAMERA_STALL;

const USUAL_SIZE: (u32, u32) = (1280, 720);
const USUAL_FPS: u32 = 15;

pub(super) struct Webcam {
    pictures: Receiver<Result<Buffer, String>>,
    fps: f64,
    seq: u64,
}

impl Webcam {
    pub fn check(spec: &CameraSpec) -> Result<(), String> {
        index(spec)?;
        wanted(spec).map(drop)
    }

    /// Opens the camera on a thread of its own, which outlives this only where the camera hangs.
    ///
    /// # Errors
    /// Why not, in words that follow its name and a colon.
    pub fn open(spec: &CameraSpec) -> Result<Self, String> {
        let (index, wanted) = (index(spec)?, wanted(spec)?);
        let (pictures_tx, pictures) = sync_channel(2);
        let (opened_tx, opened) = sync_channel(1);
        std::thread::Builder::new()
            .name("webcam".into())
            .spawn(move || read(index, wanted, &opened_tx, &pictures_tx))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        match opened.recv_timeout(CAMERA_STALL) {
            Ok(Ok(fps)) => Ok(Self { pictures, fps: f64::from(fps), seq: 0 }),
            Ok(Err(reason)) => Err(reason),
            Err(RecvTimeoutError::Timeout) => Err(format!("does not open in {} s", CAMERA_STALL.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err("nokhwa failed while it opened the camera".into()),
        }
    }
}

impl Camera for Webcam {
    fn fps(&self) -> f64 {
        self.fps
    }

    fn capture(&mut self, frame: &mut Frame, patience: Duration) -> Result<Capture, String> {
        let buffer = match self.pictures.recv_timeout(patience) {
            Ok(Ok(buffer)) => buffer,
            Ok(Err(reason)) => return Err(reason),
            Err(RecvTimeoutError::Timeout) => return Ok(Capture::Nothing),
            Err(RecvTimeoutError::Disconnected) => return Err("nokhwa failed".into()),
        };
        let seq = self.seq;
        self.seq += 1;
        Ok(unpack(&buffer, frame).map_or_else(Capture::Damaged, |()| Capture::Picture { seq, time: None }))
    }
}

/// The thread: opens, then reads until nobody listens, or the camera fails.
fn read(
    index: u32,
    wanted: CameraFormat,
    opened: &SyncSender<Result<u32, String>>,
    pictures: &SyncSender<Result<Buffer, String>>,
) {
    let mut camera = match start(index, wanted) {
        Ok(camera) => camera,
        Err(error) => return drop(opened.send(Err(one_line(&error)))),
    };
    let fps = camera.frame_rate();
    if opened.send(Ok(fps)).is_err() {
        return;
    }
    loop {
        let picture = camera.frame().map_err(|error| one_line(&error));
        let failed = picture.is_err();
        if pictures.send(picture).is_err() || failed {
            return;
        }
    }
}

fn start(index: u32, wanted: CameraFormat) -> Result<nokhwa::Camera, NokhwaError> {
    let formats = CODINGS.map(|(_, format)| format);
    let request = RequestedFormat::with_formats(RequestedFormatType::Closest(wanted), &formats);
    let mut camera = nokhwa::Camera::new(CameraIndex::Index(index), request)?;
    camera.open_stream()?;
    Ok(camera)
}

/// In the order of preference.
const CODINGS: [(Coding, FrameFormat); 6] = [
    (Coding::Yuyv, FrameFormat::YUYV),
    (Coding::Nv12, FrameFormat::NV12),
    (Coding::Mjpg, FrameFormat::MJPEG),
    (Coding::Rgb24, FrameFormat::RAWRGB),
    (Coding::Bgr24, FrameFormat::RAWBGR),
    (Coding::Grey, FrameFormat::GRAY),
];

fn index(spec: &CameraSpec) -> Result<u32, String> {
    spec.what.parse().map_err(|_| "a webcam is named by its number, e.g. webcam:0; `wayside cameras` lists them".into())
}

fn wanted(spec: &CameraSpec) -> Result<CameraFormat, String> {
    let (width, height) = spec.size.unwrap_or(USUAL_SIZE);
    let fps = spec.fps.map_or(USUAL_FPS, |fps| fps.round().max(1.0) as u32);
    let coding = spec.format.unwrap_or(Coding::Yuyv);
    let format = CODINGS.iter().find(|(known, _)| *known == coding).map(|(_, format)| *format);
    let format = format.ok_or_else(|| format!("format={coding} is not read from a webcam"))?;
    Ok(CameraFormat::new_from(width, height, format, fps))
}

fn unpack(buffer: &Buffer, frame: &mut Frame) -> Result<(), String> {
    let (size, format, data) = (buffer.resolution(), buffer.source_frame_format(), buffer.buffer());
    let coding = CODINGS.iter().find(|(_, known)| *known == format).map_or(Coding::Mjpg, |(coding, _)| *coding);
    match Layout::packed(coding, size.width(), size.height()) {
        None => jpeg::decode(jpeg::whole(data).ok_or("no whole JPEG picture")?, frame),
        Some(layout) if layout.bytes() == data.len() => layout.unpack(data, frame),
        Some(_) => Err("its rows are padded, which nokhwa does not tell: use v4l: or another size".into()),
    }
}

/// Every camera that nokhwa finds; it tells no formats before a camera is opened.
#[cfg_attr(feature = "v4l", expect(dead_code, reason = "v4l lists the same cameras with their formats"))]
pub(super) fn list() -> (Vec<CameraInfo>, Vec<String>) {
    match nokhwa::query(ApiBackend::Auto) {
        Ok(found) => {
            let describe = |camera: nokhwa::utils::CameraInfo| CameraInfo {
                spec: format!("webcam:{}", camera.index()),
                name: camera.human_name(),
                place: camera.misc(),
                formats: Vec::<FormatInfo>::new(),
            };
            (found.into_iter().map(describe).collect(), Vec::new())
        }
        Err(error) => (Vec::new(), vec![one_line(&error)]),
    }
}

fn one_line(error: &NokhwaError) -> String {
    error.to_string().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webcam_is_a_number_and_one_that_is_missing_says_so() {
        let spec = |text| CameraSpec::parse(text).unwrap().unwrap();
        assert!(Webcam::check(&spec("webcam:front")).unwrap_err().contains("by its number"));
        assert!(Webcam::check(&spec("webcam,format=h264:0")).unwrap_err().contains("h264"));
        let error = Webcam::open(&spec("webcam:99")).err().unwrap();
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
