//! Batches of pictures whose numbers lie channels last, whatever the order of the axes.

use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};

/// (batch, height, width, channels) in memory.
#[derive(Debug, Clone)]
pub(super) struct Pictures {
    tensor: FlexTensor,
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Pictures {
    /// Of a tensor with the axes (batch, channels, height, width): as it is where it was made by [`Pictures::tensor_of`],
    /// else turned round.
    pub fn of(tensor: FlexTensor) -> Pictures {
        let tensor = tensor.permute(&[0, 2, 3, 1]).to_contiguous();
        let shape = tensor.layout().shape();
        let (batch, height, width, channels) = (shape[0], shape[1], shape[2], shape[3]);
        Pictures { tensor, batch, height, width, channels }
    }

    pub fn numbers(&self) -> &[f32] {
        self.tensor.storage()
    }

    pub fn dims(&self) -> [usize; 4] {
        [self.batch, self.height, self.width, self.channels]
    }

    pub fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// With the axes (batch, channels, height, width).
    pub fn into_tensor(self) -> FlexTensor {
        self.tensor.permute(&[0, 3, 1, 2])
    }

    /// Changes the numbers, in place where no other tensor shares them.
    pub fn changed(mut self, change: impl FnOnce(&mut [f32])) -> FlexTensor {
        change(self.tensor.storage_mut());
        self.into_tensor()
    }

    /// Numbers in the order (batch, height, width, channels) as a tensor with the axes (batch, channels, height, width).
    pub fn tensor_of(numbers: Vec<f32>, dims: [usize; 4]) -> FlexTensor {
        tensor_of(numbers, &dims).permute(&[0, 3, 1, 2])
    }
}

pub(super) fn tensor_of(numbers: Vec<f32>, dims: &[usize]) -> FlexTensor {
    debug_assert_eq!(numbers.len(), dims.iter().product::<usize>());
    FlexTensor::new(
        burn::tensor::Bytes::from_elems(numbers),
        Layout::contiguous(Shape::from(dims.to_vec())),
        DType::F32,
    )
}
