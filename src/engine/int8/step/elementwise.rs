//! Steps that compute number by number.

use super::super::kernel::{Affine, Kernels};
use super::super::view::{View, walk};
use super::{Memory, Step, room};

/// Sum or product of two quantised tensors of the same shape.
#[derive(Debug)]
pub(in crate::engine::int8) struct Binary {
    pub product: bool,
    pub a: Affine,
    pub b: Affine,
    pub out: Affine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::int8) enum FloatBinary {
    Add,
    Sub,
    Mul,
    Div,
}

/// A function of one number, in a fixed order of operations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine::int8) enum Unary {
    Relu,
    LeakyRelu {
        slope: f32,
    },
    Clip {
        low: f32,
        high: f32,
    },
    Sigmoid,
    Silu,
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    HardSwish,
    Tanh,
    Exp,
    /// `x·factor + add`
    Affine {
        factor: f32,
        add: f32,
    },
    /// `numerator / x`
    Reciprocal {
        numerator: f32,
    },
}

impl Unary {
    /// Of one number. The same bytes as [`Self::run`]'s.
    pub fn of(self, kernels: Kernels, x: f32) -> f32 {
        let mut value = [x];
        self.apply(kernels, &mut value);
        value[0]
    }

    fn apply(self, kernels: Kernels, values: &mut [f32]) {
        let each = |values: &mut [f32], f: &dyn Fn(f32) -> f32| values.iter_mut().for_each(|x| *x = f(*x));
        match self {
            Self::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
            Self::LeakyRelu { slope } => values.iter_mut().for_each(|x| *x = if *x < 0.0 { *x * slope } else { *x }),
            Self::Clip { low, high } => values.iter_mut().for_each(|x| *x = x.max(low).min(high)),
            Self::Sigmoid => kernels.sigmoid_f32(values),
            Self::Silu => kernels.silu_f32(values),
            Self::HardSigmoid { alpha, beta } => each(values, &|x| (alpha * x + beta).clamp(0.0, 1.0)),
            Self::HardSwish => each(values, &|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
            // 2·sigmoid(2x) − 1, with the one exponential that is the same everywhere.
            Self::Tanh => {
                values.iter_mut().for_each(|x| *x *= 2.0);
                kernels.sigmoid_f32(values);
                values.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
            }
            Self::Exp => kernels.exp_f32(values),
            Self::Affine { factor, add } => values.iter_mut().for_each(|x| *x = *x * factor + add),
            Self::Reciprocal { numerator } => values.iter_mut().for_each(|x| *x = numerator / *x),
        }
    }

    pub fn run(self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let (read, write) = (&step.reads[0], &step.write);
        let (input, out, _) = memory.floats_in_out(read, write)?;
        walk([read, write], |[from, to], count, strides| match strides {
            [1, 1] => {
                let out = &mut out[to..to + count];
                out.copy_from_slice(&input[from..from + count]);
                self.apply(kernels, out);
            }
            [a, b] => (0..count).for_each(|i| out[to + i * b] = self.of(kernels, input[from + i * a])),
        });
        Ok(())
    }
}

impl Binary {
    pub fn run(&self, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let [a, b] = &step.reads[..] else { return Err("a sum reads two tensors".into()) };
        let write = &step.write;
        let ranges = [memory.range(a), memory.range(b), memory.range(write)];
        let op = |a: &[u8], b: &[u8], out: &mut [u8]| match self.product {
            false => kernels.add_u8(a, self.a, b, self.b, self.out, out),
            true => kernels.mul_u8(a, self.a, b, self.b, self.out, out),
        };
        // What is added to itself, or to another part of the same buffer, cannot be borrowed twice.
        let (x, y, out): (&[u8], &[u8], &mut [u8]);
        let both = ranges[0].start.min(ranges[1].start)..ranges[0].end.max(ranges[1].end);
        match ranges[0].end <= ranges[1].start || ranges[1].end <= ranges[0].start {
            true => {
                let [p, q, r] = memory.bytes.get_disjoint_mut(ranges).map_err(|_| super::OVERLAP)?;
                (x, y, out) = (p, q, r);
            }
            false => {
                let offsets = [ranges[0].start - both.start, ranges[1].start - both.start];
                let [p, r] = memory.bytes.get_disjoint_mut([both, ranges[2].clone()]).map_err(|_| super::OVERLAP)?;
                (x, y, out) = (&p[offsets[0]..], &p[offsets[1]..], r);
            }
        }
        walk([a, b, write], |[i, j, k], count, strides| match strides {
            [1, 1, 1] => op(&x[i..i + count], &y[j..j + count], &mut out[k..k + count]),
            [p, q, r] => {
                for n in 0..count {
                    op(&x[i + n * p..][..1], &y[j + n * q..][..1], &mut out[k + n * r..][..1]);
                }
            }
        });
        Ok(())
    }
}

impl FloatBinary {
    pub fn run(self, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        match self {
            Self::Add => Self::run_with(|a, b| a + b, step, memory),
            Self::Sub => Self::run_with(|a, b| a - b, step, memory),
            Self::Mul => Self::run_with(|a, b| a * b, step, memory),
            Self::Div => Self::run_with(|a, b| a / b, step, memory),
        }
    }

