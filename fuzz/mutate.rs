//! Changes an ONNX file where it hurts: blind changes of bytes mostly break the protobuf's nested lengths, and never
//! reach the engine.

use libfuzzer_sys::fuzzer_mutate;
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto};

/// Every other time bytes are changed blindly: readers of protobuf want their share.
pub fn onnx(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed) << 1 | 1);
    if dice.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let Some(mut model) = ModelProto::decode(&data[..size]).ok().filter(|model| model.graph.is_some()) else {
        return fuzzer_mutate(data, size, max_size);
    };
    for _ in 0..=dice.below(3) {
        change(model.graph.as_mut().expect("filtered above"), &mut dice);
    }
    let bytes = model.encode_to_vec();
    if bytes.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

/// One change of a node, an attribute, or a constant.
fn change(graph: &mut GraphProto, dice: &mut Dice) {
    match dice.below(9) {
        // A node reads something else, does something else, or is not there.
        0 => {
            let names: Vec<String> = graph.node.iter().flat_map(|node| node.output.clone()).collect();
            if let (Some(node), false) = (dice.one_of(&mut graph.node), names.is_empty()) {
                let name = names[dice.below(names.len())].clone();
                if let Some(input) = dice.one_of(&mut node.input) {
                    *input = name;
                }
            }
        }
        1 => {
            let operators: Vec<String> = graph.node.iter().map(|node| node.op_type.clone()).collect();
            if let Some(node) = dice.one_of(&mut graph.node) {
                node.op_type = operators[dice.below(operators.len())].clone();
            }
        }
        2 if !graph.node.is_empty() => drop(graph.node.remove(dice.below(graph.node.len()))),
        3 => {
            if let Some(node) = dice.one_of(&mut graph.node) {
                node.input.pop();
            }
        }
        // Attributes.
        4 | 5 => {
            let Some(node) = dice.one_of(&mut graph.node) else { return };
            let Some(attribute) = dice.one_of(&mut node.attribute) else { return };
            if let Some(value) = dice.one_of(&mut attribute.ints) {
                *value = dice.integer(*value);
            } else {
                attribute.i = dice.integer(attribute.i);
                attribute.f = dice.float();
            }
        }
        // Constants: their shapes, types, and numbers.
        6 => {
            let Some(tensor) = dice.one_of(&mut graph.initializer) else { return };
            match dice.one_of(&mut tensor.dims) {
                Some(dim) => *dim = dice.integer(*dim),
                None => tensor.data_type = dice.below(13) as i32,
            }
        }
        7 => {
            let Some(tensor) = dice.one_of(&mut graph.initializer) else { return };
            if let Some(value) = dice.one_of(&mut tensor.float_data) {
                *value = dice.float();
            }
            if let Some(value) = dice.one_of(&mut tensor.int64_data) {
                *value = dice.integer(*value);
            }
            if let Some(value) = dice.one_of(&mut tensor.int32_data) {
                *value = dice.integer(i64::from(*value)) as i32;
            }
        }
        _ => {
            if let Some(tensor) = dice.one_of(&mut graph.initializer) {
                tensor.data_type = [1, 2, 3, 6, 7, 10, 11][dice.below(7)];
            }
        }
    }
}

/// xorshift*; Marsaglia 2003, Vigna 2016.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<'a, T>(&mut self, list: &'a mut [T]) -> Option<&'a mut T> {
        (!list.is_empty()).then(|| self.below(list.len())).map(|index| &mut list[index])
    }

    fn integer(&mut self, old: i64) -> i64 {
        match self.below(6) {
            0 => old.wrapping_add(1),
            1 => old.wrapping_sub(1),
            2 => old.wrapping_mul(-1),
            3 => self.below(20) as i64,
            4 => 1 << self.below(63),
            _ => [i64::MAX, i64::MIN, 0, -1, i64::from(i32::MAX), i64::from(i32::MIN)][self.below(6)],
        }
    }

    fn float(&mut self) -> f32 {
        match self.below(3) {
            0 => f32::from_bits(self.next() as u32),
            1 => [0.0, -0.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE, 1e-42, f32::MAX, -1.0][self.below(8)],
            _ => self.below(1000) as f32 / 100.0,
        }
    }
}
