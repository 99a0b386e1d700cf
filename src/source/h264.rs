//! H.264 pictures from Annex B access units, by openh264 compiled from its bundled source.
//!
//! Not here: containers (mp4.rs) and times (clip.rs). This file is the only one with the decoder's C interface: the
//! safe wrapper of the `openh264` crate drops the picture that comes with an error, and cannot say which access unit a
//! picture came from, which a damaged clip needs.

use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig, Flush};
use openh264_sys2::{DECODER_OPTION_NUM_OF_FRAMES_REMAINING_IN_BUFFER, SBufferInfo};

use crate::frame::{Frame, PixelFormat};

/// Decodes one stream on the calling thread. Pictures come out in presentation order, up to 16 units later.
///
/// openh264 has a multi-threaded mode; its Rust wrapper marks it as unsound, so it stays off.
pub(super) struct H264 {
    decoder: Decoder,
}

/// A picture inside the decoder's memory, valid until the next call.
pub(super) struct Picture<'a> {
    /// The tag of the access unit that it was decoded from.
    pub tag: u64,
    pub width: u32,
    pub height: u32,
    planes: [Plane<'a>; 3],
}

struct Plane<'a> {
    pixels: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
}

impl H264 {
    /// `Err` holds openh264's own words; seen only where memory runs out.
    pub fn new() -> Result<Self, String> {
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), config).map_err(|e| e.to_string())?;
        Ok(Self { decoder })
    }

    /// Decodes one access unit (all NAL units of one picture, with start codes). What comes out may belong to an earlier
    /// unit; a damaged unit gives nothing, now or later.
    pub fn decode(&mut self, unit: &[u8], tag: u64) -> Option<Picture<'_>> {
        let mut planes = [std::ptr::null_mut::<u8>(); 3];
        let mut info = SBufferInfo { uiInBsTimeStamp: tag, ..SBufferInfo::default() };
        let length = i32::try_from(unit.len()).ok()?;
        // SAFETY: `unit` is valid for `length` bytes, `planes` and `info` outlive the call, and the decoder was
        // initialised by `with_api_config`. No option is changed. Then `planes` and `info` are the decoder's answer, and
        // `&mut self` stays borrowed while the picture lives. The state is not asked for: with an error there may be an
        // earlier picture, and without one there may be none.
        unsafe {
            self.decoder.raw_api().decode_frame_no_delay(unit.as_ptr(), length, planes.as_mut_ptr(), &raw mut info);
            picture(planes, &info)
        }
    }

    /// The next picture that still waits for its turn, once all units are in.
    pub fn flush(&mut self) -> Option<Picture<'_>> {
        let mut waiting: i32 = 0;
        let mut planes = [std::ptr::null_mut::<u8>(); 3];
        let mut info = SBufferInfo::default();
        // SAFETY: the option writes one int; `planes` and `info` outlive the calls; see `decode` for the rest.
        unsafe {
            let api = self.decoder.raw_api();
            api.get_option(DECODER_OPTION_NUM_OF_FRAMES_REMAINING_IN_BUFFER, (&raw mut waiting).cast());
            if waiting <= 0 {
                return None;
            }
            api.flush_frame(planes.as_mut_ptr(), &raw mut info);
            picture(planes, &info)
        }
    }
}

/// Wraps what the decoder returned. `None` where it returned no picture.
///
/// # Safety
/// `planes` and `info` come from one call of the decoder, and nothing calls it while the picture lives.
unsafe fn picture<'a>(planes: [*mut u8; 3], info: &SBufferInfo) -> Option<Picture<'a>> {
    if info.iBufferStatus != 1 || planes.iter().any(|plane| plane.is_null()) {
        return None;
    }
    // SAFETY: the union has one member.
    let buffer = unsafe { info.UsrData.sSystemBuffer };
    let width = usize::try_from(buffer.iWidth).ok().filter(|side| *side > 0)?;
    let height = usize::try_from(buffer.iHeight).ok().filter(|side| *side > 0)?;
    let plane = |start: *mut u8, stride: i32, width: usize, height: usize| {
        let stride = usize::try_from(stride).ok().filter(|stride| *stride >= width)?;
        // The last row ends after its last pixel: a cropped picture starts inside its padded buffer.
        let length = stride * (height - 1) + width;
        // SAFETY: openh264 returns planes of `height` rows, `stride` bytes apart.
        Some(Plane { pixels: unsafe { std::slice::from_raw_parts(start, length) }, stride, width, height })
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    Some(Picture {
        tag: info.uiOutYuvTimeStamp,
        width: width as u32,
        height: height as u32,
        planes: [
            plane(planes[0], buffer.iStride[0], width, height)?,
            plane(planes[1], buffer.iStride[1], half_width, half_height)?,
            plane(planes[2], buffer.iStride[1], half_width, half_height)?,
        ],
    })
}

impl Picture<'_> {
    /// Copies the planes, packed and turned clockwise by `quarter_turns`, into `frame`'s buffer; the stamp is left alone.
    pub fn copy_to(&self, frame: &mut Frame, quarter_turns: u8) {
        let (width, height) = turned((self.width, self.height), quarter_turns);
        frame.reshape(width, height, PixelFormat::I420);
        let mut target = frame.data.as_mut_slice();
        for plane in &self.planes {
            let (packed, rest) = target.split_at_mut(plane.width * plane.height);
            match quarter_turns {
                0 => plane.copy_upright(packed),
                turns => plane.copy_turned(packed, turns),
            }
            target = rest;
        }
    }
}

/// Width and height after clockwise quarter turns.
pub(super) fn turned((width, height): (u32, u32), quarter_turns: u8) -> (u32, u32) {
    if quarter_turns % 2 == 1 { (height, width) } else { (width, height) }
}

impl Plane<'_> {
    fn copy_upright(&self, packed: &mut [u8]) {
        for (to, from) in packed.chunks_exact_mut(self.width).zip(self.pixels.chunks(self.stride)) {
            to.copy_from_slice(&from[..self.width]);
        }
    }

    fn copy_turned(&self, packed: &mut [u8], quarter_turns: u8) {
        let (width, height) = if quarter_turns == 2 { (self.width, self.height) } else { (self.height, self.width) };
        for (y, row) in packed.chunks_exact_mut(width).enumerate() {
            for (x, to) in row.iter_mut().enumerate() {
                let (from_x, from_y) = match quarter_turns {
                    1 => (y, self.height - 1 - x),
                    2 => (width - 1 - x, height - 1 - y),
                    _ => (self.width - 1 - y, x),
                };
                *to = self.pixels[from_y * self.stride + from_x];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_turned_clockwise() {
        // a b c .      rows of a padded buffer
        // d e f
        let plane = Plane { pixels: b"abc.def", stride: 4, width: 3, height: 2 };
        for (turns, want) in [(0, b"abcdef"), (1, b"daebfc"), (2, b"fedcba"), (3, b"cfbead")] {
            let mut packed = [0; 6];
            match turns {
                0 => plane.copy_upright(&mut packed),
                _ => plane.copy_turned(&mut packed, turns),
            }
            assert_eq!(&packed, want, "{turns} quarter turns");
        }
    }
}
