//! How the windows of a convolution walk over one axis, there and back.

/// Output `o` of `count` lies at `first + o·step` and sums the source at `o·stride - before + offset` over the taps.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub count: usize,
    pub stride: usize,
    pub before: isize,
    /// In ascending order of their offsets.
    pub taps: Vec<Tap>,
    pub first: usize,
    pub step: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    pub offset: usize,
    /// In the kernel.
    pub index: usize,
}

impl Axis {
    pub fn forward(kernel: usize, stride: usize, before: usize, dilation: usize, out: usize) -> Axis {
        let taps = (0..kernel).map(|index| Tap { offset: index * dilation, index }).collect();
        Axis { count: out, stride, before: before as isize, taps, first: 0, step: 1 }
    }

    /// The input's gradient over an axis of `length` as walks over the output's: one per remainder of the stride, since
    /// places with the same remainder met the same taps. Those of one remainder may have met none.
    pub fn backward(kernel: usize, stride: usize, before: usize, dilation: usize, length: usize) -> Vec<Axis> {
        (0..stride)
            .filter_map(|phase| {
                let first = (phase + stride - before % stride) % stride;
                if first >= length {
                    return None;
                }
                // Place `first + o·stride` met tap `index` in the output `o + start - shift`.
                let start = (first + before - phase) / stride;
                let shifts = (0..kernel).filter(|index| index * dilation % stride == phase);
                let shifts: Vec<(usize, usize)> =
                    shifts.map(|index| ((index * dilation - phase) / stride, index)).collect();
                let last = shifts.iter().map(|(shift, _)| *shift).max().unwrap_or(0);
                let taps = shifts.iter().rev().map(|&(shift, index)| Tap { offset: last - shift, index }).collect();
                let count = (length - first - 1) / stride + 1;
                Some(Axis { count, stride: 1, before: last as isize - start as isize, taps, first, step: stride })
            })
            .collect()
    }

    /// The source's places under one window.
    pub fn reach(&self) -> usize {
        self.taps.last().map_or(0, |tap| tap.offset + 1)
    }

    /// The source's places under the windows of `count` outputs.
    pub fn span(&self, count: usize) -> usize {
        (count - 1) * self.stride + self.reach()
    }

    /// Whether every window lies inside a source of this length.
    pub fn is_inside(&self, length: usize) -> bool {
        self.before <= 0 && self.span(self.count) as isize - self.before <= length as isize
    }

    /// Whether the taps lie side by side.
    pub fn is_dense(&self) -> bool {
        self.taps.windows(2).all(|pair| pair[1].offset == pair[0].offset + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair of input and output that met there meets back, with the same tap, and no other does.
    #[test]
    fn the_way_back_meets_the_same_pairs() {
        for (length, kernel, stride, before, dilation) in
            [(7, 3, 1, 1, 1), (8, 3, 2, 1, 1), (9, 5, 3, 2, 2), (6, 1, 2, 0, 1), (10, 4, 2, 3, 3), (5, 2, 4, 0, 1)]
        {
            let reach = (kernel - 1) * dilation + 1;
            let out = (length + 2 * before - reach) / stride + 1;
            let mut there = Vec::new();
            let axis = Axis::forward(kernel, stride, before, dilation, out);
            for o in 0..axis.count {
                for tap in &axis.taps {
                    let place = (o * axis.stride + tap.offset) as isize - axis.before;
                    if (0..length as isize).contains(&place) {
                        there.push((place, o as isize, tap.index));
                    }
                }
            }
            let mut back = Vec::new();
            for axis in Axis::backward(kernel, stride, before, dilation, length) {
                for o in 0..axis.count {
                    for tap in &axis.taps {
                        let from = (o + tap.offset) as isize - axis.before;
                        if (0..out as isize).contains(&from) {
                            back.push(((axis.first + o * axis.step) as isize, from, tap.index));
                        }
                    }
                }
            }
            there.sort();
            back.sort();
            assert_eq!(there, back, "{length} {kernel} {stride} {before} {dilation}");
        }
    }
}
