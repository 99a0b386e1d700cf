//! How a tensor lies in a buffer: ONNX's dimensions with a stride each. Reshape, transpose, slice and split only change
//! the view; nothing moves until an operator needs its input in another order.

/// `dims` in ONNX's order (a picture is `[1, channels, height, width]`), `strides` in elements of the buffer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub buffer: usize,
    pub offset: usize,
    pub dims: Vec<usize>,
    pub strides: Vec<usize>,
}

/// A picture that lies pixel by pixel: `channels` numbers next to each other, the next pixel `pitch` further on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    pub offset: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub pitch: usize,
}

impl View {
    /// Channels last: dimension 1 is innermost, as the kernels want it, and pixels begin at multiples of `align`.
    pub fn channels_last(buffer: usize, dims: &[usize], align: usize) -> Self {
        let mut order: Vec<usize> = (0..dims.len()).collect();
        let mut stored = dims.to_vec();
        if dims.len() > 2 {
            order.remove(1);
            order.push(1);
            stored[1] = dims[1].next_multiple_of(align);
        }
        Self { buffer, offset: 0, dims: dims.to_vec(), strides: strides_in(&stored, &order) }
    }

    /// Row-major, as ONNX counts.
    pub fn row_major(buffer: usize, dims: &[usize]) -> Self {
        let order: Vec<usize> = (0..dims.len()).collect();
        Self { buffer, offset: 0, dims: dims.to_vec(), strides: strides_in(dims, &order) }
    }

    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    pub fn transposed(&self, order: &[usize]) -> Self {
        Self {
            buffer: self.buffer,
            offset: self.offset,
            dims: order.iter().map(|&axis| self.dims[axis]).collect(),
            strides: order.iter().map(|&axis| self.strides[axis]).collect(),
        }
    }

    /// `count` elements of `axis` from `start`, each `step`-th.
    pub fn sliced(&self, axis: usize, start: usize, count: usize, step: usize) -> Self {
        let mut view = self.clone();
        view.offset += start * self.strides[axis];
        view.dims[axis] = count;
        // Where no second element follows, a step may be any number.
        view.strides[axis] *= if count > 1 { step } else { 1 };
        view
    }

    /// The same elements, in row-major order of the dimensions, under other dimensions; `None` where they would have to
    /// move.
    pub fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        // Dimensions of 1 have no order; what is left is merged where it lies one after the other.
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (&dim, &stride) in self.dims.iter().zip(&self.strides).filter(|(dim, _)| **dim != 1) {
            match runs.last_mut() {
                Some((count, last)) if *last == stride * dim => (*count, *last) = (*count * dim, stride),
                _ => runs.push((dim, stride)),
            }
        }
        let mut strides = vec![0; dims.len()];
        let mut runs = runs.into_iter().rev();
        let mut run = runs.next().unwrap_or((1, 1));
        for (axis, &dim) in dims.iter().enumerate().rev() {
            if dim == 1 {
                continue;
            }
            if run.0 == 1 {
                run = runs.next()?;
            }
            if !run.0.is_multiple_of(dim) {
                return None;
            }
            strides[axis] = run.1;
            run = (run.0 / dim, run.1 * dim);
        }
        Some(Self { buffer: self.buffer, offset: self.offset, dims: dims.to_vec(), strides })
    }

    /// The view as a picture (of one row where it has 3 dimensions, of one pixel where it has 2), where its channels lie next to each other and its pixels at an even distance.
    pub fn pixels(&self) -> Option<Pixels> {
        let (channels, height, width, channel, row, pixel) = match (&self.dims[..], &self.strides[..]) {
            (&[1, c, h, w], &[_, channel, row, pixel]) => (c, h, w, channel, row, pixel),
            (&[1, c, w], &[_, channel, pixel]) => (c, 1, w, channel, 0, pixel),
            (&[1, c], &[_, channel]) => (c, 1, 1, channel, 0, 0),
            _ => return None,
        };
        let pitch = match (height, width) {
            (1, 1) => channels,
            (_, 1) => row,
            _ => pixel,
        };
        let even = (width == 1 || height == 1 || row == width * pitch) && pitch >= channels;
        let next = channels == 1 || channel == 1;
        (even && next).then_some(Pixels { offset: self.offset, height, width, channels, pitch })
    }

    /// Elements of the buffer from the first to behind the last that the view names.
    pub fn span(&self) -> std::ops::Range<usize> {
        let last: usize = self.dims.iter().zip(&self.strides).map(|(dim, stride)| (dim - 1) * stride).sum();
        self.offset..self.offset + last + 1
    }
}

/// Most dimensions of a tensor: pictures have 4, a shuffle or an enlargement 6.
pub(super) const MAX_DIMS: usize = 8;

