//! Between frames and RGB pictures: BT.601, limited range (luma 16..=235, chroma 16..=240), in 8-bit fixed point.
//!
//! Not here: the network's input, which preprocess/ makes in one pass of its own.

use image::RgbImage;

use crate::frame::{Frame, PixelFormat};

/// Overwrites `picture` with the frame; its buffer is reused where it is large enough.
pub fn rgb_from_frame(frame: &Frame, picture: &mut RgbImage) {
    let mut data = std::mem::take(picture).into_raw();
    data.resize(PixelFormat::Rgb8.bytes(frame.width, frame.height), 0);
    match frame.format {
        PixelFormat::Rgb8 => data.copy_from_slice(&frame.data),
        PixelFormat::I420 => i420_to_rgb(frame, &mut data),
        PixelFormat::Nv12 => nv12_to_rgb(frame, &mut data),
        PixelFormat::Yuyv => yuyv_to_rgb(frame, &mut data),
    }
    // The buffer was sized for exactly this picture, so the conversion cannot fail.
    *picture = RgbImage::from_raw(frame.width, frame.height, data).unwrap_or_default();
}

fn i420_to_rgb(frame: &Frame, rgb: &mut [u8]) {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let half = width.div_ceil(2);
    let (luma, chroma) = frame.data.split_at(width * height);
    let (blue, red) = chroma.split_at(half * height.div_ceil(2));
    for (y, (row, luma)) in rgb.chunks_exact_mut(width * 3).zip(luma.chunks_exact(width)).enumerate() {
        let at = y / 2 * half;
        let (blue, red) = (&blue[at..at + half], &red[at..at + half]);
        for (x, (pixel, luma)) in row.chunks_exact_mut(3).zip(luma).enumerate() {
            pixel.copy_from_slice(&yuv_to_rgb(*luma, blue[x / 2], red[x / 2]));
        }
    }
}

fn nv12_to_rgb(frame: &Frame, rgb: &mut [u8]) {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let (luma, chroma) = frame.data.split_at(width * height);
    for (y, (row, luma)) in rgb.chunks_exact_mut(width * 3).zip(luma.chunks_exact(width)).enumerate() {
        let colours = &chroma[y / 2 * width.next_multiple_of(2)..];
        for (x, (pixel, luma)) in row.chunks_exact_mut(3).zip(luma).enumerate() {
            pixel.copy_from_slice(&yuv_to_rgb(*luma, colours[x / 2 * 2], colours[x / 2 * 2 + 1]));
        }
    }
}

fn yuyv_to_rgb(frame: &Frame, rgb: &mut [u8]) {
    let width = frame.width as usize;
    let rows = frame.data.chunks_exact(width.next_multiple_of(2) * 2);
    for (row, packed) in rgb.chunks_exact_mut(width * 3).zip(rows) {
        for (pixels, [first, u, second, v]) in row.chunks_mut(6).zip(packed.as_chunks().0) {
            for (pixel, luma) in pixels.chunks_exact_mut(3).zip([first, second]) {
                pixel.copy_from_slice(&yuv_to_rgb(*luma, *u, *v));
            }
        }
    }
}

/// One pixel. The factors are 256 × (1.164, 1.596, −0.392, −0.813, 2.017), rounded.
fn yuv_to_rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let (c, d, e) = (298 * (i32::from(y) - 16) + 128, i32::from(u) - 128, i32::from(v) - 128);
    [c + 409 * e, c - 100 * d - 208 * e, c + 516 * d].map(|channel| (channel >> 8).clamp(0, 255) as u8)
}

