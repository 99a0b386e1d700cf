//! What calibration remembers of a tensor: per channel its extremes, its mean, and a sample of its numbers.

use std::collections::BTreeMap;

/// Numbers that are kept, all tensors together: 64 MB.
const MOST_SAMPLES: usize = 16 << 20;
/// Numbers that are kept of a channel at most: the least squared error does not move beyond.
const MOST_OF_A_CHANNEL: usize = 4096;

/// By name of the tensor.
pub type Statistics = BTreeMap<String, Tensor>;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensor {
    /// Dimensions, the batch included.
    pub dims: Vec<usize>,
    /// Of each channel (dimension 1).
    pub channels: Vec<Channel>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    pub low: f32,
    pub high: f32,
    /// Sum and number of all values.
    pub sum: f64,
    pub count: u64,
    pub samples: Vec<f32>,
}

impl Channel {
    pub fn mean(&self) -> f32 {
        (self.sum / self.count.max(1) as f64) as f32
    }

    /// Mean square of the samples.
    pub fn energy(&self) -> f64 {
        self.samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / self.samples.len().max(1) as f64
    }
}

impl Tensor {
    /// Of one picture: `data` is row-major of shape `dims`; `kept` numbers of each channel are remembered, at places that
    /// `seed` decides.
    pub fn of(dims: &[usize], data: &[f32], kept: usize, seed: u64) -> Self {
        let channels = dims.get(1).copied().unwrap_or(1).max(1);
        let each = data.len() / channels;
        let places = places(each, kept, seed);
        let channel = |values: &[f32]| Channel {
            low: values.iter().copied().fold(f32::INFINITY, f32::min),
            high: values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            sum: values.iter().map(|&value| f64::from(value)).sum(),
            count: values.len() as u64,
            samples: places.iter().map(|&place| values[place]).collect(),
        };
        Self { dims: dims.to_vec(), channels: data.chunks(each.max(1)).take(channels).map(channel).collect() }
    }

    /// What another picture adds.
    pub fn add(&mut self, other: Self) {
        if self.channels.is_empty() {
            *self = other;
            return;
        }
        for (channel, new) in self.channels.iter_mut().zip(other.channels) {
            channel.low = channel.low.min(new.low);
            channel.high = channel.high.max(new.high);
            channel.sum += new.sum;
            channel.count += new.count;
            channel.samples.extend(new.samples);
        }
    }

    pub fn low(&self) -> f32 {
        self.channels.iter().map(|channel| channel.low).fold(f32::INFINITY, f32::min)
    }

    pub fn high(&self) -> f32 {
        self.channels.iter().map(|channel| channel.high).fold(f32::NEG_INFINITY, f32::max)
    }

    pub fn is_finite(&self) -> bool {
        self.channels.iter().all(|channel| channel.low.is_finite() && channel.high.is_finite())
    }

    /// All samples, at most about `most` of them.
    pub fn thinned(&self, most: usize) -> Vec<f32> {
        let all: usize = self.channels.iter().map(|channel| channel.samples.len()).sum();
        let step = all.div_ceil(most.max(1)).max(1);
        self.channels.iter().flat_map(|channel| &channel.samples).copied().step_by(step).collect()
    }
}

/// Numbers to keep of each channel and picture, for `pictures` pictures of tensors with `channels` channels together.
pub fn kept(channels: usize, pictures: usize) -> usize {
    (MOST_SAMPLES / channels.max(1)).min(MOST_OF_A_CHANNEL).div_ceil(pictures.max(1)).max(1)
}

/// `kept` places among `each`, one in each of as many equal parts, so that no grid of the picture repeats in them.
fn places(each: usize, kept: usize, seed: u64) -> Vec<usize> {
    if each <= kept {
        return (0..each).collect();
    }
    let mut state = seed;
    let mut place = |part: usize| {
        let (from, to) = (part * each / kept, (part + 1) * each / kept);
        from + (next(&mut state) % (to - from) as u64) as usize
    };
    (0..kept).map(&mut place).collect()
}

/// At most `most` of `items`, which `seed` chooses, in their order.
pub fn choose<T>(items: Vec<T>, most: usize, seed: u64) -> Vec<T> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    let mut state = seed;
    // The first steps of Fisher and Yates's shuffle.
    for place in 0..most.min(order.len()) {
        let other = place + (next(&mut state) % (order.len() - place) as u64) as usize;
        order.swap(place, other);
    }
    order.truncate(most);
    let chosen: std::collections::HashSet<usize> = order.into_iter().collect();
    items.into_iter().enumerate().filter(|(index, _)| chosen.contains(index)).map(|(_, item)| item).collect()
}

/// SplitMix64 (Steele, Lea and Flood 2014): the next number of a sequence that its first state decides.
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_apart_and_pictures_add_up() {
        let mut tensor = Tensor::of(&[1, 2, 1, 3], &[1.0, 2.0, 3.0, -4.0, -5.0, -6.0], 10, 1);
        tensor.add(Tensor::of(&[1, 2, 1, 3], &[7.0, 0.0, 0.0, 0.0, 0.0, 0.0], 10, 2));
        let [a, b] = &tensor.channels[..] else { panic!() };
        assert_eq!((a.low, a.high, b.low, b.high), (0.0, 7.0, -6.0, 0.0));
        assert_eq!((a.mean(), b.mean(), a.samples.len()), (13.0 / 6.0, -2.5, 6));
        assert_eq!((tensor.low(), tensor.high()), (-6.0, 7.0));
    }

    #[test]
    fn places_are_spread_and_the_seed_decides_them() {
        let chosen = places(1000, 10, 5);
        assert!(chosen.iter().enumerate().all(|(part, place)| (part * 100..part * 100 + 100).contains(place)));
        assert_eq!(chosen, places(1000, 10, 5));
        assert_ne!(chosen, places(1000, 10, 6));
        assert_eq!(places(3, 10, 5), [0, 1, 2]);
    }

    #[test]
    fn some_items_are_chosen_in_their_order() {
        let chosen = choose((0..100).collect(), 7, 1);
        assert!(chosen.len() == 7 && chosen.is_sorted());
        assert_eq!(chosen, choose((0..100).collect(), 7, 1));
        assert_ne!(chosen, choose((0..100).collect(), 7, 2));
        assert_eq!(choose(vec![1, 2], 7, 1), [1, 2]);
    }
}
