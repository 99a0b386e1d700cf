//! Motion JPEG: pictures cut out of a stream, and decoded.
//!
//! A picture ends at the EOI marker of its own level: the markers are walked by their lengths (ITU-T T.81, B.1), so that
//! a thumbnail inside a picture, or the bytes of another segment, cannot end it.

use std::ops::Range;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::frame::{Frame, PixelFormat};
#[cfg(any(feature = "pipe", test))]
use crate::limits::MAX_SAMPLE_BYTES;
use crate::limits::{MAX_SIDE, check_picture_size};

/// Cuts a stream into pictures; what stands between them (the headers of a multipart stream, noise) is passed over.
#[cfg(any(feature = "pipe", test))]
#[derive(Debug, Default)]
pub(super) struct Splitter {
    buffer: Vec<u8>,
    walk: Walk,
}

/// How far the markers are walked.
#[derive(Debug, Default)]
struct Walk {
    at: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a picture.
    #[default]
    Outside,
    /// At a marker.
    Marker,
    /// In entropy-coded data, which ends at a marker.
    Scan,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The picture's place.
    Picture(Range<usize>),
    /// What began as a picture is none.
    Broken,
    /// Needs more bytes.
    More,
}

impl Walk {
    /// Goes on until a picture is whole. A picture begins at 0 once one has begun: `start` is where, before that.
    fn step(&mut self, data: &[u8], start: &mut usize) -> Step {
        loop {
            match self.state {
                State::Outside => match data.get(self.at..).and_then(|rest| find(rest, &[0xff, 0xd8, 0xff])) {
                    Some(offset) => {
                        *start = self.at + offset;
                        (self.at, self.state) = (*start + 2, State::Marker);
                    }
                    None => {
                        // The last two bytes may begin the next picture.
                        self.at = self.at.max(data.len().saturating_sub(2));
                        *start = self.at;
                        return Step::More;
                    }
                },
                State::Marker => {
                    let [first, marker, length @ ..] = data.get(self.at..).unwrap_or_default() else {
                        return Step::More;
                    };
                    match (first, marker) {
                        // Any number of fill bytes may stand before a marker.
                        (0xff, 0xff) => self.at += 1,
                        (0xff, 0xd9) => {
                            let picture = *start..self.at + 2;
                            (self.at, self.state) = (picture.end, State::Outside);
                            return Step::Picture(picture);
                        }
                        // TEM and RSTn have no length.
                        (0xff, 0x01 | 0xd0..=0xd7) => self.at += 2,
                        // A second start inside a picture, or no marker at all: the picture broke off.
                        (0xff, 0x00 | 0xd8) | (0..=0xfe, _) => {
                            self.state = State::Outside;
                            return Step::Broken;
                        }
                        (0xff, _) => {
                            let [high, low, ..] = length else { return Step::More };
                            let length = usize::from(u16::from_be_bytes([*high, *low]));
                            self.at += 2 + length.max(2);
                            // Start of scan: its header is followed by data without a length.
                            self.state = if *marker == 0xda { State::Scan } else { State::Marker };
                        }
                    }
                }
                State::Scan => {
                    let rest = data.get(self.at..).unwrap_or_default();
                    let marker = rest.array_windows().position(|[a, b]| *a == 0xff && !matches!(b, 0 | 0xd0..=0xd7));
                    match marker {
                        Some(offset) => (self.at, self.state) = (self.at + offset, State::Marker),
                        None => {
                            // A last 0xff may be half a marker.
                            self.at = self.at.max(data.len().saturating_sub(1));
                            return Step::More;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(any(feature = "pipe", test))]
impl Splitter {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole picture, for `take`; `None` until more bytes are pushed. An error is damage that was passed over.
    pub fn next<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> Option<Result<T, String>> {
        let mut start = 0;
        let step = self.walk.step(&self.buffer, &mut start);
        let (taken, used) = match step {
            Step::Picture(place) => (Some(Ok(take(&self.buffer[place.clone()]))), place.end),
            Step::Broken => (Some(Err("a JPEG picture broke off".into())), self.walk.at),
            Step::More if self.buffer.len() - start > MAX_SAMPLE_BYTES as usize => {
                self.walk = Walk::default();
                let megabytes = MAX_SAMPLE_BYTES / (1024 * 1024);
                (Some(Err(format!("{megabytes} MB without the end of a JPEG picture"))), self.buffer.len())
            }
            Step::More => (None, start),
        };
        self.buffer.drain(..used);
        self.walk.at = self.walk.at.saturating_sub(used);
        taken
    }
}

/// The picture at the start of a driver's buffer, without what may follow it; `None` where it is not whole.
#[cfg(any(feature = "v4l", feature = "webcam", test))]
pub(super) fn whole(buffer: &[u8]) -> Option<&[u8]> {
    let mut start = 0;
    match Walk::default().step(buffer, &mut start) {
        Step::Picture(place) if place.start == 0 => Some(&buffer[place]),
        _ => None,
    }
}

/// Decodes to RGB; the stamp is left alone. Pictures without Huffman tables, as USB cameras send them, are read with the
/// standard ones.
///
/// # Errors
/// Why it is no picture.
pub(super) fn decode(picture: &[u8], frame: &mut Frame) -> Result<(), String> {
    let damaged = |error| format!("no readable JPEG picture ({})", format!("{error:?}").replace('\n', " "));
    let side = MAX_SIDE as usize;
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or("a JPEG picture without a size")?;
    let (width, height) = (width as u32, height as u32);
    check_picture_size(width, height)?;
    frame.reshape(width, height, PixelFormat::Rgb8);
    decoder.decode_into(&mut frame.data).map_err(damaged)
}

fn find<const N: usize>(data: &[u8], pattern: &[u8; N]) -> Option<usize> {
    data.array_windows().position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{Rgb, RgbImage};

    use super::*;

    fn jpeg(color: [u8; 3]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = RgbImage::from_fn(40, 24, |x, y| Rgb(color.map(|c| c.wrapping_add((x * y % 16) as u8))));
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80)).unwrap();
        bytes
    }

    /// With an application segment that holds a whole picture, as a thumbnail.
    fn with_thumbnail(picture: &[u8], thumbnail: &[u8]) -> Vec<u8> {
        let length = (thumbnail.len() + 2) as u16;
        [&[0xff, 0xd8, 0xff, 0xe1][..], &length.to_be_bytes(), thumbnail, &picture[2..]].concat()
    }

    /// Pushes `stream` in pieces of `piece` bytes: pictures, and how much damage.
    fn split(stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, usize) {
        let mut splitter = Splitter::default();
        let (mut pictures, mut damage) = (Vec::new(), 0);
        for bytes in stream.chunks(piece) {
            splitter.push(bytes);
            while let Some(next) = splitter.next(<[u8]>::to_vec) {
                match next {
                    Ok(picture) => pictures.push(picture),
                    Err(_) => damage += 1,
                }
            }
        }
        (pictures, damage)
    }

    #[test]
    fn a_stream_is_cut_at_its_pictures_whatever_the_pieces() {
        let pictures = [jpeg([10, 20, 30]), with_thumbnail(&jpeg([90, 0, 200]), &jpeg([1, 1, 1])), jpeg([250, 9, 9])];
        let multipart: Vec<u8> = pictures
            .iter()
            .flat_map(|p| [b"--ffmpeg\r\nContent-type: image/jpeg\r\n\r\n", p.as_slice(), b"\r\n"].concat())
            .collect();
        for piece in [1, 2, 3, 7, 64, 1000, 1 << 20] {
            assert_eq!(split(&pictures.concat(), piece), (pictures.to_vec(), 0), "pieces of {piece}");
            assert_eq!(split(&multipart, piece).0, pictures, "pieces of {piece}");
        }
    }

    #[test]
    fn a_picture_that_breaks_off_costs_only_itself() {
        let (a, b) = (jpeg([10, 20, 30]), jpeg([90, 0, 200]));
        for piece in [1, 5, 4096] {
            // In its data.
            let (pictures, damage) = split(&[&a[..], &a[..a.len() - 30], &b, &b].concat(), piece);
            assert_eq!((pictures, damage), (vec![a.clone(), b.clone(), b.clone()], 1), "pieces of {piece}");
            // In the middle of a segment, whose length then reaches into the next picture: that one is lost too.
            let (pictures, damage) = split(&[&a[..], &b[..100], &b, &b].concat(), piece);
            assert_eq!((pictures, damage >= 1), (vec![a.clone(), b.clone()], true), "pieces of {piece}");
        }
        let noise: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(split(&[&noise[..], &a].concat(), 777).0.last(), Some(&a));
    }

    #[test]
    fn data_without_end_is_given_up_and_does_not_grow() {
        let mut splitter = Splitter::default();
        let mut start = jpeg([1, 2, 3]);
        start.truncate(start.len() - 2);
        splitter.push(&start);
        let more = vec![0x55; 1 << 20];
        let mut given_up = false;
        for _ in 0..40 {
            splitter.push(&more);
            given_up |= matches!(splitter.next(<[u8]>::to_vec), Some(Err(_)));
            assert!(splitter.buffer.len() <= MAX_SAMPLE_BYTES as usize + more.len());
        }
        assert!(given_up);
        splitter.push(&jpeg([9, 9, 9]));
        assert!(splitter.next(|p| decode(p, &mut Frame::default())).unwrap().unwrap().is_ok());
    }

    #[test]
    fn a_buffer_holds_a_whole_picture_or_none() {
        let picture = jpeg([10, 200, 30]);
        let padded = [&picture[..], &[0; 50]].concat();
        assert_eq!(whole(&padded), Some(&picture[..]));
        assert_eq!(whole(&picture[..picture.len() - 1]), None);
        assert_eq!(whole(&[&[0][..], &picture].concat()), None);
        assert_eq!(whole(&[0; 921_600]), None);
        assert_eq!(whole(&[]), None);
    }

    #[test]
    fn pictures_are_decoded_to_rgb_and_others_refused() {
        let mut frame = Frame::default();
        decode(&jpeg([200, 30, 60]), &mut frame).unwrap();
        assert_eq!((frame.width, frame.height, frame.format), (40, 24, PixelFormat::Rgb8));
        let near = |pixel: &[u8]| pixel.iter().zip([200, 30, 60]).all(|(a, b): (&u8, u8)| a.abs_diff(b) < 12);
        assert!(near(&frame.data[..3]), "{:?}", &frame.data[..3]);
        // Huffman tables left out, as in the AVI1 frames of USB cameras: the encoder uses the standard ones too.
        let grey = image::GrayImage::from_pixel(16, 16, image::Luma([77]));
        let mut bytes = Vec::new();
        grey.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80)).unwrap();
        decode(&bytes, &mut frame).unwrap();
        assert_eq!((frame.width, frame.data.len()), (16, 16 * 16 * 3));
        assert!(decode(b"\xff\xd8\xff\xd9", &mut frame).is_err());
        assert!(decode(&[0; 100], &mut frame).is_err());
        let huge = [0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
        assert!(decode(&huge, &mut frame).is_err());
    }
}
