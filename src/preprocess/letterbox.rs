//! A picture of any shape → the network's input, in one pass over its rows.
//!
//! The filter is bilinear without smoothing (resample.rs), the one the networks were trained with. YOLOX-nano at 416
//! with other filters, the rest of the way the same:
//!
//! ```text
//!                                                        bilinear    area    triangle
//! AP50, vehicles of 151 traffic pictures                    0.757   0.757       0.758
//! AP50, car/motorcycle/bus/truck of 281 COCO pictures       0.535   0.533       0.534
//! F1 of line crossings, 5 clips (most shrunk 3 times)       0.948   0.941       0.941
//! F1 of line crossings, 3 hard clips                        0.778   0.793       0.764
//! ```
//!
//! None is better beyond noise, and bilinear reads the fewest pixels.
//!
//! Y, U and V are resampled as they lie (plane by plane, or interleaved) and converted to RGB at the network's size: no
//! full-size RGB picture is made.
//! Not here: normalisation (engine/), the way back of the boxes ([`Transform::to_picture`]).

use super::resample::{Axis, Resampler};
use super::{Letterboxed, Transform, yuv};
use crate::frame::{Frame, PixelFormat};
use crate::model::{ColorOrder, InputSpec, Resize};

/// Where the picture lies in the network's input, in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Placement {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Placement {
    /// As the reference implementations round: YOLOX truncates the size, YOLOv5 rounds it and centres.
    fn of(input: &InputSpec, width: u32, height: u32) -> Self {
        let (full_width, full_height) = (input.width as usize, input.height as usize);
        let (w, h) = (f64::from(width), f64::from(height));
        let ratio = (f64::from(input.width) / w).min(f64::from(input.height) / h);
        let (w, h) = match input.resize {
            Resize::Letterbox => ((w * ratio).floor(), (h * ratio).floor()),
            Resize::LetterboxCenter => ((w * ratio).round_ties_even(), (h * ratio).round_ties_even()),
            Resize::Stretch => (f64::from(input.width), f64::from(input.height)),
        };
        // The thinnest picture still covers one pixel.
        let (width, height) = ((w as usize).max(1).min(full_width), (h as usize).max(1).min(full_height));
        let (x, y) = match input.resize {
            Resize::LetterboxCenter => ((full_width - width) / 2, (full_height - height) / 2),
            Resize::Letterbox | Resize::Stretch => (0, 0),
        };
        Self { x, y, width, height }
    }

    /// From the rounded size, not from the common ratio, so that a box maps back to exactly the pixels it covers.
    fn transform(&self, width: u32, height: u32) -> Transform {
        Transform {
            scale_x: (self.width as f64 / f64::from(width)) as f32,
            scale_y: (self.height as f64 / f64::from(height)) as f32,
            offset_x: self.x as f32,
            offset_y: self.y as f32,
        }
    }
}

/// Makes the network's input. One per thread; it allocates only when the shape of the frames changes.
#[derive(Debug, Clone)]
pub struct Letterbox {
    input: InputSpec,
    /// The frames that the tables below are for.
    planned: Option<(u32, u32, PixelFormat)>,
    placement: Placement,
    rgb: Resampler<3>,
    luma: Resampler<1>,
    chroma: Resampler<1>,
    /// U and V side by side (NV12); Y with its half of the colour (YUYV).
    pairs: Resampler<2>,
    /// Y U Y V.
    quads: Resampler<4>,
    /// One resampled row of Y, U and V.
    yuv: [Vec<u8>; 3],
    /// One resampled row of pairs or quads.
    interleaved: Vec<u8>,
}

impl Letterbox {
    pub fn new(input: &InputSpec) -> Self {
        Self {
            input: *input,
            planned: None,
            placement: Placement::default(),
            rgb: Resampler::default(),
            luma: Resampler::default(),
            chroma: Resampler::default(),
            pairs: Resampler::default(),
            quads: Resampler::default(),
            yuv: Default::default(),
            interleaved: Vec::new(),
        }
    }

