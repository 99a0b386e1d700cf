//! From the graph of a file to a plan, node by node in the file's order.
//!
//! mod.rs: names, look-ahead, and bringing a value into the form that a step needs. The nodes themselves: conv.rs,
//! quantised.rs, functions.rs, shape.rs, pool.rs. To add an operator: an arm in [`Lowering::node`].

mod conv;
mod functions;
mod pool;
mod quantised;
mod shape;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::constant::{Constant, Data};
use super::kernel::Kernels;
use super::node;
use super::plan::{Builder, Plan};
use super::step::{Kind, Op};
use super::value::{ByteTable, Bytes, Quantisation, RealTable, Value, quantisation};
use super::view::{MAX_DIMS, View};
use crate::engine::OutputInfo;
use crate::engine::graph::{GraphInput, graph};
use crate::engine::input::Layout;
use crate::limits::MAX_TENSOR_BYTES;
use crate::model::InputSpec;

/// Lowers a network that takes one picture. Errors name the node.
pub(super) fn lower(
    model: &ModelProto,
    input: &GraphInput,
    spec: &InputSpec,
    kernels: Kernels,
) -> Result<Plan, String> {
    let graph = graph(model);
    let mut lowering = Lowering {
        graph,
        kernels,
        values: HashMap::new(),
        consumers: HashMap::new(),
        outputs: graph.output.iter().map(|output| output.name.as_str()).collect(),
        done: vec![false; graph.node.len()],
        plan: Builder::default(),
        tables: HashMap::new(),
        reals: HashMap::new(),
    };
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            lowering.consumers.entry(name).or_default().push(index);
        }
    }
    for tensor in &graph.initializer {
        lowering.values.insert(&tensor.name, Value::Constant(Arc::new(Constant::read(tensor)?)));
    }
    lowering.picture(input, spec)?;
    for (index, node) in graph.node.iter().enumerate() {
        if !lowering.done[index] {
            lowering.node(node).map_err(|reason| node::of(node, reason))?;
        }
    }
    lowering.finish()
}

pub(super) struct Lowering<'a> {
    graph: &'a GraphProto,
    kernels: Kernels,
    values: HashMap<&'a str, Value>,
    /// Indices of the nodes that read a name, in order.
    consumers: HashMap<&'a str, Vec<usize>>,
    outputs: HashSet<&'a str>,
    /// Nodes that an earlier one took along.
    done: Vec<bool>,
    plan: Builder,
    /// What was looked up already, so that two readers share it.
    tables: HashMap<(View, Vec<u8>), View>,
    reals: HashMap<(View, Vec<u32>), View>,
}

