//! Convolution with its way back, without copies of the windows: a tile of outputs reads its windows where they lie, in
//! a band of the source with zeros around it (the indirect convolution of Dukhan 2019, with offsets for pointers). The
//! input's gradient is the same walk over the output's gradient, one for each remainder of the strides.

mod axis;
mod band;
mod correlate;
mod depthwise;
mod tile;
mod weights;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;
use burn_flex::FlexTensor;

use self::axis::Axis;
use self::band::Walk;
use self::correlate::{Packed, correlate};
use super::pictures::{Pictures, tensor_of};
use super::tape::{Operand, apply};
use super::vector::{Shared, unwritten};

/// As burn's: x (batch, channels, height, width), kernel (filters, channels / groups, height, width), bias (filters).
/// On the processor, in 32-bit floats and for one group or as many as channels and filters, by the kernels of this room;
/// otherwise burn's own.
pub fn conv2d(x: Tensor<4>, kernel: Tensor<4>, bias: Option<Tensor<1>>, options: ConvOptions<2>) -> Tensor<4> {
    let Some(geometry) = Geometry::of(x.dims(), kernel.dims(), &options) else {
        return module::conv2d(x, kernel, bias, options);
    };
    let operands = (Operand::of(&x), Operand::of(&kernel), bias.as_ref().map(Operand::of));
    match operands {
        (Some(x), Some(kernel), None) => apply([x, kernel], Convolution, |[x, kernel]| {
            let x = Pictures::of(x);
            (forward(&geometry, &x, &kernel, None), (x, kernel, geometry))
        }),
        (Some(x), Some(kernel), Some(Some(bias))) => apply([x, kernel, bias], Convolution, |[x, kernel, bias]| {
            let x = Pictures::of(x);
            (forward(&geometry, &x, &kernel, Some(&bias)), (x, kernel, geometry))
        }),
        _ => module::conv2d(x, kernel, bias, options),
    }
}

/// Sizes that were looked at.
#[derive(Debug, Clone)]
struct Geometry {
    /// (batch, height, width, channels)
    input: [usize; 4],
    output: [usize; 4],
    /// (filters, channels / groups, height, width)
    kernel: [usize; 4],
    depthwise: bool,
    options: ConvOptions<2>,
}

impl Geometry {
    /// None where this room has no kernel for it, or burn has something to say about it.
    fn of(x: [usize; 4], kernel: [usize; 4], options: &ConvOptions<2>) -> Option<Geometry> {
        let [batch, channels, height, width] = x;
        let depthwise = options.groups > 1 && options.groups == channels && kernel[0] == channels && kernel[1] == 1;
        let plain = options.groups == 1 && kernel[1] == channels;
        let out = |axis: usize, length: usize| {
            let (before, after) = options.padding[axis];
            let reach = (kernel[2 + axis].checked_sub(1)?) * options.dilation[axis] + 1;
            Some((length + before + after).checked_sub(reach)? / options.stride[axis] + 1)
        };
        let output = [batch, out(0, height)?, out(1, width)?, kernel[0]];
        let is_empty = x.iter().chain(&output).any(|length| *length == 0);
        ((depthwise || plain) && !is_empty).then(|| Geometry {
            input: [batch, height, width, channels],
            output,
            kernel,
            depthwise,
            options: options.clone(),
        })
    }

    fn forward(&self) -> Walk {
        let options = &self.options;
        let axis = |axis: usize| {
            let before = options.padding[axis].0;
            Axis::forward(
                self.kernel[2 + axis],
                options.stride[axis],
                before,
                options.dilation[axis],
                self.output[1 + axis],
            )
        };
        Walk { rows: axis(0), columns: axis(1), source: self.input, output: self.output }
    }

    /// From the output to the input.
    fn backward(&self) -> Vec<Walk> {
        let options = &self.options;
        let axis = |axis: usize| {
            let before = options.padding[axis].0;
            Axis::backward(
                self.kernel[2 + axis],
                options.stride[axis],
                before,
                options.dilation[axis],
                self.input[1 + axis],
            )
        };
        let (rows, columns) = (axis(0), axis(1));
        let walks = rows.iter().flat_map(|rows| columns.iter().map(move |columns| (rows.clone(), columns.clone())));
        walks.map(|(rows, columns)| Walk { rows, columns, source: self.output, output: self.input }).collect()
    }
}

fn forward(geometry: &Geometry, x: &Pictures, kernel: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
    let walk = geometry.forward();
    let kernel = kernel.to_contiguous();
    let bias = bias.map(|bias| bias.to_contiguous());
    let bias = bias.as_ref().map(|bias| bias.storage::<f32>());
    let mut output = unwritten(geometry.output.iter().product());
    run(geometry, &walk, x.numbers(), kernel.storage(), bias, Shared::of(&mut output), false);
    Pictures::tensor_of(output, geometry.output)
}

fn run(
    geometry: &Geometry,
    walk: &Walk,
    source: &[f32],
    kernel: &[f32],
    bias: Option<&[f32]>,
    outputs: Shared,
    backward: bool,
) {
    let [_, _, height, width] = geometry.kernel;
    if geometry.depthwise {
        depthwise::correlate(walk, source, &depthwise::packed(kernel, [height, width], walk), bias, outputs);
    } else {
        correlate(walk, source, &Packed::of(kernel, geometry.kernel, walk, backward), bias, outputs);
    }
}

fn input_gradient(geometry: &Geometry, slopes: &Pictures, kernel: &FlexTensor) -> FlexTensor {
    let walks = geometry.backward();
    let kernel = kernel.to_contiguous();
    let size = geometry.input.iter().product();
    // Where a stride is larger than the kernel, places between met no window.
    let has_gaps = walks.iter().any(|walk| walk.depth() == 0);
    let mut gradient = if has_gaps { vec![0.0; size] } else { unwritten(size) };
    for walk in walks.iter().filter(|walk| walk.depth() > 0) {
        run(geometry, walk, slopes.numbers(), kernel.storage(), None, Shared::of(&mut gradient), true);
    }
    Pictures::tensor_of(gradient, geometry.input)
}

fn kernel_gradient(geometry: &Geometry, x: &Pictures, slopes: &Pictures) -> FlexTensor {
    let walk = geometry.forward();
    let [_, _, height, width] = geometry.kernel;
    let gradient = if geometry.depthwise {
        depthwise::weight_gradient(&walk, x.numbers(), slopes.numbers(), [height, width])
    } else {
        weights::weight_gradient(&walk, x.numbers(), slopes.numbers(), geometry.kernel)
    };
    tensor_of(gradient, &geometry.kernel)
}

#[derive(Debug)]
struct Convolution;

impl<const N: usize> Backward<Flex, N> for Convolution {
    type State = (Pictures, FlexTensor, Geometry);

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let (x, kernel, geometry) = ops.state;
        let mut parents = ops.parents.into_iter();
        if let Some(Some(node)) = parents.next() {
            gradients.register::<Flex>(node.id, input_gradient(&geometry, &slopes, &kernel));
        }
        if let Some(Some(node)) = parents.next() {
            gradients.register::<Flex>(node.id, kernel_gradient(&geometry, &x, &slopes));
        }
        if let Some(Some(node)) = parents.next() {
            let sums = super::sums::over_pixels(slopes.numbers(), slopes.channels);
            gradients.register::<Flex>(node.id, tensor_of(sums, &[slopes.channels]));
        }
    }
}
