//! The steps of a plan: what is computed when a network runs. A step reads views, writes one view, and allocates nothing
//! after the first run.

mod conv;
mod elementwise;
mod float_conv;
mod moves;
mod pool;
mod rows;
mod winograd;

pub(super) use conv::{Conv, ConvOut, Depthwise};
pub(super) use elementwise::{Binary, FloatBinary, Unary};
pub(super) use float_conv::{FloatConv, FloatDepthwise};
pub(super) use pool::Pool;
pub(super) use rows::MAX_ROWS;
pub(super) use winograd::Winograd;

use super::kernel::{Kernels, Scratch};
use super::node::Window;
use super::view::View;
use crate::engine::Tensor;

/// One step, and the name of the node that it comes from.
#[derive(Debug)]
pub(super) struct Step {
    pub name: String,
    pub op: Op,
    pub reads: Vec<View>,
    pub write: View,
}

#[derive(Debug)]
pub(super) enum Op {
    /// The letterboxed picture as bytes: per channel a table, where quantising changes the pixels.
    Picture(Option<Box<[[u8; 256]; 3]>>),
    /// The picture as numbers.
    FloatPicture(Box<[[f32; 256]; 3]>),
    /// Moves elements, and passes each through a table where there is one.
    MoveBytes(Option<Box<[u8; 256]>>),
    /// The same with a table per channel: dimension 1 of the view, channels next to each other.
    MapChannels(Vec<u8>),
    BytesToFloats(Box<[f32; 256]>),
    MoveFloats,
    /// Numbers of the file, in ONNX's order.
    Constant(Vec<f32>),
    Quantise {
        scale: f32,
        zero: u8,
    },
    Conv(Box<Conv>),
    Winograd(Box<Winograd>),
    Depthwise(Box<Depthwise>),
    FloatConv(Box<FloatConv>),
    FloatDepthwise(Box<FloatDepthwise>),
    Binary(Binary),
    FloatBinary(FloatBinary),
    Unary(Unary),
    /// PReLU or a batch normalisation that was left alone: `x·factor + add` per channel, below 0 times `slope`.
    FloatChannels {
        factor: Vec<f32>,
        add: Vec<f32>,
        slope: Vec<f32>,
    },
    Pool(Pool),
    ResizeLinear,
    Softmax {
        axis: usize,
    },
    MatMul,
}

/// What buffers are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    Floats,
    /// The tensor that the caller gets.
    Output(usize),
}

/// Where a step finds its data. `place` of a buffer: what it is made of and where it begins.
pub(super) struct Memory<'a> {
    pub bytes: &'a mut [u8],
    pub floats: &'a mut [f32],
    pub outputs: &'a mut [Tensor],
    pub picture: &'a [u8],
    pub places: &'a [(Kind, usize)],
    pub scratch: &'a mut StepScratch,
}

/// Memory that steps share; it grows to what the largest needs.
#[derive(Default)]
pub(super) struct StepScratch {
    pub kernel: Scratch,
    pub bytes: Vec<u8>,
    pub panel: Vec<u8>,
    pub floats: Vec<f32>,
    pub float_panel: Vec<f32>,
}

/// Bytes behind each buffer that may be read and mean nothing.
pub(super) const READ_SLACK: usize = 3;

/// Two views that a plan gave the same memory: a fault of the planner, not of the user.
const OVERLAP: &str = "two tensors share memory: please report this model";

impl Step {
    /// For people: what kind of work it is.
    pub fn kind(&self) -> String {
        let window = |name: &str, window: &Window| {
            let ([h, w], [sh, sw]) = (window.kernel, window.stride);
            let stride = if [sh, sw] == [1, 1] { String::new() } else { format!(" /{sh}") };
            format!("{name} {h}x{w}{stride}")
        };
        match &self.op {
            Op::Picture(_) | Op::FloatPicture(_) => "picture".into(),
            Op::MoveBytes(None) | Op::MoveFloats => "move".into(),
            Op::MoveBytes(Some(_)) | Op::MapChannels(_) => "table".into(),
            Op::BytesToFloats(_) => "dequantise".into(),
            Op::Constant(_) => "constant".into(),
            Op::Quantise { .. } => "quantise".into(),
            Op::Conv(conv) => window("conv", &conv.window),
            Op::Winograd(conv) => format!("{} by Winograd", window("conv", &conv.window)),
            Op::Depthwise(depthwise) => window("depthwise", &depthwise.window),
            Op::FloatConv(conv) => window("float conv", &conv.window),
            Op::FloatDepthwise(depthwise) => window("float depthwise", &depthwise.window),
            Op::Binary(_) => "add/mul".into(),
            Op::FloatBinary(_) | Op::Unary(_) | Op::FloatChannels { .. } => "float function".into(),
            Op::Pool(_) => "pool".into(),
            Op::ResizeLinear => "resize".into(),
            Op::Softmax { .. } => "softmax".into(),
            Op::MatMul => "matmul".into(),
        }
    }

    /// Multiplications and additions of a convolution, as it is written down: Winograd's needs fewer.
    pub fn operations(&self) -> u64 {
        let (window, inputs) = match &self.op {
            Op::Conv(conv) => (conv.window, self.reads[0].dims[1] / conv.groups.len()),
            Op::FloatConv(conv) => (conv.window, self.reads[0].dims[1] / conv.groups.len()),
            Op::Winograd(conv) => (conv.window, self.reads[0].dims[1]),
            Op::Depthwise(depthwise) => (depthwise.window, 1),
            Op::FloatDepthwise(depthwise) => (depthwise.window, 1),
            _ => return 0,
        };
        2 * (self.write.len() * window.kernel[0] * window.kernel[1] * inputs) as u64
    }

