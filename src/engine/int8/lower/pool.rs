//! Pooling and enlargement.

use std::sync::Arc;

use tract_onnx::pb::NodeProto;

use super::super::node::{self, Window};
use super::super::step::{Kind, Op, Pool};
use super::super::value::{ByteTable, Bytes, Quantisation, RealTable, Value, dequantise_table};
use super::{Lowering, View, view_of, with_view};

impl<'a> Lowering<'a> {
    pub(super) fn pool(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let window = window_of(node, &view_of(&value)?.dims)?;
        if node.op_type == "MaxPool" {
            return self.max_pool(node, &value, window);
        }
        let count_padding = node::int(node, "count_include_pad", 0) != 0;
        if let Some(bytes) = Self::as_bytes(&value)
            && let Some((index, quantisation, output)) = self.sole_quantiser(&node.output[0])
            && bytes.quantisation.affine().is_some()
            && quantisation.affine().is_some()
        {
            let value = self.average_bytes(&node.name, bytes, window, count_padding, quantisation)?;
            self.done[index] = true;
            self.put(output, value)?;
            return Ok(());
        }
        let read = self.as_floats(&node.name, &value)?;
        let read = self.as_pixels(&node.name, read);
        let write = self.plan.floats(&pooled(&read, &window));
        self.plan.push(&node.name, Op::Pool(Pool::AverageFloats { window, count_padding }), vec![read], &write);
        self.set(node, 0, Value::Float(write))
    }

    fn max_pool(&mut self, node: &'a NodeProto, value: &Value, window: Window) -> Result<(), String> {
        let name = &node.name;
        // A growing function of the byte: the largest byte is the largest number.
        let grows = |f: &[f32; 256]| f.windows(2).all(|pair| pair[0] <= pair[1]);
        let (value, floats) = match value {
            Value::Real { f, .. } if grows(f) => (value.clone(), false),
            Value::Real { view, of: Some((Some(table), quantisation)), .. } => {
                let view = self.looked_up(name, view, Some(table));
                (self.real(name, Bytes { view, table: None, quantisation: quantisation.clone() }), false)
            }
            // Any other function of a byte: the bytes become ranks of what they mean.
            Value::Real { view, f, of: None } => {
                let (ranks, values) = ranked(f);
                let view = self.looked_up(name, view, Some(&ranks));
                (Value::Real { view, f: values, of: None }, false)
            }
            Value::Bytes(bytes) => {
                let view = self.looked_up(name, &bytes.view, bytes.table.as_ref());
                (Value::Bytes(Bytes { view, table: None, ..bytes.clone() }), false)
            }
            _ => (Value::Float(self.as_floats(name, value)?), true),
        };
        let read = self.as_pixels(name, view_of(&value)?.clone());
        let dims = pooled(&read, &window);
        let (op, write) = match floats {
            true => (Op::Pool(Pool::MaxFloats(window)), self.plan.floats(&dims)),
            false => (Op::Pool(Pool::MaxBytes(window)), self.plan.bytes(&dims)),
        };
        self.plan.push(name, op, vec![read], &write);
        self.set(node, 0, with_view(&value, write))
    }

    fn average_bytes(
        &mut self,
        name: &str,
        bytes: Bytes,
        window: Window,
        count_padding: bool,
        quantisation: Quantisation,
    ) -> Result<Value, String> {
        let affine = |quantisation: &Quantisation| quantisation.affine().ok_or(super::PER_CHANNEL);
        let (input, output) = (affine(&bytes.quantisation)?, affine(&quantisation)?);
        let read = self.looked_up(name, &bytes.view, bytes.table.as_ref());
        let read = self.as_pixels(name, read);
        let write = self.plan.bytes(&pooled(&read, &window));
        let pool = Pool::AverageBytes { window, count_padding, input, output };
        self.plan.push(name, Op::Pool(pool), vec![read], &write);
        Ok(Value::Bytes(Bytes { view: write, table: None, quantisation }))
    }

    pub(super) fn qlinear_average(&mut self, node: &'a NodeProto) -> Result<(), String> {
        if node::int(node, "channels_last", 0) != 0 {
            return Err("channels_last is not supported".into());
        }
        let bytes = self.bytes_at(node, 0)?;
        let quantisation = self.node_quantisation(node, 3)?;
        let window = window_of(node, &bytes.view.dims)?;
        let count_padding = node::int(node, "count_include_pad", 0) != 0;
        let value = self.average_bytes(&node.name, bytes, window, count_padding, quantisation)?;
        self.set(node, 0, value)
    }

