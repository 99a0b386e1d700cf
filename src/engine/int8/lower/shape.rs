//! Operators that only move numbers: most of them change nothing but a view.

use tract_onnx::pb::NodeProto;

use super::super::node;
use super::super::step::{Kind, Op};
use super::super::value::Value;
use super::quantised::{axis_of, rank};
use super::{Lowering, View, dims_of, view_of, with_view};

/// The shape of parts that are put next to each other along `axis`.
pub(super) fn joined(parts: &[Value], axis: usize) -> Result<Vec<usize>, String> {
    let mut dims = dims_of(parts.first().ok_or("it joins nothing")?);
    for part in &parts[1..] {
        let other = dims_of(part);
        let fits = other.len() == dims.len() && (0..dims.len()).all(|i| i == axis || dims[i] == other[i]);
        if !fits || axis >= dims.len() {
            return Err(format!("the shapes {dims:?} and {other:?} do not fit each other"));
        }
        dims[axis] += other[axis];
    }
    Ok(dims)
}

impl<'a> Lowering<'a> {
    pub(super) fn concat(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let parts = (0..node.input.len()).map(|index| self.input(node, index)).collect::<Result<Vec<_>, _>>()?;
        let axis = axis_of(node, "axis", 1, rank(parts.first().ok_or("it joins nothing")?)?)?;
        let name = &node.name;
        let numbers = |part: &Value| matches!(part, Value::Real { .. } | Value::Float(_));
        if parts.iter().all(numbers)
            && let Some((index, quantisation, output)) = self.sole_quantiser(&node.output[0])
            && quantisation.affine().is_some()
        {
            let value = self.concat_bytes(name, &parts, axis, quantisation)?;
            self.done[index] = true;
            return self.put(output, value);
        }
        // Parts that mean the same by the same byte stay bytes.
        if let Value::Real { f, of, .. } = &parts[0]
            && parts.iter().all(|part| matches!(part, Value::Real { f: g, of: o, .. } if g == f && o == of))
        {
            let write = self.plan.bytes(&joined(&parts, axis)?);
            self.place(name, &parts, axis, &write, |_| Op::MoveBytes(None))?;
            return self.set(node, 0, with_view(&parts[0], write));
        }
        let write = self.plan.floats(&joined(&parts, axis)?);
        self.place(name, &parts, axis, &write, |part| match part {
            Value::Real { f, .. } => Op::BytesToFloats(Box::new(**f)),
            _ => Op::MoveFloats,
        })?;
        self.set(node, 0, Value::Float(write))
    }

    fn place(
        &mut self,
        name: &str,
        parts: &[Value],
        axis: usize,
        write: &View,
        op: impl Fn(&Value) -> Op,
    ) -> Result<(), String> {
        let mut at = 0;
        for part in parts {
            let view = match part {
                Value::Constant(constant) => self.constant_view(name, constant)?,
                _ => view_of(part)?.clone(),
            };
            let count = view.dims[axis];
            self.plan.push(name, op(part), vec![view], &write.sliced(axis, at, count, 1));
            at += count;
        }
        Ok(())
    }

    pub(super) fn split(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let view = view_of(&value)?.clone();
        let axis = axis_of(node, "axis", 0, view.dims.len())?;
        let parts = node.output.len();
        let counts: Vec<usize> = match (node::ints(node, "split"), self.integers(node, 1)?) {
            (Some(counts), _) => counts.iter().map(|&count| count.max(0) as usize).collect(),
            (None, Some(counts)) => counts.iter().map(|&count| count.max(0) as usize).collect(),
            (None, None) => {
                let each = view.dims[axis].div_ceil(parts);
                (0..parts).map(|part| each.min(view.dims[axis].saturating_sub(part * each))).collect()
            }
        };
        if counts.len() != parts || counts.iter().sum::<usize>() != view.dims[axis] || counts.contains(&0) {
            return Err(format!("it splits {} into {counts:?}", view.dims[axis]));
        }
        let mut at = 0;
        for (index, count) in counts.into_iter().enumerate() {
            self.set(node, index, with_view(&value, view.sliced(axis, at, count, 1)))?;
            at += count;
        }
        Ok(())
    }

