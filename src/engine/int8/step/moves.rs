//! Steps that move elements: to another order, another type, or through a table on the way.

use super::super::kernel::Kernels;
use super::super::view::{walk, walk_rows};
use super::{Memory, Step, room};

/// `pixels` of three channels each → the same, or per channel through a table.
pub(super) fn picture(tables: Option<&[[u8; 256]; 3]>, pixels: &[u8], out: &mut [u8]) {
    match tables {
        None => out.copy_from_slice(pixels),
        Some([a, b, c]) => {
            for (out, pixel) in out.chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
                out[0] = a[usize::from(pixel[0])];
                out[1] = b[usize::from(pixel[1])];
                out[2] = c[usize::from(pixel[2])];
            }
        }
    }
}

pub(super) fn float_picture([a, b, c]: &[[f32; 256]; 3], step: &Step, memory: &mut Memory<'_>) {
    let pixels = memory.picture;
    for (out, pixel) in memory.floats_out(&step.write).chunks_exact_mut(3).zip(pixels.chunks_exact(3)) {
        out[0] = a[usize::from(pixel[0])];
        out[1] = b[usize::from(pixel[1])];
        out[2] = c[usize::from(pixel[2])];
    }
}

pub(super) fn bytes(
    kernels: Kernels,
    table: Option<&[u8; 256]>,
    step: &Step,
    memory: &mut Memory<'_>,
) -> Result<(), String> {
    let (read, write) = (&step.reads[0], &step.write);
    let (input, out, scratch) = memory.bytes_in_out(read, write)?;
    walk_rows([read, write], |at, rows, row_strides, count, strides| {
        let Some(table) = table else {
            return copy_rows(input, out, at, rows, row_strides, count, strides);
        };
        // Short runs are looked up many at a time: a table has to be made ready for the kernels first.
        let batch = (BATCH / count).max(1);
        let runs = room(&mut scratch.bytes, batch * count);
        for first in (0..rows).step_by(batch) {
            let some = batch.min(rows - first);
            let [from, to] = [at[0] + first * row_strides[0], at[1] + first * row_strides[1]];
            copy_rows(input, runs, [from, 0], some, [row_strides[0], count], count, [strides[0], 1]);
            kernels.lookup_in_place(table, &mut runs[..some * count]);
            copy_rows(runs, out, [0, to], some, [count, row_strides[1]], count, [1, strides[1]]);
        }
    });
    Ok(())
}

/// Bytes that are looked up at a time; they stay in the first cache level.
const BATCH: usize = 8 << 10;

/// `rows` runs of `count` elements.
fn copy_rows<T: Copy>(
    input: &[T],
    out: &mut [T],
    [from, to]: [usize; 2],
    rows: usize,
    [from_row, to_row]: [usize; 2],
    count: usize,
    strides: [usize; 2],
) {
    for row in 0..rows {
        let (from, to) = (from + row * from_row, to + row * to_row);
        match (strides, count) {
            // The pixels of a picture: a copy of a size that the compiler knows.
            ([1, 1], 3) => out[to..to + 3].copy_from_slice(&input[from..from + 3]),
            ([1, 1], _) => out[to..to + count].copy_from_slice(&input[from..from + count]),
            ([a, b], _) => (0..count).for_each(|i| out[to + i * b] = input[from + i * a]),
        }
    }
}

/// `tables`: 256 bytes per channel.
pub(super) fn map_channels(tables: &[u8], step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
    let (read, write) = (&step.reads[0], &step.write);
    let shape = "a table per channel needs a picture";
    let (from, to) = (read.pixels().ok_or(shape)?, write.pixels().ok_or(shape)?);
    let (input, out, _) = memory.bytes_in_out(read, write)?;
    for (input, out) in input.chunks(from.pitch).zip(out.chunks_mut(to.pitch)) {
        for ((byte, out), table) in input.iter().zip(out).zip(tables.chunks_exact(256)) {
            *out = table[usize::from(*byte)];
        }
    }
    Ok(())
}

pub(super) fn bytes_to_floats(kernels: Kernels, table: &[f32; 256], step: &Step, memory: &mut Memory<'_>) {
    let (read, write) = (&step.reads[0], &step.write);
    let (input, out, _) = memory.bytes_in_floats_out(read, write);
    walk([read, write], |[from, to], count, strides| match strides {
        [1, 1] => kernels.lookup_f32(table, &input[from..from + count], &mut out[to..to + count]),
        [a, b] => {
            let out = out[to..].iter_mut().step_by(b.max(1));
            out.zip((0..count).map(|i| from + i * a)).for_each(|(out, i)| *out = table[usize::from(input[i])]);
        }
    });
}

pub(super) fn floats(step: &Step, memory: &mut Memory<'_>) -> Result<(), String> {
    let (read, write) = (&step.reads[0], &step.write);
    let (input, out, _) = memory.floats_in_out(read, write)?;
    walk_rows([read, write], |at, rows, row_strides, count, strides| {
        copy_rows(input, out, at, rows, row_strides, count, strides);
    });
    Ok(())
}

pub(super) fn quantise(kernels: Kernels, scale: f32, zero: u8, step: &Step, memory: &mut Memory<'_>) {
    let (read, write) = (&step.reads[0], &step.write);
    let (input, out) = memory.floats_in_bytes_out(read, write);
    walk([read, write], |[from, to], count, strides| match strides {
        [1, 1] => kernels.quantize(&input[from..from + count], scale, zero, &mut out[to..to + count]),
        [a, b] => {
            for i in 0..count {
                out[to + i * b] = super::super::value::quantise(input[from + i * a], scale, zero);
            }
        }
    });
}
