//! Activations and sums of pictures, number by number, on all threads.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::gate::{Gate, with_curve};
use super::loops;
use super::pictures::Pictures;
use super::sums::BLOCK;
use super::tape::{Operand, apply};
use super::vector::unwritten;

/// The activation of each number; None where this room has no kernel for it: on another device.
pub fn activate(x: &Tensor<4>, gate: Gate) -> Option<Tensor<4>> {
    Some(apply([Operand::of(x)?], Activation, |[x]| {
        let x = Pictures::of(x);
        let mut output = unwritten(x.numbers().len());
        output.par_chunks_mut(BLOCK).zip(x.numbers().par_chunks(BLOCK)).for_each(|(output, x)| {
            with_curve!(gate, curve => loops::curve_of(curve, x, output));
        });
        (Pictures::tensor_of(output, x.dims()), (x, gate))
    }))
}

/// `gate(a + b)` of pictures of the same shape. None where this room has no kernel for it: on another device, or where the
/// sign of the output does not tell the slope of the gate.
pub fn add(a: &Tensor<4>, b: &Tensor<4>, gate: Gate) -> Option<Tensor<4>> {
    let tells_slope = match gate {
        Gate::Linear | Gate::Relu => true,
        Gate::LeakyRelu(slope) => slope >= 0.0,
        Gate::Silu => false,
    };
    if a.dims() != b.dims() || !tells_slope {
        return None;
    }
    Some(apply([Operand::of(a)?, Operand::of(b)?], Sum(gate), |[a, b]| {
        let (a, b) = (Pictures::of(a), Pictures::of(b));
        let mut output = unwritten(a.numbers().len());
        let blocks = a.numbers().par_chunks(BLOCK).zip(b.numbers().par_chunks(BLOCK));
        output.par_chunks_mut(BLOCK).zip(blocks).for_each(|(output, (a, b))| {
            with_curve!(gate, curve => loops::curve_of_sum(curve, a, b, output));
        });
        let output = Pictures::tensor_of(output, a.dims());
        // Only where there is a gate is it looked at again.
        let kept = (gate != Gate::Linear).then(|| Pictures::of(output.clone()));
        (output, kept)
    }))
}

/// Slopes behind a gate, made those before it.
fn times_slope(slopes: Pictures, x: &Pictures, gate: Gate) -> FlexTensor {
    slopes.changed(|slopes| {
        slopes.par_chunks_mut(BLOCK).zip(x.numbers().par_chunks(BLOCK)).for_each(|(slopes, x)| {
            with_curve!(gate, curve => loops::times_slope(curve, x, slopes));
        });
    })
}

#[derive(Debug)]
struct Activation;

impl Backward<Flex, 1> for Activation {
    type State = (Pictures, Gate);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let (x, gate) = ops.state;
        let [Some(node)] = ops.parents else { return };
        gradients.register::<Flex>(node.id, times_slope(slopes, &x, gate));
    }
}

#[derive(Debug)]
struct Sum(Gate);

impl Backward<Flex, 2> for Sum {
    type State = Option<Pictures>;

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let mut slopes = gradients.consume::<Flex>(&ops.node);
        if let Some(output) = &ops.state {
            slopes = times_slope(Pictures::of(slopes), output, self.0);
        }
        for node in ops.parents.into_iter().flatten() {
            gradients.register::<Flex>(node.id, slopes.clone());
        }
    }
}
