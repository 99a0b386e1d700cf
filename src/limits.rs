//! Every limit of wayside, with its reason. What exceeds one is refused with a clear line, or counted and logged.

/// Longest side of a picture or frame. 16384² RGB is 800 MB, already more than a board has; JPEG's own limit is 65535.
pub const MAX_SIDE: u32 = 16_384;

/// Most pixels of one picture: 64 MP (192 MB as RGB) covers every camera sold for a mast and most phones.
pub const MAX_PIXELS: u64 = 64_000_000;

/// Largest model file that is read. The biggest official network of the catalogue (YOLOv2 COCO) has 204 MB.
pub const MAX_MODEL_BYTES: u64 = 512 * 1024 * 1024;

/// Largest tensor between two layers of a network. The first layer of YOLOv2 at 608×608 makes 47 MB; a file that
/// needs ten times that is broken or made to exhaust the machine, and an allocation that fails cannot be caught.
pub const MAX_TENSOR_BYTES: u64 = 512 * 1024 * 1024;
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
