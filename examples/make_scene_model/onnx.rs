//! The little of ONNX that a chain of convolutions needs.

use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};

/// A network that grows node by node; every node takes the one before.
pub struct Chain {
    graph: pb::GraphProto,
    last: String,
}

/// A convolution's numbers: `weights[out][in / groups][rows][columns]`, flat.
pub struct Conv {
    pub name: &'static str,
    pub shape: [usize; 4],
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
    pub groups: usize,
    /// Rows, columns.
    pub stride: [usize; 2],
    /// Top, left, bottom, right; zeros.
    pub pad: [usize; 4],
}

impl Chain {
    pub fn new(name: &str, input: &str, shape: &[usize]) -> Self {
        let graph = pb::GraphProto { name: name.into(), input: vec![value(input, shape)], ..Default::default() };
        Self { graph, last: input.into() }
    }

    pub fn conv(&mut self, conv: Conv) {
        assert_eq!(conv.weights.len(), conv.shape.iter().product::<usize>(), "{}", conv.name);
        let [w, b] = ["weight", "bias"].map(|part| format!("{}.{part}", conv.name));
        self.graph.initializer.push(tensor(&w, &conv.shape, &conv.weights));
        self.graph.initializer.push(tensor(&b, &[conv.bias.len()], &conv.bias));
        let attributes = vec![
            ints("dilations", &[1, 1]),
            int("group", conv.groups),
            ints("kernel_shape", &conv.shape[2..]),
            ints("pads", &conv.pad),
            ints("strides", &conv.stride),
        ];
        self.node("Conv", conv.name, vec![w, b], attributes);
    }

    /// Limits every number to 0..=1.
    pub fn clip(&mut self, name: &str) {
        let [low, high] = ["low", "high"].map(|part| format!("{name}.{part}"));
        self.graph.initializer.push(tensor(&low, &[], &[0.0]));
        self.graph.initializer.push(tensor(&high, &[], &[1.0]));
        self.node("Clip", name, vec![low, high], vec![]);
    }

    pub fn relu(&mut self, name: &str) {
        self.node("Relu", name, vec![], vec![]);
    }

    /// Ends the chain: the last node's output is the network's.
    pub fn finish(mut self, shape: &[usize], doc: &str) -> Vec<u8> {
        self.graph.output = vec![value(&self.last, shape)];
        let model = pb::ModelProto {
            ir_version: 8,
            opset_import: vec![pb::OperatorSetIdProto { domain: String::new(), version: 13 }],
            producer_name: "wayside make_scene_model".into(),
            doc_string: doc.into(),
            graph: Some(self.graph),
            ..Default::default()
        };
        model.encode_to_vec()
    }

    fn node(&mut self, op: &str, name: &str, parameters: Vec<String>, attribute: Vec<pb::AttributeProto>) {
        let input = [vec![self.last.clone()], parameters].concat();
        self.graph.node.push(pb::NodeProto {
            input,
            output: vec![name.into()],
            name: name.into(),
            op_type: op.into(),
            attribute,
            ..Default::default()
        });
        self.last = name.into();
    }
}

fn tensor(name: &str, shape: &[usize], data: &[f32]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..Default::default()
    }
}

fn ints(name: &str, values: &[usize]) -> pb::AttributeProto {
    let ints = values.iter().map(|&v| v as i64).collect();
    pb::AttributeProto { name: name.into(), r#type: AttributeType::Ints as i32, ints, ..Default::default() }
}

fn int(name: &str, value: usize) -> pb::AttributeProto {
    pb::AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value as i64, ..Default::default() }
}

fn value(name: &str, shape: &[usize]) -> pb::ValueInfoProto {
    let dimension = |&d: &usize| Dimension { value: Some(dimension::Value::DimValue(d as i64)), ..Default::default() };
    let shape = pb::TensorShapeProto { dim: shape.iter().map(dimension).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    let r#type = pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() };
    pb::ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
}
