//! How mosaics are drawn and changed.

/// How a training sample is made. Lengths are in pixels of the input.
#[derive(Debug, Clone, PartialEq)]
pub struct MosaicOptions {
    pub seed: u64,
    /// (first epoch, side): the input's side from that epoch on, in order of the epochs. An epoch is a pass over the samples:
    /// where fit is told how many steps an epoch has, the loader counts on its own.
    pub sides: Vec<(usize, usize)>,
    /// How often a sample has 1, 4 and 9 tiles; they need not add up to 1.
    pub grids: [f32; 3],
    /// Tiles of which the picture would cover less than half in both directions are divided into four again and again, and
    /// others are drawn for the new ones: more objects instead of grey. Tiles stay at least 32 pixels wide.
    pub divide: bool,
    /// A box drawn from a tile's picture is brought to a size (the root of its area) in this range, each octave as often;
    /// to no more than the tile's side, so that objects as large as the picture are seen whole.
    pub sizes: (f32, f32),
    /// How often a tile shows any place of its picture instead of one of its boxes: what is no object has to be seen at all
    /// scales too.
    pub background: f32,
    /// Part of the tiles that show clutter, shapes that are no object, instead of a picture.
    pub clutter: f32,
    /// Part of the tiles that show one of the unlabelled pictures ([`Mosaics::with_unlabelled`](super::Mosaics::with_unlabelled)), where
    /// there are some.
    pub unlabelled: f32,
    /// Bounds of the magnification.
    pub scales: (f32, f32),
    /// Magnification of pictures without boxes.
    pub empty_scales: (f32, f32),
    /// Pictures become wider or narrower by up to this factor.
    pub aspect: f32,
    /// How often a picture is shrunk by bilinear sampling, as the appliance's letterbox does it, instead of by averaging.
    pub sampled: f32,
    /// A box of which a tile shows less than this part is ignored.
    pub visible: f32,
    /// A box smaller than this (the root of its area) is ignored.
    pub smallest: f32,
    /// How much more often pictures with rare classes and those of small sources are drawn: 0 not at all, 0.5 by the root of
    /// their rarity, 1 so that every class and every source is drawn about as often.
    pub balance: f32,
    /// Part of the samples that are frames of the synthetic road.
    pub scenes: f32,
    /// Part of the samples that are two mosaics over each other (Zhang et al. 2018, arXiv:1710.09412), half of each.
    pub mixup: f32,
    pub looks: Looks,
    /// Threads that make the samples of a batch. They are apart from those that the network computes on.
    pub threads: usize,
}

impl Default for MosaicOptions {
    fn default() -> Self {
        MosaicOptions {
            seed: 0,
            sides: vec![(0, 320)],
            grids: [0.3, 0.5, 0.2],
            divide: false,
            sizes: (8.0, 400.0),
            background: 0.2,
            clutter: 0.1,
            unlabelled: 0.2,
            scales: (0.15, 2.5),
            empty_scales: (0.5, 1.5),
            aspect: 1.25,
            sampled: 0.5,
            visible: 0.4,
            smallest: 4.0,
            balance: 0.5,
            scenes: 0.0,
            mixup: 0.0,
            looks: Looks::default(),
            threads: 1,
        }
    }
}

/// How pictures are changed beyond their place and size. The first five are drawn for each tile, as its picture comes from
/// another camera than its neighbours'; the others for the whole sample. Those without a unit are probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Looks {
    /// Left and right exchanged.
    pub flip: f32,
    /// Hue turned by up to this part of the circle.
    pub hue: f32,
    /// Saturation times 1 ± up to this.
    pub saturation: f32,
    /// Brightness times 1 ± up to this.
    pub value: f32,
    /// Without colour.
    pub grey: f32,
    /// Gaussian, standard deviation 0.4 to 1.5 pixels.
    pub blur: f32,
    /// Gaussian in each channel, standard deviation 2 to 12 of 255.
    pub noise: f32,
    /// Dark, noisy and a little blurred.
    pub night: f32,
    /// Streaks before a pale picture.
    pub rain: f32,
    /// Compressed with a quality of 25 to 80.
    pub jpeg: f32,
}

impl Default for Looks {
    fn default() -> Self {
        Looks {
            flip: 0.5,
            hue: 0.015,
            saturation: 0.6,
            value: 0.4,
            grey: 0.05,
            blur: 0.1,
            noise: 0.1,
            night: 0.08,
            rain: 0.05,
            jpeg: 0.15,
        }
    }
}

impl Looks {
    /// Pictures as they are.
    pub fn none() -> Self {
        Looks {
            flip: 0.0,
            hue: 0.0,
            saturation: 0.0,
            value: 0.0,
            grey: 0.0,
            blur: 0.0,
            noise: 0.0,
            night: 0.0,
            rain: 0.0,
            jpeg: 0.0,
        }
    }
}