impl<'a> Lowering<'a> {
    fn node(&mut self, node: &'a NodeProto) -> Result<(), String> {
        match node.op_type.as_str() {
            "QuantizeLinear" => self.quantize(node),
            "DequantizeLinear" => self.dequantize(node),
            "Conv" => self.conv(node),
            "QLinearConv" => self.qlinear_conv(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node),
            "QLinearAdd" | "QLinearMul" => self.qlinear_binary(node),
            "QLinearConcat" => self.qlinear_concat(node),
            "QLinearLeakyRelu" | "QLinearSigmoid" => self.qlinear_function(node),
            "QLinearGlobalAveragePool" | "QLinearAveragePool" => self.qlinear_average(node),
            "Add" | "Sub" | "Mul" | "Div" => self.binary(node),
            "Relu" | "LeakyRelu" | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Clip" | "Tanh" | "Exp" => {
                self.function(node)
            }
            "PRelu" => self.prelu(node),
            "BatchNormalization" => self.batch_normalization(node),
            "Softmax" => self.softmax(node),
            "MaxPool" | "AveragePool" | "GlobalAveragePool" => self.pool(node),
            "Resize" | "Upsample" => self.resize(node),
            "Concat" => self.concat(node),
            "Split" => self.split(node),
            "Slice" => self.slice(node),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => self.reshape(node),
            "Transpose" => self.transpose(node),
            "Identity" | "Dropout" => {
                let value = self.input(node, 0)?;
                self.set(node, 0, value)
            }
            "Constant" => {
                let tensor = node::tensor(node, "value").ok_or("only tensors are supported as constants")?;
                let constant = Constant::read(tensor)?;
                self.set(node, 0, Value::Constant(Arc::new(constant)))
            }
            _ => Err("this operator is not supported by the int8 engine".into()),
        }
    }

    /// The letterboxed picture as the graph's input. Where the graph quantises it at once, and only that, it never
    /// becomes floats.
    fn picture(&mut self, input: &GraphInput, spec: &InputSpec) -> Result<(), String> {
        let (width, height) = (input.width as usize, input.height as usize);
        let name = self.graph.input.iter().map(|i| i.name.as_str()).find(|name| *name == input.info.name);
        let name = name.ok_or("the graph has no input")?;
        let normal: [[f32; 256]; 3] = std::array::from_fn(|channel| {
            std::array::from_fn(|pixel| (pixel as f32 - spec.mean[channel]) / spec.std[channel])
        });
        let dims = [1, 3, height, width];
        let same = normal[0] == normal[1] && normal[0] == normal[2];
        let value = if same {
            // One function for all channels: a table like any other.
            let view = self.plan.dense_bytes(&dims);
            self.plan.push(name, Op::Picture(None), Vec::new(), &view);
            Value::Real { view, f: Arc::new(normal[0]), of: None }
        } else if let Some((index, quantisation, output)) = self.sole_quantiser(name)
            && let Some(affine) = quantisation.affine()
        {
            let table = |f: &[f32; 256]| -> [u8; 256] {
                std::array::from_fn(|pixel| super::value::quantise(f[pixel], affine.scale, affine.zero))
            };
            let view = self.plan.dense_bytes(&dims);
            let tables = Box::new([table(&normal[0]), table(&normal[1]), table(&normal[2])]);
            self.plan.push(name, Op::Picture(Some(tables)), Vec::new(), &view);
            self.done[index] = true;
            let value = Value::Bytes(Bytes { view: self.oriented(view, input.layout), table: None, quantisation });
            return self.put(output, value);
        } else {
            let view = self.plan.floats(&dims);
            self.plan.push(name, Op::FloatPicture(Box::new(normal)), Vec::new(), &view);
            Value::Float(view)
        };
        let value = match value {
            Value::Real { view, f, of } => Value::Real { view: self.oriented(view, input.layout), f, of },
            Value::Float(view) => Value::Float(self.oriented(view, input.layout)),
            other => other,
        };
        self.put(name, value)
    }

    /// A picture as the graph declares it.
    fn oriented(&self, view: View, layout: Layout) -> View {
        match layout {
            Layout::Nchw => view,
            Layout::Nhwc => view.transposed(&[0, 2, 3, 1]),
        }
    }

    /// Gives every output of the graph a tensor of its own.
    fn finish(mut self) -> Result<Plan, String> {
        let mut infos = Vec::new();
        for (index, output) in self.graph.output.iter().enumerate() {
            let name = output.name.as_str();
            let value =
                self.values.get(name).cloned().ok_or_else(|| format!("no node computes the output `{name}`"))?;
            let dims = dims_of(&value);
            let write = self.plan.output(index, &dims);
            match value {
                Value::Real { view, f, .. } => {
                    self.plan.push(name, Op::BytesToFloats(Box::new(*f)), vec![view], &write);
                }
                Value::Float(view) => self.plan.push(name, Op::MoveFloats, vec![view], &write),
                Value::PerChannel(_) => return Err(format!("output `{name}`: {PER_CHANNEL}")),
                Value::Bytes(_) | Value::Constant(_) | Value::Weights(_) => {
                    return Err(format!(
                        "output `{name}` is quantised or constant: end the graph with DequantizeLinear"
                    ));
                }
            }
            infos.push(OutputInfo { name: name.to_owned(), shape: dims });
        }
        self.plan.finish(infos)
    }

    // Names.

    fn input(&self, node: &NodeProto, index: usize) -> Result<Value, String> {
        let name = node.input.get(index).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("its input {index} is missing"))?;
        self.values
            .get(name.as_str())
            .cloned()
            .ok_or_else(|| format!("it reads `{name}`, which no node before it makes"))
    }

    fn optional(&self, node: &NodeProto, index: usize) -> Result<Option<Value>, String> {
        match node.input.get(index) {
            None => Ok(None),
            Some(name) if name.is_empty() => Ok(None),
            Some(_) => self.input(node, index).map(Some),
        }
    }

    fn constant(&self, node: &NodeProto, index: usize) -> Result<Option<Arc<Constant>>, String> {
        match self.optional(node, index)? {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(Value::Weights(weights)) => Ok(Some(Arc::new(weights.dequantised()))),
            Some(_) => Err(format!("its input {index} must be a constant")),
        }
    }

    fn needed(&self, node: &NodeProto, index: usize) -> Result<Arc<Constant>, String> {
        self.constant(node, index)?.ok_or_else(|| format!("its input {index} is missing"))
    }

    /// Integers of a constant input: a shape, axes.
    fn integers(&self, node: &NodeProto, index: usize) -> Result<Option<Vec<i64>>, String> {
        match self.constant(node, index)? {
            None => Ok(None),
            Some(constant) => match constant.integers() {
                Some(values) => Ok(Some(values)),
                None => Err(format!("its input {index} holds no integers")),
            },
        }
    }

    fn set(&mut self, node: &'a NodeProto, index: usize, value: Value) -> Result<(), String> {
        let Some(name) = node.output.get(index) else { return Err(format!("its output {index} is missing")) };
        self.put(name, value)
    }

    /// From here on `name` stands for `value`, whose shape must be one that a board can hold.
    fn put(&mut self, name: &'a str, value: Value) -> Result<(), String> {
        let dims = dims_of(&value);
        let bytes = dims.iter().try_fold(4u64, |product, &dim| product.checked_mul(dim as u64));
        if dims.len() > MAX_DIMS || bytes.is_none_or(|bytes| bytes > MAX_TENSOR_BYTES) || dims.contains(&0) {
            return Err(format!("its result has the shape {dims:?}, which no network for a board needs"));
        }
        self.values.insert(name, value);
        Ok(())
    }

    // Looking ahead.

    /// The only reader of `name`, where there is exactly one and the graph does not return it.
    fn sole_consumer(&self, name: &str) -> Option<usize> {
        match self.consumers.get(name).map(Vec::as_slice) {
            Some(&[index]) if !self.outputs.contains(name) && !self.done[index] => Some(index),
            _ => None,
        }
    }

    /// The QuantizeLinear that alone reads `name`: its index, what it means, and the name of its output.
    fn sole_quantiser(&self, name: &str) -> Option<(usize, Quantisation, &'a str)> {
        let index = self.sole_consumer(name)?;
        let node = &self.graph.node[index];
        if node.op_type != "QuantizeLinear" {
            return None;
        }
        let (quantisation, output) = (self.node_quantisation(node, 1).ok()?, node.output.first()?);
        Some((index, quantisation, output))
    }

    /// Scale and zero point at inputs `first` and `first + 1`.
    fn node_quantisation(&self, node: &NodeProto, first: usize) -> Result<Quantisation, String> {
        let (scale, zero) = (self.raw_constant(node, first)?, self.raw_constant(node, first + 1)?);
        let scale = scale.ok_or("its scale is missing")?;
        quantisation(&scale, zero.as_deref()).map(|(quantisation, _)| quantisation)
    }

    /// A constant as the file holds it, integers included.
    fn raw_constant(&self, node: &NodeProto, index: usize) -> Result<Option<Arc<Constant>>, String> {
        match self.optional(node, index)? {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(_) => Err(format!("its input {index} must be a constant")),
        }
    }

    // Forms of a value.

    /// The bytes themselves: what a table was remembered for is looked up now.
    fn looked_up(&mut self, name: &str, view: &View, table: Option<&ByteTable>) -> View {
        let Some(table) = table else { return view.clone() };
        let key = (view.clone(), table.to_vec());
        if let Some(done) = self.tables.get(&key) {
            return done.clone();
        }
        let write = self.plan.bytes(&view.dims);
        self.plan.push(name, Op::MoveBytes(Some(Box::new(**table))), vec![view.clone()], &write);
        self.tables.insert(key, write.clone());
        write
    }

    /// Bytes that lie as a picture does.
    fn as_pixels(&mut self, name: &str, view: View) -> View {
        if view.pixels().is_some() {
            return view;
        }
        let floats = matches!(self.plan.kind(&view), Kind::Floats);
        let write = if floats { self.plan.floats(&view.dims) } else { self.plan.bytes(&view.dims) };
        let op = if floats { Op::MoveFloats } else { Op::MoveBytes(None) };
        self.plan.push(name, op, vec![view], &write);
        write
    }

    /// The value as numbers in a buffer.
    fn as_floats(&mut self, name: &str, value: &Value) -> Result<View, String> {
        match value {
            Value::Float(view) => Ok(view.clone()),
            Value::PerChannel(_) => Err(PER_CHANNEL.into()),
            Value::Real { view, f, .. } => {
                let key = (view.clone(), f.iter().map(|x| x.to_bits()).collect());
                if let Some(done) = self.reals.get(&key) {
                    return Ok(done.clone());
                }
                let write = self.plan.floats(&view.dims);
                self.plan.push(name, Op::BytesToFloats(Box::new(**f)), vec![view.clone()], &write);
                self.reals.insert(key, write.clone());
                Ok(write)
            }
            Value::Constant(constant) => self.constant_view(name, constant),
            Value::Weights(weights) => self.constant_view(name, &weights.dequantised()),
            Value::Bytes(_) => Err("it needs numbers and is given quantised ones".into()),
        }
    }

    /// A constant as an operand: written into a buffer at each run.
    fn constant_view(&mut self, name: &str, constant: &Constant) -> Result<View, String> {
        let Data::F32(values) = &constant.data else { return Err("it needs a float constant".into()) };
        let dims = if constant.dims.is_empty() { vec![1] } else { constant.dims.clone() };
        let write = self.plan.row_major_floats(&dims);
        self.plan.push(name, Op::Constant(values.clone()), Vec::new(), &write);
        Ok(write)
    }

    /// The value as quantised activations, exactly: what DequantizeLinear made.
    fn as_bytes(value: &Value) -> Option<Bytes> {
        match value {
            Value::Bytes(bytes) | Value::PerChannel(bytes) => Some(bytes.clone()),
            Value::Real { view, of: Some((table, quantisation)), .. } => {
                Some(Bytes { view: view.clone(), table: table.clone(), quantisation: quantisation.clone() })
            }
            _ => None,
        }
    }
}

