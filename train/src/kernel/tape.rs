//! Between burn's tensors and the numbers behind them, with burn's tape or without.

use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, BackendTensor, DispatchAutodiffContext, DispatchTensorKind, Flex, GradientCheckpointingStrategy,
};
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;

/// A tensor of the processor that is on a tape.
pub(super) type Taped = FloatTensor<Autodiff<Flex>>;

/// 32-bit floats in the processor's memory.
pub(super) enum Operand {
    Plain(FlexTensor),
    Taped(Taped),
}

impl Operand {
    /// None where the tensor lies on another device, is of another type, or its tape computes values anew.
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Operand> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        let tensor = tensor.clone().into_dispatch();
        match (tensor.kind, tensor.autodiff) {
            (DispatchTensorKind::Flex(BackendTensor::Float(plain)), DispatchAutodiffContext::Disabled) => {
                Some(Operand::Plain(plain))
            }
            (
                DispatchTensorKind::Autodiff(kind),
                DispatchAutodiffContext::Enabled(GradientCheckpointingStrategy::Disabled),
            ) => match *kind {
                DispatchTensorKind::Flex(BackendTensor::Autodiff(taped)) => Some(Operand::Taped(taped)),
                _ => None,
            },
            _ => None,
        }
    }

    /// None where it is on a tape.
    pub(super) fn off_tape(self) -> Option<FlexTensor> {
        match self {
            Operand::Plain(plain) => Some(plain),
            Operand::Taped(_) => None,
        }
    }

    fn taped(self) -> Taped {
        match self {
            Operand::Plain(plain) => Taped::new(plain),
            Operand::Taped(taped) => taped,
        }
    }

    fn plain(self) -> FlexTensor {
        match self {
            Operand::Plain(plain) => plain,
            Operand::Taped(taped) => taped.into_primitive(),
        }
    }
}

/// Runs an operation, which gives its output and what its way back needs, and writes `step` on the tape where an
/// operand is on one.
pub(super) fn apply<const N: usize, const D: usize, B: Backward<Flex, N>>(
    operands: [Operand; N],
    step: B,
    run: impl FnOnce([FlexTensor; N]) -> (FlexTensor, B::State),
) -> Tensor<D> {
    if operands.iter().all(|operand| matches!(operand, Operand::Plain(_))) {
        return Tensor::from_primitive::<Flex>(run(operands.map(Operand::plain)).0);
    }
    let operands = operands.map(Operand::taped);
    let prepared = step.prepare::<NoCheckpointing>(operands.each_ref().map(Taped::node)).compute_bound().stateful();
    let (output, state) = run(operands.map(Taped::into_primitive));
    Tensor::from_primitive::<Autodiff<Flex>>(match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(state, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    })
}
