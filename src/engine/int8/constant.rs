//! What an ONNX file holds as numbers: initialisers and constants, checked against what they claim to be.

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

/// A tensor that is known when the network is loaded; row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub dims: Vec<usize>,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    F32(Vec<f32>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

impl Constant {
    /// Refuses other element types, and a length that is not what `dims` says: a small file cannot claim a large tensor.
    pub fn read(proto: &TensorProto) -> Result<Self, String> {
        let reason = |reason: String| format!("constant `{}`: {reason}", proto.name);
        let wrong = |text: String| Err(reason(text));
        let mut count = 1usize;
        let mut dims = Vec::with_capacity(proto.dims.len());
        for &dim in &proto.dims {
            let Ok(dim) = usize::try_from(dim) else { return wrong(format!("a dimension is {dim}")) };
            match count.checked_mul(dim) {
                Some(product) => count = product,
                None => return wrong(format!("its shape {:?} is absurd", proto.dims)),
            }
            dims.push(dim);
        }
        let data = match DataType::try_from(proto.data_type) {
            Ok(DataType::Float) => Data::F32(match proto.raw_data.is_empty() {
                true => proto.float_data.clone(),
                false => raw(&proto.raw_data, f32::from_le_bytes),
            }),
            Ok(DataType::Uint8) => Data::U8(match proto.raw_data.is_empty() {
                true => narrow(&proto.int32_data).map_err(reason)?,
                false => proto.raw_data.clone(),
            }),
            Ok(DataType::Int8) => Data::I8(match proto.raw_data.is_empty() {
                true => narrow(&proto.int32_data).map_err(reason)?,
                false => proto.raw_data.iter().map(|&v| v as i8).collect(),
            }),
            Ok(DataType::Int32) => Data::I32(match proto.raw_data.is_empty() {
                true => proto.int32_data.clone(),
                false => raw(&proto.raw_data, i32::from_le_bytes),
            }),
            Ok(DataType::Int64) => Data::I64(match proto.raw_data.is_empty() {
                true => proto.int64_data.clone(),
                false => raw(&proto.raw_data, i64::from_le_bytes),
            }),
            _ => return wrong(format!("element type {} is not supported", proto.data_type)),
        };
        let constant = Self { dims, data };
        match constant.len() {
            found if found == count => Ok(constant),
            found => wrong(format!("{found} numbers, its shape {:?} needs {count}", proto.dims)),
        }
    }

    pub fn len(&self) -> usize {
        match &self.data {
            Data::F32(v) => v.len(),
            Data::U8(v) => v.len(),
            Data::I8(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::I64(v) => v.len(),
        }
    }

    pub fn floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(v) => Some(v),
            _ => None,
        }
    }

    /// Of a shape, an axis or an index.
    pub fn integers(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I64(v) => Some(v.clone()),
            Data::I32(v) => Some(v.iter().map(|&n| n.into()).collect()),
            _ => None,
        }
    }
}

/// 8-bit numbers that the file holds as 32-bit ones.
fn narrow<T: TryFrom<i32>>(values: &[i32]) -> Result<Vec<T>, String> {
    values.iter().map(|&v| T::try_from(v).map_err(|_| format!("{v} is outside of its 8 bits"))).collect()
}

fn raw<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    // chunks_exact gives N bytes each: the conversion cannot fail. A rest shows in the count that the caller checks,
    // as no shape divides a number.
    bytes.chunks(N).map(|chunk| chunk.try_into().map(read)).collect::<Result<_, _>>().unwrap_or_default()
}
