//! The operations of src/kernel/ against burn's own, forward and backward, over drawn shapes.

use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData, activation, module};
use proptest::prelude::*;
use wayside_train::kernel::{self, Gate, Windows};

/// Numbers without a pattern that a wrong index could fall in with.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

fn tensor<const D: usize>(dims: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(dims.iter().product(), seed), dims), device)
}

/// Within 1e-5 of the largest number there.
#[track_caller]
fn same<const D: usize>(what: &str, ours: &Tensor<D>, burns: &Tensor<D>) {
    assert_eq!(ours.dims(), burns.dims(), "{what}");
    let read = |tensor: &Tensor<D>| tensor.clone().into_data().try_to_vec::<f32>().unwrap();
    let (ours, burns) = (read(ours), read(burns));
    let largest = burns.iter().fold(0.0_f32, |largest, number| largest.max(number.abs())).max(1e-3);
    for (place, (ours, burns)) in ours.iter().zip(&burns).enumerate() {
        assert!((ours - burns).abs() <= 1e-5 * largest, "{what} at {place}: {ours}, burn says {burns}");
    }
}

/// A sum in which each output has a weight of its own.
fn loss(output: Tensor<4>) -> Tensor<1> {
    let weights = tensor(output.dims(), 99, &output.device());
    (output * weights).sum()
}

#[derive(Debug, Clone)]
struct Case {
    x: [usize; 4],
    filters: usize,
    kernel: [usize; 2],
    options: ConvOptions<2>,
    bias: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..4_usize, 1..20_usize, 1..15_usize, 1..15_usize, 1..36_usize);
    let windows = ((1..5_usize, 1..5_usize), (1..4_usize, 1..4_usize), (1..3_usize, 1..3_usize));
    let pads = ((0..3_usize, 0..3_usize), (0..3_usize, 0..3_usize));
    (sizes, windows, pads, any::<bool>(), any::<bool>())
        .prop_map(|((batch, channels, height, width, filters), (kernel, stride, dilation), pads, bias, depthwise)| {
            let groups = if depthwise { channels } else { 1 };
            Case {
                x: [batch, channels, height, width],
                filters: if depthwise { channels } else { filters },
                kernel: [kernel.0, kernel.1],
                options: ConvOptions::new_with_padding(
                    [stride.0, stride.1],
                    [pads.0, pads.1],
                    [dilation.0, dilation.1],
                    groups,
                ),
                bias,
            }
        })
        .prop_filter("the window fits", |case| {
            let reach = |axis: usize| (case.kernel[axis] - 1) * case.options.dilation[axis] + 1;
            (0..2).all(|axis| {
                let (before, after) = case.options.padding[axis];
                case.x[2 + axis] + before + after >= reach(axis)
            })
        })
}

