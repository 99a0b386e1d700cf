//! Convolutions and fully connected layers, quantised or float.

use std::sync::Arc;

use tract_onnx::pb::NodeProto;

use super::super::constant::{Constant, Data};
use super::super::kernel::{
    Affine, Function, FunctionKind, PackedDepthwise, PackedDepthwiseF32, PackedGemm, PackedGemmF32, PackedWinograd,
    Requant,
};
use super::super::node::{self, Window};
use super::super::step::{Conv, ConvOut, Depthwise, FloatConv, FloatDepthwise, MAX_ROWS, Op, Unary, Winograd};
use super::super::value::{Bytes, Quantisation, Value, Weights};
use super::functions::function_of;
use super::{Lowering, View, dims_of};

/// No sum of 32 bits is larger.
const SUMS: f32 = 2_147_483_648.0;

/// What a convolution's sums become.
enum Becomes {
    Floats,
    /// Bytes between two bounds: a ReLU that follows is a bound. Other functions are computed of the numbers.
    Bytes {
        quantisation: Quantisation,
        low: u8,
        high: u8,
        function: Option<FunctionKind>,
    },
}

impl Becomes {
    fn plain(quantisation: Quantisation) -> Self {
        // Only the way through numbers has a zero point per channel.
        let none = FunctionKind::Clip { low: f32::MIN, high: f32::MAX };
        let function = (quantisation.zero.len() > 1).then_some(none);
        Self::Bytes { quantisation, low: 0, high: 255, function }
    }
}

/// A function, the name of its result, and its nodes.
type Behind<'a> = (FunctionKind, &'a str, Vec<usize>);

/// `[outputs, inputs of a group, height, width]` of the weights, and the picture around them.
struct Shape {
    window: Window,
    groups: usize,
    outputs: usize,
    /// Inputs of one group.
    inputs: usize,
}

impl<'a> Lowering<'a> {
    pub(super) fn conv(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let (input, weights) = (self.input(node, 0)?, self.input(node, 1)?);
        let bias = self.optional(node, 2)?;
        self.conv_like(node, &input, &weights, bias.as_ref())
    }

    /// A convolution, or a layer seen as one: `weights` are `[outputs, inputs, height, width]`.
    fn conv_like(
        &mut self,
        node: &'a NodeProto,
        input: &Value,
        weights: &Value,
        bias: Option<&Value>,
    ) -> Result<(), String> {
        if let (Some(bytes), Value::Weights(weights)) = (Self::as_bytes(input), weights) {
            let (becomes, name, last) = self.becomes(node, weights.dims.first().copied().unwrap_or(0))?;
            let view = self.quantised_conv(node, bytes, weights, bias, &becomes)?;
            let value = match becomes {
                Becomes::Floats => Value::Float(view),
                Becomes::Bytes { quantisation, .. } => Value::Bytes(Bytes { view, table: None, quantisation }),
            };
            last.into_iter().for_each(|index| self.done[index] = true);
            return self.put(name, value);
        }
        let read = self.as_floats(&node.name, input)?;
        let weights = match weights {
            Value::Constant(constant) => constant.clone(),
            Value::Weights(weights) => Arc::new(weights.dequantised()),
            _ => return Err("its weights must be constants".into()),
        };
        let bias = match bias {
            None => None,
            Some(Value::Constant(constant)) => Some(constant.clone()),
            Some(Value::Weights(weights)) => Some(Arc::new(weights.dequantised())),
            Some(_) => return Err("its bias must be a constant".into()),
        };
        let write = self.float_conv(node, read, &weights, bias.as_deref())?;
        self.set(node, 0, Value::Float(write))
    }

    /// Looks ahead: `conv → [function] → QuantizeLinear` is one step. Gives the name that the result has then, and the nodes that it
    /// takes along.
    fn becomes(&self, node: &'a NodeProto, outputs: usize) -> Result<(Becomes, &'a str, Vec<usize>), String> {
        let output = node.output.first().ok_or("it has no output")?.as_str();
        if let Some((index, quantisation, name)) = self.sole_quantiser(output) {
            return Ok((Becomes::plain(quantisation), name, vec![index]));
        }
        let Some((function, after, mut taken)) = self.function_behind(output, outputs)? else {
            return Ok((Becomes::Floats, output, Vec::new()));
        };
        let Some((index, quantisation, name)) = self.sole_quantiser(after) else {
            return Ok((Becomes::Floats, output, Vec::new()));
        };
        taken.push(index);
        // Rounding and saturating keep the order, so a bound of the numbers is a bound of the bytes.
        let bounds = match (&function, quantisation.affine()) {
            (FunctionKind::Clip { low, high }, Some(affine)) => Some([*low, *high].map(|x| byte(x, affine))),
            // 0 is the same byte in every channel.
            (FunctionKind::Clip { low: 0.0, high: f32::MAX }, None) => match quantisation.zero[..] {
                [zero] => Some([zero, 255]),
                _ => None,
            },
            _ => None,
        };
        let becomes = match bounds {
            Some([low, high]) => Becomes::Bytes { quantisation, low, high, function: None },
            None => Becomes::Bytes { quantisation, low: 0, high: 255, function: Some(function) },
        };
        Ok((becomes, name, taken))
    }

