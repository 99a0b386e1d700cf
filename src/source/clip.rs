//! H.264 clips in mp4, mov and m4v, without any system library.
//!
//! Not here: the file's index (mp4.rs), the decoder (h264.rs), other containers and codecs (ffmpeg.rs).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::h264::{H264, turned};
use super::mp4::{self, Index, Mp4Error};
use super::timeline::{Timeline, ticks_to_time};
use super::{Source, SourceError, SourceInfo, digest};
use crate::frame::Frame;
use crate::limits::{MAX_SAMPLE_BYTES, check_picture_size};

/// Coded pictures that are tried at opening before the stream counts as undecodable: ten seconds of a usual camera,
/// more than its distance between key frames.
const TRIED_AT_OPENING: usize = 300;

/// A clip that is read sample by sample; only its index is in memory.
pub(super) struct Clip {
    info: SourceInfo,
    path: PathBuf,
    file: File,
    length: u64,
    index: Index,
    /// Per sample: its place in presentation order among the shown ones.
    places: Vec<u32>,
    first_pts: i64,
    decoder: H264,
    /// The next sample to read, in decode order.
    next: usize,
    order: Order,
    timeline: Timeline,
    /// The first picture, decoded at opening to know what the stream really holds.
    first: Option<Frame>,
    /// Reused: a sample as it is in the file, and with start codes.
    sample: Vec<u8>,
    unit: Vec<u8>,
    /// Shown pictures that came out, and that lie beyond the end of a cut file.
    seen: u64,
    missing: u64,
    ended: bool,
}

impl Clip {
    /// Opens the file, reads its index and digest, and decodes the first picture. `start` is that picture's unix time
    /// in microseconds.
    pub fn open(path: &Path, start: Option<i64>) -> Result<Self, Mp4Error> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let index = mp4::read_index(&mut file, length)?;
        let (width, height) = turned((index.width, index.height), index.quarter_turns);
        check_picture_size(width, height).map_err(Mp4Error::Broken)?;

        let places = presentation_places(&index);
        let shown = || index.samples.iter().filter(|sample| sample.shown).map(|sample| sample.pts);
        let first_pts = shown().min().unwrap_or(0);
        let frames = shown().count() as u64;
        let span = ticks_to_time(shown().max().unwrap_or(0).saturating_sub(first_pts), index.timescale);
        let nominal_fps = if span.is_zero() { 0.0 } else { (frames - 1) as f64 / span.as_secs_f64() };
        let one_frame = if nominal_fps > 0.0 { Duration::from_secs_f64(1.0 / nominal_fps) } else { Duration::ZERO };
        let mut clip = Self {
            info: SourceInfo {
                name: super::file_name(path),
                width,
                height,
                nominal_fps,
                frames: Some(frames),
                seq_step: 1,
                duration: Some(span + one_frame),
                live: false,
                digest: Some(digest::of_file(path)?),
            },
            path: path.to_owned(),
            file,
            length,
            index,
            places,
            first_pts,
            decoder: H264::new().map_err(Mp4Error::Broken)?,
            next: 0,
            order: Order::default(),
            timeline: Timeline::new(start),
            first: None,
            sample: Vec::new(),
            unit: Vec::new(),
            seen: 0,
            missing: 0,
            ended: false,
        };
        clip.decode_first()?;
        Ok(clip)
    }

    fn decode_first(&mut self) -> Result<(), Mp4Error> {
        let mut frame = Frame::default();
        if !self.advance(Some(&mut frame), TRIED_AT_OPENING)? {
            let total = self.index.samples.len();
            return Err(match self.missing {
                0 => Mp4Error::Foreign("its H.264 cannot be decoded here (interlaced, or damaged)".into()),
                _ => Mp4Error::Broken(format!(
                    "the file is cut off before the first of its {total} pictures: copy it again"
                )),
            });
        }
        check_picture_size(frame.width, frame.height).map_err(Mp4Error::Broken)?;
        (self.info.width, self.info.height) = (frame.width, frame.height);
        self.first = Some(frame);
        Ok(())
    }

    /// Decodes up to the next shown picture and copies it into `frame` where one is given. Reads at most `budget`
    /// samples; `Ok(false)` after them or at the end.
    fn advance(&mut self, frame: Option<&mut Frame>, budget: usize) -> io::Result<bool> {
        let stop = self.next.saturating_add(budget);
        loop {
            let picture = if self.next < self.index.samples.len() {
                if self.next == stop {
                    return Ok(false);
                }
                let number = self.next;
                self.next += 1;
                if !self.load(number)? {
                    continue;
                }
                self.order.enter(number);
                self.decoder.decode(&self.unit, number as u64)
            } else {
                let picture = self.decoder.flush();
                if picture.is_none() {
                    self.ended = true;
                    return Ok(false);
                }
                picture
            };
            let Some(picture) = picture else { continue };
            let number = self.order.leave(picture.tag as usize, &self.index);
            if !self.index.samples[number].shown {
                continue;
            }
            self.seen += 1;
            let ticks = self.index.samples[number].pts.saturating_sub(self.first_pts);
            let time = ticks_to_time(ticks, self.index.timescale);
            let stamp = self.timeline.stamp(u64::from(self.places[number]), time);
            if let Some(frame) = frame {
                picture.copy_to(frame, self.index.quarter_turns);
                frame.stamp = stamp;
            }
            return Ok(true);
        }
    }

    /// Reads sample `number` and turns its NAL lengths into start codes; `false` where the file does not hold it.
    fn load(&mut self, number: usize) -> io::Result<bool> {
        let sample = self.index.samples[number];
        if sample.offset.saturating_add(u64::from(sample.size)) > self.length {
            self.missing += u64::from(sample.shown);
            return Ok(false);
        }
        if sample.size > MAX_SAMPLE_BYTES {
            return Ok(false);
        }
        self.sample.resize(sample.size as usize, 0);
        self.file.seek(SeekFrom::Start(sample.offset))?;
        self.file.read_exact(&mut self.sample)?;
        self.unit.clear();
        if number == 0 {
            self.unit.extend_from_slice(&self.index.parameter_sets);
        }
        to_annex_b(&self.sample, self.index.nal_length, &mut self.unit);
        Ok(true)
    }

    fn read_error(&self, source: io::Error) -> SourceError {
        SourceError::Io { path: self.path.clone(), source }
    }
}

