//! Functions of one number, and sums and products.

use tract_onnx::pb::NodeProto;

use super::super::node;
use super::super::step::{FloatBinary, Op, Unary};
use super::super::value::{Bytes, Value};
use super::quantised::{axis_of, broadcast, stretched};
use super::{Lowering, dims_of, mapped, view_of};

/// The function that a node computes of each number.
pub(super) fn function_of(node: &NodeProto, lowering: &Lowering<'_>) -> Result<Unary, String> {
    Ok(match node.op_type.as_str() {
        "Relu" => Unary::Relu,
        "LeakyRelu" | "QLinearLeakyRelu" => Unary::LeakyRelu { slope: node::float(node, "alpha", 0.01) },
        "Sigmoid" | "QLinearSigmoid" => Unary::Sigmoid,
        "HardSigmoid" => {
            Unary::HardSigmoid { alpha: node::float(node, "alpha", 0.2), beta: node::float(node, "beta", 0.5) }
        }
        "HardSwish" => Unary::HardSwish,
        "Tanh" => Unary::Tanh,
        "Exp" => Unary::Exp,
        "Clip" => {
            let bound = |index: usize, name: &str, default: f32| -> Result<f32, String> {
                match lowering.constant(node, index)? {
                    Some(bound) => Ok(*bound.floats().and_then(<[f32]>::first).ok_or("a bound is no number")?),
                    None => Ok(node::float(node, name, default)),
                }
            };
            Unary::Clip { low: bound(1, "min", f32::MIN)?, high: bound(2, "max", f32::MAX)? }
        }
        other => return Err(format!("{other} is no function of one number")),
    })
}

impl<'a> Lowering<'a> {
    pub(super) fn function(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let function = function_of(node, self)?;
        if function == Unary::Sigmoid
            && let Value::Float(view) = &value
            && let Some((index, output)) = self.silu_after(node)
        {
            let write = self.plan.floats(&view.dims);
            self.plan.push(&node.name, Op::Unary(Unary::Silu), vec![view.clone()], &write);
            self.done[index] = true;
            return self.put(output, Value::Float(write));
        }
        let value = self.applied(&node.name, &value, function)?;
        self.set(node, 0, value)
    }

    /// The multiplication of x and sigmoid(x) that follows a sigmoid, and nothing else does.
    pub(super) fn silu_after(&self, sigmoid: &NodeProto) -> Option<(usize, &'a str)> {
        let (input, output) = (sigmoid.input.first()?, sigmoid.output.first()?);
        let index = self.sole_consumer(output)?;
        let node = &self.graph.node[index];
        let both = node.input.contains(input) && node.input.contains(output) && node.input.len() == 2;
        (node.op_type == "Mul" && both && input != output).then_some((index, node.output.first()?.as_str()))
    }

    fn applied(&mut self, name: &str, value: &Value, function: Unary) -> Result<Value, String> {
        match value {
            Value::Real { view, f, .. } => {
                let kernels = self.kernels;
                Ok(Value::Real { view: view.clone(), f: mapped(f, |x| function.of(kernels, x)), of: None })
            }
            Value::Float(view) => {
                let write = self.plan.floats(&view.dims);
                self.plan.push(name, Op::Unary(function), vec![view.clone()], &write);
                Ok(Value::Float(write))
            }
            Value::PerChannel(_) => Err(super::PER_CHANNEL.into()),
            _ => Err("it needs numbers".into()),
        }
    }

    /// Add, Sub, Mul, Div.
    pub(super) fn binary(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        let op = match node.op_type.as_str() {
            "Add" => FloatBinary::Add,
            "Sub" => FloatBinary::Sub,
            "Mul" => FloatBinary::Mul,
            _ => FloatBinary::Div,
        };
        if let Some(value) = self.with_number(node, op, &a, &b)? {
            return self.set(node, 0, value);
        }
        // Two functions of the same byte are one function of it.
        if let (Value::Real { view, f, .. }, Value::Real { view: other, f: g, .. }) = (&a, &b)
            && view == other
        {
            let f = std::sync::Arc::new(std::array::from_fn(|byte| match op {
                FloatBinary::Add => f[byte] + g[byte],
                FloatBinary::Sub => f[byte] - g[byte],
                FloatBinary::Mul => f[byte] * g[byte],
                FloatBinary::Div => f[byte] / g[byte],
            }));
            return self.set(node, 0, Value::Real { view: view.clone(), f, of: None });
        }
        // Two quantised tensors whose sum or product is quantised: one step, and it never becomes floats.
        if matches!(op, FloatBinary::Add | FloatBinary::Mul)
            && let Some((index, quantisation, output)) = self.sole_quantiser(&node.output[0])
            && let (Some(x), Some(y)) = (Self::as_bytes(&a), Self::as_bytes(&b))
            && [&x.quantisation, &y.quantisation, &quantisation].iter().all(|q| q.affine().is_some())
        {
            let view = self.binary_bytes(&node.name, op == FloatBinary::Mul, &x, &y, &quantisation)?;
            self.done[index] = true;
            return self.put(output, Value::Bytes(Bytes { view, table: None, quantisation }));
        }
        let dims = broadcast(&dims_of(&a), &dims_of(&b))?;
        let reads = [&a, &b].map(|value| self.as_floats(&node.name, value));
        let [x, y] = reads;
        let reads = vec![stretched(&x?, &dims)?, stretched(&y?, &dims)?];
        let write = self.plan.floats(&dims);
        self.plan.push(&node.name, Op::FloatBinary(op), reads, &write);
        self.set(node, 0, Value::Float(write))
    }