    /// The function that alone reads `name`, the name of its result, and its nodes; of those that kernels compute.
    fn function_behind(&self, name: &str, outputs: usize) -> Result<Option<Behind<'a>>, String> {
        let graph = self.graph;
        if let Some(&[sigmoid, _]) = self.consumers.get(name).map(Vec::as_slice)
            && !self.outputs.contains(name)
            && graph.node[sigmoid].op_type == "Sigmoid"
            && let Some((product, after)) = self.silu_after(&graph.node[sigmoid])
        {
            return Ok(Some((FunctionKind::Silu, after, vec![sigmoid, product])));
        }
        let Some(index) = self.sole_consumer(name) else { return Ok(None) };
        let function = &graph.node[index];
        let Some(after) = function.output.first() else { return Ok(None) };
        let kind = match function.op_type.as_str() {
            "PRelu" => FunctionKind::Slopes(match self.slopes(function)?[..] {
                [slope] => vec![slope; outputs],
                ref slopes if slopes.len() == outputs => slopes.to_vec(),
                _ => return Ok(None),
            }),
            "Relu" | "LeakyRelu" | "Clip" | "Sigmoid" | "HardSwish" => match function_of(function, self)? {
                Unary::Relu => FunctionKind::Clip { low: 0.0, high: f32::MAX },
                Unary::LeakyRelu { slope } => FunctionKind::Slopes(vec![slope; outputs]),
                Unary::Clip { low, high } => FunctionKind::Clip { low, high },
                Unary::Sigmoid => FunctionKind::Sigmoid,
                Unary::HardSwish => FunctionKind::HardSwish,
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some((kind, after, vec![index])))
    }

    pub(super) fn qlinear_conv(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let input = self.bytes_at(node, 0)?;
        let values = self.raw_constant(node, 3)?.ok_or("its weights are missing")?;
        let scale = self.raw_constant(node, 4)?.ok_or("its weights' scale is missing")?;
        let zero = self.raw_constant(node, 5)?;
        let weights = Weights::new(&values, &scale, zero.as_deref(), 0)?;
        let quantisation = self.node_quantisation(node, 6)?;
        let bias = match self.raw_constant(node, 8)? {
            None => None,
            // Its scale is that of the sums, by definition.
            Some(bias) => match &bias.data {
                Data::I32(values) => Some(values.clone()),
                _ => return Err("its bias holds no 32 bit integers".into()),
            },
        };
        let becomes = Becomes::plain(quantisation.clone());
        let view = self.sums(node, input, &weights, bias, &becomes)?;
        self.set(node, 0, Value::Bytes(Bytes { view, table: None, quantisation }))
    }

    fn quantised_conv(
        &mut self,
        node: &NodeProto,
        input: Bytes,
        weights: &Weights,
        bias: Option<&Value>,
        becomes: &Becomes,
    ) -> Result<View, String> {
        let outputs = *weights.dims.first().ok_or("its weights have no dimensions")?;
        let sum_scale = |output: usize| {
            let of = |scale: &[f32]| f64::from(scale[if scale.len() == 1 { 0 } else { output }]);
            of(&input.quantisation.scale) * of(&weights.scale)
        };
        let bias = match bias {
            None => None,
            Some(Value::Weights(bias)) if bias.zero.iter().all(|zero| *zero == 0) && agrees(bias, sum_scale) => {
                Some(bias.values.clone())
            }
            Some(Value::Weights(bias)) => Some(rounded(&bias.dequantised(), sum_scale)?),
            Some(Value::Constant(bias)) => Some(rounded(bias, sum_scale)?),
            Some(_) => return Err("its bias must be a constant".into()),
        };
        if bias.as_ref().is_some_and(|bias| bias.len() != outputs) {
            return Err(format!("its bias has not {outputs} numbers"));
        }
        self.sums(node, input, weights, bias, becomes)
    }

