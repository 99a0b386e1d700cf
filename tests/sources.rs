//! Every source against real clips, ffmpeg's own decoding, and damaged files.

use std::path::Path;
#[cfg(feature = "clip")]
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use wayside::frame::{Frame, PixelFormat};
use wayside::source::{OpenOptions, Source, open};

#[cfg(feature = "clip")]
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
#[cfg(feature = "clip")]
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

/// Pixels to the bit (but for two clips), times to what ffprobe prints (microseconds).
#[cfg(feature = "clip")]
fn compare_with_ffmpeg(name: &str, picked: [u64; 3], ours: &[Frame]) {
    let select = format!("select=eq(n\\,{})+eq(n\\,{})+eq(n\\,{})", picked[0], picked[1], picked[2]);
    let raw = ["-vf", &select, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"];
    let theirs = ffmpeg(&[&["-i", name], raw.as_slice()].concat());
    let size = ours[0].data.len();
    assert_eq!(theirs.len(), 3 * size, "{name}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs.chunks(size)).enumerate() {
        let off = ours.data.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b));
        let (worst, sum) = off.fold((0, 0), |(worst, sum), off| (worst.max(off), sum + u64::from(off)));
        if ["mihailrc", "swdee"].iter().any(|clip| name.contains(clip)) {
            // openh264 departs from ffmpeg in up to one pixel of a hundred of some of their B pictures.
            assert!(sum as f64 / (size as f64) < 0.02 && worst <= 48, "{name}: {}: {worst}, {sum}", picked[at]);
        } else {
            assert_eq!(worst, 0, "{name}: picture {} differs", picked[at]);
        }
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

/// A clip of our own making: a bright square that moves over grey, at uneven times. Returns the times.
#[cfg(feature = "clip")]
fn make_clip(path: &Path, width: u32, height: u32, frames: u64) -> Vec<Duration> {
    use image::{Rgb, RgbImage};
    use wayside::draw::DrawSink;
    use wayside::frame::Stamp;

    let mut sink = DrawSink::create(path, 25.0).unwrap();
    let mut times = Vec::new();
    for seq in 0..frames {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let on = (x as u64 / 8 + y as u64 / 8).abs_diff(seq) < 2;
            if on { Rgb([220, 180, 40]) } else { Rgb([90, 90 + (x % 32) as u8, 100]) }
        });
        let mono = Duration::from_micros(seq * 40_000 + (seq % 3) * 7_001);
        sink.write(&picture, &Stamp { seq, mono, wall: None }).unwrap();
        times.push(mono);
    }
    sink.finish().unwrap();
    times
}

