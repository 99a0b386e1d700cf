//! H.264 in mp4: openh264 encodes, `shiguredo_mp4` lays out the file. Memory stays at one frame and a few words per
//! frame of index, however long the clip.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;
use openh264::OpenH264API;
use openh264::encoder::{
    Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode, VuiConfig,
};
use openh264::formats::YUVSlices;
use shiguredo_mp4::TrackKind;
use shiguredo_mp4::bitstream::h264::{
    H264SampleEntryConfig, LengthSize, annexb_to_length_prefixed, build_avc1_box_from_annexb,
};
use shiguredo_mp4::boxes::SampleEntry;
use shiguredo_mp4::mux::{Mp4FileMuxer, Sample};
use tempfile::NamedTempFile;

use super::rgb::i420_from_rgb;
use super::sink::DrawError;
use crate::part_file;

/// Quantiser of every picture: constant quality whatever the frame rate does. 24 keeps small text crisp; 720p traffic
/// takes some 4 Mbit/s.
const QUANTISER: u8 = 24;

/// Pictures between key frames: a player seeks to within two seconds at 30 frames a second.
const KEY_FRAME_EVERY: u32 = 60;

/// Units per second of the file's times, so that stamps keep their microseconds.
const TIMESCALE: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();

/// The encoder's smallest side; smaller pictures are padded.
const SMALLEST: u32 = 16;

pub(super) struct Video {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    position: u64,
    muxer: Mp4FileMuxer,
    encoder: Encoder,
    size: Option<(u32, u32)>,
    planes: Vec<u8>,
    unit: Vec<u8>,
    /// A picture's length is known when the next one comes.
    pending: Option<Pending>,
    last_length: Duration,
}

/// A coded picture that is in the file and not yet in its index.
struct Pending {
    time: Duration,
    sample: Sample,
}

impl Video {
    pub fn create(path: &Path, fps: f64) -> Result<Self, DrawError> {
        let refused = |reason: String| DrawError::Refused { path: path.to_owned(), reason };
        let io_error = |source| DrawError::Io { path: path.to_owned(), source };
        let fps = if fps.is_finite() && fps > 0.0 { fps } else { 25.0 };
        let config = EncoderConfig::new()
            .rate_control_mode(RateControlMode::Off)
            .qp(QpRange::new(QUANTISER, QUANTISER))
            .skip_frames(false)
            .max_frame_rate(FrameRate::from_hz(fps as f32))
            .intra_frame_period(IntraFramePeriod::from_num_frames(KEY_FRAME_EVERY))
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|error| refused(format!("the video encoder does not start: {error}")))?;
        let muxer = Mp4FileMuxer::new().map_err(|error| refused(error.to_string()))?;
        let mut file = BufWriter::new(part_file::begin(path).map_err(io_error)?);
        let head = muxer.initial_boxes_bytes();
        file.write_all(head).map_err(io_error)?;
        Ok(Self {
            path: path.to_owned(),
            position: head.len() as u64,
            file,
            muxer,
            encoder,
            size: None,
            planes: Vec::new(),
            unit: Vec::new(),
            pending: None,
            last_length: Duration::from_secs_f64(1.0 / fps),
        })
    }

    pub fn write(&mut self, picture: &RgbImage, time: Duration) -> Result<(), DrawError> {
        let is_first = self.size.is_none();
        let size = *self.size.get_or_insert(picture.dimensions());
        if size != picture.dimensions() {
            let ((w, h), (other_w, other_h)) = (size, picture.dimensions());
            return Err(self.refused(format!(
                "pictures of {w}x{h} and {other_w}x{other_h} cannot share a video: write to a folder"
            )));
        }
        if let Some(pending) = self.pending.take() {
            self.last_length = time.saturating_sub(pending.time);
            self.append(pending, self.last_length)?;
        }
        let (width, height) = (size.0.next_multiple_of(2).max(SMALLEST), size.1.next_multiple_of(2).max(SMALLEST));
        let keyframe = self.encode(picture, width as usize, height as usize)?;
        let sample_entry = if is_first { Some(self.description()?) } else { None };
        let sample = annexb_to_length_prefixed(&self.unit, LengthSize::FourBytes)
            .map_err(|error| self.refused(error.to_string()))?;
        self.file.write_all(&sample).map_err(|source| self.io(source))?;
        let sample = Sample {
            track_kind: TrackKind::Video,
            sample_entry,
            keyframe,
            timescale: TIMESCALE,
            duration: 0,
            composition_time_offset: None,
            data_offset: self.position,
            data_size: sample.len(),
        };
        self.position += sample.data_size as u64;
        self.pending = Some(Pending { time, sample });
        Ok(())
    }

    /// Fills `self.unit`; true for a key frame.
    fn encode(&mut self, picture: &RgbImage, width: usize, height: usize) -> Result<bool, DrawError> {
        i420_from_rgb(picture, width, height, &mut self.planes);
        let (luma, chroma) = self.planes.split_at(width * height);
        let (blue, red) = chroma.split_at(width * height / 4);
        let source = YUVSlices::new((luma, blue, red), (width, height), (width, width / 2, width / 2));
        self.unit.clear();
        let kind = match self.encoder.encode(&source) {
            Ok(coded) => {
                coded.write_vec(&mut self.unit);
                Ok(coded.frame_type())
            }
            Err(error) => Err(error.to_string()),
        };
        match kind {
            Ok(kind) if !self.unit.is_empty() => Ok(matches!(kind, FrameType::IDR)),
            Ok(_) => Err(self.refused("the video encoder gave nothing for a picture".into())),
            Err(error) => {
                Err(self.refused(format!("{width}x{height} pixels cannot be encoded ({error}): write to a folder")))
            }
        }
    }

    /// The first unit holds the parameter sets, and with them size and profile.
    fn description(&self) -> Result<SampleEntry, DrawError> {
        let config = H264SampleEntryConfig { length_size: LengthSize::FourBytes };
        let avc1 = build_avc1_box_from_annexb(&self.unit, &config);
        avc1.map(SampleEntry::Avc1).map_err(|error| self.refused(error.to_string()))
    }

    fn append(&mut self, pending: Pending, length: Duration) -> Result<(), DrawError> {
        let duration = u32::try_from(length.as_micros()).unwrap_or(u32::MAX);
        let sample = Sample { duration, ..pending.sample };
        self.muxer.append_sample(&sample).map_err(|error| self.refused(error.to_string()))
    }

    /// Writes the index and renames the file.
    pub fn finish(mut self) -> Result<(), DrawError> {
        let Some(pending) = self.pending.take() else {
            return Err(self.refused("no picture came, so no video was written".into()));
        };
        self.append(pending, self.last_length)?;
        let boxes = self.muxer.finalize().map_err(|error| error.to_string());
        let written = match boxes {
            Ok(boxes) => boxes.offset_and_bytes_pairs().try_for_each(|(offset, bytes)| {
                self.file.seek(SeekFrom::Start(offset))?;
                self.file.write_all(bytes)
            }),
            Err(error) => return Err(self.refused(error)),
        };
        let path = self.path;
        let io_error = |source| DrawError::Io { path: path.clone(), source };
        written.map_err(io_error)?;
        let part = self.file.into_inner().map_err(|error| io_error(error.into_error()))?;
        part.as_file().sync_all().map_err(io_error)?;
        part.persist(&path).map_err(|error| io_error(error.error))?;
        Ok(())
    }

    fn refused(&self, reason: String) -> DrawError {
        DrawError::Refused { path: self.path.clone(), reason }
    }

    fn io(&self, source: io::Error) -> DrawError {
        DrawError::Io { path: self.path.clone(), source }
    }
}