    /// The step itself: packs the weights.
    fn sums(
        &mut self,
        node: &NodeProto,
        input: Bytes,
        weights: &Weights,
        bias: Option<Vec<i32>>,
        becomes: &Becomes,
    ) -> Result<View, String> {
        let looked_up = self.looked_up(&node.name, &input.view, input.table.as_ref());
        let read = self.as_pixels(&node.name, looked_up);
        let shape = shape(node, &read.dims, &weights.dims)?;
        let Shape { window, groups, outputs, inputs } = shape;
        if weights.scale.len() != 1 && (weights.axis != 0 || weights.scale.len() != outputs) {
            return Err("its weights have a scale per something else than output channels".into());
        }
        let depthwise = inputs == 1 && groups == outputs;
        let scales = &input.quantisation.scale;
        if scales.len() != 1 && !(depthwise && scales.len() == outputs) {
            return Err(super::PER_CHANNEL.into());
        }
        let bias = bias.unwrap_or_else(|| vec![0; outputs]);
        if bias.len() != outputs {
            return Err(format!("its bias has {} numbers for {outputs} outputs", bias.len()));
        }
        let values = weights.centred()?;
        let pick = |scale: &[f32], output: usize| f64::from(scale[if scale.len() == 1 { 0 } else { output }]);
        let out = |range: std::ops::Range<usize>| {
            let product = |output| pick(scales, output) * pick(&weights.scale, output);
            match becomes {
                Becomes::Floats => ConvOut::Floats(range.map(|output| product(output) as f32).collect()),
                Becomes::Bytes { quantisation, low, high, function } => {
                    let scale = |output| pick(&quantisation.scale, output);
                    // Behind a function stands the output's scale, and it divides.
                    let divisor = |output| if function.is_some() { 1.0 } else { scale(output) };
                    let function = function.as_ref().map(|kind| Function {
                        kind: kind.part(&range),
                        reciprocal: range.clone().map(|output| (1.0 / scale(output)) as f32).collect(),
                        zeros: match quantisation.zero.len() {
                            1 => Vec::new(),
                            _ => range.clone().map(|output| quantisation.zero_of(output).into()).collect(),
                        },
                    });
                    ConvOut::Bytes(Requant {
                        factor: range.map(|output| (product(output) / divisor(output)) as f32).collect(),
                        zero: quantisation.zero[0],
                        low: *low,
                        high: *high,
                        table: None,
                        function,
                    })
                }
            }
        };
        if let Becomes::Bytes { quantisation, .. } = becomes
            && ![1, outputs].contains(&quantisation.scale.len())
        {
            return Err(format!("{} scales for {outputs} outputs", quantisation.scale.len()));
        }
        let empty = match becomes {
            Becomes::Bytes { function: Some(FunctionKind::Clip { low, high }), .. } => {
                low > high || low.is_nan() || high.is_nan()
            }
            Becomes::Bytes { low, high, .. } => low > high,
            Becomes::Floats => false,
        };
        if empty {
            return Err("the bounds behind it leave no number".into());
        }
        // The kernels count on it: 0 times an infinite factor is no number, and a function of an infinite number may be none.
        let whole = out(0..outputs);
        let finite = match &whole {
            ConvOut::Bytes(Requant { factor, function: Some(function), .. }) => {
                factor.iter().all(|factor| (factor * SUMS).is_finite())
                    && function.reciprocal.iter().all(|reciprocal| reciprocal.is_finite())
            }
            ConvOut::Floats(factor) | ConvOut::Bytes(Requant { factor, .. }) => factor.iter().all(|f| f.is_finite()),
        };
        if !finite {
            return Err("its scales are too far apart: their ratio is no finite number".into());
        }
        let dims = [1, outputs, window.out[0], window.out[1]];
        let write = match becomes {
            Becomes::Floats => self.plan.floats(&dims),
            Becomes::Bytes { .. } => self.plan.bytes(&dims),
        };
        let pads = input.quantisation.zero.clone();
        let [kh, kw] = window.kernel;
        let op = if depthwise {
            let filters = PackedDepthwise::new(self.kernels, outputs, kh, kw, &values, &bias, &pads);
            Op::Depthwise(Box::new(Depthwise { window, pads, filters, out: whole }))
        } else {
            // One scale, so one zero point.
            let pad = pads[0];
            let each = outputs / groups;
            let k = kh * kw * inputs;
            let rows = by_pixel(&values, outputs, inputs, kh * kw);
            let small = groups == 1 && window.kernel == [3, 3] && window.stride == [1, 1];
            if let (true, ConvOut::Bytes(requant)) = (small, whole)
                && let Some(packed) = PackedWinograd::new(self.kernels, outputs, inputs, &rows, &bias, pad)
            {
                let op = Op::Winograd(Box::new(Winograd { window, pad, packed, requant }));
                self.plan.push(&node.name, op, vec![read], &write);
                return Ok(write);
            }
            let group = |group: usize| {
                let range = group * each..(group + 1) * each;
                let rows = &rows[range.start * k..range.end * k];
                (PackedGemm::new(self.kernels, each, k, rows, &bias[range.clone()], pad), out(range))
            };
            Op::Conv(Box::new(Conv { window, pad, groups: (0..groups).map(group).collect(), outputs: each }))
        };
        self.plan.push(&node.name, op, vec![read], &write);
        Ok(write)
    }

