//! QuantizeLinear, DequantizeLinear, and ONNX Runtime's QLinear forms of functions and sums.

use std::sync::Arc;

use tract_onnx::pb::NodeProto;

use super::super::node;
use super::super::step::{Binary, Op};
use super::super::value::{Bytes, Quantisation, Value, Weights, dequantise_table, quantise_table};
use super::{Lowering, dims_of, view_of};

impl<'a> Lowering<'a> {
    pub(super) fn quantize(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let quantisation = self.node_quantisation(node, 1)?;
        let value = self.quantised(&node.name, &value, quantisation)?;
        self.set(node, 0, value)
    }

    /// The value, quantised: a table where it is a function of bytes.
    pub(super) fn quantised(&mut self, name: &str, value: &Value, quantisation: Quantisation) -> Result<Value, String> {
        let affine = quantisation.affine();
        match (value, affine) {
            // What was quantised the same way before: nothing changes.
            (Value::Real { view, of: Some((table, before)), .. }, _) if *before == quantisation => {
                Ok(Value::Bytes(Bytes { view: view.clone(), table: table.clone(), quantisation }))
            }
            (Value::PerChannel(bytes), _) if bytes.quantisation == quantisation => Ok(Value::Bytes(bytes.clone())),
            (Value::Real { view, f, .. }, Some(affine)) => {
                let table = quantise_table(f, affine);
                Ok(Value::Bytes(Bytes { view: view.clone(), table, quantisation }))
            }
            (Value::Real { view, f, .. }, None) => {
                // A scale per channel: a table per channel.
                let view = self.as_pixels(name, view.clone());
                if view.dims[1] != quantisation.scale.len() {
                    return Err(format!("{} scales for {} channels", quantisation.scale.len(), view.dims[1]));
                }
                let tables = quantisation.scale.iter().enumerate().flat_map(|(channel, &scale)| {
                    let zero = quantisation.zero_of(channel);
                    f.iter().map(move |&x| super::super::value::quantise(x, scale, zero))
                });
                let tables: Vec<u8> = tables.collect();
                let write = self.plan.bytes(&view.dims);
                self.plan.push(name, Op::MapChannels(tables), vec![view], &write);
                Ok(Value::Bytes(Bytes { view: write, table: None, quantisation }))
            }
            (Value::Float(view), Some(affine)) => {
                let write = self.plan.bytes(&view.dims);
                let op = Op::Quantise { scale: affine.scale, zero: affine.zero };
                self.plan.push(name, op, vec![view.clone()], &write);
                Ok(Value::Bytes(Bytes { view: write, table: None, quantisation }))
            }
            (Value::Float(view), None) => {
                let write = self.plan.bytes(&view.dims);
                if view.dims.get(1) != Some(&quantisation.scale.len()) {
                    return Err(format!("{} scales for the shape {:?}", quantisation.scale.len(), view.dims));
                }
                for (channel, &scale) in quantisation.scale.iter().enumerate() {
                    let op = Op::Quantise { scale, zero: quantisation.zero_of(channel) };
                    let read = view.sliced(1, channel, 1, 1);
                    self.plan.push(name, op, vec![read], &write.sliced(1, channel, 1, 1));
                }
                Ok(Value::Bytes(Bytes { view: write, table: None, quantisation }))
            }
            (Value::PerChannel(_), _) => Err(super::PER_CHANNEL.into()),
            _ => Err("it quantises a constant or something quantised".into()),
        }
    }

    pub(super) fn dequantize(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = match self.input(node, 0)? {
            Value::Bytes(bytes) => {
                let quantisation = self.node_quantisation(node, 1)?;
                if quantisation != bytes.quantisation {
                    return Err("it dequantises by another scale or zero point than was quantised by".into());
                }
                self.real(&node.name, bytes)
            }
            Value::Constant(constant) => {
                let scale = self.raw_constant(node, 1)?.ok_or("its scale is missing")?;
                let zero = self.raw_constant(node, 2)?;
                let axis = if scale.len() == 1 { 0 } else { axis_of(node, "axis", 1, constant.dims.len())? };
                Value::Weights(Arc::new(Weights::new(&constant, &scale, zero.as_deref(), axis)?))
            }
            _ => return Err("it dequantises numbers".into()),
        };
        self.set(node, 0, value)
    }

    /// Bytes as what they mean.
    pub(super) fn real(&mut self, name: &str, bytes: Bytes) -> Value {
        let Bytes { view, table, quantisation } = bytes;
        match quantisation.affine() {
            Some(affine) => {
                let f = dequantise_table(table.as_ref(), affine);
                Value::Real { view, f, of: Some((table, quantisation)) }
            }
            None => {
                let view = self.looked_up(name, &view, table.as_ref());
                Value::PerChannel(Bytes { view, table: None, quantisation })
            }
        }
    }

