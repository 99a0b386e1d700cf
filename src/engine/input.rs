//! From u8 pixels to the f32 tensor that a float network takes. Not here: resizing and colour order (preprocess/).

use crate::model::InputSpec;

/// Where the graph wants the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[1, 3, height, width]`
    Nchw,
    /// `[1, height, width, 3]`
    Nhwc,
}

impl Layout {
    pub(super) fn shape(self, width: u32, height: u32) -> [usize; 4] {
        let (w, h) = (width as usize, height as usize);
        match self {
            Layout::Nchw => [1, 3, h, w],
            Layout::Nhwc => [1, h, w, 3],
        }
    }
}

/// `(pixel − mean) / std` of every pixel value, per channel: 3 KB, and exact where a multiplication by `1 / std`
/// would round twice.
pub(super) struct Normaliser {
    tables: [[f32; 256]; 3],
}

impl Normaliser {
    pub(super) fn new(spec: &InputSpec) -> Self {
        let table =
            |channel: usize| std::array::from_fn(|pixel| (pixel as f32 - spec.mean[channel]) / spec.std[channel]);
        Self { tables: [table(0), table(1), table(2)] }
    }

    /// `pixels`: `height × width × 3` u8; `tensor`: as many f32, in `layout`.
    pub(super) fn fill(&self, pixels: &[u8], layout: Layout, tensor: &mut [f32]) {
        assert_eq!(pixels.len(), tensor.len(), "one value per pixel and channel");
        let [first, second, third] = &self.tables;
        match layout {
            Layout::Nchw => {
                let (a, rest) = tensor.split_at_mut(pixels.len() / 3);
                let (b, c) = rest.split_at_mut(pixels.len() / 3);
                for (((pixel, a), b), c) in pixels.chunks_exact(3).zip(a).zip(b).zip(c) {
                    *a = first[pixel[0] as usize];
                    *b = second[pixel[1] as usize];
                    *c = third[pixel[2] as usize];
                }
            }
            Layout::Nhwc => {
                for (pixel, out) in pixels.chunks_exact(3).zip(tensor.chunks_exact_mut(3)) {
                    out[0] = first[pixel[0] as usize];
                    out[1] = second[pixel[1] as usize];
                    out[2] = third[pixel[2] as usize];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ColorOrder, Resize};

    fn spec(mean: [f32; 3], std: [f32; 3]) -> InputSpec {
        InputSpec { width: 2, height: 1, color: ColorOrder::Bgr, mean, std, resize: Resize::Stretch, pad: 0 }
    }

    #[test]
    fn planes_and_interleaved() {
        let normaliser = Normaliser::new(&spec([0.0, 10.0, 20.0], [1.0, 2.0, 4.0]));
        let pixels = [0, 10, 20, 255, 12, 16];
        let mut planes = [f32::NAN; 6];
        normaliser.fill(&pixels, Layout::Nchw, &mut planes);
        assert_eq!(planes, [0.0, 255.0, 0.0, 1.0, 0.0, -1.0]);
        let mut interleaved = [f32::NAN; 6];
        normaliser.fill(&pixels, Layout::Nhwc, &mut interleaved);
        assert_eq!(interleaved, [0.0, 0.0, 0.0, 255.0, 1.0, -1.0]);
    }
}
