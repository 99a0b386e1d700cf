//! `v4l:/dev/video0`: cameras that the Linux kernel knows, by mapped buffers.
//!
//! The format, its stride and the rate are what the device says after it was asked. A picture's number and time are the
//! driver's, so that a buffer that it dropped is a missing number.

mod device;
mod list;

pub use list::list;

use std::path::Path;
use std::time::Duration;

use moq_v4l::buffer::{Flags, Metadata, Type};
use moq_v4l::fraction::Fraction;
use moq_v4l::io::mmap::Stream;
use moq_v4l::io::traits::{CaptureStream, Stream as _};
use moq_v4l::video::Capture as _;
use moq_v4l::video::capture::Parameters;

use super::camera_spec::{CameraSpec, Coding};
use super::jpeg;
use super::live::{Camera, Capture};
use super::unpack::Layout;
use crate::frame::Frame;
use crate::limits::check_picture_size;
use device::{Agreed, Node, explain, fourcc, name};

/// Buffers that the driver fills while one is read: enough for a decoder that is late by a picture or two.
const BUFFERS: u32 = 5;

/// The most work for the processor last: JPEG has to be decoded, RGB is twice as large as YUV.
const PREFERRED: [Coding; 8] =
    [Coding::Nv12, Coding::I420, Coding::Yuyv, Coding::Uyvy, Coding::Mjpg, Coding::Rgb24, Coding::Bgr24, Coding::Grey];

/// What is asked for where nothing is said: more than the usual detector looks at, at a rate that a board keeps up with.
const USUAL_SIZE: (u32, u32) = (1280, 720);
const USUAL_FPS: f64 = 15.0;

pub(super) struct V4l {
    stream: Stream<'static>,
    layout: Layout,
    fps: f64,
    /// The driver's last number, and ours, which does not wrap.
    seq: Option<(u32, u64)>,
}

impl V4l {
    /// Opens the device, agrees with it on a format, and lets it run.
    ///
    /// # Errors
    /// Why not, and what to do, in words that follow its name and a colon.
    pub fn open(spec: &CameraSpec) -> Result<Self, String> {
        let node = Node::open(Path::new(&spec.what))?;
        let (layout, fps) = negotiate(&node, spec)?;
        let failed = |error: std::io::Error| explain(&error);
        let mut stream: Stream<'static> =
            Stream::with_buffers(&node.device, Type::VideoCapture, BUFFERS).map_err(failed)?;
        // The bindings queue the buffer that was read last before they wait for the next; at first that is number 0. A
        // driver that gave fewer buffers refuses the others.
        for index in 1..BUFFERS as usize {
            match stream.queue(index) {
                Ok(()) => {}
                Err(_) if index > 1 => break,
                Err(error) => return Err(explain(&error)),
            }
        }
        stream.start().map_err(failed)?;
        Ok(Self { stream, layout, fps, seq: None })
    }
}

impl Camera for V4l {
    fn fps(&self) -> f64 {
        self.fps
    }

    fn capture(&mut self, frame: &mut Frame, patience: Duration) -> Result<Capture, String> {
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        match self.stream.handle().poll(rustix::event::PollFlags::IN.bits() as i16, millis) {
            Ok(0) => return Ok(Capture::Nothing),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(Capture::Nothing),
            Err(error) => return Err(explain(&error)),
        }
        // There is one now, or an error that says why there is none: this wait is only a net.
        self.stream.set_timeout(Duration::from_secs(1));
        let (buffer, about) = self.stream.next().map_err(|error| explain(&error))?;
        let seq = match self.seq {
            // Numbers wrap after years; one that goes backwards is the driver's mistake.
            Some((last, ours)) => {
                ours + u64::from(about.sequence.wrapping_sub(last).cast_signed().max(1).cast_unsigned())
            }
            None => 0,
        };
        self.seq = Some((about.sequence, seq));
        match read(self.layout, buffer, about, frame) {
            Ok(()) => Ok(Capture::Picture { seq, time: time(about) }),
            Err(why) => Ok(Capture::Damaged(why)),
        }
    }
}

fn read(layout: Layout, buffer: &[u8], about: &Metadata, frame: &mut Frame) -> Result<(), String> {
    if about.flags.contains(Flags::ERROR) {
        return Err("the driver says that its data are damaged".into());
    }
    let used = &buffer[..buffer.len().min(about.bytesused as usize)];
    match layout.coding {
        Coding::Mjpg => jpeg::decode(jpeg::whole(used).ok_or("no whole JPEG picture in the buffer")?, frame),
        _ => layout.unpack(used, frame),
    }
}