    /// Nearest by a whole factor, or bilinear.
    pub(super) fn resize(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let value = self.input(node, 0)?;
        let view = view_of(&value)?.clone();
        let [1, channels, height, width] = view.dims[..] else {
            return Err(format!("it resizes the shape {:?}", view.dims));
        };
        let scales = match node.op_type.as_str() {
            "Upsample" => self.constant(node, 1)?,
            _ => self.constant(node, 2)?,
        };
        let scales = scales.as_ref().and_then(|scales| scales.floats()).filter(|scales| scales.len() == 4);
        let [new_height, new_width] = match (scales, self.integers(node, 3)?) {
            (Some(scales), _) if scales[0] == 1.0 && scales[1] == 1.0 => {
                let at = |size: usize, scale: f32| (size as f32 * scale).floor().clamp(0.0, 65536.0) as usize;
                [at(height, scales[2]), at(width, scales[3])]
            }
            (_, Some(sizes)) if sizes.len() == 4 && sizes[1] == channels as i64 => {
                [sizes[2], sizes[3]].map(|size| size.clamp(0, 65536) as usize)
            }
            _ => return Err("it resizes something else than height and width".into()),
        };
        if new_height == 0 || new_width == 0 {
            return Err("its result is empty".into());
        }
        let centres = node::text(node, "coordinate_transformation_mode");
        match node::text(node, "mode") {
            "nearest" | "" if new_height % height == 0 && new_width % width == 0 && centres != "align_corners" => {
                let (down, across) = (new_height / height, new_width / width);
                // The picture with its rows and columns repeated, by strides of 0.
                let [n, c, row, pixel] = view.strides[..] else { return Err("it is no picture".into()) };
                let dims = vec![1, channels, height, down, width, across];
                let read = View { dims: dims.clone(), strides: vec![n, c, row, 0, pixel, 0], ..view };
                let (op, target) = match self.plan.kind(&read) {
                    Kind::Bytes => (Op::MoveBytes(None), self.plan.bytes(&[1, channels, new_height, new_width])),
                    _ => (Op::MoveFloats, self.plan.floats(&[1, channels, new_height, new_width])),
                };
                let write = target.reshaped(&dims).ok_or("its result cannot be written")?;
                self.plan.push(&node.name, op, vec![read], &write);
                self.set(node, 0, with_view(&value, target))
            }
            "linear" if matches!(centres, "half_pixel" | "pytorch_half_pixel" | "") => {
                self.resize_linear(node, &value, [new_height, new_width])
            }
            mode => Err(format!("mode {mode:?} {centres:?} to {new_height}x{new_width} is not supported")),
        }
    }

    fn resize_linear(&mut self, node: &'a NodeProto, value: &Value, [height, width]: [usize; 2]) -> Result<(), String> {
        let name = &node.name;
        let value = match Self::as_bytes(value) {
            // Mixing bytes mixes what they mean only where a byte means itself times a scale.
            Some(bytes) if bytes.quantisation.affine().is_some() => {
                let view = self.looked_up(name, &bytes.view, bytes.table.as_ref());
                match (value, bytes.quantisation.affine()) {
                    (Value::Real { .. }, Some(affine)) => Value::Real {
                        view,
                        f: dequantise_table(None, affine),
                        of: Some((None, bytes.quantisation.clone())),
                    },
                    _ => Value::Bytes(Bytes { view, table: None, quantisation: bytes.quantisation }),
                }
            }
            _ => Value::Float(self.as_floats(name, value)?),
        };
        let read = self.as_pixels(name, view_of(&value)?.clone());
        let dims = [1, read.dims[1], height, width];
        let write = match self.plan.kind(&read) {
            Kind::Bytes => self.plan.bytes(&dims),
            _ => self.plan.floats(&dims),
        };
        self.plan.push(name, Op::ResizeLinear, vec![read], &write);
        self.set(node, 0, with_view(&value, write))
    }
}

/// The place of each byte's value among all values, and the value at each place.
fn ranked(f: &RealTable) -> (ByteTable, RealTable) {
    let mut values = f.to_vec();
    values.sort_by(f32::total_cmp);
    values.dedup();
    // At most 256 values, so a place is a byte.
    let ranks = std::array::from_fn(|byte| values.partition_point(|value| value.total_cmp(&f[byte]).is_lt()) as u8);
    let last = values[values.len() - 1];
    values.resize(256, last);
    (Arc::new(ranks), Arc::new(std::array::from_fn(|rank| values[rank])))
}

fn window_of(node: &NodeProto, dims: &[usize]) -> Result<Window, String> {
    let &[1, _, height, width] = dims else { return Err(format!("it pools the shape {dims:?}")) };
    let kernel = match node::ints(node, "kernel_shape") {
        _ if node.op_type.contains("Global") => [height, width],
        Some(&[h, w]) if h > 0 && w > 0 => [h as usize, w as usize],
        other => return Err(format!("kernel_shape = {other:?}")),
    };
    let padding = node::ints(node, "pads").unwrap_or_default();
    if padding.iter().zip(kernel.iter().chain(&kernel)).any(|(&pad, &kernel)| pad >= kernel as i64) {
        return Err(format!("pads = {padding:?}: a window of {kernel:?} would see nothing but padding"));
    }
    Window::of(node, kernel, [height, width])
}

fn pooled(read: &View, window: &Window) -> [usize; 4] {
    [1, read.dims[1], window.out[0], window.out[1]]
}