/// Overwrites `planes` with Y, U and V of a picture of `width` × `height`, both even and not smaller than the
/// picture; what lies beyond it repeats its last column and row. Chroma is the mean of two by two pixels.
pub fn i420_from_rgb(picture: &RgbImage, width: usize, height: usize, planes: &mut Vec<u8>) {
    let (inner_width, inner_height) = (picture.width() as usize, picture.height() as usize);
    let rgb = picture.as_raw().as_slice();
    let pixel = |x: usize, y: usize| {
        let at = (y.min(inner_height - 1) * inner_width + x.min(inner_width - 1)) * 3;
        [i32::from(rgb[at]), i32::from(rgb[at + 1]), i32::from(rgb[at + 2])]
    };
    planes.resize(width * height * 3 / 2, 0);
    let (luma, chroma) = planes.split_at_mut(width * height);
    let (blue, red) = chroma.split_at_mut(width * height / 4);
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            let mut sum = [0; 3];
            for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
                let [r, g, b] = pixel(x, y);
                luma[y * width + x] = (((66 * r + 129 * g + 25 * b + 128) >> 8) + 16) as u8;
                sum = [sum[0] + r, sum[1] + g, sum[2] + b];
            }
            // `sum` holds four pixels: 256 × 4 = 1 << 10.
            let [r, g, b] = sum;
            let at = y / 2 * (width / 2) + x / 2;
            blue[at] = (((-38 * r - 74 * g + 112 * b + 512) >> 10) + 128) as u8;
            red[at] = (((112 * r - 94 * g - 18 * b + 512) >> 10) + 128) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// 75 % and 100 % colour bars of BT.601 (ITU-R BT.471), in limited range.
    const BARS: [([u8; 3], [u8; 3]); 8] = [
        ([16, 128, 128], [0, 0, 0]),
        ([235, 128, 128], [255, 255, 255]),
        ([126, 128, 128], [128, 128, 128]),
        ([81, 90, 240], [255, 0, 0]),
        ([145, 54, 34], [0, 255, 0]),
        ([41, 240, 110], [0, 0, 255]),
        ([210, 16, 146], [255, 255, 0]),
        ([170, 166, 16], [0, 255, 255]),
    ];

    #[test]
    fn colour_bars_have_their_known_values_both_ways() {
        for (yuv, rgb) in BARS {
            let back = yuv_to_rgb(yuv[0], yuv[1], yuv[2]);
            assert!(back.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 1), "{yuv:?} gave {back:?}, not {rgb:?}");
            let mut planes = Vec::new();
            i420_from_rgb(&RgbImage::from_pixel(2, 2, Rgb(rgb)), 2, 2, &mut planes);
            let forth = [planes[0], planes[4], planes[5]];
            assert!(forth.iter().zip(yuv).all(|(a, b)| a.abs_diff(b) <= 1), "{rgb:?} gave {forth:?}, not {yuv:?}");
        }
        assert_eq!(yuv_to_rgb(0, 128, 128), [0, 0, 0], "below black is black");
        assert_eq!(yuv_to_rgb(255, 128, 128), [255, 255, 255], "above white is white");
    }

    #[test]
    fn odd_sizes_use_the_last_half_chroma_column_and_row() {
        // 3 × 1: chroma planes of 2 × 1; the third pixel takes the second chroma sample.
        let data = vec![81, 81, 41, 90, 240, 240, 110];
        let frame = Frame { width: 3, height: 1, format: PixelFormat::I420, data, ..Frame::default() };
        let mut picture = RgbImage::default();
        rgb_from_frame(&frame, &mut picture);
        assert_eq!(picture.dimensions(), (3, 1));
        assert!(picture.get_pixel(0, 0).0[0] > 250 && picture.get_pixel(2, 0).0[2] > 250, "{picture:?}");
        let packed = [
            (PixelFormat::Nv12, vec![81, 81, 41, 90, 240, 240, 110]),
            (PixelFormat::Yuyv, vec![81, 90, 81, 240, 41, 240, 0, 110]),
        ];
        for (format, data) in packed {
            let mut same = RgbImage::default();
            rgb_from_frame(&Frame { format, data, ..frame.clone() }, &mut same);
            assert_eq!(same, picture, "{format:?}");
        }
    }

    #[test]
    fn padding_repeats_the_last_column_and_row() {
        let mut picture = RgbImage::from_pixel(1, 1, Rgb([255, 255, 255]));
        let mut planes = Vec::new();
        i420_from_rgb(&picture, 4, 2, &mut planes);
        assert_eq!(planes, [vec![235; 8], vec![128; 4]].concat());
        picture.put_pixel(0, 0, Rgb([0, 0, 0]));
        i420_from_rgb(&picture, 4, 2, &mut planes);
        assert_eq!(planes[..8], [16; 8]);
    }
}