fn convolution(case: &Case) {
    let device = Device::flex().autodiff();
    let run = |ours: bool| {
        let x = tensor(case.x, 1, &device).require_grad();
        let channels = case.x[1] / case.options.groups;
        let kernel = tensor([case.filters, channels, case.kernel[0], case.kernel[1]], 2, &device).require_grad();
        let bias = case.bias.then(|| tensor([case.filters], 3, &device).require_grad());
        let output = if ours {
            kernel::conv2d(x.clone(), kernel.clone(), bias.clone(), case.options.clone())
        } else {
            module::conv2d(x.clone(), kernel.clone(), bias.clone(), case.options.clone())
        };
        let gradients = loss(output.clone()).backward();
        let bias = bias.map(|bias| bias.grad(&gradients).unwrap());
        (output, x.grad(&gradients).unwrap(), kernel.grad(&gradients).unwrap(), bias)
    };
    let (ours, burns) = (run(true), run(false));
    same("output", &ours.0, &burns.0);
    same("input's gradient", &ours.1, &burns.1);
    same("kernel's gradient", &ours.2, &burns.2);
    if let (Some(ours), Some(burns)) = (ours.3, burns.3) {
        same("bias' gradient", &ours, &burns);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn convolutions_are_burns(case in cases()) {
        convolution(&case);
    }
}

/// Sizes that take the ways which small ones do not: several bands of a picture, several panels, a kernel's gradient
/// that is shared out by its rows.
#[test]
fn large_convolutions_are_burns() {
    for (x, filters, kernel, stride, pad) in [
        ([2, 32, 80, 80], 20, 3, 1, 1),
        ([1, 3, 160, 160], 16, 3, 2, 1),
        ([4, 128, 4, 4], 160, 3, 1, 1),
        ([8, 64, 8, 8], 48, 1, 1, 0),
        ([3, 3, 64, 64], 33, 7, 2, 3),
    ] {
        let options = ConvOptions::new([stride; 2], [pad; 2], [1, 1], 1);
        convolution(&Case { x, filters, kernel: [kernel; 2], options, bias: true });
    }
}

/// Output and the gradient of each input, ours and burn's.
fn both(inputs: &[[usize; 4]], ours: impl Fn(&[Tensor<4>]) -> Tensor<4>, burns: impl Fn(&[Tensor<4>]) -> Tensor<4>) {
    let device = Device::flex().autodiff();
    let run = |operation: &dyn Fn(&[Tensor<4>]) -> Tensor<4>| {
        let inputs = inputs.iter().zip(1..).map(|(dims, seed)| tensor(*dims, seed, &device).require_grad());
        let inputs: Vec<Tensor<4>> = inputs.collect();
        let output = operation(&inputs);
        let gradients = loss(output.clone()).backward();
        (output, inputs.iter().map(|input| input.grad(&gradients).unwrap()).collect::<Vec<_>>())
    };
    let (ours, burns) = (run(&ours), run(&burns));
    same("output", &ours.0, &burns.0);
    for (ours, burns) in ours.1.iter().zip(&burns.1) {
        same("gradient", ours, burns);
    }
}

fn gate(gate: Gate, x: Tensor<4>) -> Tensor<4> {
    match gate {
        Gate::Linear => x,
        Gate::Relu => activation::relu(x),
        Gate::LeakyRelu(slope) => activation::leaky_relu(x, f64::from(slope)),
        Gate::Silu => activation::silu(x),
    }
}

const GATES: [Gate; 4] = [Gate::Linear, Gate::Relu, Gate::LeakyRelu(0.1), Gate::Silu];

#[test]
fn batch_normalisation_is_burns_with_its_activation() {
    let device = Device::flex().autodiff();
    // The second has several blocks and a mean far from 0.
    for (dims, shift) in [([2, 5, 3, 4], 0.0), ([3, 24, 40, 31], 4.0), ([1, 1, 1, 7], 0.5)] {
        for behind in GATES {
            let run = |ours: bool| {
                let x = (tensor(dims, 1, &device) + shift).require_grad();
                let gamma = (tensor([dims[1]], 2, &device) + 1.0).require_grad();
                let beta = tensor([dims[1]], 3, &device).require_grad();
                let (output, mean, variance) = if ours {
                    let found = kernel::batch_norm(&x, &gamma, &beta, 1e-3, behind).unwrap();
                    (found.output, found.mean, found.variance)
                } else {
                    let found = module::batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-3);
                    (gate(behind, found.output), found.mean, found.variance)
                };
                let gradients = loss(output.clone()).backward();
                let vectors = [mean.without_autodiff(), variance.without_autodiff()];
                let slopes = [gamma.grad(&gradients).unwrap(), beta.grad(&gradients).unwrap()];
                (output, x.grad(&gradients).unwrap(), vectors, slopes)
            };
            let (ours, burns) = (run(true), run(false));
            same("output", &ours.0, &burns.0);
            same("input's gradient", &ours.1, &burns.1);
            for (ours, burns) in ours.2.iter().chain(&ours.3).zip(burns.2.iter().chain(&burns.3)) {
                same("vector", ours, burns);
            }
        }
    }
}

#[test]
fn batch_normalisation_by_given_statistics_is_burns() {
    let device = Device::flex();
    let x = tensor([2, 19, 5, 6], 1, &device);
    let vector = |seed| tensor([19], seed, &device) + 1.0;
    let [mean, variance, gamma, beta] = [vector(2), vector(3), vector(4), vector(5)];
    for behind in GATES {
        let ours = kernel::batch_norm_by(&x, [&mean, &variance, &gamma, &beta], 1e-3, behind).unwrap();
        let burns = module::batch_norm(
            x.clone(),
            gamma.clone(),
            beta.clone(),
            mean.clone(),
            variance.clone(),
            f64::from(1e-3_f32),
        );
        same("output", &ours, &gate(behind, burns));
    }
}

