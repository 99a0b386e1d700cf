//! What flows between layers: a batch of any rank.

use burn::tensor::Tensor;
use ndarray::ArrayD;

use crate::device::Device;
use crate::shape::Shape;

/// A batch. Pictures, the shapes of three axes, are stored channels first, (batch, channels, height, width), because
/// burn's convolutions are; every other rank is stored as its shape is written.
#[derive(Debug, Clone)]
pub enum Value {
    /// (batch, features)
    Rows(Tensor<2>),
    /// (batch, steps, features)
    Table(Tensor<3>),
    /// (batch, channels, height, width)
    Pictures(Tensor<4>),
    /// (batch, height, width, anchors, features)
    Grid(Tensor<5>),
}

/// Runs an expression over the tensor inside, whatever its rank, and wraps the result alike.
#[macro_export]
macro_rules! map_value {
    ($value:expr, $tensor:ident => $body:expr) => {
        match $value {
            $crate::value::Value::Rows($tensor) => $crate::value::Value::Rows($body),
            $crate::value::Value::Table($tensor) => $crate::value::Value::Table($body),
            $crate::value::Value::Pictures($tensor) => $crate::value::Value::Pictures($body),
            $crate::value::Value::Grid($tensor) => $crate::value::Value::Grid($body),
        }
    };
}

/// Runs an expression over the tensor inside, whatever its rank.
#[macro_export]
macro_rules! with_value {
    ($value:expr, $tensor:ident => $body:expr) => {
        match $value {
            $crate::value::Value::Rows($tensor) => $body,
            $crate::value::Value::Table($tensor) => $body,
            $crate::value::Value::Pictures($tensor) => $body,
            $crate::value::Value::Grid($tensor) => $body,
        }
    };
}

/// Runs an expression over two tensors of the same rank and wraps the result alike. Ranks were compared when the
/// model was built.
#[macro_export]
macro_rules! zip_values {
    ($left:expr, $right:expr, $a:ident, $b:ident => $body:expr) => {
        match ($left, $right) {
            ($crate::value::Value::Rows($a), $crate::value::Value::Rows($b)) => $crate::value::Value::Rows($body),
            ($crate::value::Value::Table($a), $crate::value::Value::Table($b)) => $crate::value::Value::Table($body),
            ($crate::value::Value::Pictures($a), $crate::value::Value::Pictures($b)) => {
                $crate::value::Value::Pictures($body)
            }
            ($crate::value::Value::Grid($a), $crate::value::Value::Grid($b)) => $crate::value::Value::Grid($body),
            (left, right) => unreachable!("values of ranks {} and {}", left.rank(), right.rank()),
        }
    };
}

impl Value {
    /// Of an array with the batch first and channels last. None where no layer knows the rank (2 to 5, with the batch).
    pub fn from_array(array: &ArrayD<f32>, device: &Device) -> Option<Value> {
        let shape = array.shape().to_vec();
        let flat: Vec<f32> = array.iter().copied().collect();
        Self::from_flat(Tensor::from_floats(flat.as_slice(), device), shape[0], &shape[1..])
    }

    /// Of numbers in the order of (batch, height, width, channels). None where no layer knows the rank.
    pub fn from_flat(flat: Tensor<1>, batch: usize, shape: &[usize]) -> Option<Value> {
        Some(match *shape {
            [a] => Value::Rows(flat.reshape([batch, a])),
            [a, b] => Value::Table(flat.reshape([batch, a, b])),
            [h, w, c] => Value::Pictures(flat.reshape([batch, h, w, c]).permute([0, 3, 1, 2])),
            [a, b, c, d] => Value::Grid(flat.reshape([batch, a, b, c, d])),
            _ => return None,
        })
    }

    /// The numbers in the order of (batch, height, width, channels).
    pub fn into_flat(self) -> Tensor<1> {
        match self {
            Value::Pictures(tensor) => {
                let count = tensor.shape().num_elements();
                tensor.permute([0, 2, 3, 1]).reshape([count])
            }
            other => with_value!(other, tensor => {
                let count = tensor.shape().num_elements();
                tensor.reshape([count])
            }),
        }
    }

    /// As an array with the batch first and channels last.
    pub fn into_array(self) -> ArrayD<f32> {
        let mut shape = vec![self.batch()];
        shape.extend(self.shape());
        let flat =
            self.into_flat().without_autodiff().into_data().try_to_vec::<f32>().expect("values are 32-bit floats");
        ArrayD::from_shape_vec(shape, flat).expect("as many numbers as the shape says")
    }

    pub fn batch(&self) -> usize {
        with_value!(self, tensor => tensor.dims()[0])
    }

    pub fn rank(&self) -> usize {
        with_value!(self, tensor => tensor.dims().len())
    }

    /// Channels last, without the batch.
    pub fn shape(&self) -> Shape {
        match self {
            Value::Pictures(tensor) => {
                let [_, c, h, w] = tensor.dims();
                vec![h, w, c]
            }
            other => with_value!(other, tensor => tensor.dims()[1..].to_vec()),
        }
    }

    /// Where the channels or features lie in what is stored.
    pub fn channel_axis(&self) -> usize {
        match self {
            Value::Pictures(_) => 1,
            other => other.rank() - 1,
        }
    }

    pub fn autodiff(self) -> Value {
        map_value!(self, tensor => tensor.autodiff())
    }
}
