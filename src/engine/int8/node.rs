//! Reading a node of the graph: attributes with ONNX's defaults, and errors that name the node.

use tract_onnx::pb::{AttributeProto, NodeProto};

/// `node 'Conv_12' (Conv): ` before a reason.
pub(super) fn of(node: &NodeProto, reason: impl std::fmt::Display) -> String {
    let name = match (node.name.as_str(), node.output.first()) {
        ("", Some(output)) => output,
        (name, _) => name,
    };
    format!("node '{name}' ({}): {reason}", node.op_type)
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

pub(super) fn int(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |attribute| attribute.i)
}

pub(super) fn float(node: &NodeProto, name: &str, default: f32) -> f32 {
    attribute(node, name).map_or(default, |attribute| attribute.f)
}

pub(super) fn text<'a>(node: &'a NodeProto, name: &str) -> &'a str {
    attribute(node, name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok()).unwrap_or_default()
}

pub(super) fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice())
}

pub(super) fn tensor<'a>(node: &'a NodeProto, name: &str) -> Option<&'a tract_onnx::pb::TensorProto> {
    attribute(node, name).and_then(|attribute| attribute.t.as_ref())
}

/// A kernel that moves over a picture: height first, as in ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Above and left of the picture.
    pub before: [usize; 2],
    /// Height and width of the result.
    pub out: [usize; 2],
}

impl Window {
    /// Of a convolution or pooling over a picture of `size`. Refuses what kernels here do not do.
    pub fn of(node: &NodeProto, kernel: [usize; 2], size: [usize; 2]) -> Result<Self, String> {
        let pair = |name: &str, default: usize| match ints(node, name) {
            None => Ok([default; 2]),
            Some(&[a, b]) if a > 0 && b > 0 && a < 1 << 16 && b < 1 << 16 => Ok([a as usize, b as usize]),
            Some(other) => Err(format!("{name} = {other:?}")),
        };
        if pair("dilations", 1)? != [1, 1] {
            return Err("dilations other than 1 are not supported".into());
        }
        let stride = pair("strides", 1)?;
        if kernel.iter().any(|&k| k == 0 || k > 1 << 12) {
            return Err(format!("kernel {kernel:?}"));
        }
        let [top, left, bottom, right] = match (text(node, "auto_pad"), ints(node, "pads")) {
            ("" | "NOTSET", None) | ("VALID", _) => [0; 4],
            ("" | "NOTSET", Some(&[t, l, b, r])) if [t, l, b, r].iter().all(|p| (0..1 << 12).contains(p)) => {
                [t as usize, l as usize, b as usize, r as usize]
            }
            (same @ ("SAME_UPPER" | "SAME_LOWER"), _) => {
                let total = [0, 1].map(|axis| {
                    let out = size[axis].div_ceil(stride[axis]);
                    ((out - 1) * stride[axis] + kernel[axis]).saturating_sub(size[axis])
                });
                let before = total.map(|t| if same == "SAME_UPPER" { t / 2 } else { t.div_ceil(2) });
                [before[0], before[1], total[0] - before[0], total[1] - before[1]]
            }
            (auto, pads) => return Err(format!("padding {auto} {pads:?} is not supported")),
        };
        let ceil = int(node, "ceil_mode", 0) != 0;
        let (before, after) = ([top, left], [bottom, right]);
        let mut out = [0; 2];
        for axis in 0..2 {
            let Some(room) = (size[axis] + before[axis] + after[axis]).checked_sub(kernel[axis]) else {
                return Err(format!("a kernel of {kernel:?} on a picture of {size:?} pixels"));
            };
            out[axis] = match ceil {
                true => room.div_ceil(stride[axis]) + 1,
                false => room / stride[axis] + 1,
            };
            // ONNX: a window of ceil_mode that would begin in the padding behind the picture is left out.
            if ceil && (out[axis] - 1) * stride[axis] >= size[axis] + before[axis] {
                out[axis] -= 1;
            }
        }
        Ok(Self { kernel, stride, before, out })
    }

    /// One pixel of input for one of output, and nothing around a picture of `size`.
    pub fn is_point(&self, size: [usize; 2]) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.before == [0, 0] && self.out == size
    }
}