#[test]
fn activations_and_sums_are_burns() {
    for behind in GATES {
        both(&[[2, 7, 9, 4]], |x| kernel::activate(&x[0], behind).unwrap(), |x| gate(behind, x[0].clone()));
    }
    let dims = [2, 13, 40, 33];
    for behind in [Gate::Linear, Gate::Relu, Gate::LeakyRelu(0.1)] {
        both(
            &[dims, dims],
            |x| kernel::add(&x[0], &x[1], behind).unwrap(),
            |x| gate(behind, x[0].clone() + x[1].clone()),
        );
    }
    // One tensor on both sides, and a gradient that comes from two.
    both(&[dims], |x| kernel::add(&x[0], &x[0], Gate::Linear).unwrap(), |x| x[0].clone() * 2.0);
}

#[test]
fn pooling_is_burns() {
    for (dims, size, stride, pads) in [
        ([2, 5, 9, 8], [3, 3], [2, 2], [(1, 1), (0, 1)]),
        ([1, 17, 6, 6], [2, 2], [2, 2], [(0, 0), (0, 0)]),
        ([3, 2, 7, 5], [1, 4], [1, 3], [(0, 0), (2, 2)]),
    ] {
        let windows = [0, 1].map(|axis| {
            let (before, after) = pads[axis];
            let out = (dims[2 + axis] + before + after - size[axis]) / stride[axis] + 1;
            Windows { size: size[axis], stride: stride[axis], before, out }
        });
        let options = MaxPoolOptions::new(size).with_stride(stride).with_padding_pairs(pads);
        both(
            &[dims],
            |x| kernel::max_pool2d(&x[0], windows).unwrap(),
            |x| module::max_pool2d(x[0].clone(), options.clone()),
        );
    }
    let spread = |mean: Tensor<2>| {
        let [batch, channels] = mean.dims();
        mean.reshape([batch, channels, 1, 1])
    };
    both(
        &[[3, 10, 4, 5]],
        |x| spread(kernel::global_average(&x[0]).unwrap()),
        |x| x[0].clone().mean_dim(2).mean_dim(3),
    );
}

#[test]
fn larger_pictures_and_joined_channels_are_burns() {
    let larger = |x: &[Tensor<4>]| {
        let [_, _, height, width] = x[0].dims();
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height * 2, width * 3]);
        module::interpolate(x[0].clone(), options)
    };
    both(&[[2, 5, 4, 3]], |x| kernel::repeat(&x[0], [2, 3]).unwrap(), larger);
    both(&[[2, 5, 4, 3], [2, 8, 4, 3]], |x| kernel::concatenate(&x[0], &x[1]).unwrap(), |x| Tensor::cat(x.to_vec(), 1));
}

/// What a training that is resumed needs: the same numbers again, to the last bit.
#[test]
fn gradients_are_the_same_each_time() {
    let device = Device::flex().autodiff();
    let run = || {
        let x = tensor([6, 12, 50, 50], 1, &device);
        let kernel = tensor([20, 12, 3, 3], 2, &device).require_grad();
        let output = kernel::conv2d(x, kernel.clone(), None, ConvOptions::new([1, 1], [1, 1], [1, 1], 1));
        let gamma = tensor([20], 3, &device).require_grad();
        let found = kernel::batch_norm(&output, &gamma, &tensor([20], 4, &device), 1e-3, Gate::Silu).unwrap();
        let gradients = loss(found.output).backward();
        let bits = |numbers: Vec<f32>| numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let read = |data: TensorData| bits(data.try_to_vec::<f32>().unwrap());
        (read(kernel.grad(&gradients).unwrap().into_data()), read(gamma.grad(&gradients).unwrap().into_data()))
    };
    let first = run();
    for _ in 0..5 {
        assert!(run() == first);
    }
}