/// When the picture was taken, where the driver tells it on a clock that runs evenly.
fn time(about: &Metadata) -> Option<Duration> {
    let monotonic = about.flags.bits() & Flags::TIMESTAMP_MASK.bits() == Flags::TIMESTAMP_MONOTONIC.bits();
    let (seconds, micros) = (u64::try_from(about.timestamp.sec).ok()?, u64::try_from(about.timestamp.usec).ok()?);
    let time = Duration::from_secs(seconds) + Duration::from_micros(micros);
    (monotonic && !time.is_zero()).then_some(time)
}

/// The first format that gives the rate; else the fastest.
fn negotiate(node: &Node, spec: &CameraSpec) -> Result<(Layout, f64), String> {
    let offered = node.formats();
    let offers = || offered.iter().map(|code| name(*code)).collect::<Vec<_>>().join(", ");
    let readable = |coding: &Coding| fourcc(*coding).is_some_and(|code| offered.contains(&code));
    let candidates: Vec<Coding> = match spec.format {
        // A device may take what it does not list, and may list what it does not give: it is asked in any case.
        Some(coding) => vec![coding],
        None => PREFERRED.into_iter().filter(readable).collect(),
    };
    let mut best: Option<(Coding, f64)> = None;
    for coding in candidates {
        let Some((layout, fps)) = agree(node, spec, coding)? else { continue };
        // A driver that tells no rate has one that cannot be chosen.
        if fps == 0.0 || fps >= spec.fps.unwrap_or(USUAL_FPS) * 0.99 {
            return Ok((layout, fps));
        }
        if best.is_none_or(|(_, other)| fps > other) {
            best = Some((coding, fps));
        }
    }
    let agreed = match best {
        Some((coding, _)) => agree(node, spec, coding)?,
        None => None,
    };
    agreed.ok_or_else(|| match spec.format {
        Some(coding) => format!("does not give {coding}; it offers {}", offers()),
        None => format!("offers only {}, which is not read: see docs/cameras.md for pipe:", offers()),
    })
}

/// Asks for one format; `None`: the device gives another.
fn agree(node: &Node, spec: &CameraSpec, coding: Coding) -> Result<Option<(Layout, f64)>, String> {
    let Some(code) = fourcc(coding) else { return Ok(None) };
    let (width, height) = spec.size.unwrap_or(USUAL_SIZE);
    let agreed = match node.set_format(width, height, code) {
        Ok(agreed) => agreed,
        // Some drivers refuse what others replace.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => return Ok(None),
        Err(error) => return Err(explain(&error)),
    };
    let Agreed { width, height, stride, .. } = agreed;
    check_picture_size(width, height)?;
    // JPEG has no rows, and drivers tell any stride for it.
    let least = Layout::packed(coding, width, height).map_or(0, |packed| packed.stride);
    if agreed.fourcc != code || stride < least {
        return Ok(None);
    }
    let interval = Fraction::new(1000, (spec.fps.unwrap_or(USUAL_FPS) * 1000.0).round() as u32);
    let given = node.device.set_params(&Parameters::new(interval)).or_else(|_| node.device.params());
    let fps = match given.map(|parameters| parameters.interval) {
        Ok(Fraction { numerator, denominator }) if numerator > 0 => f64::from(denominator) / f64::from(numerator),
        _ => 0.0,
    };
    Ok(Some((Layout { coding, width, height, stride }, fps)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        V4l::open(&CameraSpec::parse(text).unwrap().unwrap()).err().unwrap()
    }

    #[test]
    fn what_is_no_camera_says_so_and_what_to_do() {
        assert!(refused("v4l:/dev/null").contains("no camera"));
        assert!(refused("v4l:/dev/no-such-video").contains("is it plugged in?"));
        assert!(refused("v4l:/dev").contains("folder"));
        assert!(refused("v4l:Cargo.toml").contains("no camera"));
        assert!(refused("v4l:a\0b").contains("zero byte"));
    }

    #[test]
    fn errors_of_the_kernel_say_what_to_do() {
        for (code, words) in [(16, "fuser"), (13, "usermod -aG video"), (19, "plugged in"), (2, "wayside cameras")] {
            let said = explain(&std::io::Error::from_raw_os_error(code));
            assert!(said.contains(words), "{code}: {said}");
        }
    }

    #[test]
    fn only_monotonic_times_are_taken() {
        let mut about = Metadata { timestamp: moq_v4l::Timestamp::new(5, 250_000), ..Metadata::default() };
        assert_eq!(time(&about), None);
        about.flags = Flags::TIMESTAMP_MONOTONIC | Flags::TSTAMP_SRC_SOE;
        assert_eq!(time(&about), Some(Duration::from_millis(5250)));
        about.timestamp.sec = -1;
        assert_eq!(time(&about), None);
    }
}
