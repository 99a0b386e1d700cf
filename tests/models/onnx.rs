//! ONNX files of a few nodes, built in memory.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

pub const FLOAT: i32 = 1;
pub const UINT8: i32 = 2;
pub const INT8: i32 = 3;
pub const INT32: i32 = 6;
pub const INT64: i32 = 7;
pub const BOOL: i32 = 9;
pub const FLOAT16: i32 = 10;

/// A graph in the making; `None` in a shape is a size that the file leaves open.
#[derive(Default)]
pub struct Net {
    graph: GraphProto,
}

impl Net {
    pub fn input(mut self, name: &str, kind: i32, shape: &[Option<i64>]) -> Self {
        self.graph.input.push(value(name, kind, shape));
        self
    }

    pub fn output(mut self, name: &str, kind: i32, shape: &[Option<i64>]) -> Self {
        self.graph.output.push(value(name, kind, shape));
        self
    }

    pub fn floats(mut self, name: &str, dims: &[i64], data: Vec<f32>) -> Self {
        let tensor = TensorProto { data_type: FLOAT, float_data: data, ..tensor(name, dims) };
        self.graph.initializer.push(tensor);
        self
    }

    pub fn integers(mut self, name: &str, dims: &[i64], data: &[i64]) -> Self {
        let tensor = TensorProto { data_type: INT64, int64_data: data.to_vec(), ..tensor(name, dims) };
        self.graph.initializer.push(tensor);
        self
    }

    /// Constants of `kind` uint8, int8 or int32.
    pub fn quantised(mut self, name: &str, kind: i32, dims: &[i64], data: &[i32]) -> Self {
        let tensor = TensorProto { data_type: kind, int32_data: data.to_vec(), ..tensor(name, dims) };
        self.graph.initializer.push(tensor);
        self
    }

    /// `attributes`: integers, or lists of them.
    pub fn node(self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[i64])]) -> Self {
        self.node_of_many(op, inputs, &[output], attributes)
    }

    /// The same of several outputs.
    pub fn node_of_many(mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, &[i64])]) -> Self {
        let attribute = |(name, values): &(&str, &[i64])| match values {
            [value] => AttributeProto { i: *value, ..attribute(name, AttributeType::Int) },
            values => AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) },
        };
        self.graph.node.push(NodeProto {
            name: format!("node_{}", outputs[0]),
            op_type: op.into(),
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: outputs.iter().map(|output| output.to_string()).collect(),
            attribute: attributes.iter().map(attribute).collect(),
            ..NodeProto::default()
        });
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.bytes_of(13)
    }

    /// With the operators of another version.
    pub fn bytes_of(self, version: i64) -> Vec<u8> {
        let opset = OperatorSetIdProto { domain: String::new(), version };
        let model =
            ModelProto { ir_version: 7, opset_import: vec![opset], graph: Some(self.graph), ..Default::default() };
        model.encode_to_vec()
    }
}

fn value(name: &str, kind: i32, shape: &[Option<i64>]) -> ValueInfoProto {
    let dimension = |(index, size): (usize, &Option<i64>)| Dimension {
        value: Some(size.map_or(Value::DimParam(format!("{name}_{index}")), Value::DimValue)),
        ..Dimension::default()
    };
    let shape = TensorShapeProto { dim: shape.iter().enumerate().map(dimension).collect() };
    let tensor = type_proto::Tensor { elem_type: kind, shape: Some(shape) };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..ValueInfoProto::default() }
}

fn tensor(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto { name: name.into(), dims: dims.to_vec(), ..TensorProto::default() }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind as i32, ..AttributeProto::default() }
}

pub fn fixed(shape: &[i64]) -> Vec<Option<i64>> {
    shape.iter().copied().map(Some).collect()
}

/// The picture itself: `[1, 3, height, width]` → the same.
pub fn identity(height: i64, width: i64) -> Net {
    let mut weights = vec![0.0; 9];
    for channel in 0..3 {
        weights[channel * 4] = 1.0;
    }
    Net::default()
        .input("picture", FLOAT, &fixed(&[1, 3, height, width]))
        .floats("weights", &[3, 3, 1, 1], weights)
        .node("Conv", &["picture", "weights"], "out", &[])
}

/// A network of 64×64 with a YOLOX output of `classes` classes. It finds one box in any picture: in the cell (1, 2) of
/// stride 16, of 16×16 pixels around (24, 40), of class 0 with score 0.8.
pub fn yolox(classes: i64) -> Vec<u8> {
    let (rows, row) = (8 * 8 + 4 * 4 + 2 * 2, 5 + classes);
    let mut bias = vec![0.0; (rows * row) as usize];
    let cell = ((8 * 8 + 2 * 4 + 1) * row) as usize;
    bias[cell..cell + 6].copy_from_slice(&[0.5, 0.5, 0.0, 0.0, 1.0, 0.8]);
    Net::default()
        .input("images", FLOAT, &fixed(&[1, 3, 64, 64]))
        .node("GlobalAveragePool", &["images"], "mean", &[])
        .floats("weights", &[rows * row, 3, 1, 1], vec![0.0; (rows * row * 3) as usize])
        .floats("bias", &[rows * row], bias)
        .node("Conv", &["mean", "weights", "bias"], "flat", &[])
        .integers("shape", &[3], &[1, rows, row])
        .node("Reshape", &["flat", "shape"], "output", &[])
        .output("output", FLOAT, &fixed(&[1, rows, row]))
        .bytes()
}

/// A network of 64×64 with the output `[1, anchors × (5 + classes), 2, 2]` of a YOLOv2 region head.
pub fn yolov2(anchors: i64, classes: i64) -> Vec<u8> {
    let channels = anchors * (5 + classes);
    Net::default()
        .input("images", FLOAT, &fixed(&[1, 3, 64, 64]))
        .floats("weights", &[channels, 3, 32, 32], vec![0.001; (channels * 3 * 32 * 32) as usize])
        .node("Conv", &["images", "weights"], "output", &[("strides", &[32, 32])])
        .output("output", FLOAT, &fixed(&[1, channels, 2, 2]))
        .bytes()
}
