//! From a driver's buffer, with its stride, to a packed frame. Uncompressed codings only; JPEG is in jpeg.rs.

use super::camera_spec::Coding;
use crate::frame::{Frame, PixelFormat};

/// Where the pixels lie in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub coding: Coding,
    pub width: u32,
    pub height: u32,
    /// Bytes from one row to the next, of the first plane; at least those of a row.
    pub stride: usize,
}

impl Layout {
    /// Without padding, as a command writes them. `None`: the coding is compressed.
    pub fn packed(coding: Coding, width: u32, height: u32) -> Option<Self> {
        Some(Self { coding, width, height, stride: row_bytes(coding, width)? })
    }

    /// Bytes of a whole picture; the last row may lack its padding.
    pub fn bytes(&self) -> usize {
        let (rows, half_rows) = (self.height as usize, self.height.div_ceil(2) as usize);
        let half_columns = self.width.div_ceil(2) as usize;
        let luma = self.stride * rows;
        match self.coding {
            Coding::Nv12 => luma + self.chroma_stride() * (half_rows - 1) + 2 * half_columns,
            Coding::I420 => luma + self.chroma_stride() * (2 * half_rows - 1) + half_columns,
            _ => self.stride * (rows - 1) + row_bytes(self.coding, self.width).unwrap_or(0),
        }
    }

    /// Of the planes of colour: pairs of half the columns, or half of them. An odd stride has an odd column's half in it.
    fn chroma_stride(&self) -> usize {
        match self.coding {
            Coding::I420 => self.stride.div_ceil(2),
            _ => self.stride.next_multiple_of(2),
        }
    }

    /// Copies the picture out of `buffer`; the stamp is left alone.
    ///
    /// # Errors
    /// The buffer is too short for a picture.
    pub fn unpack(&self, buffer: &[u8], frame: &mut Frame) -> Result<(), String> {
        if buffer.len() < self.bytes() {
            return Err(format!("{} bytes where a picture has {}", buffer.len(), self.bytes()));
        }
        let Self { coding, width, height, stride } = *self;
        let format = match coding {
            Coding::Yuyv | Coding::Uyvy => PixelFormat::Yuyv,
            Coding::Nv12 => PixelFormat::Nv12,
            Coding::I420 => PixelFormat::I420,
            _ => PixelFormat::Rgb8,
        };
        frame.reshape(width, height, format);
        let (columns, rows) = (width as usize, height as usize);
        let (half_columns, half_rows) = (columns.div_ceil(2), rows.div_ceil(2));
        let out = &mut frame.data;
        match coding {
            Coding::Yuyv => copy_rows(buffer, stride, half_columns * 4, out),
            Coding::Uyvy => {
                copy_rows(buffer, stride, half_columns * 4, out);
                out.as_chunks_mut().0.iter_mut().for_each(|pair: &mut [u8; 2]| pair.swap(0, 1));
            }
            Coding::Nv12 => {
                let (luma, chroma) = out.split_at_mut(columns * rows);
                copy_rows(buffer, stride, columns, luma);
                copy_rows(&buffer[stride * rows..], self.chroma_stride(), half_columns * 2, chroma);
            }
            Coding::I420 => {
                let (luma, chroma) = out.split_at_mut(columns * rows);
                copy_rows(buffer, stride, columns, luma);
                let (blue, red) = chroma.split_at_mut(half_columns * half_rows);
                let (at, stride) = (stride * rows, self.chroma_stride());
                copy_rows(&buffer[at..], stride, half_columns, blue);
                copy_rows(&buffer[at + stride * half_rows..], stride, half_columns, red);
            }
            Coding::Rgb24 => copy_rows(buffer, stride, columns * 3, out),
            Coding::Bgr24 => {
                copy_rows(buffer, stride, columns * 3, out);
                out.as_chunks_mut().0.iter_mut().for_each(|pixel: &mut [u8; 3]| pixel.reverse());
            }
            Coding::Grey => {
                for (row, from) in out.chunks_exact_mut(columns * 3).zip(buffer.chunks(stride)) {
                    row.as_chunks_mut().0.iter_mut().zip(from).for_each(|(pixel, grey)| *pixel = [*grey; 3]);
                }
            }
            Coding::Mjpg | Coding::H264 => return Err(format!("{coding} is compressed")),
        }
        Ok(())
    }
}