#[test]
#[cfg(feature = "clip")]
fn a_drawn_video_comes_back_with_its_times_and_pixels() {
    use image::RgbImage;
    use wayside::draw::rgb_from_frame;

    let folder = tempfile::tempdir().unwrap();
    for (width, height) in [(160, 96), (101, 53), (1, 1)] {
        let path = folder.path().join(format!("{width}x{height}.mp4"));
        let times = make_clip(&path, width, height, 70);
        let mut clip = open_path(&path).unwrap();
        assert_eq!(clip.info().frames, Some(70));
        assert!((20.0..26.0).contains(&clip.info().nominal_fps), "{}", clip.info().nominal_fps);
        let (count, kept) = read_all(clip.as_mut(), |_| true);
        assert_eq!(count, 70);
        assert_eq!(kept.iter().map(|frame| frame.stamp.mono).collect::<Vec<_>>(), times);
        if (width, height) == (160, 96) {
            let mut decoded = RgbImage::default();
            rgb_from_frame(&kept[5], &mut decoded);
            let expected = |x: u32, y: u32| {
                if (x / 8 + y / 8).abs_diff(5) < 2 { [220, 180, 40] } else { [90, 90 + (x % 32) as u8, 100] }
            };
            let square_error: f64 = decoded
                .enumerate_pixels()
                .flat_map(|(x, y, pixel)| pixel.0.into_iter().zip(expected(x, y)))
                .map(|(a, b)| f64::from(a.abs_diff(b)).powi(2))
                .sum();
            let psnr = 10.0 * (255.0f64.powi(2) / (square_error / f64::from(width * height * 3))).log10();
            assert!(psnr > 32.0, "{psnr} dB");
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "only the finished files are left: {left:?}");
}

#[test]
#[cfg(feature = "clip")]
fn a_video_that_is_not_finished_leaves_nothing() {
    use image::RgbImage;
    use wayside::draw::DrawSink;
    use wayside::frame::Stamp;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    let mut sink = DrawSink::create(&path, 25.0).unwrap();
    sink.write(&RgbImage::new(32, 32), &Stamp::default()).unwrap();
    let error = sink.write(&RgbImage::new(34, 32), &Stamp::default()).unwrap_err().to_string();
    assert!(error.contains("write to a folder"), "{error}");
    drop(sink);
    assert!(DrawSink::create(&path, 25.0).unwrap().finish().unwrap_err().to_string().contains("no picture"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let error = DrawSink::create(&folder.path().join("out.avi"), 25.0).err().unwrap().to_string();
    assert!(error.contains("name a file .mp4 or a folder"), "{error}");
    let error = DrawSink::create(Path::new("/nonexistent/out.mp4"), 25.0).err().unwrap().to_string();
    assert!(error.starts_with("/nonexistent/out.mp4: "), "{error}");
}

#[test]
#[cfg(feature = "clip")]
fn a_folder_of_drawn_pictures_is_a_source_again() {
    use image::{Rgb, RgbImage};
    use wayside::draw::DrawSink;
    use wayside::frame::Stamp;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pictures");
    let mut sink = DrawSink::create(&path, 0.0).unwrap();
    for seq in [0, 5, 10] {
        let picture = RgbImage::from_pixel(33, 17, Rgb([seq as u8 * 20, 0, 0]));
        sink.write(&picture, &Stamp { seq, ..Stamp::default() }).unwrap();
    }
    sink.finish().unwrap();
    let (count, kept) = read_all(open_path(&path).unwrap().as_mut(), |_| true);
    assert_eq!((count, kept[2].width, kept[2].height), (3, 33, 17));
    assert!(kept[2].data[0].abs_diff(200) < 4, "{}", kept[2].data[0]);
}

#[test]
#[cfg(feature = "clip")]
fn a_cut_clip_gives_its_pictures_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.mp4");
    make_clip(&whole, 160, 96, 60);

    // Our index is at the end: without it nothing can be read.
    let bytes = std::fs::read(&whole).unwrap();
    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let error = open_error(&cut);
    assert!(error.contains("cut off before its index (moov)"), "{error}");

    if !has_ffmpeg() {
        return;
    }
    // With the index in front, and as fragments.
    let (front, parts) = (folder.path().join("front.mp4"), folder.path().join("parts.mp4"));
    let input = ["-i", whole.to_str().unwrap(), "-c", "copy"];
    ffmpeg(&[&input[..], &["-movflags", "faststart", front.to_str().unwrap()]].concat());
    ffmpeg(&[&input[..], &["-g", "10", "-movflags", "frag_every_frame+empty_moov", parts.to_str().unwrap()]].concat());
    for (path, says) in [(&front, "of its 60 pictures are missing"), (&parts, "cut off: its last pictures are missing")]
    {
        let (count, _) = read_all(open_path(path).unwrap().as_mut(), |_| false);
        assert_eq!(count, 60, "{}", path.display());
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(&cut, &bytes[..bytes.len() * 3 / 4]).unwrap();
        let mut clip = open_path(&cut).unwrap();
        let (count, _) = read_all(clip.as_mut(), |_| false);
        assert!((10..60).contains(&count), "{count}");
        let warnings = clip.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(says), "{warnings:?}");
        if path == &front {
            assert!(warnings[0].contains(&format!("{} of its 60", 60 - count)), "{count} {warnings:?}");
        }
    }
}

#[test]
#[cfg(feature = "clip")]
fn a_damaged_picture_is_skipped_and_the_rest_keeps_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let times = make_clip(&path, 160, 96, 100);
    let mut bytes = std::fs::read(&path).unwrap();
    // Zero a stretch of coded data in the first third; a new key frame comes at picture 60.
    let at = bytes.windows(4).position(|word| word == b"mdat").unwrap();
    let third = (bytes.len() - at) / 3;
    bytes[at + third..at + third + 200].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let mut clip = open_path(&path).unwrap();
    let (count, kept) = read_all(clip.as_mut(), |_| true);
    assert!((50..100).contains(&count), "{count}");
    for frame in &kept {
        assert_eq!(frame.stamp.mono, times[frame.stamp.seq as usize]);
    }
    assert_eq!(kept.last().unwrap().stamp.seq, 99);
    assert_eq!(clip.warnings(), [format!("{} of 100 pictures could not be decoded and were skipped", 100 - count)]);
}

