//! A picture and when it was taken. Plain values: no I/O, no threads, no decoding.

use std::time::Duration;

/// When a frame was taken. Set where the frame leaves the decoder or the driver, and carried to the database row:
/// speed, dwell and order come from it, never from a frame count divided by a nominal rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The source's own number of this frame, from 0. A jump means frames that were never delivered.
    pub seq: u64,
    /// Time on the source's clock since its start (presentation time of a clip). Never goes backwards.
    pub mono: Duration,
    /// Unix time in microseconds where it is known (`--start`, a camera's clock); a clip alone has none.
    pub wall: Option<i64>,
}

/// How `Frame::data` holds the pixels. All planes are packed: no padding between rows. Y, U and V are BT.601 in limited
/// range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PixelFormat {
    /// `height × width × 3` bytes, red first.
    #[default]
    Rgb8,
    /// Y (`h × w`), then U and V (each `⌈h/2⌉ × ⌈w/2⌉`): what H.264 decoders give.
    I420,
    /// Y (`h × w`), then U and V side by side (`⌈h/2⌉ × ⌈w/2⌉ × 2`): what image processors of boards give.
    Nv12,
    /// `h × ⌈w/2⌉` times Y U Y V: two pixels that share their colour. What USB cameras give.
    Yuyv,
}

impl PixelFormat {
    /// Bytes of one picture.
    pub fn bytes(self, width: u32, height: u32) -> usize {
        let (w, h) = (width as usize, height as usize);
        match self {
            PixelFormat::Rgb8 => w * h * 3,
            PixelFormat::I420 | PixelFormat::Nv12 => w * h + 2 * w.div_ceil(2) * h.div_ceil(2),
            PixelFormat::Yuyv => w.div_ceil(2) * 4 * h,
        }
    }
}

/// One picture. The buffer is reused: a source resizes it and overwrites everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    pub stamp: Stamp,
    pub width: u32,
    pub height: u32,
    pub format: PixelFormat,
    pub data: Vec<u8>,
}

impl Frame {
    pub fn rgb(width: u32, height: u32, data: Vec<u8>) -> Self {
        assert_eq!(data.len(), PixelFormat::Rgb8.bytes(width, height), "RGB data does not fit {width}x{height}");
        Self { stamp: Stamp::default(), width, height, format: PixelFormat::Rgb8, data }
    }

    /// Makes room for a picture of this shape; keeps the allocation where it is large enough.
    pub fn reshape(&mut self, width: u32, height: u32, format: PixelFormat) {
        (self.width, self.height, self.format) = (width, height, format);
        self.data.resize(format.bytes(width, height), 0);
    }
}