    pub(super) fn slice(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let mut view = view_of(&value)?.clone();
        let rank = view.dims.len();
        let given = |attribute: &str, index: usize| match node::ints(node, attribute) {
            Some(values) => Ok(Some(values.to_vec())),
            None => self.integers(node, index),
        };
        let starts = given("starts", 1)?.ok_or("its starts are missing")?;
        let ends = given("ends", 2)?.ok_or("its ends are missing")?;
        let axes = given("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.integers(node, 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err("its starts, ends, axes and steps differ in number".into());
        }
        for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            let Some(axis) = usize::try_from(axis).ok().filter(|&axis| axis < rank) else {
                return Err(format!("axis {axis} of {rank} dimensions"));
            };
            let dim = view.dims[axis] as i64;
            let place = |at: i64| if at < 0 { at.saturating_add(dim).clamp(0, dim) } else { at.min(dim) };
            let (start, end) = (place(start), place(end));
            if step < 1 || end <= start {
                return Err(format!("a slice from {start} to {end} by {step} is not supported"));
            }
            let count = ((end - start) as usize).div_ceil(step as usize);
            view = view.sliced(axis, start as usize, count, step as usize);
        }
        self.set(node, 0, with_view(&value, view))
    }

    /// Reshape, Flatten, Squeeze, Unsqueeze.
    pub(super) fn reshape(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let before = dims_of(&value);
        let len: usize = before.iter().product();
        let dims: Vec<usize> = match node.op_type.as_str() {
            "Flatten" => {
                let axis = node::int(node, "axis", 1).clamp(0, before.len() as i64) as usize;
                vec![before[..axis].iter().product(), before[axis..].iter().product()]
            }
            "Reshape" => {
                let wanted = self.integers(node, 1)?.ok_or("its shape is missing")?;
                resolved(&wanted, &before, len)?
            }
            squeeze => {
                let axes = match node::ints(node, "axes") {
                    Some(axes) => Some(axes.to_vec()),
                    None => self.integers(node, 1)?,
                };
                let axes = axes.ok_or("its axes are missing")?;
                let rank = if squeeze == "Squeeze" { before.len() } else { before.len() + axes.len() };
                let at = |axis: &i64| usize::try_from(if *axis < 0 { axis + rank as i64 } else { *axis }).ok();
                let axes = axes.iter().map(at).collect::<Option<Vec<usize>>>().ok_or("its axes are wrong")?;
                if squeeze == "Squeeze" {
                    (0..rank).filter(|axis| !axes.contains(axis)).map(|axis| before[axis]).collect()
                } else {
                    let mut rest = before.iter();
                    let one = |axis| if axes.contains(&axis) { Some(1) } else { rest.next().copied() };
                    (0..rank).map(one).collect::<Option<_>>().ok_or("its axes are wrong")?
                }
            }
        };
        if dims.iter().product::<usize>() != len || dims.len() > super::MAX_DIMS {
            return Err(format!("{before:?} cannot become {dims:?}"));
        }
        if let Value::Constant(constant) = &value {
            let constant = super::Constant { dims, data: constant.data.clone() };
            return self.set(node, 0, Value::Constant(std::sync::Arc::new(constant)));
        }
        let view = view_of(&value)?;
        let view = match view.reshaped(&dims) {
            Some(view) => view,
            None => self.moved(&node.name, view.clone(), &dims)?,
        };
        self.set(node, 0, with_view(&value, view))
    }

    /// `view` under other dimensions, moved to channels last where it can be, else to ONNX's order.
    fn moved(&mut self, name: &str, view: View, dims: &[usize]) -> Result<View, String> {
        let floats = !matches!(self.plan.kind(&view), Kind::Bytes);
        let target = match floats {
            true => self.plan.floats(dims),
            false => self.plan.dense_bytes(dims),
        };
        let op = if floats { Op::MoveFloats } else { Op::MoveBytes(None) };
        // The target seen under the old dimensions: a shuffle of channels goes straight to channels last.
        if let Some(write) = target.reshaped(&view.dims) {
            self.plan.push(name, op, vec![view], &write);
            return Ok(target);
        }
        let write = match floats {
            true => self.plan.row_major_floats(&view.dims),
            false => self.plan.row_major_bytes(&view.dims),
        };
        self.plan.push(name, op, vec![view], &write);
        write.reshaped(dims).ok_or_else(|| format!("{:?} cannot become {dims:?}", write.dims))
    }

    pub(super) fn transpose(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let view = view_of(&value)?;
        let rank = view.dims.len();
        let order: Vec<usize> = match node::ints(node, "perm") {
            Some(order) => order.iter().map(|&axis| usize::try_from(axis).unwrap_or(rank)).collect(),
            None => (0..rank).rev().collect(),
        };
        if order.len() != rank || (0..rank).any(|axis| !order.contains(&axis)) {
            return Err(format!("perm = {order:?} of {rank} dimensions"));
        }
        self.set(node, 0, with_view(&value, view.transposed(&order)))
    }
}

/// A wanted shape with its 0 (as before) and −1 (what is left) filled in.
fn resolved(wanted: &[i64], before: &[usize], len: usize) -> Result<Vec<usize>, String> {
    let wrong = || format!("{before:?} cannot become {wanted:?}");
    let mut dims = Vec::with_capacity(wanted.len());
    for (axis, &dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            0 => *before.get(axis).ok_or_else(wrong)?,
            -1 => 0,
            dim => usize::try_from(dim).map_err(|_| wrong())?,
        });
    }
    let known = dims.iter().filter(|dim| **dim != 0).try_fold(1usize, |product, dim| product.checked_mul(*dim));
    let known = known.filter(|known| *known > 0).ok_or_else(wrong)?;
    for dim in dims.iter_mut().filter(|dim| **dim == 0) {
        *dim = len / known;
    }
    Ok(dims)
}