#[test]
fn what_is_no_video_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let cases = [
        (write("text.mp4", b"Dear Sir or Madam, please find attached the video.\n"), "this is no mp4 file"),
        (write("empty.mp4", b""), "the file is empty"),
        (write("short.mp4", b"\0\0\0"), "this is no mp4 file"),
        (write("head.mp4", b"\0\0\0\x10ftypisom\0\0\0\0"), "it has no index (moov)"),
        (write("huge.mp4", b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x01moov\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "cut off"),
        (write("bad.png", b"no picture"), "no readable jpg, png or webp picture"),
        (write("empty.jpg", b""), "no readable jpg, png or webp picture"),
        (folder.path().join("missing.mp4"), "no such file or folder"),
        (folder.path().join("*.webp"), "there is no jpg, png or webp picture here"),
    ];
    for (path, says) in &cases {
        let error = open_error(path);
        let clip_only = path.extension().is_some_and(|e| e == "mp4") && path.exists();
        assert!(error.contains(says) || (clip_only && cfg!(not(feature = "clip"))), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(open_error(empty.path()).contains("no jpg, png or webp"));
    let error = open("rtsp://camera/1", &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("addresses are not read"), "{error}");
}

#[test]
fn other_codecs_and_uneven_times_come_through_ffmpeg() {
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Frames 0, 1, 2, 4, 8 … of 25 a second: a variable frame rate.
    let select = "select=not(mod(n\\,7))+eq(n\\,1)+eq(n\\,2)";
    let scene = ["-f", "lavfi", "-i", "testsrc=size=98x54:rate=25:duration=2", "-vf", select, "-fps_mode", "vfr"];
    let expected: Vec<f64> =
        (0..50).filter(|n| n % 7 == 0 || *n == 1 || *n == 2).map(|n| f64::from(n) / 25.0).collect();
    for (name, codec) in [("a:b.mkv", "ffv1"), ("mpeg4.mkv", "mpeg4"), ("mpeg4.mp4", "mpeg4"), ("raw.nut", "rawvideo")]
    {
        let file = path(name);
        let target = format!("file:{}", file.display());
        ffmpeg(&[&scene[..], &["-c:v", codec, "-pix_fmt", "yuv420p", &target]].concat());
        let mut source =
            open(file.to_str().unwrap(), &OpenOptions { start: Some(1_000_000), ..Default::default() }).unwrap();
        assert_eq!((source.info().width, source.info().height), (98, 54), "{name}");
        let (count, kept) = read_all(source.as_mut(), |_| true);
        assert_eq!(count as usize, expected.len(), "{name}");
        for (frame, time) in kept.iter().zip(&expected) {
            assert!((frame.stamp.mono.as_secs_f64() - time).abs() < 1e-3, "{name}: {:?}, {time}", frame.stamp);
            assert_eq!(frame.stamp.wall, Some(1_000_000 + frame.stamp.mono.as_micros() as i64));
            assert_eq!(frame.format, PixelFormat::I420);
        }
        assert_eq!(source.warnings(), Vec::<String>::new(), "{name}");
    }
    // Left early, the process ends with the source.
    drop(open_path(&path("raw.nut")).unwrap());
    std::fs::write(path("letter.mkv"), "Dear Sir or Madam").unwrap();
    assert!(open_error(&path("letter.mkv")).contains("ffmpeg cannot read it: "));
    ffmpeg(&["-f", "lavfi", "-i", "sine=duration=1", path("sound.mp4").to_str().unwrap()]);
    let error = open_error(&path("sound.mp4"));
    assert!(error.contains("no video track") || cfg!(not(feature = "clip")), "{error}");
}

fn write_png(path: &Path, width: u32, height: u32, level: u8) {
    image::GrayImage::from_pixel(width, height, image::Luma([level])).save(path).unwrap();
}

#[test]
fn pictures_come_in_natural_order_and_damaged_ones_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for (name, level) in [("10.png", 10), ("2.png", 2), ("1.png", 1)] {
        write_png(&folder.path().join(name), 5, 4, level);
    }
    std::fs::write(folder.path().join("3.jpg"), "damaged").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    write_png(&folder.path().join(".hidden.png"), 5, 4, 99);
    let options = OpenOptions { picture_fps: 2.0, ..OpenOptions::default() };
    for spec in [folder.path().to_str().unwrap().to_owned(), format!("{}/*", folder.path().display())] {
        if spec.ends_with('*') {
            std::fs::remove_file(folder.path().join(".hidden.png")).unwrap();
        }
        let mut source = open(&spec, &options).unwrap();
        let (count, kept) = read_all(source.as_mut(), |_| true);
        assert_eq!(count, 3, "{spec}");
        assert_eq!(kept.iter().map(|frame| frame.data[0]).collect::<Vec<_>>(), [1, 2, 10]);
        assert_eq!(kept.iter().map(|frame| frame.stamp.seq).collect::<Vec<_>>(), [0, 1, 3]);
        assert_eq!(kept[2].stamp.mono, Duration::from_millis(1500));
        let warnings = source.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains("3.jpg"), "{warnings:?}");
    }
}

