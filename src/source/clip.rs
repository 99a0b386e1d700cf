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

/// Pictures that a decoder may hold back to bring them into order (H.264 §A.3.1: `MaxDpbFrames`).
const MAX_REORDER: usize = 16;

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
    /// Samples inside the decoder whose picture has not come out yet.
    waiting: Vec<usize>,
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
            waiting: Vec::with_capacity(2 * MAX_REORDER),
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
                self.waiting.push(number);
                let decoded = self.decoder.decode(&self.unit, number as u64);
                let came_at_once = decoded.picture.as_ref().is_some_and(|picture| picture.tag == number as u64);
                if decoded.damaged && !came_at_once {
                    self.waiting.retain(|waiting| *waiting != number); // it will not come later either
                }
                decoded.picture
            } else {
                let picture = self.decoder.flush();
                if picture.is_none() {
                    self.ended = true;
                    return Ok(false);
                }
                picture
            };
            let Some(picture) = picture else { continue };
            let Some(number) = take_earliest(&mut self.waiting, &self.index, picture.tag as usize) else { continue };
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
        if self.missing > 0 {
            lines.push(format!("the file is cut off: {} of its {total} pictures are missing", self.missing));
        } else if self.index.cut {
            lines.push("the file is cut off: what followed is missing, and nothing tells how much".into());
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

/// Which of the `waiting` samples the picture that just came out is: the one shown first. Usually that is the sample
/// that it was decoded from (`tag`), but a file without composition times has decode times only, in decode order.
/// Samples that are too old to come out any more are dropped first, so that one lost picture does not shift the rest.
fn take_earliest(waiting: &mut Vec<usize>, index: &Index, tag: usize) -> Option<usize> {
    waiting.retain(|number| number + 2 * MAX_REORDER >= tag);
    let earliest = (0..waiting.len()).min_by_key(|at| index.samples[waiting[*at]].pts)?;
    Some(waiting.swap_remove(earliest))
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