    /// An operation with one constant number: a function.
    fn with_number(
        &mut self,
        node: &NodeProto,
        op: FloatBinary,
        a: &Value,
        b: &Value,
    ) -> Result<Option<Value>, String> {
        let number = |value: &Value| match value {
            Value::Constant(constant) if constant.len() == 1 => constant.floats().map(|floats| floats[0]),
            _ => None,
        };
        let (value, function) = match (number(a), number(b), op) {
            (None, Some(b), FloatBinary::Add) => (a, Unary::Affine { factor: 1.0, add: b }),
            (None, Some(b), FloatBinary::Sub) => (a, Unary::Affine { factor: 1.0, add: -b }),
            (None, Some(b), FloatBinary::Mul) => (a, Unary::Affine { factor: b, add: 0.0 }),
            (None, Some(d), FloatBinary::Div) => (a, Unary::Affine { factor: 1.0 / d, add: 0.0 }),
            (Some(a), None, FloatBinary::Add) => (b, Unary::Affine { factor: 1.0, add: a }),
            (Some(a), None, FloatBinary::Sub) => (b, Unary::Affine { factor: -1.0, add: a }),
            (Some(a), None, FloatBinary::Mul) => (b, Unary::Affine { factor: a, add: 0.0 }),
            (Some(a), None, FloatBinary::Div) => (b, Unary::Reciprocal { numerator: a }),
            _ => return Ok(None),
        };
        match value {
            Value::Real { .. } | Value::Float(_) => self.applied(&node.name, value, function).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn slopes(&self, prelu: &NodeProto) -> Result<Vec<f32>, String> {
        let slope = self.needed(prelu, 1)?;
        Ok(slope.floats().ok_or("its slope is no float constant")?.to_vec())
    }

    pub(super) fn prelu(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let slope = self.slopes(node)?;
        let channels = *dims_of(&value).get(1).ok_or("it needs channels")?;
        if let ([slope], Value::Real { .. }) = (&slope[..], &value) {
            let value = self.applied(&node.name, &value, Unary::LeakyRelu { slope: *slope })?;
            return self.set(node, 0, value);
        }
        let slope = match slope[..] {
            [slope] => vec![slope; channels],
            _ if slope.len() == channels => slope,
            _ => return Err(format!("{} slopes for {channels} channels", slope.len())),
        };
        self.per_channel(node, &value, vec![1.0; channels], vec![0.0; channels], slope)
    }

    /// One that no exporter folded: `(x − mean) / √(variance + ε) · scale + bias`.
    pub(super) fn batch_normalization(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let channels = *dims_of(&value).get(1).ok_or("it needs channels")?;
        let mut parts = Vec::new();
        for index in 1..5 {
            let part = self.needed(node, index)?;
            let part = part.floats().ok_or("its statistics are no float constants")?.to_vec();
            if part.len() != channels {
                return Err(format!("{} numbers for {channels} channels", part.len()));
            }
            parts.push(part);
        }
        let epsilon = node::float(node, "epsilon", 1e-5);
        let factor: Vec<f32> = parts[0].iter().zip(&parts[3]).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        let add = (0..channels).map(|c| parts[1][c] - parts[2][c] * factor[c]).collect();
        self.per_channel(node, &value, factor, add, vec![1.0; channels])
    }

    fn per_channel(
        &mut self,
        node: &'a NodeProto,
        value: &Value,
        factor: Vec<f32>,
        add: Vec<f32>,
        slope: Vec<f32>,
    ) -> Result<(), String> {
        let read = self.as_floats(&node.name, value)?;
        let write = self.plan.floats(&read.dims);
        self.plan.push(&node.name, Op::FloatChannels { factor, add, slope }, vec![read], &write);
        self.set(node, 0, Value::Float(write))
    }

    pub(super) fn softmax(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let axis = axis_of(node, "axis", -1, view_of(&value)?.dims.len())?;
        let read = self.as_floats(&node.name, &value)?;
        let write = self.plan.floats(&read.dims);
        self.plan.push(&node.name, Op::Softmax { axis }, vec![read], &write);
        self.set(node, 0, Value::Float(write))
    }
}