/// Bytes of one row of the first plane. `None`: the coding is compressed.
fn row_bytes(coding: Coding, width: u32) -> Option<usize> {
    let width = width as usize;
    match coding {
        Coding::Yuyv | Coding::Uyvy => Some(width.div_ceil(2) * 4),
        Coding::Nv12 | Coding::I420 | Coding::Grey => Some(width),
        Coding::Rgb24 | Coding::Bgr24 => Some(width * 3),
        Coding::Mjpg | Coding::H264 => None,
    }
}

fn copy_rows(buffer: &[u8], stride: usize, length: usize, out: &mut [u8]) {
    for (to, from) in out.chunks_exact_mut(length).zip(buffer.chunks(stride)) {
        to.copy_from_slice(&from[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNCOMPRESSED: [Coding; 7] =
        [Coding::Yuyv, Coding::Uyvy, Coding::Nv12, Coding::I420, Coding::Rgb24, Coding::Bgr24, Coding::Grey];

    /// The packed picture `data`, laid out with `padding` bytes of 255 behind each row of the first plane.
    fn padded(packed: Layout, data: &[u8], padding: usize) -> (Layout, Vec<u8>) {
        let layout = Layout { stride: packed.stride + padding, ..packed };
        let mut buffer = Vec::new();
        let luma = packed.stride * packed.height as usize;
        let add = |rows: &[u8], length: usize, stride: usize, buffer: &mut Vec<u8>| {
            for row in rows.chunks(length) {
                buffer.extend(row);
                buffer.resize(buffer.len() + stride - length, 255);
            }
        };
        add(&data[..luma], packed.stride, layout.stride, &mut buffer);
        add(&data[luma..], packed.chroma_stride(), layout.chroma_stride(), &mut buffer);
        (layout, buffer)
    }

    #[test]
    fn a_stride_shears_no_picture() {
        for coding in UNCOMPRESSED {
            for (width, height) in [(6, 4), (640, 2), (5, 3), (1, 1), (7, 2)] {
                let packed = Layout::packed(coding, width, height).unwrap();
                let data: Vec<u8> = (0..packed.bytes()).map(|i| (i * 37 % 251) as u8).collect();
                let mut want = Frame::default();
                packed.unpack(&data, &mut want).unwrap();
                // Two strides that drivers have: aligned, and left from another format.
                for padding in [2, 26, packed.stride] {
                    let (layout, buffer) = padded(packed, &data, padding);
                    let mut found = Frame::default();
                    layout.unpack(&buffer, &mut found).unwrap();
                    assert_eq!(found, want, "{coding} {width}x{height} + {padding}");
                    // The last row needs no padding, but all of its pixels.
                    layout.unpack(&buffer[..layout.bytes()], &mut found).unwrap();
                    assert_eq!(found, want);
                    assert!(layout.unpack(&buffer[..layout.bytes() - 1], &mut found).is_err());
                }
            }
        }
    }

    #[test]
    fn packed_codings_of_the_pipeline_are_copied_as_they_are() {
        let formats = [
            (Coding::Yuyv, PixelFormat::Yuyv),
            (Coding::Nv12, PixelFormat::Nv12),
            (Coding::I420, PixelFormat::I420),
            (Coding::Rgb24, PixelFormat::Rgb8),
        ];
        for (coding, format) in formats {
            let layout = Layout::packed(coding, 7, 5).unwrap();
            assert_eq!(layout.bytes(), format.bytes(7, 5), "{coding}");
            let data: Vec<u8> = (0..layout.bytes() as u8).collect();
            let mut frame = Frame::default();
            layout.unpack(&data, &mut frame).unwrap();
            assert_eq!((frame.format, frame.data), (format, data));
        }
    }

    #[test]
    fn swapped_codings_are_put_right() {
        let unpack = |coding, data: &[u8]| {
            let mut frame = Frame::default();
            Layout::packed(coding, 2, 1).unwrap().unpack(data, &mut frame).unwrap();
            frame.data
        };
        assert_eq!(unpack(Coding::Uyvy, &[1, 2, 3, 4]), [2, 1, 4, 3]);
        assert_eq!(unpack(Coding::Bgr24, &[1, 2, 3, 4, 5, 6]), [3, 2, 1, 6, 5, 4]);
        assert_eq!(unpack(Coding::Grey, &[7, 9]), [7, 7, 7, 9, 9, 9]);
        assert_eq!(Layout::packed(Coding::Mjpg, 2, 1), None);
    }
}
