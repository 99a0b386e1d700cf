//! Every source against real clips, ffmpeg's own decoding, and damaged files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wayside::frame::{Frame, PixelFormat};
use wayside::source::{OpenOptions, Source, open};

fn assets() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/assets");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no ../shared/assets");
    None
}

fn has_ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: no ffmpeg on the PATH");
    }
    there
}

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn open_path(path: &Path) -> Result<Box<dyn Source>, String> {
    open(path.to_str().unwrap(), &OpenOptions::default()).map_err(|error| error.to_string())
}

/// The error of opening `path`, checked to be one line that names it.
fn open_error(path: &Path) -> String {
    let error = open_path(path).err().unwrap_or_else(|| panic!("{} opened", path.display()));
    assert!(!error.contains('\n'), "{error}");
    assert!(error.contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    error
}

/// All frames, checked for order and size; what `keep` picks is returned.
fn read_all(source: &mut dyn Source, keep: impl Fn(u64) -> bool) -> (u64, Vec<Frame>) {
    let (mut count, mut kept, mut last) = (0, Vec::new(), None);
    let mut frame = Frame::default();
    while source.next_frame(&mut frame).unwrap() {
        assert!(last.is_none_or(|last| frame.stamp.mono > last), "times do not increase at {count}");
        assert_eq!(frame.data.len(), frame.format.bytes(frame.width, frame.height));
        last = Some(frame.stamp.mono);
        if keep(count) {
            kept.push(frame.clone());
        }
        count += 1;
    }
    assert!(!source.next_frame(&mut frame).unwrap(), "an ended source stays ended");
    (count, kept)
}

/// (file, frames) of both clip folders' lines.json.
fn clips(assets: &Path) -> Vec<(PathBuf, u64)> {
    let mut clips = Vec::new();
    for folder in ["clips", "clips-hard"] {
        let folder = assets.join(folder);
        let text = std::fs::read_to_string(folder.join("lines.json")).unwrap();
        let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
        for clip in truth.as_object().unwrap().values() {
            clips.push((folder.join(clip["file"].as_str().unwrap()), clip["frames"].as_u64().unwrap()));
        }
    }
    clips
}

#[test]
#[cfg(feature = "clip")]
fn every_frame_of_every_clip_comes_out_as_ffmpeg_decodes_it() {
    let Some(assets) = assets() else { return };
    let compare = has_ffmpeg();
    for (path, frames) in clips(&assets) {
        let name = path.to_str().unwrap();
        let mut clip = open_path(&path).unwrap();
        assert_eq!(clip.info().frames, Some(frames), "{name}");
        let picked = [0, frames / 2, frames - 1];
        let (count, kept) = read_all(clip.as_mut(), |n| picked.contains(&n));
        assert_eq!(count, frames, "{name}");
        assert_eq!(kept[0].stamp.mono, Duration::ZERO, "{name}");
        assert_eq!(kept.iter().map(|frame| frame.stamp.seq).collect::<Vec<_>>(), picked, "{name}");
        assert_eq!((kept[0].width, kept[0].height), (clip.info().width, clip.info().height), "{name}");
        assert_eq!(clip.warnings(), Vec::<String>::new(), "{name}");
        if compare {
            compare_with_ffmpeg(name, picked, &kept);
        }
    }
}

/// Pixels to the bit, times to what ffprobe prints (microseconds).
#[cfg(feature = "clip")]
fn compare_with_ffmpeg(name: &str, picked: [u64; 3], ours: &[Frame]) {
    let select = format!("select=eq(n\\,{})+eq(n\\,{})+eq(n\\,{})", picked[0], picked[1], picked[2]);
    let raw = ["-vf", &select, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"];
    let theirs = ffmpeg(&[&["-i", name], raw.as_slice()].concat());
    let size = ours[0].data.len();
    assert_eq!(theirs.len(), 3 * size, "{name}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs.chunks(size)).enumerate() {
        assert!(ours.data == theirs, "{name}: picture {} differs", picked[at]);
    }
    // Packets of a demuxer are in decode order; 'D' marks those that the edit list discards.
    let probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "packet=pts_time,flags",
            "-of",
            "csv=p=0",
            name,
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(probe.stdout).unwrap();
    let mut times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once(',').filter(|(_, flags)| !flags.contains('D')))
        .map(|(time, _)| time.parse().unwrap())
        .collect();
    times.sort_by(f64::total_cmp);
    for (number, frame) in picked.iter().zip(ours) {
        let theirs = times[*number as usize] - times[0];
        assert!(
            (frame.stamp.mono.as_secs_f64() - theirs).abs() < 2e-6,
            "{name}: {number}: {:?}, {theirs}",
            frame.stamp
        );
    }
}
