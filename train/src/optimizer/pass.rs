//! A step in one pass over the numbers, on a processor.

use std::array;

use burn::tensor::{DType, Tensor, TensorData};
use rayon::prelude::*;

use super::take;
use crate::device::Device;

/// Numbers that a thread takes at a time: enough to be worth the hand-over, few enough that all threads get some.
const BLOCK: usize = 1 << 14;

/// Replaces value and slots by what `rule(value, gradient, slots)` makes of each number. A step written as operations on
/// tensors reads and writes memory once for each of them, and memory is what it waits for: Adam takes 12 passes.
///
/// # Errors
/// Gives value and gradient back where they lie on another device or are of another type.
#[expect(clippy::result_large_err, reason = "what could not be used comes back, and is used otherwise")]
pub(super) fn one_pass<const N: usize>(
    value: Tensor<1>,
    gradient: Tensor<1>,
    slots: &mut Vec<Tensor<1>>,
    rule: impl Fn(f32, f32, [f32; N]) -> (f32, [f32; N]) + Sync,
) -> Result<Tensor<1>, (Tensor<1>, Tensor<1>)> {
    let device = value.device();
    if device != Device::flex() || value.dtype() != DType::F32 || gradient.dtype() != DType::F32 {
        return Err((value, gradient));
    }
    let mut kept: [TensorData; N] = array::from_fn(|place| take(slots, place, &value).into_data());
    // Both only hand the memory over where nobody else holds it.
    let (mut value, gradient) = (value.into_data(), gradient.into_data());
    {
        let mut rows = kept.each_mut().map(|slot| numbers(slot).chunks_mut(BLOCK));
        let gradients = gradient.as_slice::<f32>().expect("looked at above").chunks(BLOCK);
        let blocks: Vec<_> = numbers(&mut value)
            .chunks_mut(BLOCK)
            .zip(gradients)
            .map(|(value, gradient)| {
                (value, gradient, rows.each_mut().map(|row| row.next().expect("slots are as long as the parameter")))
            })
            .collect();
        blocks.into_par_iter().for_each(|(value, gradient, slots)| {
            let slots = slots.map(|slot| &mut slot[..value.len()]);
            for (place, (value, &gradient)) in value.iter_mut().zip(gradient).enumerate() {
                let (new, kept) = rule(*value, gradient, array::from_fn(|slot| slots[slot][place]));
                *value = new;
                (0..N).for_each(|slot| slots[slot][place] = kept[slot]);
            }
        });
    }
    *slots = kept.into_iter().map(|slot| Tensor::from_data(slot, &device)).collect();
    Ok(Tensor::from_data(value, &device))
}

fn numbers(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice().expect("parameters and slots are 32-bit floats")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_changed_once_and_what_others_hold_is_left_alone() {
        let device = Device::flex();
        let count = 2 * BLOCK + 7;
        let line: Vec<f32> = (0..count).map(|place| place as f32).collect();
        let value = Tensor::<1>::from_floats(line.as_slice(), &device);
        let held = value.clone();
        let mut slots = Vec::new();
        for step in 1..=2 {
            let gradient = Tensor::ones([count], &device);
            let done = one_pass(value.clone(), gradient, &mut slots, |w, g, [a, b]| (w - g, [a + g, b + w]));
            let found: Vec<f32> = done.expect("on the processor").into_data().try_to_vec().unwrap();
            assert!(found.iter().zip(&line).all(|(found, before)| *found == before - 1.0));
            let kept: Vec<Vec<f32>> = slots.iter().map(|slot| slot.to_data().try_to_vec().unwrap()).collect();
            assert!(kept[0].iter().all(|it| *it == step as f32));
            assert!(kept[1].iter().zip(&line).all(|(found, line)| *found == step as f32 * line));
        }
        assert_eq!(held.into_data().try_to_vec::<f32>().unwrap(), line);
    }
}
