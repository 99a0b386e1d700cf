//! Every limit of wayside, with its reason. What exceeds one is refused with a clear line, or counted and logged.

/// Longest side of a picture or frame. 16384² RGB is 800 MB, already more than a board has; JPEG's own limit is 65535.
pub const MAX_SIDE: u32 = 16_384;

/// Most pixels of one picture: 64 MP (192 MB as RGB) covers every camera sold for a mast and most phones.
pub const MAX_PIXELS: u64 = 64_000_000;

/// Largest model file that is read. The biggest official network of the catalogue (YOLOv2 COCO) has 204 MB.
pub const MAX_MODEL_BYTES: u64 = 512 * 1024 * 1024;

/// A server that does not take the call within this time, name and TLS included, is away: GitHub takes some 100 ms, a
/// satellite link with a lost packet three seconds.
pub const PULL_CONNECT: std::time::Duration = std::time::Duration::from_secs(10);

/// A download that brings no byte for this long has stalled. A mobile link that changes its cell is silent for ten seconds.
pub const PULL_STALL: std::time::Duration = std::time::Duration::from_secs(30);

/// Tries of a download that bring little, the first one included. More are the user's: the command goes on where it ended.
pub const PULL_TRIES: u32 = 4;

/// A try of a download that brings this many bytes is worth another: only those that bring less count.
pub const PULL_WORTH: u64 = 1024 * 1024;

/// Wait before the second try; twice as long before each further one.
pub const PULL_PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Redirections of one download: GitHub makes two, to its store of large files.
pub const PULL_REDIRECTS: u32 = 5;

/// Largest tensor between two layers of a network. The first layer of YOLOv2 at 608×608 makes 47 MB; a file that
/// needs five times that is broken or made to exhaust the machine, and an allocation that fails cannot be caught.
pub const MAX_TENSOR_BYTES: u64 = 256 * 1024 * 1024;

/// Memory of one session of the int8 engine. YOLOX-nano takes 5 MB, YOLOv8n at 640 pixels with float layers some 60; more
/// than this does not fit a board beside everything else.
pub const MAX_ARENA_BYTES: u64 = 512 * 1024 * 1024;

/// Longest time without a look whose empty intervals a report lists one by one. A clock that was set from 1970 to today
/// between a crash and the restart would make millions; a month is longer than a board stays unnoticed.
pub const MAX_EMPTY_GAP: std::time::Duration = std::time::Duration::from_hours(31 * 24);

/// Candidates above the score threshold that enter NMS, best first. Greedy NMS is quadratic in them; a crowded
/// street has some hundred boxes, so more means a broken model or a threshold near 0.
pub const MAX_CANDIDATES: usize = 4096;

/// Detections per frame that go on to the tracker. Association is cubic in them.
pub const MAX_DETECTIONS: usize = 512;

/// Lines per source: each costs a small state per track.
pub const MAX_LINES: usize = 64;

/// Coded pictures that one clip may name: 92 hours at 30 frames per second, 240 MB of index.
pub const MAX_SAMPLES: usize = 10_000_000;

/// Index boxes of one mp4 that are read into memory: 24 hours at 30 frames per second take some 40 MB.
pub const MAX_MP4_INDEX_BYTES: u64 = 128 * 1024 * 1024;

/// One coded picture: H.264 level 5.2 allows 240 Mbit/s, so even one key frame a second stays below 30 MB. More is a
/// damaged table.
pub const MAX_SAMPLE_BYTES: u32 = 32 * 1024 * 1024;

/// Years in which a board's clock may believe to be. Before them it was never set: a board without a battery clock wakes
/// up in 1970, or when its system was built.
pub const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i16> = 2026..=2100;

/// Free space below which `wayside doctor` calls a disk full: SQLite's log, the journal and an update need some of it.
pub const SCARCE_DISK_BYTES: u64 = 200_000_000;

/// Days until the disk is full from which on it is mentioned.
pub const SCARCE_DAYS: u64 = 30;

/// Age of the last mark at which a running counter sees nothing: marks are written each ten seconds.
pub const SILENT_MARK: std::time::Duration = std::time::Duration::from_secs(60);
/// Pictures per second that a camera may send. The fastest cameras for a mast have 120; a command that sends more does
/// not wait for its own pictures, and would only keep the processor busy with what is thrown away.
pub const MAX_CAMERA_FPS: f64 = 240.0;

/// A camera that sends no picture for this long has stalled, and is opened anew. USB cameras take up to two seconds after
/// they are switched on, `rpicam-vid` three.
pub const CAMERA_STALL: std::time::Duration = std::time::Duration::from_secs(8);

/// Whether a picture of this size may be decoded; `Err` holds one line without the file's name.
pub fn check_picture_size(width: u32, height: u32) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err(format!("a picture of {width}x{height} pixels is empty"));
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        let megapixels = MAX_PIXELS / 1_000_000;
        return Err(format!(
            "{width}x{height} pixels are too many (limits: {MAX_SIDE} a side, {megapixels} megapixels): scale it down"
        ));
    }
    Ok(())
}