impl Source for Clip {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_frame(&mut self, frame: &mut Frame) -> Result<bool, SourceError> {
        if let Some(first) = &mut self.first {
            std::mem::swap(first, frame);
            self.first = None;
            return Ok(true);
        }
        self.advance(Some(frame), usize::MAX).map_err(|error| self.read_error(error))
    }

    fn skip_frame(&mut self, _scratch: &mut Frame) -> Result<bool, SourceError> {
        if self.first.take().is_some() {
            return Ok(true);
        }
        self.advance(None, usize::MAX).map_err(|error| self.read_error(error))
    }

    fn warnings(&self) -> Vec<String> {
        let total = self.info.frames.unwrap_or(0);
        let mut lines = Vec::new();
        if self.index.cut && self.index.fragmented {
            lines.push("the file is cut off: its last pictures are missing, and nothing tells how many".into());
        } else if self.missing > 0 {
            lines.push(format!("the file is cut off: {} of its {total} pictures are missing", self.missing));
        }
        let undecodable = total.saturating_sub(self.seen + self.missing);
        if self.ended && undecodable > 0 {
            lines.push(format!("{undecodable} of {total} pictures could not be decoded and were skipped"));
        }
        lines.extend(self.timeline.warning());
        lines
    }
}

/// Each sample's place among the shown ones, ordered by presentation time; equal times keep decode order.
fn presentation_places(index: &Index) -> Vec<u32> {
    let mut order: Vec<u32> = (0..index.samples.len() as u32).filter(|n| index.samples[*n as usize].shown).collect();
    order.sort_by_key(|n| index.samples[*n as usize].pts);
    let mut places = vec![0; index.samples.len()];
    for (place, number) in order.into_iter().enumerate() {
        places[number as usize] = place as u32;
    }
    places
}

/// Which sample each picture is shown as. That is the sample it was decoded from, except in files without composition
/// times whose pictures are reordered all the same: their times are in decode order, and the n-th picture to come out
/// gets the n-th time.
#[derive(Default)]
struct Order {
    last: usize,
    untimed: bool,
    /// Samples that went into the decoder and did not come out yet.
    waiting: Vec<usize>,
}

impl Order {
    fn enter(&mut self, number: usize) {
        self.waiting.push(number);
    }

