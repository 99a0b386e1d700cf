//! The index of an mp4 file: where each H.264 sample lies and when it is shown (ISO/IEC 14496-12 and -15).
//!
//! Not here: decoding (h264.rs) and times in seconds (clip.rs). The boxes are parsed by `shiguredo_mp4`; this file
//! walks the top level itself, because a cut or fragmented file must give what is there.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};

use shiguredo_mp4::aux::SampleTableAccessor;
use shiguredo_mp4::boxes::{AvccBox, HdlrBox, MoofBox, MvexBox, MvhdBox, SampleEntry, TrakBox, TrexBox};
use shiguredo_mp4::{BoxHeader, Decode};

use crate::limits::{MAX_MP4_INDEX_BYTES, MAX_SAMPLES};

/// The H.264 track of a file, ready to be read sample by sample.
#[derive(Debug)]
pub(super) struct Index {
    /// SPS and PPS of the file's header, each with an Annex B start code.
    pub parameter_sets: Vec<u8>,
    /// Bytes of the length in front of each NAL unit: 1, 2 or 4.
    pub nal_length: usize,
    /// Size as the header states it, in pixels.
    pub width: u32,
    pub height: u32,
    /// Clockwise quarter turns (0..=3) that the file asks for when it is shown.
    pub quarter_turns: u8,
    /// Units of [`Sample::pts`] per second.
    pub timescale: u32,
    /// In decode order.
    pub samples: Vec<Sample>,
    /// The file ends inside one of its boxes.
    pub cut: bool,
    /// The index is spread over the file, so a cut file does not tell how much is gone.
    pub fragmented: bool,
}

/// One coded picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// In bytes from the start of the file. May lie beyond its end if the file was cut.
    pub offset: u64,
    pub size: u32,
    /// Presentation time in the track's timescale. Starts anywhere.
    pub pts: i64,
    /// False where the edit list cuts it away: it is decoded for its successors and not delivered.
    pub shown: bool,
}

/// Why there is no index. Reasons are one line without the path.
#[derive(Debug)]
pub(super) enum Mp4Error {
    Io(io::Error),
    /// A sound video that is not ours to decode: another container or codec.
    Foreign(String),
    /// Nothing that any tool plays.
    Broken(String),
}

impl From<io::Error> for Mp4Error {
    fn from(error: io::Error) -> Self {
        Mp4Error::Io(error)
    }
}

fn broken(reason: impl Into<String>) -> Mp4Error {
    Mp4Error::Broken(reason.into())
}

/// Reads the index of a file of `length` bytes. Only box headers, `moov` and the `moof`s are read.
pub(super) fn read_index(reader: &mut (impl Read + Seek), length: u64) -> Result<Index, Mp4Error> {
    if length == 0 {
        return Err(broken("the file is empty: record or copy it again"));
    }
    let top = walk(reader, length)?;
    let Some(moov) = top.moov else {
        return Err(no_moov(reader, top.looks_like_mp4, top.cut)?);
    };
    let movie = parse_moov(&moov)?;
    let track = movie.video.ok_or_else(|| broken("there is no video track in it"))?;
    let avc = avc_description(&track)?;

    let mut samples = table_samples(&track)?;
    add_fragments(&mut samples, track.tkhd_box.track_id, movie.defaults.as_ref(), &top.fragments)?;
    if samples.is_empty() {
        return Err(broken("its video track holds no picture: record or copy it again"));
    }
    apply_edits(&mut samples, &track, movie.timescale);

    Ok(Index {
        parameter_sets: annex_b(&avc.avcc.sps_list, &avc.avcc.pps_list),
        nal_length: usize::from(avc.avcc.length_size_minus_one.get()) + 1,
        width: avc.width,
        height: avc.height,
        quarter_turns: quarter_turns(&track.tkhd_box.matrix),
        timescale: track.mdia_box.mdhd_box.timescale.get(),
        samples,
        cut: top.cut,
        fragmented: !top.fragments.is_empty(),
    })
}

/// What the top level of the file holds.
#[derive(Default)]
struct Top {
    /// The whole box, header included.
    moov: Option<Vec<u8>>,
    /// Offset of each movie fragment's first byte, and the fragment.
    fragments: Vec<(u64, MoofBox)>,
    looks_like_mp4: bool,
    cut: bool,
}