/// Visits views of the same dimensions together: `visit(first elements, count, distance of elements)` per view, in runs
/// that are as long as the views allow. Runs follow the order of the last view.
pub(super) fn walk<const N: usize>(views: [&View; N], mut visit: impl FnMut([usize; N], usize, [usize; N])) {
    walk_rows(views, |at, rows, row_strides, count, strides| {
        for row in 0..rows {
            visit(std::array::from_fn(|i| at[i] + row * row_strides[i]), count, strides);
        }
    });
}

/// The same with `rows` runs at a time, `row_strides` apart: for runs so short that a visit each would be dear.
pub(super) fn walk_rows<const N: usize>(
    views: [&View; N],
    mut visit: impl FnMut([usize; N], usize, [usize; N], usize, [usize; N]),
) {
    let mut axes: [(usize, [usize; N]); MAX_DIMS] = [(1, [0; N]); MAX_DIMS];
    let mut count = 0;
    for (axis, &dim) in views[0].dims.iter().enumerate().filter(|(_, dim)| **dim != 1) {
        axes[count] = (dim, std::array::from_fn(|i| views[i].strides[axis]));
        count += 1;
    }
    let axes = &mut axes[..count];
    axes.sort_by_key(|(_, strides)| std::cmp::Reverse(strides[N - 1]));
    let mut merged: [(usize, [usize; N]); MAX_DIMS] = [(1, [1; N]); MAX_DIMS];
    let mut len = 0usize;
    for &(dim, strides) in axes.iter() {
        match len.checked_sub(1).map(|last| &mut merged[last]) {
            Some((outer, last)) if (0..N).all(|i| last[i] == strides[i] * dim) => {
                (*outer, *last) = (*outer * dim, strides)
            }
            _ => {
                merged[len] = (dim, strides);
                len += 1;
            }
        }
    }
    let (inner, inner_strides) = merged[len.saturating_sub(1)];
    let (rows, row_strides) = if len > 1 { merged[len - 2] } else { (1, [0; N]) };
    let outer = &merged[..len.saturating_sub(2)];
    let mut index = [0usize; MAX_DIMS];
    let mut at: [usize; N] = [0; N];
    loop {
        visit(at, rows, row_strides, inner, inner_strides);
        // The next rows: like an odometer.
        let mut axis = outer.len();
        loop {
            let Some(below) = axis.checked_sub(1) else { return };
            axis = below;
            index[axis] += 1;
            (0..N).for_each(|i| at[i] += outer[axis].1[i]);
            if index[axis] < outer[axis].0 {
                break;
            }
            (0..N).for_each(|i| at[i] -= outer[axis].1[i] * outer[axis].0);
            index[axis] = 0;
        }
    }
}

/// Dense strides where `order` names the axes from the outermost to the innermost.
fn strides_in(dims: &[usize], order: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; dims.len()];
    let mut step = 1;
    for &axis in order.iter().rev() {
        strides[axis] = step;
        step *= dims[axis];
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reshape_is_a_view_where_nothing_has_to_move() {
        let picture = View::channels_last(0, &[1, 6, 4, 5], 1);
        assert_eq!(picture.strides, [120, 1, 30, 6]);
        let flat = picture.reshaped(&[1, 6, 20]).unwrap();
        assert_eq!(flat.strides[1..], [1, 6]);
        assert_eq!(flat.transposed(&[0, 2, 1]).strides[1..], [6, 1]);
        let groups = picture.reshaped(&[1, 2, 3, 4, 5]).unwrap();
        assert_eq!(groups.strides[1..], [3, 1, 30, 6]);
        assert_eq!(groups.transposed(&[0, 2, 1, 3, 4]).reshaped(&[1, 6, 4, 5]), None, "a shuffle of channels moves");
        assert_eq!(picture.reshaped(&[1, 120]), None, "channels and pixels change places");
    }

    #[test]
    fn a_split_is_a_picture_with_a_pitch() {
        let half = View::channels_last(3, &[1, 6, 4, 5], 1).sliced(1, 2, 3, 1);
        assert_eq!(half.pixels(), Some(Pixels { offset: 2, height: 4, width: 5, channels: 3, pitch: 6 }));
        assert_eq!(half.span(), 2..2 + 19 * 6 + 3);
        let padded = View::channels_last(3, &[1, 6, 4, 5], 4).pixels().unwrap();
        assert_eq!((padded.channels, padded.pitch), (6, 8));
        assert_eq!(View::row_major(0, &[1, 6, 4, 5]).pixels(), None);
        assert!(View::row_major(0, &[1, 6, 1, 1]).pixels().is_some());
    }
}