    /// Overwrites `out` with `frame` in the network's size and colour order. A frame without pixels becomes padding.
    ///
    /// # Panics
    /// Where `frame.data` is not as long as its shape says: a bug of the source.
    pub fn step(&mut self, frame: &Frame, out: &mut Letterboxed) {
        let (width, height) = (frame.width, frame.height);
        assert_eq!(frame.data.len(), frame.format.bytes(width, height), "the data does not fit {width}x{height}");
        (out.width, out.height) = (self.input.width, self.input.height);
        out.pixels.resize(out.width as usize * out.height as usize * 3, 0);
        if frame.data.is_empty() || out.pixels.is_empty() {
            out.pixels.fill(self.input.pad);
            out.transform = Transform { scale_x: 1.0, scale_y: 1.0, offset_x: 0.0, offset_y: 0.0 };
            return;
        }
        if self.planned != Some((width, height, frame.format)) {
            self.plan(width, height, frame.format);
        }
        out.transform = self.placement.transform(width, height);
        self.pad(&mut out.pixels);
        match self.input.color {
            ColorOrder::Rgb => self.resize::<false>(frame, &mut out.pixels),
            ColorOrder::Bgr => self.resize::<true>(frame, &mut out.pixels),
        }
    }

    fn resize<const BGR: bool>(&mut self, frame: &Frame, pixels: &mut [u8]) {
        match frame.format {
            PixelFormat::Rgb8 => self.resize_rgb::<BGR>(&frame.data, pixels),
            PixelFormat::I420 => self.resize_i420::<BGR>(frame, pixels),
            PixelFormat::Nv12 => self.resize_nv12::<BGR>(frame, pixels),
            PixelFormat::Yuyv => self.resize_yuyv::<BGR>(&frame.data, pixels),
        }
    }

    fn plan(&mut self, width: u32, height: u32, format: PixelFormat) {
        self.placement = Placement::of(&self.input, width, height);
        let Placement { width: columns, height: rows, .. } = self.placement;
        let (width, height) = (width as usize, height as usize);
        let (step_x, step_y) = (width as f64 / columns as f64, height as f64 / rows as f64);
        // The middle of output pixel i lies at (i + 0.5) · step; that of source sample j at j + 0.5.
        let horizontal = Axis { samples: width, count: columns, first: 0.5 * step_x - 0.5, step: step_x };
        let vertical = Axis { samples: height, count: rows, first: 0.5 * step_y - 0.5, step: step_y };
        // Colour lies horizontally on every second sample of Y. Vertically 4:2:2 has it in every row, 4:2:0 (H.264,
        // chroma_sample_loc_type 0, what cameras write) in the middle between two rows of Y.
        let across =
            Axis { samples: width.div_ceil(2), first: horizontal.first / 2.0, step: step_x / 2.0, ..horizontal };
        let down = Axis { samples: height.div_ceil(2), first: step_y / 4.0 - 0.5, step: step_y / 2.0, ..vertical };
        match format {
            PixelFormat::Rgb8 => self.rgb.plan(horizontal, vertical),
            PixelFormat::I420 => {
                self.luma.plan(horizontal, vertical);
                self.chroma.plan(across, down);
            }
            PixelFormat::Nv12 => {
                self.luma.plan(horizontal, vertical);
                self.pairs.plan(across, down);
                self.interleaved.resize(columns * 2, 0);
            }
            PixelFormat::Yuyv => {
                self.pairs.plan_rows_of(width.next_multiple_of(2), horizontal, vertical);
                self.quads.plan(across, vertical);
                self.interleaved.resize(columns * 4, 0);
            }
        }
        self.yuv.iter_mut().for_each(|row| row.resize(columns, 0));
        self.planned = Some((width as u32, height as u32, format));
    }

    /// Paints what the picture does not cover. Each time, although it seldom changes: it costs some microseconds, and
    /// so `out` may be any buffer, also one that another picture has been in.
    fn pad(&self, pixels: &mut [u8]) {
        let Placement { x, y, width, height } = self.placement;
        let row = self.input.width as usize * 3;
        pixels[..y * row].fill(self.input.pad);
        pixels[(y + height) * row..].fill(self.input.pad);
        for line in pixels[y * row..(y + height) * row].chunks_exact_mut(row) {
            line[..x * 3].fill(self.input.pad);
            line[(x + width) * 3..].fill(self.input.pad);
        }
    }

    fn resize_rgb<const BGR: bool>(&mut self, data: &[u8], pixels: &mut [u8]) {
        for (y, line) in covered(self.placement, self.input.width, pixels).enumerate() {
            self.rgb.row::<BGR>(data, y, line);
        }
    }