fn walk(reader: &mut (impl Read + Seek), length: u64) -> Result<Top, Mp4Error> {
    let mut top = Top::default();
    let mut index_bytes = 0;
    let mut at = 0;
    while at + 8 <= length {
        let Some((kind, size)) = top_level_box(reader, at, length)? else {
            break; // what follows is no box: trailing rubbish, or no mp4 at all
        };
        let end = at.saturating_add(size);
        top.looks_like_mp4 |= matches!(&kind, b"ftyp" | b"moov" | b"mdat" | b"moof" | b"wide");
        if end > length {
            top.cut = true;
            break; // also where the box is moov or moof: a partial table describes samples that are not there
        }
        if matches!(&kind, b"moov" | b"moof") {
            index_bytes += size;
            if index_bytes > MAX_MP4_INDEX_BYTES {
                return Err(broken(format!(
                    "its index is larger than {MAX_MP4_INDEX_BYTES} bytes: split the recording"
                )));
            }
            let mut whole = vec![0; size as usize];
            reader.seek(SeekFrom::Start(at))?;
            reader.read_exact(&mut whole)?;
            match &kind {
                b"moov" if top.moov.is_none() => top.moov = Some(whole),
                b"moof" => match MoofBox::decode(&whole) {
                    Ok((fragment, _)) => top.fragments.push((at, fragment)),
                    Err(error) => return Err(damaged(&error)),
                },
                _ => {}
            }
        }
        at = end;
    }
    Ok(top)
}

/// Type and size (header included) of the box at `at`; `None` where the bytes are no box.
fn top_level_box(reader: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Option<([u8; 4], u64)>> {
    let mut header = [0; 16];
    let there = (length - at).min(16) as usize;
    reader.seek(SeekFrom::Start(at))?;
    reader.read_exact(&mut header[..there])?;
    let [s0, s1, s2, s3, k0, k1, k2, k3, large @ ..] = header;
    let kind = [k0, k1, k2, k3];
    let size = match u32::from_be_bytes([s0, s1, s2, s3]) {
        0 => length - at, // "to the end of the file"
        1 => u64::from_be_bytes(large),
        size => u64::from(size),
    };
    let is_box = size >= 8 && kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    Ok(is_box.then_some((kind, size)))
}

/// The error for a file without an index: a recording that was never closed, a foreign container, or no video.
fn no_moov(reader: &mut (impl Read + Seek), looks_like_mp4: bool, cut: bool) -> Result<Mp4Error, io::Error> {
    if looks_like_mp4 {
        let why = if cut { "the file is cut off before its index (moov)" } else { "it has no index (moov)" };
        return Ok(broken(format!("{why}: copy it again, or repair the recording with a tool such as untrunc")));
    }
    let mut head = [0; 4];
    reader.seek(SeekFrom::Start(0))?;
    let known = match reader.read_exact(&mut head) {
        // Matroska/WebM, AVI, FLV, Ogg, MPEG program stream, ASF/WMV; MPEG transport stream.
        Ok(()) => {
            matches!(
                &head,
                b"\x1A\x45\xDF\xA3" | b"RIFF" | b"FLV\x01" | b"OggS" | b"\0\0\x01\xBA" | b"\x30\x26\xB2\x75"
            ) || head[0] == 0x47
                && head[1] & 0x80 == 0
                && !head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
        }
        Err(_) => false,
    };
    Ok(match known {
        true => Mp4Error::Foreign("it is a video in another container".into()),
        false => {
            broken("this is no mp4 file, whatever its name says: give a video, or a picture or folder of pictures")
        }
    })
}

/// The parts of `moov` that matter. A track that does not parse is passed over: players do so too, and a sound track
/// of an odd kind is none of our business.
struct Movie {
    video: Option<TrakBox>,
    defaults: Option<MvexBox>,
    /// Units per second of edit durations.
    timescale: u32,
}

fn parse_moov(moov: &[u8]) -> Result<Movie, Mp4Error> {
    let mut movie = Movie { video: None, defaults: None, timescale: 0 };
    let mut video_error = None;
    let (_, mut rest) = BoxHeader::decode_header_and_payload(moov).map_err(|error| damaged(&error))?;
    while !rest.is_empty() {
        let Ok((header, payload)) = BoxHeader::decode_header_and_payload(rest) else { break };
        match header.box_type {
            MvhdBox::TYPE => movie.timescale = MvhdBox::decode(rest).map_or(0, |(mvhd, _)| mvhd.timescale.get()),
            MvexBox::TYPE => movie.defaults = MvexBox::decode(rest).ok().map(|(mvex, _)| mvex),
            TrakBox::TYPE if movie.video.is_none() => match TrakBox::decode(rest) {
                Ok((track, _)) if is_video(&track) => movie.video = Some(track),
                Ok(_) => {}
                Err(error) if has_video_handler(payload) => video_error = Some(damaged(&error)),
                Err(_) => {}
            },
            _ => {}
        }
        rest = &rest[header.external_size() + payload.len()..];
    }
    match (&movie.video, video_error) {
        (None, Some(error)) => Err(error),
        _ => Ok(movie),
    }
}

fn is_video(track: &TrakBox) -> bool {
    track.mdia_box.hdlr_box.handler_type == HdlrBox::HANDLER_TYPE_VIDE
}

/// Whether a track that does not parse would have been the picture's.
fn has_video_handler(trak: &[u8]) -> bool {
    trak.windows(4).any(|word| word == HdlrBox::HANDLER_TYPE_VIDE)
}

/// The four bytes of a name as they are in the file, which may be any, on one line.
fn printable(name: impl ToString) -> String {
    name.to_string().escape_debug().to_string()
}

fn damaged(error: &shiguredo_mp4::Error) -> Mp4Error {
    let in_box = error.box_type.map_or_else(String::new, |kind| format!(" ({})", printable(kind)));
    Mp4Error::Foreign(format!("its index is damaged{in_box}"))
}

struct Avc<'a> {
    avcc: &'a AvccBox,
    width: u32,
    height: u32,
}

