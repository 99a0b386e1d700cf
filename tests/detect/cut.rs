//! Cuts a published graph off before its end, so that what it computes there is left to us.

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TypeProto, ValueInfoProto, type_proto};

/// The ONNX file with these inner tensors as its outputs; their shapes are left open.
pub fn at(bytes: &[u8], outputs: impl Iterator<Item = String>) -> Vec<u8> {
    let mut model = ModelProto::decode(bytes).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let float = type_proto::Tensor { elem_type: DataType::Float as i32, shape: None };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(float)), ..TypeProto::default() };
    graph.output =
        outputs.map(|name| ValueInfoProto { name, r#type: Some(kind.clone()), ..ValueInfoProto::default() }).collect();
    model.encode_to_vec()
}