    fn resize_i420<const BGR: bool>(&mut self, frame: &Frame, pixels: &mut [u8]) {
        let luma = frame.width as usize * frame.height as usize;
        let (luma, chroma) = frame.data.split_at(luma);
        let (blue, red) = chroma.split_at(chroma.len() / 2);
        let [y_row, u_row, v_row] = &mut self.yuv;
        for (y, line) in covered(self.placement, self.input.width, pixels).enumerate() {
            self.luma.row::<false>(luma, y, y_row);
            self.chroma.row::<false>(blue, y, u_row);
            self.chroma.row::<false>(red, y, v_row);
            yuv::row::<BGR>(y_row, u_row, v_row, line);
        }
    }

    fn resize_nv12<const BGR: bool>(&mut self, frame: &Frame, pixels: &mut [u8]) {
        let (luma, chroma) = frame.data.split_at(frame.width as usize * frame.height as usize);
        let [y_row, u_row, v_row] = &mut self.yuv;
        let uv_row = &mut self.interleaved[..u_row.len() * 2];
        for (y, line) in covered(self.placement, self.input.width, pixels).enumerate() {
            self.luma.row::<false>(luma, y, y_row);
            self.pairs.row::<false>(chroma, y, uv_row);
            for ((uv, u), v) in uv_row.as_chunks().0.iter().zip(&mut *u_row).zip(&mut *v_row) {
                [*u, *v] = *uv;
            }
            yuv::row::<BGR>(y_row, u_row, v_row, line);
        }
    }

    /// Y and colour are resampled apart, each with its own neighbours, and what lies between them is left out.
    fn resize_yuyv<const BGR: bool>(&mut self, data: &[u8], pixels: &mut [u8]) {
        let [y_row, u_row, v_row] = &mut self.yuv;
        for (y, line) in covered(self.placement, self.input.width, pixels).enumerate() {
            let yc_row = &mut self.interleaved[..y_row.len() * 2];
            self.pairs.row::<false>(data, y, yc_row);
            for ([luma, _], y) in yc_row.as_chunks().0.iter().zip(&mut *y_row) {
                *y = *luma;
            }
            let quad_row = &mut self.interleaved[..y_row.len() * 4];
            self.quads.row::<false>(data, y, quad_row);
            for (([_, blue, _, red], u), v) in quad_row.as_chunks().0.iter().zip(&mut *u_row).zip(&mut *v_row) {
                (*u, *v) = (*blue, *red);
            }
            yuv::row::<BGR>(y_row, u_row, v_row, line);
        }
    }
}

