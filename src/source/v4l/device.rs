//! A V4L2 device node, asked what it is and what it can do, and told what to do.
//!
//! The bindings' own functions for capabilities and formats make strings and enums of what a driver answers, and panic
//! where a driver answers something else (a card's name that is cut in the middle of a letter, a colour space without a
//! name). So those three questions are asked here, with the bindings' structs; buffers and streams are theirs (mod.rs).

use std::io;
use std::path::Path;

use moq_v4l::device::Device;
use moq_v4l::sys::{
    V4L2_CAP_DEVICE_CAPS, V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE, V4L2_CAP_VIDEO_CAPTURE_MPLANE, v4l2_capability,
    v4l2_fmtdesc, v4l2_format,
};
use moq_v4l::v4l2::{ioctl, vidioc};
use rustix::io::Errno;

use crate::source::camera_spec::Coding;

/// A device that captures video, open.
pub struct Node {
    pub device: Device,
    /// As its maker calls it, and where it is plugged in.
    pub card: String,
    pub bus: String,
}

/// What the device agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    pub width: u32,
    pub height: u32,
    pub fourcc: [u8; 4],
    /// Bytes from one row to the next; not the width times the bytes of a pixel.
    pub stride: usize,
}

const CAPTURE: u32 = moq_v4l::buffer::Type::VideoCapture as u32;

/// More than any driver has; one that never ends its list is stopped.
const MAX_FORMATS: u32 = 256;

impl Node {
    /// # Errors
    /// Why it is no camera for us, in words that follow its path and a colon.
    pub fn open(path: &Path) -> Result<Self, String> {
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err("no path has a zero byte in it".into());
        }
        let device = Device::with_path(path).map_err(|error| explain(&error))?;
        let mut found = v4l2_capability {
            driver: [0; 16],
            card: [0; 32],
            bus_info: [0; 32],
            version: 0,
            capabilities: 0,
            device_caps: 0,
            reserved: [0; 3],
        };
        // SAFETY: VIDIOC_QUERYCAP writes this struct.
        unsafe { ask(&device, vidioc::VIDIOC_QUERYCAP, &mut found) }.map_err(|error| {
            match Errno::from_io_error(&error) {
                Some(Errno::NOTTY | Errno::INVAL) => {
                    "this is no camera: `wayside cameras` lists those that there are".into()
                }
                _ => explain(&error),
            }
        })?;
        let of_node = found.capabilities & V4L2_CAP_DEVICE_CAPS != 0;
        let abilities = if of_node { found.device_caps } else { found.capabilities };
        let (card, bus) = (text(&found.card), text(&found.bus_info));
        let has = |ability: u32| abilities & ability != 0;
        match (has(V4L2_CAP_VIDEO_CAPTURE), has(V4L2_CAP_STREAMING), has(V4L2_CAP_VIDEO_CAPTURE_MPLANE)) {
            (true, true, _) => Ok(Self { device, card, bus }),
            (false, _, true) => Err(format!(
                "{card} gives its planes apart, which is not read: use pipe: with the board's own program (docs/cameras.md)"
            )),
            _ => Err(format!(
                "{card} captures no video here: a camera has several nodes, `wayside cameras` lists the right ones"
            )),
        }
    }

    /// Codes of the formats that it offers, in its order.
    pub fn formats(&self) -> Vec<[u8; 4]> {
        let mut formats = Vec::new();
        for index in 0..MAX_FORMATS {
            let mut found = v4l2_fmtdesc {
                index,
                type_: CAPTURE,
                flags: 0,
                description: [0; 32],
                pixelformat: 0,
                mbus_code: 0,
                reserved: [0; 3],
            };
            // SAFETY: VIDIOC_ENUM_FMT reads and writes this struct. Any error ends the list.
            match unsafe { ask(&self.device, vidioc::VIDIOC_ENUM_FMT, &mut found) } {
                Ok(()) => formats.push(found.pixelformat.to_le_bytes()),
                Err(_) => break,
            }
        }
        formats
    }

    /// Asks for a format, and reads back what it is now: drivers answer with success and give another. One that is set
    /// already is left as it is, with the stride that somebody may have chosen.
    pub fn set_format(&self, width: u32, height: u32, fourcc: [u8; 4]) -> io::Result<Agreed> {
        let current = self.format()?;
        if (current.width, current.height, current.fourcc) == (width, height, fourcc) {
            return Ok(current);
        }
        let mut wanted = empty_format();
        // SAFETY: `pix` is the member of the union that belongs to this type of buffer, and is made of numbers.
        // VIDIOC_S_FMT reads and writes this struct.
        unsafe {
            let pix = &mut wanted.fmt.pix;
            (pix.width, pix.height, pix.pixelformat) = (width, height, u32::from_le_bytes(fourcc));
            ask(&self.device, vidioc::VIDIOC_S_FMT, &mut wanted)?;
        }
        self.format()
    }

    fn format(&self) -> io::Result<Agreed> {
        let mut found = empty_format();
        // SAFETY: as above, for VIDIOC_G_FMT.
        let pix = unsafe {
            ask(&self.device, vidioc::VIDIOC_G_FMT, &mut found)?;
            found.fmt.pix
        };
        Ok(Agreed {
            width: pix.width,
            height: pix.height,
            fourcc: pix.pixelformat.to_le_bytes(),
            stride: pix.bytesperline as usize,
        })
    }
}

fn empty_format() -> v4l2_format {
    // SAFETY: all zeros are a valid value of this struct of numbers.
    let mut format: v4l2_format = unsafe { std::mem::zeroed() };
    format.type_ = CAPTURE;
    format
}

/// # Safety
/// `T` is the struct that `request` reads and writes.
unsafe fn ask<T>(device: &Device, request: vidioc::_IOC_TYPE, value: &mut T) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `device` lives; for `value` see above.
    unsafe { ioctl(device.handle().fd(), request, std::ptr::from_mut(value).cast()) }
}

/// Up to the first zero, as far as it is text.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Why a device does not do what it is told, and what to do.
pub fn explain(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "no such device: is it plugged in? `wayside cameras` lists those that there are".into(),
        Some(Errno::ACCESS | Errno::PERM) => {
            "no permission: sudo usermod -aG video $USER, then log in again (or the group that ls -l shows)".into()
        }
        Some(Errno::BUSY) => "busy: another program uses this camera; fuser -v names it".into(),
        Some(Errno::NODEV | Errno::NXIO) => "the camera is gone: is it still plugged in?".into(),
        Some(Errno::ISDIR) => "this is no camera but a folder".into(),
        _ => error.to_string(),
    }
}

/// The code for a coding that is read from a camera.
pub fn fourcc(coding: Coding) -> Option<[u8; 4]> {
    match coding {
        Coding::Yuyv => Some(*b"YUYV"),
        Coding::Uyvy => Some(*b"UYVY"),
        Coding::Nv12 => Some(*b"NV12"),
        Coding::I420 => Some(*b"YU12"),
        Coding::Rgb24 => Some(*b"RGB3"),
        Coding::Bgr24 => Some(*b"BGR3"),
        Coding::Grey => Some(*b"GREY"),
        Coding::Mjpg => Some(*b"MJPG"),
        Coding::H264 => None,
    }
}

/// For people.
pub fn name(fourcc: [u8; 4]) -> String {
    fourcc
        .map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' })
        .iter()
        .collect::<String>()
        .trim()
        .into()
}
