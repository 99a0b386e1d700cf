//! The operations of src/kernel/ against burn's own, forward and backward, over drawn shapes.

use burn::tensor::module;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use proptest::prelude::*;
use wayside_train::kernel;

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
