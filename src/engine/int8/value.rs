//! What a name of the graph stands for while the network is lowered.
//!
//! A function of one quantised number is a table of 256 entries, so it is not computed but remembered: dequantise,
//! sigmoid, multiply and quantise again end up as one lookup, or inside the convolution before them.

use std::sync::Arc;

use super::constant::{Constant, Data};
use super::kernel::Affine;
use super::view::View;

/// A function from byte to byte.
pub(super) type ByteTable = Arc<[u8; 256]>;
/// A function from byte to number.
pub(super) type RealTable = Arc<[f32; 256]>;

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Known at load.
    Constant(Arc<Constant>),
    /// Integers of the file with what they mean: weights, or what QuantizeLinear made of a constant.
    Weights(Arc<Weights>),
    /// Quantised activations: `table[byte]` is the file's integer (moved to 0..=255), `None` the byte itself.
    Bytes(Bytes),
    /// Numbers that are a function of a byte each; `of` is set where they are exactly what dequantising gives.
    Real { view: View, f: RealTable, of: Option<(Option<ByteTable>, Quantisation)> },
    /// What dequantising bytes with a scale per channel gives. No table says it, so only convolutions read it.
    PerChannel(Bytes),
    /// Numbers in a float buffer.
    Float(View),
}

#[derive(Debug, Clone)]
pub(super) struct Bytes {
    pub view: View,
    pub table: Option<ByteTable>,
    pub quantisation: Quantisation,
}

/// The scale is one for all, or one per channel (dimension 1). So is the zero point, as a byte 0..=255; there are never more zero points
/// than scales.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantisation {
    pub scale: Arc<[f32]>,
    pub zero: Arc<[u8]>,
}

impl Quantisation {
    pub fn affine(&self) -> Option<Affine> {
        match (&self.scale[..], &self.zero[..]) {
            (&[scale], &[zero]) => Some(Affine { scale, zero }),
            _ => None,
        }
    }

    /// Of a channel.
    pub fn zero_of(&self, channel: usize) -> u8 {
        self.zero[if self.zero.len() == 1 { 0 } else { channel }]
    }
}

/// `(value − zero) · scale`, scale and zero point per index of dimension `axis`, or one for all.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub dims: Vec<usize>,
    pub values: Vec<i32>,
    pub scale: Vec<f32>,
    pub zero: Vec<i32>,
    pub axis: usize,
}

impl Weights {
    /// Refuses scales that are not positive and finite, zero points outside of the type, and numbers that do not fit
    /// each other.
    pub fn new(values: &Constant, scale: &Constant, zero: Option<&Constant>, axis: usize) -> Result<Self, String> {
        let (integers, range) = integers(values).ok_or("dequantises a constant that holds no integers")?;
        let scale = scales(scale)?;
        let zero = match zero {
            Some(zero) => integers_of(zero)?,
            None => vec![0],
        };
        let count = scale.len();
        if zero.len() != count && zero.len() != 1 {
            return Err(format!("{count} scales but {} zero points", zero.len()));
        }
        if count > 1 && values.dims.get(axis) != Some(&count) {
            return Err(format!("{count} scales for axis {axis} of the shape {:?}", values.dims));
        }
        if let Some(zero) = zero.iter().find(|zero| !range.contains(zero)) {
            return Err(format!("the zero point {zero} is outside of {range:?}"));
        }
        let zero = if zero.len() == count { zero } else { vec![zero[0]; count] };
        Ok(Self { dims: values.dims.clone(), values: integers, scale, zero, axis })
    }

    /// Neighbouring values that share a scale and a zero point, with these.
    fn runs(&self) -> impl Iterator<Item = (&[i32], f32, i32)> {
        let run = match self.scale.len() {
            1 => self.values.len(),
            _ => self.dims[self.axis + 1..].iter().product(),
        };
        let runs = self.values.chunks(run.max(1)).enumerate();
        runs.map(|(index, values)| (values, self.scale[index % self.scale.len()], self.zero[index % self.zero.len()]))
    }

    pub fn dequantised(&self) -> Constant {
        let mut data = Vec::with_capacity(self.values.len());
        for (values, scale, zero) in self.runs() {
            data.extend(values.iter().map(|value| value.saturating_sub(zero) as f32 * scale));
        }
        Constant { dims: self.dims.clone(), data: Data::F32(data) }
    }

