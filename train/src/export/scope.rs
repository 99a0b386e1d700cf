//! What a layer writes its nodes into.

use wayside::engine::onnx::{AttributeProto, AttributeType, DataType, NodeProto, TensorProto};

use crate::parameter::Parameter;
use crate::shape::{Pair, Shape, Walk};

/// Nodes and constants written so far.
#[derive(Default)]
pub(crate) struct Nodes {
    pub nodes: Vec<NodeProto>,
    pub constants: Vec<TensorProto>,
}

/// One layer's place in the file. Pictures are channels first there, as [`crate::value::Value`] stores them.
pub struct Scope<'a> {
    pub(crate) file: &'a mut Nodes,
    /// Of the layer, at this place: what it writes is named after it.
    pub(crate) name: String,
    pub(crate) inputs: Vec<String>,
    pub(crate) input_shapes: Vec<Shape>,
    pub(crate) parameters: &'a [Parameter],
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(String),
}

impl Attribute {
    pub fn pair(Pair(height, width): Pair) -> Self {
        Attribute::Ints(vec![height as i64, width as i64])
    }

    /// ONNX' order: top, left, bottom, right.
    pub fn pads(rows: Walk, columns: Walk) -> Self {
        Attribute::Ints([rows.before, columns.before, rows.after, columns.after].map(|pad| pad as i64).into())
    }

    fn proto(&self, name: &str) -> AttributeProto {
        let mut proto = AttributeProto { name: name.into(), ..Default::default() };
        let kind = match self {
            Attribute::Int(value) => {
                proto.i = *value;
                AttributeType::Int
            }
            Attribute::Ints(values) => {
                proto.ints = values.clone();
                AttributeType::Ints
            }
            Attribute::Float(value) => {
                proto.f = *value;
                AttributeType::Float
            }
            Attribute::Text(text) => {
                proto.s = text.clone().into_bytes();
                AttributeType::String
            }
        };
        proto.r#type = kind as i32;
        proto
    }
}

impl Scope<'_> {
    /// The tensor that enters at this place.
    pub fn input(&self, place: usize) -> String {
        self.inputs[place].clone()
    }

    pub fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// Channels last, without the batch.
    pub fn input_shape(&self, place: usize) -> &[usize] {
        &self.input_shapes[place]
    }

    /// Axes of the first input, with the batch.
    pub fn rank(&self) -> usize {
        self.input_shapes[0].len() + 1
    }

    /// The layer's parameter, as a constant of the file.
    pub fn parameter(&mut self, place: usize) -> String {
        let parameter = &self.parameters[place];
        let name = parameter.name.clone();
        // A shared layer writes its weights once.
        if !self.file.constants.iter().any(|constant| constant.name == name) {
            let constant = floats(&name, &parameter.spec.shape, &parameter.to_vec());
            self.file.constants.push(constant);
        }
        name
    }

    /// The numbers of the layer's parameter, for a layer that keeps them in another order than ONNX does.
    pub fn parameter_values(&self, place: usize) -> Vec<f32> {
        self.parameters[place].to_vec()
    }

    pub fn scalar(&mut self, suffix: &str, value: f32) -> String {
        self.constant(suffix, &[], &[value])
    }

    pub fn vector(&mut self, suffix: &str, values: &[f32]) -> String {
        self.constant(suffix, &[values.len()], values)
    }

    /// Numbers of a shape as a constant of the file, named after the layer.
    pub fn constant(&mut self, suffix: &str, shape: &[usize], values: &[f32]) -> String {
        let name = self.fresh(suffix);
        self.file.constants.push(floats(&name, shape, values));
        name
    }

    /// Whole numbers, such as a shape to reshape to.
    pub fn whole(&mut self, suffix: &str, values: &[i64]) -> String {
        let name = self.fresh(suffix);
        self.file.constants.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..Default::default()
        });
        name
    }

    /// Adds a node with one output; the name of that.
    pub fn node(&mut self, operator: &str, inputs: &[String], attributes: &[(&str, Attribute)]) -> String {
        let output = self.fresh(operator);
        self.file.nodes.push(NodeProto {
            name: output.clone(),
            op_type: operator.into(),
            input: inputs.to_vec(),
            output: vec![output.clone()],
            attribute: attributes.iter().map(|(name, value)| value.proto(name)).collect(),
            ..Default::default()
        });
        output
    }

    /// Writes a node that wants the channels as its second axis, with transpositions around it where they are the last of
    /// more than two.
    pub fn channels_second<const N: usize>(
        &mut self,
        mut inputs: [String; N],
        write: impl FnOnce(&mut Self, [String; N]) -> String,
    ) -> Result<String, String> {
        let rank = self.rank() as i64;
        if rank == 2 || rank == 4 {
            return Ok(write(self, inputs));
        }
        let there: Vec<i64> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        let back: Vec<i64> = [0].into_iter().chain(2..rank).chain([1]).collect();
        inputs[0] = self.node("Transpose", &inputs[..1], &[("perm", Attribute::Ints(there))]);
        let output = write(self, inputs);
        Ok(self.node("Transpose", &[output], &[("perm", Attribute::Ints(back))]))
    }

    /// A name that nothing else in the file has.
    fn fresh(&self, suffix: &str) -> String {
        let wanted = format!("{}/{suffix}", self.name);
        let taken = |name: &str| {
            self.file.nodes.iter().any(|node| node.name == name) || self.file.constants.iter().any(|it| it.name == name)
        };
        let mut name = wanted.clone();
        let mut number = 1;
        while taken(&name) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

fn floats(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: shape.iter().map(|&axis| axis as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..Default::default()
    }
}