    pub fn run(&self, kernels: Kernels, memory: &mut Memory<'_>) -> Result<(), String> {
        match &self.op {
            Op::Picture(tables) => moves::picture(tables.as_deref(), memory.picture, memory.bytes_out(&self.write)),
            Op::FloatPicture(tables) => moves::float_picture(tables, self, memory),
            Op::MoveBytes(table) => moves::bytes(kernels, table.as_deref(), self, memory)?,
            Op::MapChannels(tables) => moves::map_channels(tables, self, memory)?,
            Op::BytesToFloats(table) => moves::bytes_to_floats(kernels, table, self, memory),
            Op::MoveFloats => moves::floats(self, memory)?,
            Op::Constant(values) => memory.floats_out(&self.write).copy_from_slice(values),
            Op::Quantise { scale, zero } => moves::quantise(kernels, *scale, *zero, self, memory),
            Op::Conv(conv) => conv.run(kernels, self, memory)?,
            Op::Winograd(conv) => conv.run(kernels, self, memory)?,
            Op::Depthwise(depthwise) => depthwise.run(kernels, self, memory)?,
            Op::FloatConv(conv) => conv.run(kernels, self, memory)?,
            Op::FloatDepthwise(depthwise) => depthwise.run(kernels, self, memory)?,
            Op::Binary(binary) => binary.run(kernels, self, memory)?,
            Op::FloatBinary(binary) => binary.run(self, memory)?,
            Op::Unary(unary) => unary.run(kernels, self, memory)?,
            Op::FloatChannels { factor, add, slope } => {
                elementwise::float_channels(factor, add, slope, self, memory)?;
            }
            Op::Pool(pool) => pool.run(kernels, self, memory)?,
            Op::ResizeLinear => pool::resize_linear(self, memory)?,
            Op::Softmax { axis } => elementwise::softmax(*axis, kernels, self, memory)?,
            Op::MatMul => elementwise::matmul(kernels, self, memory)?,
        }
        Ok(())
    }
}

impl Memory<'_> {
    fn base(&self, view: &View) -> usize {
        self.places[view.buffer].1
    }

    fn kind(&self, view: &View) -> Kind {
        self.places[view.buffer].0
    }

    /// The elements of `view`'s span; index 0 is its first element.
    fn range(&self, view: &View) -> std::ops::Range<usize> {
        let span = view.span();
        let base = self.base(view);
        span.start + base..span.end + base
    }

    fn bytes_out(&mut self, write: &View) -> &mut [u8] {
        let range = self.range(write);
        &mut self.bytes[range]
    }

    /// What is read and what is written, both bytes, and the scratch memory.
    fn bytes_in_out(&mut self, read: &View, write: &View) -> Result<(&[u8], &mut [u8], &mut StepScratch), String> {
        let from = self.range(read);
        // Buffers end with as many spare bytes: kernels read whole quads.
        let ranges = [from.start..from.end + READ_SLACK, self.range(write)];
        let [read, write] = self.bytes.get_disjoint_mut(ranges).map_err(|_| OVERLAP)?;
        Ok((read, write, self.scratch))
    }

    /// Bytes to read, numbers to write.
    fn bytes_in_floats_out(&mut self, read: &View, write: &View) -> (&[u8], &mut [f32], &mut StepScratch) {
        let (from, to) = (self.range(read), self.range(write));
        let floats = match self.kind(write) {
            Kind::Output(index) => &mut self.outputs[index].data[to],
            Kind::Bytes | Kind::Floats => &mut self.floats[to],
        };
        (&self.bytes[from.start..from.end + READ_SLACK], floats, self.scratch)
    }

    fn floats_in_bytes_out(&mut self, read: &View, write: &View) -> (&[f32], &mut [u8]) {
        let (from, to) = (self.range(read), self.range(write));
        let floats = match self.kind(read) {
            Kind::Output(index) => &self.outputs[index].data[from],
            Kind::Bytes | Kind::Floats => &self.floats[from],
        };
        (floats, &mut self.bytes[to])
    }

    fn floats_in_out(&mut self, read: &View, write: &View) -> Result<(&[f32], &mut [f32], &mut StepScratch), String> {
        let (from, to) = (self.range(read), self.range(write));
        let (read, write) = match (self.kind(read), self.kind(write)) {
            (Kind::Output(a), Kind::Output(b)) if a == b => {
                let [read, write] = self.outputs[a].data.get_disjoint_mut([from, to]).map_err(|_| OVERLAP)?;
                (&*read, write)
            }
            (Kind::Output(a), Kind::Output(b)) => {
                let [read, write] = self.outputs.get_disjoint_mut([a, b]).map_err(|_| OVERLAP)?;
                (&read.data[from], &mut write.data[to])
            }
            (Kind::Output(a), _) => (&self.outputs[a].data[from], &mut self.floats[to]),
            (_, Kind::Output(b)) => (&self.floats[from], &mut self.outputs[b].data[to]),
            _ => {
                let [read, write] = self.floats.get_disjoint_mut([from, to]).map_err(|_| OVERLAP)?;
                (&*read, write)
            }
        };
        Ok((read, write, self.scratch))
    }

    fn floats_out(&mut self, write: &View) -> &mut [f32] {
        let range = self.range(write);
        match self.kind(write) {
            Kind::Output(index) => &mut self.outputs[index].data[range],
            Kind::Bytes | Kind::Floats => &mut self.floats[range],
        }
    }
}

/// `buffer` with at least `len` elements; never shrinks.
fn room<T: Clone + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}
