//! ONNX files as data, for those who change them (quantize/) or write them (the package train/): the types of the format, reading, writing. Not here: running
//! them, judging what they hold (graph.rs).

pub use tract_onnx::pb::attribute_proto::AttributeType;
pub use tract_onnx::pb::tensor_proto::DataType;
pub use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
pub use tract_onnx::pb::{
    StringStringEntryProto, TensorShapeProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use prost::Message;

use super::graph::{self, GraphInput};

/// Decodes a file and refuses, in words, what no engine here can run. A graph is there.
pub fn decode(bytes: &[u8]) -> Result<ModelProto, String> {
    graph::parse(bytes)
}

/// A float constant, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Floats {
    pub dims: Vec<usize>,
    pub values: Vec<f32>,
}

impl Floats {
    /// None for a constant of another type, or one that does not hold as many numbers as its shape says.
    pub fn of(tensor: &TensorProto) -> Option<Self> {
        if tensor.data_type != DataType::Float as i32 {
            return None;
        }
        let dims: Vec<usize> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<_>>()?;
        let count = dims.iter().try_fold(1_usize, |count, &dim| count.checked_mul(dim))?;
        let values: Vec<f32> = match tensor.raw_data.is_empty() {
            true => tensor.float_data.clone(),
            false => tensor.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        };
        (values.len() == count).then_some(Floats { dims, values })
    }
}

/// The bytes of a file; the same model gives the same bytes.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// Name of the one picture that a network takes, and its width and height: `size` where the file leaves them open.
pub fn picture_input(model: &ModelProto, size: Option<(u32, u32)>) -> Result<(String, u32, u32), String> {
    let input = GraphInput::of(model, size)?;
    Ok((input.info.name, input.width, input.height))
}