    /// `scale` and `zero` before or after the bytes, as the QLinear forms have them.
    pub(super) fn bytes_at(&self, node: &NodeProto, index: usize) -> Result<Bytes, String> {
        match self.input(node, index)? {
            Value::Bytes(bytes) => {
                let quantisation = self.node_quantisation(node, index + 1)?;
                match quantisation == bytes.quantisation {
                    true => Ok(bytes),
                    // The same integers, read by another rule: they mean something else from here on.
                    false => Ok(Bytes { quantisation, ..bytes }),
                }
            }
            _ => Err(format!("its input {index} is not quantised")),
        }
    }

    pub(super) fn qlinear_binary(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let (a, b) = (self.bytes_at(node, 0)?, self.bytes_at(node, 3)?);
        let out = self.node_quantisation(node, 6)?;
        let view = self.binary_bytes(&node.name, node.op_type == "QLinearMul", &a, &b, &out)?;
        self.set(node, 0, Value::Bytes(Bytes { view, table: None, quantisation: out }))
    }

    pub(super) fn binary_bytes(
        &mut self,
        name: &str,
        product: bool,
        a: &Bytes,
        b: &Bytes,
        out: &Quantisation,
    ) -> Result<super::View, String> {
        let affine = |quantisation: &Quantisation| quantisation.affine().ok_or(super::PER_CHANNEL);
        let binary = Binary { product, a: affine(&a.quantisation)?, b: affine(&b.quantisation)?, out: affine(out)? };
        let dims = broadcast(&a.view.dims, &b.view.dims)?;
        let reads = [a, b].map(|bytes| self.looked_up(name, &bytes.view, bytes.table.as_ref()));
        let reads = reads.into_iter().map(|view| stretched(&view, &dims)).collect::<Result<Vec<_>, _>>()?;
        let write = self.plan.bytes(&dims);
        self.plan.push(name, Op::Binary(binary), reads, &write);
        Ok(write)
    }

    pub(super) fn qlinear_function(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let bytes = self.bytes_at(node, 0)?;
        let out = self.node_quantisation(node, 3)?;
        let function = super::functions::function_of(node, self)?;
        let Value::Real { view, f, .. } = self.real(&node.name, bytes) else {
            return Err("it is not quantised".into());
        };
        let kernels = self.kernels;
        let real = Value::Real { view, f: super::mapped(&f, |x| function.of(kernels, x)), of: None };
        let value = self.quantised(&node.name, &real, out)?;
        self.set(node, 0, value)
    }

    pub(super) fn qlinear_concat(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let out = self.node_quantisation(node, 0)?;
        let mut parts = Vec::new();
        for index in (2..node.input.len()).step_by(3) {
            let bytes = self.bytes_at(node, index)?;
            parts.push(self.real(&node.name, bytes));
        }
        let axis = axis_of(node, "axis", 1, parts.first().map_or(0, |part| dims_of(part).len()))?;
        let value = self.concat_bytes(&node.name, &parts, axis, out)?;
        self.set(node, 0, value)
    }

    /// Parts next to each other, each through its own table to the common scale.
    pub(super) fn concat_bytes(
        &mut self,
        name: &str,
        parts: &[Value],
        axis: usize,
        out: Quantisation,
    ) -> Result<Value, String> {
        let dims = super::shape::joined(parts, axis)?;
        let write = self.plan.bytes(&dims);
        let mut at = 0;
        for part in parts {
            let Value::Bytes(Bytes { view, table, .. }) = self.quantised(name, part, out.clone())? else {
                return Err("a part cannot be quantised".into());
            };
            let count = view.dims[axis];
            let op = Op::MoveBytes(table.map(|table| Box::new(*table)));
            self.plan.push(name, op, vec![view], &write.sliced(axis, at, count, 1));
            at += count;
        }
        Ok(Value::Bytes(Bytes { view: write, table: None, quantisation: out }))
    }
}

/// An axis attribute, counted from the end where it is negative.
pub(super) fn axis_of(node: &NodeProto, name: &str, default: i64, rank: usize) -> Result<usize, String> {
    let axis = node::int(node, name, default);
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(from_start) {
        Ok(axis) if axis < rank => Ok(axis),
        _ => Err(format!("{name} = {axis} of {rank} dimensions")),
    }
}

/// ONNX's broadcasting of two shapes.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    let dim = |axis| match (at(a, axis), at(b, axis)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(format!("the shapes {a:?} and {b:?} do not fit each other")),
    };
    (0..rank).map(dim).collect()
}

/// The view repeated to `dims` where it has dimensions of 1 or none.
pub(super) fn stretched(view: &super::View, dims: &[usize]) -> Result<super::View, String> {
    let missing = dims.len() - view.dims.len();
    let mut stretched = super::View { strides: vec![0; dims.len()], dims: dims.to_vec(), ..view.clone() };
    for axis in missing..dims.len() {
        let own = view.dims[axis - missing];
        if own == dims[axis] {
            stretched.strides[axis] = view.strides[axis - missing];
        } else if own != 1 {
            return Err(format!("the shapes {:?} and {dims:?} do not fit each other", view.dims));
        }
    }
    Ok(stretched)
}

/// So that callers need not know which values have views.
pub(super) fn rank(value: &Value) -> Result<usize, String> {
    view_of(value).map(|view| view.dims.len())
}
