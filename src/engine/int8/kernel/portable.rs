//! For tests: every shape of instruction set in plain Rust, so that the loops and the packing are tested where the set is not.

#![expect(clippy::needless_range_loop, reason = "counted loops over registers, which the compiler unrolls")]

use super::isa::{Isa, Task};
use super::pack::Layout;

/// L lanes, V vectors, a group of G values of C bytes, steps of S values, offset O, halves H, tiles of R rows.
#[derive(Clone, Copy)]
pub(super) struct Portable<
    const L: usize,
    const V: usize,
    const G: usize,
    const C: usize,
    const S: usize,
    const O: i32,
    const H: bool,
    const R: usize,
>;

pub(super) type LikeAvx2 = Portable<8, 2, 2, 2, 2, 0, false, 6>;
pub(super) type LikeAvxVnni = Portable<8, 2, 4, 1, 4, 0, false, 6>;
pub(super) type LikeAvx512Vnni = Portable<16, 2, 4, 1, 4, 0, false, 12>;
pub(super) type LikeNeon = Portable<4, 4, 4, 1, 16, 128, true, 4>;
pub(super) type LikeDotprod = Portable<4, 4, 4, 1, 16, 128, false, 4>;

impl<
    const L: usize,
    const V: usize,
    const G: usize,
    const C: usize,
    const S: usize,
    const O: i32,
    const H: bool,
    const R: usize,
> Portable<L, V, G, C, S, O, H, R>
{
    fn activation(a: &[u8], slot: usize) -> i32 {
        match (C, O) {
            (2, _) => i32::from(i16::from_le_bytes([a[slot * 2], a[slot * 2 + 1]])),
            (_, 0) => i32::from(a[slot]),
            _ => i32::from(a[slot] as i8),
        }
    }

    fn weight(w: &[u8], slot: usize) -> i32 {
        match C {
            2 => Self::activation(w, slot),
            _ => i32::from(w[slot] as i8),
        }
    }

    unsafe fn cell(from: *const u8, to: *mut u8, slot: usize) {
        let value = unsafe { i32::from(*from) } - O;
        unsafe { to.add(slot * C).copy_from_nonoverlapping(value.to_le_bytes().as_ptr(), C) };
    }
}

impl<
    const L: usize,
    const V: usize,
    const G: usize,
    const C: usize,
    const S: usize,
    const O: i32,
    const H: bool,
    const R: usize,
> Isa for Portable<L, V, G, C, S, O, H, R>
{
    const LAYOUT: Layout = Layout { lanes: L, vectors: V, group: G, cell: C, step: S, offset: O, halves: H };
    const ROWS: usize = R;
    const DIRECT: bool = C == 1 && O == 0;

    type Acc = [i32; L];
    type Data = [u8; 64];
    type Step = [u8; 64];
    type Float = [f32; L];
    type Narrow = (u8, u8, u8);
    type Table = [u8; 256];

    unsafe fn outlined<T: Task>(task: T) {
        unsafe { task.run() };
    }

    unsafe fn load_acc(at: *const i32) -> [i32; L] {
        unsafe { at.cast::<[i32; L]>().read_unaligned() }
    }

    unsafe fn load(at: *const u8) -> [u8; 64] {
        let mut data = [0; 64];
        unsafe { data.as_mut_ptr().copy_from_nonoverlapping(at, L * G * C) };
        data
    }

    unsafe fn load_step(at: *const u8) -> [u8; 64] {
        let mut data = [0; 64];
        unsafe { data.as_mut_ptr().copy_from_nonoverlapping(at, S * C) };
        data
    }

    unsafe fn dot(mut acc: [i32; L], a: [u8; 64], w: [u8; 64]) -> [i32; L] {
        for (lane, acc) in acc.iter_mut().enumerate() {
            for j in 0..G {
                let slot = Self::LAYOUT.slot(lane, j);
                *acc = acc.wrapping_add(Self::activation(&a, slot) * Self::weight(&w, slot));
            }
        }
        acc
    }

    unsafe fn dot_step<const I: usize>(mut acc: [i32; L], a: [u8; 64], w: [u8; 64]) -> [i32; L] {
        for (lane, acc) in acc.iter_mut().enumerate() {
            for j in 0..G {
                let w = Self::weight(&w, Self::LAYOUT.slot(lane, j));
                *acc = acc.wrapping_add(Self::activation(&a, I * G + j) * w);
            }
        }
        acc
    }

    unsafe fn unknown(a: [u8; 64]) -> [u8; 64] {
        std::hint::black_box(a)
    }

    unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
        for i in 0..length {
            unsafe { Self::cell(from.add(i), to, i) };
        }
    }

    unsafe fn interleave<const N: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
        for channel in 0..channels {
            for j in 0..N {
                let (vector, lane) = (channel / L, channel % L);
                unsafe {
                    let to = to.add(vector * Self::LAYOUT.vector_bytes());
                    Self::cell(rows[j].add(channel), to, Self::LAYOUT.slot(lane, j));
                }
            }
        }
    }

    unsafe fn to_float(acc: [i32; L]) -> [f32; L] {
        acc.map(|acc| acc as f32)
    }

    unsafe fn load_float(at: *const f32) -> [f32; L] {
        unsafe { at.cast::<[f32; L]>().read_unaligned() }
    }

    unsafe fn splat(x: f32) -> [f32; L] {
        [x; L]
    }

    unsafe fn add(a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    unsafe fn sub(a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| a[i] - b[i])
    }

    unsafe fn mul(a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    unsafe fn div(a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| a[i] / b[i])
    }

    unsafe fn larger(a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| a[i].max(b[i]))
    }

    unsafe fn smaller(a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| a[i].min(b[i]))
    }

    unsafe fn where_negative(x: [f32; L], a: [f32; L], b: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| if x[i] < 0.0 { a[i] } else { b[i] })
    }

    unsafe fn times_power(x: [f32; L], whole: [f32; L]) -> [f32; L] {
        std::array::from_fn(|i| f32::from_bits(x[i].to_bits().wrapping_add(whole[i].to_bits() << 23)))
    }

    unsafe fn store_float(x: [f32; L], at: *mut f32) {
        unsafe { at.cast::<[f32; L]>().write_unaligned(x) };
    }

    unsafe fn narrow(zero: u8, low: u8, high: u8) -> (u8, u8, u8) {
        (zero, low, high)
    }

    unsafe fn round(x: [f32; L]) -> [i32; L] {
        x.map(|x| x.round_ties_even() as i32)
    }

    unsafe fn offset(acc: [i32; L], by: [i32; L]) -> [i32; L] {
        std::array::from_fn(|i| acc[i].saturating_add(by[i]))
    }

    unsafe fn store_bytes<const PARTS: usize>(x: [[i32; L]; 4], narrow: (u8, u8, u8), out: [*mut u8; PARTS]) {
        let (zero, low, high) = narrow;
        for (i, x) in x.as_flattened().iter().enumerate() {
            let q = x.saturating_add(i32::from(zero)).clamp(0, 255) as u8;
            let part = L * 4 / PARTS;
            unsafe { *out[i / part].add(i % part) = q.clamp(low, high) };
        }
    }

    unsafe fn table(table: &[u8; 256]) -> [u8; 256] {
        *table
    }

    unsafe fn lookup(table: &[u8; 256], data: *mut u8, length: usize) {
        let data = unsafe { std::slice::from_raw_parts_mut(data, length) };
        data.iter_mut().for_each(|q| *q = table[usize::from(*q)]);
    }
}