const PER_CHANNEL: &str = "it reads numbers with a scale per channel, which only depthwise convolutions can";

/// Dimensions of a value, as ONNX counts them.
fn dims_of(value: &Value) -> Vec<usize> {
    match value {
        Value::Constant(constant) => constant.dims.clone(),
        Value::Weights(weights) => weights.dims.clone(),
        Value::Bytes(Bytes { view, .. })
        | Value::PerChannel(Bytes { view, .. })
        | Value::Real { view, .. }
        | Value::Float(view) => view.dims.clone(),
    }
}

/// The same value under another view: reshape, transpose, slice do not touch what a byte means.
fn with_view(value: &Value, view: View) -> Value {
    match value {
        Value::Bytes(bytes) => Value::Bytes(Bytes { view, ..bytes.clone() }),
        Value::Real { f, of, .. } => Value::Real { view, f: f.clone(), of: of.clone() },
        _ => Value::Float(view),
    }
}

fn view_of(value: &Value) -> Result<&View, String> {
    match value {
        Value::Bytes(Bytes { view, .. }) | Value::Real { view, .. } | Value::Float(view) => Ok(view),
        Value::PerChannel(_) => Err(PER_CHANNEL.into()),
        Value::Constant(_) | Value::Weights(_) => Err("it moves a constant, which is not supported".into()),
    }
}

/// A table of reals, function by function.
fn mapped(f: &RealTable, of: impl Fn(f32) -> f32) -> RealTable {
    Arc::new(std::array::from_fn(|byte| of(f[byte])))
}
