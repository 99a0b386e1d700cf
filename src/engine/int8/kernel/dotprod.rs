//! NEON with dot products (Cortex-A76 and later): sdot adds up four products of signed bytes per lane. The standard library's
//! intrinsics for it aren't stable, so the two instructions are written here.

use std::arch::aarch64::*;
use std::arch::asm;

use super::isa::{Isa, Task};
use super::neon::{self, Neon};
use super::pack::Layout;

#[derive(Clone, Copy)]
pub(super) struct Dotprod;

// SAFETY of the blocks below: the trait's contract, and the dot product extension is there. The instructions touch registers only.
impl Isa for Dotprod {
    const LAYOUT: Layout = Layout { lanes: 4, vectors: 4, group: 4, cell: 1, step: 16, offset: 128, halves: false };
    const ROWS: usize = 4;
    const DIRECT: bool = false;

    type Acc = int32x4_t;
    type Data = int8x16_t;
    type Step = int8x16_t;
    type Float = float32x4_t;
    type Narrow = <Neon<true> as Isa>::Narrow;
    type Table = [u8; 256];

    #[target_feature(enable = "neon,dotprod")]
    #[inline(never)]
    unsafe fn outlined<T: Task>(task: T) {
        unsafe { task.run() };
    }

    #[inline(always)]
    unsafe fn load_acc(at: *const i32) -> int32x4_t {
        unsafe { vld1q_s32(at) }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> int8x16_t {
        unsafe { vld1q_s8(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load_step(at: *const u8) -> int8x16_t {
        unsafe { vld1q_s8(at.cast()) }
    }

    #[inline(always)]
    unsafe fn dot(mut acc: int32x4_t, a: int8x16_t, w: int8x16_t) -> int32x4_t {
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                inout(vreg) acc, in(vreg) w, in(vreg) a,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        acc
    }

    #[inline(always)]
    unsafe fn dot_step<const G: usize>(mut acc: int32x4_t, a: int8x16_t, w: int8x16_t) -> int32x4_t {
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]",
                inout(vreg) acc, in(vreg) w, in(vreg) a, const G,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        acc
    }

    #[inline(always)]
    unsafe fn unknown(a: int8x16_t) -> int8x16_t {
        unsafe { Neon::<true>::unknown(a) }
    }

    #[inline(always)]
    unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
        unsafe { neon::convert(from, length, to) }
    }

    #[inline(always)]
    unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
        unsafe {
            for c in (0..channels).step_by(8) {
                let [upper, lower] = neon::pairs::<R>(rows, c);
                let (upper, lower) = (vreinterpretq_s16_s8(upper), vreinterpretq_s16_s8(lower));
                vst1q_s16(to.add(c * 4).cast(), vzip1q_s16(upper, lower));
                vst1q_s16(to.add(c * 4 + 16).cast(), vzip2q_s16(upper, lower));
            }
        }
    }

    #[inline(always)]
    unsafe fn to_float(acc: int32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::to_float(acc) }
    }

    #[inline(always)]
    unsafe fn load_float(at: *const f32) -> float32x4_t {
        unsafe { Neon::<true>::load_float(at) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        unsafe { Neon::<true>::splat(x) }
    }

    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::add(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::sub(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::mul(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::div(a, b) }
    }

    #[inline(always)]
    unsafe fn larger(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::larger(a, b) }
    }

    #[inline(always)]
    unsafe fn smaller(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::smaller(a, b) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: float32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::where_negative(x, a, b) }
    }

    #[inline(always)]
    unsafe fn times_power(x: float32x4_t, whole: float32x4_t) -> float32x4_t {
        unsafe { Neon::<true>::times_power(x, whole) }
    }

    #[inline(always)]
    unsafe fn store_float(x: float32x4_t, at: *mut f32) {
        unsafe { Neon::<true>::store_float(x, at) }
    }

    #[inline(always)]
    unsafe fn narrow(zero: u8, low: u8, high: u8) -> Self::Narrow {
        unsafe { Neon::<true>::narrow(zero, low, high) }
    }

    #[inline(always)]
    unsafe fn round(x: float32x4_t) -> int32x4_t {
        unsafe { Neon::<true>::round(x) }
    }

    #[inline(always)]
    unsafe fn offset(acc: int32x4_t, by: int32x4_t) -> int32x4_t {
        unsafe { Neon::<true>::offset(acc, by) }
    }

    #[inline(always)]
    unsafe fn store_bytes<const PARTS: usize>(x: [int32x4_t; 4], narrow: Self::Narrow, out: [*mut u8; PARTS]) {
        unsafe { Neon::<true>::store_bytes(x, narrow, out) }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 256]) -> [u8; 256] {
        *table
    }

    #[inline(always)]
    unsafe fn lookup(table: &[u8; 256], data: *mut u8, length: usize) {
        unsafe { Neon::<true>::lookup(table, data, length) }
    }
}
