//! Activations and sums of pictures, number by number, on all threads.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::gate::{Curve, Gate, with_curve};
use super::pictures::Pictures;
use super::sums::BLOCK;
use super::tape::{Operand, apply};
use super::vector::{unwritten, widest};

/// The activation of each number; None where this room has no kernel for it: on another device.
pub fn activate(x: &Tensor<4>, gate: Gate) -> Option<Tensor<4>> {
    Some(apply([Operand::of(x)?], Activation, |[x]| {
        let x = Pictures::of(x);
        let mut output = unwritten(x.numbers().len());
        with_curve!(gate, curve => map(x.numbers(), &mut output, |x| curve.value(x)));
        (Pictures::tensor_of(output, x.dims()), (x, gate))
    }))
}

/// `a + b` of pictures of the same shape; None where this room has no kernel for it.
pub fn add(a: &Tensor<4>, b: &Tensor<4>) -> Option<Tensor<4>> {
    if a.dims() != b.dims() {
        return None;
    }
    Some(apply([Operand::of(a)?, Operand::of(b)?], Sum, |[a, b]| {
        let (a, b) = (Pictures::of(a), Pictures::of(b));
        let mut output = unwritten(a.numbers().len());
        zip(a.numbers(), b.numbers(), &mut output, |a, b| a + b);
        (Pictures::tensor_of(output, a.dims()), ())
    }))
}

fn map(x: &[f32], output: &mut [f32], change: impl Fn(f32) -> f32 + Sync) {
    output.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(output, x)| {
        widest(|| output.iter_mut().zip(x).for_each(|(output, x)| *output = change(*x)));
    });
}

fn zip(a: &[f32], b: &[f32], output: &mut [f32], change: impl Fn(f32, f32) -> f32 + Sync) {
    output.par_chunks_mut(BLOCK).zip(a.par_chunks(BLOCK).zip(b.par_chunks(BLOCK))).for_each(|(output, (a, b))| {
        widest(|| output.iter_mut().zip(a).zip(b).for_each(|((output, a), b)| *output = change(*a, *b)));
    });
}

#[derive(Debug)]
struct Activation;

impl Backward<Flex, 1> for Activation {
    type State = (Pictures, Gate);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = Pictures::of(gradients.consume::<Flex>(&ops.node));
        let (x, gate) = ops.state;
        let [Some(node)] = ops.parents else { return };
        let gradient = slopes.changed(|slopes| {
            slopes.par_chunks_mut(BLOCK).zip(x.numbers().par_chunks(BLOCK)).for_each(|(slopes, x)| {
                with_curve!(gate, curve => {
                    widest(|| slopes.iter_mut().zip(x).for_each(|(slope, x)| *slope *= curve.slope(*x)));
                });
            });
        });
        gradients.register::<Flex>(node.id, gradient);
    }
}

#[derive(Debug)]
struct Sum;

impl Backward<Flex, 2> for Sum {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slopes = gradients.consume::<Flex>(&ops.node);
        for node in ops.parents.into_iter().flatten() {
            gradients.register::<Flex>(node.id, slopes.clone());
        }
    }
}