#[test]
fn a_picture_of_one_pixel_is_read_and_one_of_400_megapixels_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small.png");
    write_png(&small, 1, 1, 7);
    let (count, kept) = read_all(open_path(&small).unwrap().as_mut(), |_| true);
    assert_eq!((count, kept[0].data.as_slice()), (1, [7, 7, 7].as_slice()));

    // A PNG header alone: signature, IHDR of 20000 × 20000, 8-bit RGB, and the start of the pixels.
    let huge = folder.path().join("huge.png");
    let mut ihdr = b"IHDR".to_vec();
    ihdr.extend(20_000u32.to_be_bytes().repeat(2));
    ihdr.extend([8, 2, 0, 0, 0]);
    let png =
        [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &ihdr, &crc32(&ihdr).to_be_bytes(), b"\0\0\xff\xffIDAT"].concat();
    std::fs::write(&huge, png).unwrap();
    let error = open_error(&huge);
    assert!(error.contains("20000x20000 pixels are too many"), "{error}");
}

/// CRC-32 of PNG chunks (ISO/IEC 15948, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[test]
fn every_nth_keeps_the_frames_own_stamps() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10 {
        write_png(&folder.path().join(format!("{number}.png")), 2, 2, number);
    }
    let options = OpenOptions { every: 4, ..OpenOptions::default() };
    let mut source = open(folder.path().to_str().unwrap(), &options).unwrap();
    assert_eq!((source.info().frames, source.info().nominal_fps), (Some(3), 0.25));
    let (_, kept) = read_all(source.as_mut(), |_| true);
    let seen: Vec<_> = kept.iter().map(|frame| (frame.data[0], frame.stamp.seq, frame.stamp.mono.as_secs())).collect();
    assert_eq!(seen, [(0, 0, 0), (4, 4, 4), (8, 8, 8)]);
}

#[test]
#[cfg(feature = "clip")]
fn every_nth_of_a_clip_is_the_same_picture_as_in_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    make_clip(&path, 160, 96, 31);
    let (_, whole) = read_all(open_path(&path).unwrap().as_mut(), |n| n % 5 == 0);
    let options = OpenOptions { every: 5, ..OpenOptions::default() };
    let (_, nth) = read_all(open(path.to_str().unwrap(), &options).unwrap().as_mut(), |_| true);
    assert!(nth == whole, "{} and {} frames", nth.len(), whole.len());
}

#[test]
fn predecoded_frames_repeat_with_times_that_go_on() {
    use wayside::source::Predecoded;
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5 {
        write_png(&folder.path().join(format!("{number}.png")), 2, 2, number);
    }
    let mut source = Predecoded::new(open_path(folder.path()).unwrap(), 3).unwrap().repeat_to(7);
    let (count, kept) = read_all(&mut source, |_| true);
    assert_eq!(count, 7);
    assert_eq!(kept.iter().map(|frame| frame.data[0]).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(kept.iter().map(|frame| frame.stamp.mono.as_secs()).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
#[cfg(feature = "clip")]
fn reordered_pictures_without_composition_times_get_the_times_in_order() {
    let Some(assets) = assets() else { return };
    if !has_ffmpeg() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (timed, untimed) = (folder.path().join("timed.mp4"), folder.path().join("untimed.mp4"));
    let source = assets.join("clips/swdee_cars.mp4");
    ffmpeg(&["-i", source.to_str().unwrap(), "-frames:v", "40", "-c", "copy", timed.to_str().unwrap()]);
    let strip = ["-c", "copy", "-bsf:v", "setts=pts=DTS", untimed.to_str().unwrap()];
    ffmpeg(&[&["-i", timed.to_str().unwrap()], &strip[..]].concat());
    let (count, kept) = read_all(open_path(&untimed).unwrap().as_mut(), |n| n >= 20);
    assert!((38..=40).contains(&count), "{count}"); // ffmpeg's edit list hides the two that came before time 0
    for pair in kept.windows(2) {
        let step = (pair[1].stamp.mono - pair[0].stamp.mono).as_micros();
        assert!((33_000..34_000).contains(&step), "{pair:?}", pair = (pair[0].stamp, pair[1].stamp));
        assert_eq!(pair[1].stamp.seq, pair[0].stamp.seq + 1);
    }
}