fn avc_description(track: &TrakBox) -> Result<Avc<'_>, Mp4Error> {
    let entries = &track.mdia_box.minf_box.stbl_box.stsd_box.entries;
    let codec = match entries.as_slice() {
        [SampleEntry::Avc1(avc1)] => {
            let profile = avc1.avcc_box.avc_profile_indication;
            if matches!(profile, 66 | 77 | 88 | 100) {
                let (width, height) = (u32::from(avc1.visual.width), u32::from(avc1.visual.height));
                return Ok(Avc { avcc: &avc1.avcc_box, width, height });
            }
            "H.264 of a studio profile (more than 8 bits, or 4:2:2)"
        }
        [SampleEntry::Hev1(_) | SampleEntry::Hvc1(_)] => "H.265 (HEVC)",
        [SampleEntry::Vp08(_)] => "VP8",
        [SampleEntry::Vp09(_)] => "VP9",
        [SampleEntry::Av01(_)] => "AV1",
        [SampleEntry::Unknown(unknown)] => {
            return Err(Mp4Error::Foreign(format!("its video codec is {}", printable(unknown.box_type))));
        }
        [] => return Err(broken("its video track names no codec")),
        _ => "a mix of several formats",
    };
    Err(Mp4Error::Foreign(format!("its video codec is {codec}")))
}

/// The samples of the movie's own tables: all of them, unless the file is fragmented.
fn table_samples(track: &TrakBox) -> Result<Vec<Sample>, Mp4Error> {
    let table = SampleTableAccessor::new(&track.mdia_box.minf_box.stbl_box)
        .map_err(|_| Mp4Error::Foreign("the tables of its index contradict each other".into()))?;
    if table.sample_count() as usize > MAX_SAMPLES {
        return Err(too_many_samples());
    }
    let mut samples = Vec::with_capacity(table.sample_count() as usize);
    for sample in table.samples() {
        samples.push(Sample {
            offset: sample.data_offset(),
            size: sample.data_size(),
            pts: (sample.timestamp() as i64).saturating_add(sample.composition_time_offset().unwrap_or(0)),
            shown: true,
        });
    }
    Ok(samples)
}

fn too_many_samples() -> Mp4Error {
    broken(format!("it names more than {MAX_SAMPLES} pictures: split the recording"))
}

