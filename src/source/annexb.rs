//! H.264 as it comes out of a camera's encoder: a byte stream with start codes (ITU-T H.264, annex B), cut into access
//! units and decoded. Not here: the decoder (h264.rs).

use super::h264::H264;
use super::live::Capture;
use crate::frame::Frame;
use crate::limits::{MAX_SAMPLE_BYTES, check_picture_size};

/// Cuts a stream into access units: all NAL units of one picture.
#[derive(Debug, Default)]
pub(super) struct Units {
    buffer: Vec<u8>,
    scanned: usize,
    /// The unit at the start of the buffer has a slice of its picture.
    has_slice: bool,
}

impl Units {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole unit, for `take`; `None` until more bytes are pushed. A unit is whole when the next one begins
    /// (7.4.1.2.3): with a delimiter, parameter sets or messages behind a slice, or with a picture's first slice.
    pub fn next<T>(&mut self, take: impl FnOnce(&[u8]) -> T) -> Option<Result<T, String>> {
        // A start code, the NAL unit's header, and the first bits behind it.
        while let Some([0, 0, 1, header, first]) = self.buffer.get(self.scanned..).and_then(|rest| rest.first_chunk()) {
            let kind = header & 0x1f;
            // first_mb_in_slice is an Exp-Golomb code: 0 is a single 1.
            let is_slice = matches!(kind, 1 | 5);
            let begins = matches!(kind, 6..=9 | 14..=18) || is_slice && first & 0x80 != 0;
            if begins && self.has_slice {
                let (unit, end) = (take(&self.buffer[..self.scanned]), self.scanned);
                self.drop_front(end);
                self.has_slice = false;
                return Some(Ok(unit));
            }
            self.has_slice |= is_slice;
            self.scanned += 3;
            self.scan();
        }
        self.scan();
        match self.buffer.get(self.scanned..).is_some_and(|rest| rest.len() >= 5) {
            true => self.next(take),
            false if self.buffer.len() > MAX_SAMPLE_BYTES as usize => {
                *self = Self::default();
                Some(Err(format!("{} MB without the end of an H.264 picture", MAX_SAMPLE_BYTES / (1024 * 1024))))
            }
            false => None,
        }
    }

    /// To the next start code, or to where one may begin.
    fn scan(&mut self) {
        let rest = &self.buffer[self.scanned..];
        let found = rest.array_windows().position(|window| window == &[0, 0, 1]);
        self.scanned += found.unwrap_or(rest.len().saturating_sub(2));
    }

    fn drop_front(&mut self, bytes: usize) {
        self.buffer.drain(..bytes);
        self.scanned -= bytes;
    }
}

/// Decodes a stream on the calling thread.
pub(super) struct Stream {
    units: Units,
    decoder: H264,
    /// Number of the next unit.
    unit: u64,
}

impl Stream {
    /// `Err` holds the decoder's own words.
    pub fn new() -> Result<Self, String> {
        Ok(Self { units: Units::default(), decoder: H264::new()?, unit: 0 })
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.units.push(bytes);
    }

    /// The next picture; `None` until more bytes are pushed. Its number is that of its unit: units that gave no picture
    /// are missing numbers. (A stream with B-frames has its pictures in another order: some numbers come late then, and
    /// are lifted. No camera has them.)
    pub fn next(&mut self, frame: &mut Frame) -> Option<Capture> {
        let (decoder, unit) = (&mut self.decoder, &mut self.unit);
        let decoded = self.units.next(|bytes| {
            let picture = decoder.decode(bytes, *unit);
            *unit += 1;
            let picture = picture.ok_or("undecodable H.264 (before its first key frame, or damaged)")?;
            check_picture_size(picture.width, picture.height)?;
            picture.copy_to(frame, 0);
            Ok(picture.tag)
        })?;
        Some(match decoded.flatten() {
            Ok(seq) => Capture::Picture { seq, time: None },
            Err(why) => Capture::Damaged(why),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nal(kind: u8, first: u8, length: usize) -> Vec<u8> {
        [&[0, 0, 1, 0x60 | kind, first][..], &vec![0x42; length]].concat()
    }

    fn split(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut units = Units::default();
        let mut found = Vec::new();
        for bytes in stream.chunks(piece) {
            units.push(bytes);
            while let Some(unit) = units.next(<[u8]>::to_vec) {
                found.push(unit.unwrap());
            }
        }
        found
    }

    #[test]
    fn units_hold_all_slices_and_parameters_of_a_picture_whatever_the_pieces() {
        let units = [
            [nal(7, 0x64, 9), nal(8, 0xee, 3), nal(5, 0x88, 50), nal(5, 0x10, 40)].concat(),
            nal(1, 0x9a, 30),
            [nal(9, 0x30, 0), nal(6, 5, 12), nal(1, 0x9a, 30), nal(1, 0x20, 1)].concat(),
        ];
        let stream = [units.concat(), nal(1, 0x9a, 10)].concat();
        for piece in [1, 2, 3, 5, 11, 1000] {
            assert_eq!(split(&stream, piece), units, "pieces of {piece}; the last unit may still go on");
        }
    }

    #[test]
    fn a_stream_without_an_end_is_given_up_and_does_not_grow() {
        let mut units = Units::default();
        units.push(&nal(5, 0x88, 10));
        let mut given_up = 0;
        for _ in 0..40 {
            units.push(&[0x55; 1 << 20]);
            given_up += usize::from(matches!(units.next(<[u8]>::len), Some(Err(_))));
            assert!(units.buffer.len() <= MAX_SAMPLE_BYTES as usize + (1 << 20));
        }
        assert_eq!(given_up, 1);
    }

    #[test]
    fn noise_before_and_between_pictures_is_no_picture() {
        let mut stream = Stream::new().unwrap();
        stream.push(&[0x47; 5000]);
        stream.push(&[nal(1, 0x9a, 30), nal(1, 0x9a, 30), nal(1, 0x9a, 30)].concat());
        let mut frame = Frame::default();
        assert!(matches!(stream.next(&mut frame), Some(Capture::Damaged(_))));
        assert!(matches!(stream.next(&mut frame), Some(Capture::Damaged(_))));
        assert_eq!(stream.next(&mut frame), None);
    }
}