/// The lines of the network's input that the picture covers, each only as far as it covers it.
fn covered(placement: Placement, full_width: u32, pixels: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let Placement { x, y, width, height } = placement;
    let row = full_width as usize * 3;
    pixels[y * row..(y + height) * row].chunks_exact_mut(row).map(move |line| &mut line[x * 3..(x + width) * 3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;

    fn input(width: u32, height: u32, resize: Resize) -> InputSpec {
        InputSpec { width, height, color: ColorOrder::Rgb, mean: [0.0; 3], std: [1.0; 3], resize, pad: 114 }
    }

    fn step(input: &InputSpec, frame: &Frame) -> Letterboxed {
        let mut out = Letterboxed::default();
        Letterbox::new(input).step(frame, &mut out);
        out
    }

    fn plain(width: u32, height: u32, color: [u8; 3]) -> Frame {
        Frame::rgb(width, height, color.repeat((width * height) as usize))
    }

    fn i420(width: u32, height: u32, data: Vec<u8>) -> Frame {
        Frame { width, height, format: PixelFormat::I420, data, ..Frame::default() }
    }

    /// The same picture as NV12: U and V side by side.
    fn nv12_of(i420: &Frame) -> Frame {
        let (luma, chroma) = i420.data.split_at((i420.width * i420.height) as usize);
        let (u, v) = chroma.split_at(chroma.len() / 2);
        let data = luma.iter().copied().chain(u.iter().zip(v).flat_map(|(u, v)| [*u, *v])).collect();
        Frame { format: PixelFormat::Nv12, data, ..i420.clone() }
    }

    /// A YUYV picture of any width from functions of the place: Y of a pixel, U and V of a pair of columns. The second
    /// Y of a last pair that is only half a pixel wide is white, and must never be seen.
    fn yuyv(width: u32, height: u32, y: impl Fn(u32, u32) -> u8, uv: impl Fn(u32, u32) -> [u8; 2]) -> Frame {
        let mut data = Vec::new();
        for row in 0..height {
            for column in (0..width).step_by(2) {
                let second = if column + 1 < width { y(column + 1, row) } else { 235 };
                let [u, v] = uv(column / 2, row);
                data.extend([y(column, row), u, second, v]);
            }
        }
        Frame { width, height, format: PixelFormat::Yuyv, data, ..Frame::default() }
    }

    fn pixel(out: &Letterboxed, x: u32, y: u32) -> [u8; 3] {
        let at = ((y * out.width + x) * 3) as usize;
        [out.pixels[at], out.pixels[at + 1], out.pixels[at + 2]]
    }

    #[test]
    fn each_kind_places_the_picture_as_its_reference_does() {
        let place = |resize, w, h| {
            let Placement { x, y, width, height } = Placement::of(&input(416, 416, resize), w, h);
            [x, y, width, height]
        };
        // YOLOX: int(640 · 416/853) = int(312.12); YOLOv5 centres the rest.
        assert_eq!(place(Resize::Letterbox, 853, 640), [0, 0, 416, 312]);
        assert_eq!(place(Resize::Letterbox, 1920, 1080), [0, 0, 416, 234]);
        assert_eq!(place(Resize::Letterbox, 810, 1080), [0, 0, 312, 416]);
        assert_eq!(place(Resize::LetterboxCenter, 1920, 1080), [0, 91, 416, 234]);
        // 355 · 416/500 = 295.36 and 357 · 416/500 = 297.02 of 416: an odd rest has its larger half below.
        assert_eq!(place(Resize::LetterboxCenter, 500, 355), [0, 60, 416, 295]);
        assert_eq!(place(Resize::Stretch, 1920, 1080), [0, 0, 416, 416]);
    }

    #[test]
    fn the_thinnest_and_the_smallest_pictures_pass() {
        for resize in [Resize::Letterbox, Resize::LetterboxCenter, Resize::Stretch] {
            for (w, h) in [(1, 1), (16384, 1), (1, 16384), (2, 1), (1, 3), (3, 3)] {
                let grey = |format: PixelFormat| {
                    let data = vec![128; format.bytes(w, h)];
                    Frame { width: w, height: h, format, data, ..Frame::default() }
                };
                use PixelFormat::{I420, Nv12, Rgb8, Yuyv};
                for frame in [Rgb8, I420, Nv12, Yuyv].map(grey) {
                    let out = step(&input(416, 320, resize), &frame);
                    let t = out.transform;
                    let whole = BBox::new(0.0, 0.0, w as f32 * t.scale_x, h as f32 * t.scale_y);
                    let moved = BBox::new(
                        whole.x1 + t.offset_x,
                        whole.y1 + t.offset_y,
                        whole.x2 + t.offset_x,
                        whole.y2 + t.offset_y,
                    );
                    let back = t.to_picture(moved);
                    assert!((back.x2 - w as f32).abs() <= w as f32 * 1e-6, "{resize:?} {w}x{h}: {back:?}");
                    assert!((back.y2 - h as f32).abs() <= h as f32 * 1e-6, "{resize:?} {w}x{h}: {back:?}");
                    assert_eq!(out.pixels.len(), 416 * 320 * 3);
                }
            }
        }
        assert_eq!(step(&input(2, 1, Resize::Stretch), &plain(0, 0, [1; 3])).pixels, [114; 6]);
    }

    #[test]
    fn padding_surrounds_the_picture_also_in_a_used_buffer() {
        let spec = input(8, 8, Resize::LetterboxCenter);
        let mut letterbox = Letterbox::new(&spec);
        let mut out = Letterboxed::default();
        letterbox.step(&plain(4, 8, [1, 2, 3]), &mut out);
        letterbox.step(&plain(8, 4, [1, 2, 3]), &mut out);
        for y in 0..8 {
            for x in 0..8 {
                let expected = if (2..6).contains(&y) { [1, 2, 3] } else { [114; 3] };
                assert_eq!(pixel(&out, x, y), expected, "{x},{y}");
            }
        }
    }

    #[test]
    fn colours_come_in_the_order_of_the_model() {
        let bgr = InputSpec { color: ColorOrder::Bgr, ..input(4, 4, Resize::Letterbox) };
        assert_eq!(pixel(&step(&bgr, &plain(9, 9, [10, 20, 30])), 1, 1), [30, 20, 10]);
        // Red in BT.601.
        let red = [vec![81; 64], vec![90; 16], vec![240; 16]].concat();
        let rgb = step(&input(4, 4, Resize::Letterbox), &i420(8, 8, red.clone()));
        assert!(rgb.pixels.chunks(3).all(|p| p[0] >= 254 && p[1] <= 1 && p[2] <= 1), "{:?}", &rgb.pixels[..3]);
        let mut swapped = step(&bgr, &i420(8, 8, red)).pixels;
        swapped.chunks_mut(3).for_each(|p| p.reverse());
        assert_eq!(swapped, rgb.pixels);
    }

    /// A ramp is a straight line, so bilinear resampling must give the line's value at the exact position: what is
    /// half a sample off in Y or in colour shows.
    #[test]
    fn brightness_and_colour_lie_at_their_exact_positions() {
        let (w, h) = (64u32, 48u32);
        let luma = (0..h).flat_map(|_| (0..w).map(|x| (20 + 3 * x) as u8));
        // V sits on every second column: V = 100 + column of Y.
        let chroma = |rising: bool| {
            (0..h / 2).flat_map(move |_| (0..w / 2).map(move |x| if rising { (100 + 2 * x) as u8 } else { 128 }))
        };
        let data: Vec<u8> = luma.chain(chroma(false)).chain(chroma(true)).collect();
        let out = step(&input(16, 12, Resize::Stretch), &i420(w, h, data));
        for x in 1..15 {
            // The middle of output pixel x is at Y sample 4x + 1.5.
            let at = 4.0 * x as f64 + 1.5;
            let (y, v) = (20.0 + 3.0 * at, 100.0 + at);
            let red = (255.0 / 219.0 * (y - 16.0) + 1.402 * 255.0 / 224.0 * (v - 128.0)).clamp(0.0, 255.0);
            let found = f64::from(pixel(&out, x, 6)[0]);
            assert!((found - red).abs() <= 2.0, "column {x}: {found} instead of {red}");
        }
    }

    /// Noise in every sample: a plane, a row or a byte that is read from the wrong place shows.
    #[test]
    fn nv12_and_yuyv_give_what_i420_gives_also_at_odd_sizes() {
        let noise = |i: u64| (i.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407) >> 56) as u8;
        for (w, h) in [(64, 48), (63, 47), (65, 2), (1, 1), (5, 3)] {
            let data = (0..PixelFormat::I420.bytes(w, h) as u64).map(noise).collect();
            let planar = i420(w, h, data);
            for resize in [Resize::Letterbox, Resize::LetterboxCenter, Resize::Stretch] {
                let spec = input(40, 32, resize);
                assert_eq!(step(&spec, &nv12_of(&planar)), step(&spec, &planar), "{w}x{h}");
            }
            // 4:2:2 has other rows of colour: with the same colour in all rows it is the same picture as 4:2:0.
            let (half, luma) = (w.div_ceil(2) as usize, (w * h) as usize);
            let u = |column: u32| noise(1000 + u64::from(column));
            let v = |column: u32| noise(2000 + u64::from(column));
            let mut flat = planar.clone();
            for (i, sample) in flat.data[luma..].iter_mut().enumerate() {
                let column = (i % half) as u32;
                *sample = if i < half * h.div_ceil(2) as usize { u(column) } else { v(column) };
            }
            let y = |column, row| planar.data[(row * w + column) as usize];
            let packed = yuyv(w, h, y, |column, _| [u(column), v(column)]);
            let spec = input(40, 32, Resize::Stretch);
            assert_eq!(step(&spec, &packed), step(&spec, &flat), "{w}x{h}");
        }
    }

    #[test]
    fn yuyv_has_its_own_colour_in_every_row() {
        let red_then_blue = |_, row| if row % 2 == 0 { [90, 240] } else { [240, 110] };
        let out = step(&input(8, 4, Resize::Stretch), &yuyv(8, 4, |_, row| [81, 41][row as usize % 2], red_then_blue));
        assert!(pixel(&out, 3, 0)[0] > 250 && pixel(&out, 3, 1)[2] > 250, "{:?}", &out.pixels[..48]);
    }
}