    /// `from`: the sample that the picture was decoded from.
    fn leave(&mut self, from: usize, index: &Index) -> usize {
        // A decoder holds back at most 16 pictures (H.264 §A.3.1); what is much older was lost in it.
        self.waiting.retain(|number| number + 32 >= from);
        self.untimed |= from < self.last && index.samples[from].pts < index.samples[self.last].pts;
        self.last = from;
        let earliest = self.waiting.iter().copied().min_by_key(|number| index.samples[*number].pts);
        let number = earliest.filter(|_| self.untimed).unwrap_or(from);
        self.waiting.retain(|waiting| *waiting != number);
        number
    }
}

/// Appends the NAL units of an mp4 sample, each behind a start code. Stops at a length that leads outside.
fn to_annex_b(mut sample: &[u8], nal_length: usize, unit: &mut Vec<u8>) {
    while let Some((length, rest)) = sample.split_at_checked(nal_length) {
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let Some((nal, rest)) = rest.split_at_checked(length) else { break };
        unit.extend_from_slice(&[0, 0, 0, 1]);
        unit.extend_from_slice(nal);
        sample = rest;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use image::{Rgb, RgbImage};
    use proptest::prelude::*;

    use super::*;
    use crate::draw::DrawSink;
    use crate::frame::Stamp;

    /// A sound clip of twelve pictures, its index at the end.
    fn clip_bytes() -> &'static [u8] {
        static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
        BYTES.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("clip.mp4");
            let mut sink = DrawSink::create(&path, 25.0).unwrap();
            for seq in 0..12 {
                let picture = RgbImage::from_fn(48, 32, |x, y| Rgb([(x * 5) as u8, (y * 7) as u8, seq as u8 * 20]));
                sink.write(&picture, &Stamp { seq, mono: Duration::from_millis(40 * seq), wall: None }).unwrap();
            }
            sink.finish().unwrap();
            std::fs::read(&path).unwrap()
        })
    }

    /// Opens the bytes as a file and reads it to its end. The number of frames, or the error.
    fn read(bytes: &[u8]) -> Result<usize, Mp4Error> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("clip.mp4");
        std::fs::write(&path, bytes)?;
        let mut clip = Clip::open(&path, None)?;
        let mut frame = Frame::default();
        let mut count = 0;
        while clip.next_frame(&mut frame).unwrap() {
            count += 1;
        }
        Ok(count)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// Overwritten bytes, half of them in the index, and perhaps a cut: fewer frames or one line, never a panic.
        #[test]
        fn damaged_files_never_panic(
            changes in prop::collection::vec((0.0..1.0f64, any::<bool>(), any::<u8>()), 1..12),
            keep in 0.7..1.5f64,
        ) {
            let mut bytes = clip_bytes().to_vec();
            let index = bytes.windows(4).rposition(|word| word == b"moov").unwrap();
            for (at, in_index, value) in changes {
                let start = if in_index { index } else { 0 };
                let at = start + (at * (bytes.len() - start) as f64) as usize;
                bytes[at] = value;
            }
            bytes.truncate((bytes.len() as f64 * keep) as usize);
            match read(&bytes) {
                Ok(count) => prop_assert!(count <= 12),
                Err(Mp4Error::Foreign(reason) | Mp4Error::Broken(reason)) => prop_assert!(!reason.contains('\n')),
                Err(Mp4Error::Io(error)) => prop_assert!(false, "{}", error),
            }
        }
    }

    #[test]
    fn the_undamaged_file_of_that_test_is_sound() {
        assert_eq!(read(clip_bytes()).unwrap(), 12);
    }

    #[test]
    fn a_codec_of_unprintable_name_is_refused_on_one_line() {
        let mut bytes = clip_bytes().to_vec();
        let name = bytes.windows(4).rposition(|word| word == b"avc1").unwrap();
        bytes[name..name + 4].copy_from_slice(b"a\nc1");
        let Err(Mp4Error::Foreign(reason)) = read(&bytes) else { panic!("it is not H.264") };
        assert_eq!(reason, r"its video codec is a\nc1");
    }

    #[test]
    fn nal_lengths_become_start_codes_and_a_wrong_length_ends_the_unit() {
        let mut unit = Vec::new();
        to_annex_b(&[0, 2, 7, 8, 0, 1, 9, 0, 5, 1], 2, &mut unit);
        assert_eq!(unit, [0, 0, 0, 1, 7, 8, 0, 0, 0, 1, 9]);
    }
}