    fn float_conv(
        &mut self,
        node: &NodeProto,
        read: View,
        weights: &Constant,
        bias: Option<&Constant>,
    ) -> Result<View, String> {
        let read = self.as_pixels(&node.name, read);
        let Shape { window, groups, outputs, inputs } = shape(node, &read.dims, &weights.dims)?;
        let values = weights.floats().ok_or("its weights are no floats")?;
        let zeros = vec![0.0; outputs];
        let bias = bias.map_or(Some(&zeros[..]), Constant::floats).ok_or("its bias is no float constant")?;
        if bias.len() != outputs {
            return Err(format!("its bias has {} numbers for {outputs} outputs", bias.len()));
        }
        if values.iter().chain(bias).any(|value| !value.is_finite()) {
            return Err("a weight is not a finite number".into());
        }
        let [kh, kw] = window.kernel;
        let write = self.plan.floats(&[1, outputs, window.out[0], window.out[1]]);
        let op = if inputs == 1 && groups == outputs {
            let filters = PackedDepthwiseF32::new(self.kernels, outputs, kh, kw, values, bias);
            Op::FloatDepthwise(Box::new(FloatDepthwise { window, filters }))
        } else {
            let each = outputs / groups;
            let k = kh * kw * inputs;
            let rows = by_pixel(values, outputs, inputs, kh * kw);
            let group = |group: usize| {
                let range = group * each..(group + 1) * each;
                PackedGemmF32::new(self.kernels, each, k, &rows[range.start * k..range.end * k], &bias[range])
            };
            Op::FloatConv(Box::new(FloatConv { window, groups: (0..groups).map(group).collect(), outputs: each }))
        };
        self.plan.push(&node.name, op, vec![read], &write);
        Ok(write)
    }

    /// A fully connected layer: a convolution over one pixel.
    pub(super) fn gemm(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let plain = node::float(node, "alpha", 1.0) == 1.0
            && node::float(node, "beta", 1.0) == 1.0
            && node::int(node, "transA", 0) == 0;
        if !plain {
            return Err("alpha, beta or transA other than the default are not supported".into());
        }
        let (input, weights) = (self.input(node, 0)?, self.input(node, 1)?);
        let bias = self.optional(node, 2)?;
        self.connected(node, &input, &weights, bias.as_ref(), node::int(node, "transB", 0) != 0)
    }

    pub(super) fn matmul(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        let constant = matches!(b, Value::Constant(_) | Value::Weights(_));
        if constant && dims_of(&a).len() == 2 && dims_of(&a)[0] == 1 && dims_of(&b).len() == 2 {
            return self.connected(node, &a, &b, None, false);
        }
        let (x, y) = (dims_of(&a), dims_of(&b));
        let rank = x.len();
        if rank < 2 || y.len() != rank || x[rank - 1] != y[rank - 2] || x[..rank - 2] != y[..rank - 2] {
            return Err(format!("a product of the shapes {x:?} and {y:?} is not supported"));
        }
        let mut dims = x;
        dims[rank - 1] = y[rank - 1];
        let reads = vec![self.as_floats(&node.name, &a)?, self.as_floats(&node.name, &b)?];
        let write = self.plan.row_major_floats(&dims);
        self.plan.push(&node.name, Op::MatMul, reads, &write);
        self.set(node, 0, Value::Float(write))
    }