/// Appends the samples of the movie fragments (§8.8), in file order.
fn add_fragments(
    samples: &mut Vec<Sample>,
    track_id: u32,
    defaults: Option<&MvexBox>,
    fragments: &[(u64, MoofBox)],
) -> Result<(), Mp4Error> {
    let trex: HashMap<u32, &TrexBox> =
        defaults.iter().flat_map(|mvex| &mvex.trex_boxes).map(|trex| (trex.track_id, trex)).collect();
    let mut dts: u64 = 0;
    for (moof_at, moof) in fragments {
        // §8.8.7: without an explicit base, data follows that of the fragment's previous track.
        let mut data_end = *moof_at;
        for traf in &moof.traf_boxes {
            let head = &traf.tfhd_box;
            let trex = trex.get(&head.track_id);
            let default_size = head.default_sample_size.or(trex.map(|t| t.default_sample_size)).unwrap_or(0);
            let default_duration =
                head.default_sample_duration.or(trex.map(|t| t.default_sample_duration)).unwrap_or(0);
            let base = match head.base_data_offset {
                Some(base) => base,
                None if head.default_base_is_moof => *moof_at,
                None => data_end,
            };
            let ours = head.track_id == track_id;
            if ours && let Some(tfdt) = &traf.tfdt_box {
                dts = tfdt.base_media_decode_time;
            }
            let mut at = base;
            for run in &traf.trun_boxes {
                if let Some(offset) = run.data_offset {
                    at = base.saturating_add_signed(i64::from(offset));
                }
                if ours && samples.len() + run.samples.len() > MAX_SAMPLES {
                    return Err(too_many_samples());
                }
                for sample in &run.samples {
                    let size = sample.size.unwrap_or(default_size);
                    if ours {
                        let pts = i64::try_from(dts).unwrap_or(i64::MAX);
                        let pts = pts.saturating_add(sample.composition_time_offset.unwrap_or(0));
                        samples.push(Sample { offset: at, size, pts, shown: true });
                        dts = dts.saturating_add(u64::from(sample.duration.unwrap_or(default_duration)));
                    }
                    at = at.saturating_add(u64::from(size));
                }
            }
            data_end = at;
        }
    }
    Ok(())
}

/// Hides the samples outside the edit list (§8.6.6), as every player does: cameras and cutting tools use it to drop a
/// lead-in that is needed only for decoding. Several edits are taken as one from the first's start to the last's end;
/// empty edits only delay the start, and times here begin at the first picture anyway.
fn apply_edits(samples: &mut [Sample], track: &TrakBox, movie_timescale: u32) {
    let entries = track.edts_box.iter().flat_map(|edts| &edts.elst_box).flat_map(|elst| &elst.entries);
    let scale = u128::from(track.mdia_box.mdhd_box.timescale.get());
    let mut window: Option<(i64, i64)> = None;
    for edit in entries.filter(|edit| edit.media_time >= 0) {
        let ticks = (u128::from(edit.edit_duration) * scale).checked_div(u128::from(movie_timescale));
        let end = match ticks.map(i64::try_from) {
            Some(Ok(ticks)) if ticks > 0 => edit.media_time.saturating_add(ticks),
            _ => i64::MAX, // 0 in fragmented files: the length was not known yet
        };
        let (start, last) = window.unwrap_or((i64::MAX, i64::MIN));
        window = Some((start.min(edit.media_time), last.max(end)));
    }
    let Some((start, end)) = window else { return };
    // A list that hides everything is a mistake of the writer; players then show the pictures too.
    if samples.iter().any(|sample| (start..end).contains(&sample.pts)) {
        for sample in samples {
            sample.shown = (start..end).contains(&sample.pts);
        }
    }
}

/// Clockwise quarter turns of a track matrix (§8.3.2: a, b, u, c, d, v, x, y, w in 16.16); 0 for anything oblique.
fn quarter_turns(matrix: &[i32; 9]) -> u8 {
    let [a, b, _, c, d, ..] = *matrix;
    match (a.signum(), b.signum(), c.signum(), d.signum()) {
        (0, 1, -1, 0) => 1,
        (-1, 0, 0, -1) => 2,
        (0, -1, 1, 0) => 3,
        _ => 0,
    }
}

fn annex_b(sps: &[Vec<u8>], pps: &[Vec<u8>]) -> Vec<u8> {
    sps.iter().chain(pps).flat_map(|nal| [0, 0, 0, 1].iter().chain(nal)).copied().collect()
}