    /// `value − zero` as i8, or why not.
    pub fn centred(&self) -> Result<Vec<i8>, String> {
        let mut centred = Vec::with_capacity(self.values.len());
        for (values, _, zero) in self.runs() {
            let range = i32::from(i8::MIN)..=i32::from(i8::MAX);
            if let Some(value) =
                values.iter().map(|value| value.saturating_sub(zero)).find(|value| !range.contains(value))
            {
                return Err(format!("a weight less its zero point is {value}: not 8 bits"));
            }
            centred.extend(values.iter().map(|value| (value - zero) as i8));
        }
        Ok(centred)
    }
}

/// Scales: positive, finite floats.
pub(super) fn scales(constant: &Constant) -> Result<Vec<f32>, String> {
    let scales = constant.floats().filter(|scales| !scales.is_empty()).ok_or("its scale is no float constant")?;
    match scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        Some(scale) => Err(format!("a scale is {scale}: it must be above 0")),
        None => Ok(scales.to_vec()),
    }
}

/// The quantisation of activations. s8 becomes u8 by adding 128 to byte and zero point: the same numbers.
pub(super) fn quantisation(scale: &Constant, zero: Option<&Constant>) -> Result<(Quantisation, bool), String> {
    let scale: Arc<[f32]> = scales(scale)?.into();
    let (zeros, signed): (Vec<u8>, bool) = match zero.map(|zero| &zero.data) {
        None => (vec![0], false),
        Some(Data::U8(zeros)) => (zeros.clone(), false),
        Some(Data::I8(zeros)) => (zeros.iter().map(|&zero| (zero as u8) ^ 0x80).collect(), true),
        Some(_) => return Err("its zero point is neither uint8 nor int8".into()),
    };
    let zero: Arc<[u8]> = match zeros[..] {
        [] => return Err("its zero point is empty".into()),
        [zero, ..] if zeros.iter().all(|other| *other == zero) => [zero].into(),
        _ if scale.len() == 1 || scale.len() == zeros.len() => zeros.into(),
        _ => return Err(format!("{} scales but {} zero points", scale.len(), zeros.len())),
    };
    let scale = if scale.len() < zero.len() { vec![scale[0]; zero.len()].into() } else { scale };
    Ok((Quantisation { scale, zero }, signed))
}

fn integers(constant: &Constant) -> Option<(Vec<i32>, std::ops::RangeInclusive<i32>)> {
    match &constant.data {
        Data::U8(v) => Some((v.iter().map(|&n| n.into()).collect(), 0..=255)),
        Data::I8(v) => Some((v.iter().map(|&n| n.into()).collect(), -128..=127)),
        Data::I32(v) => Some((v.clone(), i32::MIN..=i32::MAX)),
        Data::F32(_) | Data::I64(_) => None,
    }
}

fn integers_of(constant: &Constant) -> Result<Vec<i32>, String> {
    match integers(constant) {
        Some((values, _)) if !values.is_empty() => Ok(values),
        _ => Err("its zero point holds no 8 or 32 bit integers".into()),
    }
}

/// ONNX's QuantizeLinear for one number: divide, round half to even, add the zero point, saturate. NaN becomes 0.
pub(super) fn quantise(x: f32, scale: f32, zero: u8) -> u8 {
    ((x / scale).round_ties_even() + f32::from(zero)).clamp(0.0, 255.0) as u8
}

/// What each byte means.
pub(super) fn dequantise_table(table: Option<&ByteTable>, affine: Affine) -> RealTable {
    let value = |byte: usize| {
        let stored = table.map_or(byte as u8, |table| table[byte]);
        (i32::from(stored) - i32::from(affine.zero)) as f32 * affine.scale
    };
    Arc::new(std::array::from_fn(value))
}

/// `None` for the table that changes nothing.
pub(super) fn quantise_table(f: &RealTable, affine: Affine) -> Option<ByteTable> {
    let table: [u8; 256] = std::array::from_fn(|byte| quantise(f[byte], affine.scale, affine.zero));
    let identity = table.iter().enumerate().all(|(byte, &to)| byte == usize::from(to));
    (!identity).then(|| Arc::new(table))
}
