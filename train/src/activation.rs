//! Functions behind a layer, by the names of Keras.

use std::str::FromStr;

use burn::tensor::activation;
use serde::{Deserialize, Serialize};

use crate::export::{Attribute, Scope};
use crate::kernel::{self, Gate};
use crate::map_value;
use crate::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    #[default]
    Linear,
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x where positive, `slope`·x elsewhere; Keras' slope is 0.2.
    LeakyRelu(f32),
    /// x·sigmoid(x)
    Silu,
    /// x·min(max(x + 3, 0), 6)/6
    HardSwish,
    Sigmoid,
    Tanh,
    /// Over the last axis, the channels.
    Softmax,
}

impl Activation {
    /// The kernel's name for it; None where no kernel has it.
    pub(crate) fn gate(self) -> Option<Gate> {
        match self {
            Activation::Linear => Some(Gate::Linear),
            Activation::Relu => Some(Gate::Relu),
            Activation::LeakyRelu(slope) => Some(Gate::LeakyRelu(slope)),
            Activation::Silu => Some(Gate::Silu),
            _ => None,
        }
    }

    pub fn apply(self, value: Value) -> Value {
        let axis = value.channel_axis();
        if let (Value::Pictures(x), Some(gate)) = (&value, self.gate())
            && gate != Gate::Linear
            && let Some(activated) = kernel::activate(x, gate)
        {
            return Value::Pictures(activated);
        }
        match self {
            Activation::Linear => value,
            Activation::Relu => map_value!(value, x => activation::relu(x)),
            Activation::Relu6 => map_value!(value, x => x.clamp(0.0, 6.0)),
            Activation::LeakyRelu(slope) => map_value!(value, x => activation::leaky_relu(x, f64::from(slope))),
            Activation::Silu => map_value!(value, x => activation::silu(x)),
            Activation::HardSwish => {
                map_value!(value, x => x.clone().mul(x.add_scalar(3.0).clamp(0.0, 6.0)).div_scalar(6.0))
            }
            Activation::Sigmoid => map_value!(value, x => activation::sigmoid(x)),
            Activation::Tanh => map_value!(value, x => activation::tanh(x)),
            Activation::Softmax => map_value!(value, x => activation::softmax(x, axis)),
        }
    }

    /// Writes the nodes of the function behind the tensor `input`, of `rank` axes with the batch; the name of the result.
    pub fn write(self, scope: &mut Scope, input: String, rank: usize) -> String {
        match self {
            Activation::Linear => input,
            Activation::Relu => scope.node("Relu", &[input], &[]),
            Activation::Relu6 => {
                let (low, high) = (scope.scalar("low", 0.0), scope.scalar("high", 6.0));
                scope.node("Clip", &[input, low, high], &[])
            }
            Activation::LeakyRelu(slope) => scope.node("LeakyRelu", &[input], &[("alpha", Attribute::Float(slope))]),
            Activation::Silu => {
                let gate = scope.node("Sigmoid", std::slice::from_ref(&input), &[]);
                scope.node("Mul", &[input, gate], &[])
            }
            Activation::HardSwish => scope.node("HardSwish", &[input], &[]),
            Activation::Sigmoid => scope.node("Sigmoid", &[input], &[]),
            Activation::Tanh => scope.node("Tanh", &[input], &[]),
            Activation::Softmax => {
                let axis = if rank == 4 { 1 } else { rank as i64 - 1 };
                scope.node("Softmax", &[input], &[("axis", Attribute::Int(axis))])
            }
        }
    }
}

impl FromStr for Activation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(match name {
            "linear" => Activation::Linear,
            "relu" => Activation::Relu,
            "relu6" => Activation::Relu6,
            "leaky_relu" => Activation::LeakyRelu(0.2),
            "silu" | "swish" => Activation::Silu,
            "hard_swish" | "hard_silu" => Activation::HardSwish,
            "sigmoid" => Activation::Sigmoid,
            "tanh" => Activation::Tanh,
            "softmax" => Activation::Softmax,
            other => {
                return Err(format!(
                    "no activation {other}: linear, relu, relu6, leaky_relu, silu, hard_swish, sigmoid, tanh, softmax"
                ));
            }
        })
    }
}