    /// `weights`: `[inputs, outputs]`, or transposed.
    fn connected(
        &mut self,
        node: &'a NodeProto,
        input: &Value,
        weights: &Value,
        bias: Option<&Value>,
        transposed: bool,
    ) -> Result<(), String> {
        let (dims, of) = (dims_of(input), dims_of(weights));
        let ([1, count], [a, b]) = (&dims[..], &of[..]) else {
            return Err(format!("a layer of the shapes {dims:?} and {of:?} is not supported"));
        };
        let (outputs, inputs) = if transposed { (*a, *b) } else { (*b, *a) };
        if inputs != *count {
            return Err(format!("{count} numbers for {inputs} inputs"));
        }
        let turned = |index: usize| if transposed { index } else { index % inputs * outputs + index / inputs };
        let kernel = vec![outputs, inputs, 1, 1];
        let weights = match weights {
            Value::Weights(weights) => {
                let axis = usize::from(weights.axis != usize::from(!transposed));
                let values = (0..outputs * inputs).map(|index| weights.values[turned(index)]).collect();
                Value::Weights(Arc::new(Weights { dims: kernel, values, axis, ..(**weights).clone() }))
            }
            Value::Constant(constant) => {
                let values = constant.floats().ok_or("its weights are no floats")?;
                let values = (0..outputs * inputs).map(|index| values[turned(index)]).collect();
                Value::Constant(Arc::new(Constant { dims: kernel, data: Data::F32(values) }))
            }
            _ => return Err("its weights must be constants".into()),
        };
        let view = super::view_of(input)?.reshaped(&[1, inputs, 1, 1]).ok_or("its input is no row")?;
        let input = super::with_view(input, view);
        self.conv_like(node, &input, &weights, bias)?;
        // The names that conv_like set stand for a picture of one pixel; make them a row again.
        let name = self.named_last(node);
        if let Some(value) = self.values.get(name).cloned() {
            let view = super::view_of(&value)?.reshaped(&[1, outputs]).ok_or("its output is no row")?;
            self.put(name, super::with_view(&value, view))?;
        }
        Ok(())
    }

    /// The name that stands for what became of `node`: its output, or that of the quantiser that it took along.
    fn named_last(&self, node: &'a NodeProto) -> &'a str {
        let mut name = node.output[0].as_str();
        while !self.values.contains_key(name) {
            let Some(&[index]) = self.consumers.get(name).map(Vec::as_slice) else { break };
            name = &self.graph.node[index].output[0];
        }
        name
    }
}

fn byte(x: f32, affine: Affine) -> u8 {
    super::super::value::quantise(x, affine.scale, affine.zero)
}

/// Whether the bias has the scale that the sums have.
fn agrees(bias: &Weights, sum_scale: impl Fn(usize) -> f64) -> bool {
    (0..bias.values.len()).all(|output| {
        let own = f64::from(bias.scale[if bias.scale.len() == 1 { 0 } else { output }]);
        (own / sum_scale(output) - 1.0).abs() < 1e-5
    })
}

/// A float bias in units of the sums.
fn rounded(bias: &Constant, sum_scale: impl Fn(usize) -> f64) -> Result<Vec<i32>, String> {
    let values = bias.floats().ok_or("its bias is no float constant")?;
    let round = |(output, &value): (usize, &f32)| {
        let units = (f64::from(value) / sum_scale(output)).round_ties_even();
        match units.abs() < f64::from(1 << 30) {
            true => Ok(units as i32),
            false => Err(format!("bias {value} is not finite or too large for its scale")),
        }
    };
    values.iter().enumerate().map(round).collect()
}

fn shape(node: &NodeProto, picture: &[usize], weights: &[usize]) -> Result<Shape, String> {
    let (&[1, channels, height, width], &[outputs, inputs, kh, kw]) = (picture, weights) else {
        return Err(format!("shapes {picture:?} and {weights:?}: only convolutions of one picture are supported"));
    };
    let groups = usize::try_from(node::int(node, "group", 1)).unwrap_or(0);
    if groups == 0 || inputs.checked_mul(groups) != Some(channels) || outputs % groups != 0 || outputs == 0 {
        return Err(format!("{channels} channels in {groups} groups do not fit weights of shape {weights:?}"));
    }
    if kh > MAX_ROWS {
        return Err(format!("a window of {kh} rows: at most {MAX_ROWS} are supported"));
    }
    let window = Window::of(node, [kh, kw], [height, width])?;
    Ok(Shape { window, groups, outputs, inputs })
}

/// `[outputs][inputs][taps]` → `[outputs][taps][inputs]`, the order in which pixels lie.
fn by_pixel<T: Copy>(values: &[T], outputs: usize, inputs: usize, taps: usize) -> Vec<T> {
    let mut sorted = Vec::with_capacity(values.len());
    for output in 0..outputs {
        for tap in 0..taps {
            sorted.extend((0..inputs).map(|input| values[(output * inputs + input) * taps + tap]));
        }
    }
    sorted
}