    /// Copies the first tensor, then works the second one in: each read borrows the memory on its own.
    fn run_with(of: impl Fn(f32, f32) -> f32, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
        let [a, b] = &step.reads[..] else { return Err("an operation reads two tensors".into()) };
        let write = &step.write;
        {
            let (input, out, _) = memory.floats_in_out(a, write)?;
            walk([a, write], |[from, to], count, strides| match strides {
                [1, 1] => out[to..to + count].copy_from_slice(&input[from..from + count]),
                [p, q] => (0..count).for_each(|i| out[to + i * q] = input[from + i * p]),
            });
        }
        let (input, out, _) = memory.floats_in_out(b, write)?;
        walk([b, write], |[from, to], count, strides| match strides {
            [1, 1] => {
                let out = out[to..to + count].iter_mut();
                out.zip(&input[from..from + count]).for_each(|(a, b)| *a = of(*a, *b));
            }
            [p, q] => (0..count).for_each(|i| out[to + i * q] = of(out[to + i * q], input[from + i * p])),
        });
        Ok(())
    }
}

pub(super) fn float_channels(
    factor: &[f32],
    add: &[f32],
    slope: &[f32],
    step: &Step,
    memory: &mut Memory<'_>,
) -> Result<(), String> {
    let (read, write) = (&step.reads[0], &step.write);
    let (input, out, _) = memory.floats_in_out(read, write)?;
    // Per channel, so that any rank and order will do.
    for channel in 0..factor.len() {
        let (read, write) = (zeroed(read, channel), zeroed(write, channel));
        let (from, to) = (read.offset, write.offset);
        walk([&read, &write], |[i, j], count, [p, q]| {
            for n in 0..count {
                let x = input[from + i + n * p] * factor[channel] + add[channel];
                out[to + j + n * q] = if x < 0.0 { x * slope[channel] } else { x };
            }
        });
    }
    Ok(())
}

/// One channel of a view, its offset counted from the view's first element.
fn zeroed(view: &View, channel: usize) -> View {
    let mut view = view.clone();
    view.offset = 0;
    view.sliced(1, channel, 1, 1)
}

/// Along `axis`: the largest is subtracted first, sums run upwards.
pub(super) fn softmax(axis: usize, kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
    let (read, write) = (&step.reads[0], &step.write);
    let (input, out, scratch) = memory.floats_in_out(read, write)?;
    let (count, p, q) = (read.dims[axis], read.strides[axis], write.strides[axis]);
    let line = room(&mut scratch.float_panel, count);
    let (rows, outs) = (read.sliced(axis, 0, 1, 1), write.sliced(axis, 0, 1, 1));
    walk([&rows, &outs], |[from, to], runs, [a, b]| {
        for run in 0..runs {
            let (from, to) = (from + run * a, to + run * b);
            line.iter_mut().enumerate().for_each(|(i, x)| *x = input[from + i * p]);
            let top = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            line.iter_mut().for_each(|x| *x -= top);
            kernels.exp_f32(line);
            let sum: f32 = line.iter().fold(0.0, |sum, &e| sum + e);
            line.iter().enumerate().for_each(|(i, &e)| out[to + i * q] = e / sum);
        }
    });
    Ok(())
}

/// `[…, m, k] × […, k, n]`, sums over k upwards.
pub(super) fn matmul(kernels: Kernels, step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
    let [a, b] = &step.reads[..] else { return Err("a product reads two tensors".into()) };
    let write = &step.write;
    let rank = write.dims.len();
    let (m, n, k) = (write.dims[rank - 2], write.dims[rank - 1], a.dims[rank - 1]);
    let batch = |view: &View| view.sliced(rank - 2, 0, 1, 1).sliced(rank - 1, 0, 1, 1);
    let mut places = Vec::new();
    walk([&batch(a), &batch(b), &batch(write)], |at, count, strides| {
        (0..count).for_each(|i| places.push([0, 1, 2].map(|view| at[view] + i * strides[view])));
    });
    // One operand at a time is borrowed beside the result: the second is copied, row after row.
    let mut taken = std::mem::take(&mut memory.scratch.float_panel);
    let (rows, rest) = room(&mut taken, k * n + k + n).split_at_mut(k * n);
    let (line, sums) = rest.split_at_mut(k);
    for [at_a, at_b, at_out] in places {
        let (input, _, _) = memory.floats_in_out(b, write)?;
        for (i, row) in rows.chunks_exact_mut(n.max(1)).enumerate() {
            let from = at_b + i * b.strides[rank - 2];
            row.iter_mut().enumerate().for_each(|(j, x)| *x = input[from + j * b.strides[rank - 1]]);
        }
        let (input, out, _) = memory.floats_in_out(a, write)?;
        for row in 0..m {
            let (from, to) = (at_a + row * a.strides[rank - 2], at_out + row * write.strides[rank - 2]);
            line.iter_mut().enumerate().for_each(|(i, x)| *x = input[from + i * a.strides[rank - 1]]);
            sums.fill(0.0);
            kernels.add_rows_f32(line, rows, sums);
            sums.iter().enumerate().for_each(|(j, &sum)| out[to + j * write.strides[rank - 1]] = sum);
        }
    }
    memory.scratch.float_panel = taken;
    Ok(())
}
