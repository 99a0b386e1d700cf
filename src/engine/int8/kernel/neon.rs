//! NEON without dot products (Cortex-A72): 8-bit products into 16 bits, two of them, then their neighbours' sums into 32 bits.
//! Activations are signed: `a - 128`, which the packed bias makes good.

use std::arch::aarch64::*;

use super::isa::{Isa, Task};
use super::pack::Layout;

/// `SYMMETRIC`: no weight is -128, so that two products, each at most 128 · 127, fit into 16 bits.
#[derive(Clone, Copy)]
pub(super) struct Neon<const SYMMETRIC: bool>;

/// Zero point as i16, bounds as bytes.
#[derive(Clone, Copy)]
pub(super) struct Narrow {
    zero: int16x8_t,
    low: uint8x16_t,
    high: uint8x16_t,
}

// SAFETY of the blocks below: the trait's contract; every aarch64 of Rust's has NEON.
impl<const SYMMETRIC: bool> Isa for Neon<SYMMETRIC> {
    const LAYOUT: Layout = Layout { lanes: 4, vectors: 4, group: 4, cell: 1, step: 16, offset: 128, halves: true };
    const ROWS: usize = 4;
    const DIRECT: bool = false;

    type Acc = int32x4_t;
    type Data = int8x16_t;
    type Step = int8x16_t;
    type Float = float32x4_t;
    type Narrow = Narrow;
    type Table = [u8; 256];

    #[target_feature(enable = "neon")]
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
    unsafe fn dot(acc: int32x4_t, a: int8x16_t, w: int8x16_t) -> int32x4_t {
        unsafe {
            let lower = vmull_s8(vget_low_s8(a), vget_low_s8(w));
            if SYMMETRIC {
                vpadalq_s16(acc, vmlal_high_s8(lower, a, w))
            } else {
                vpadalq_s16(vpadalq_s16(acc, lower), vmull_high_s8(a, w))
            }
        }
    }

    #[inline(always)]
    unsafe fn dot_step<const G: usize>(acc: int32x4_t, a: int8x16_t, w: int8x16_t) -> int32x4_t {
        unsafe {
            // Two neighbouring values in every lane of 16 bits, for each half of the group.
            let pairs = vreinterpretq_s16_s8(a);
            let (first, second) = match G {
                0 => (vdupq_laneq_s16::<0>(pairs), vdupq_laneq_s16::<1>(pairs)),
                1 => (vdupq_laneq_s16::<2>(pairs), vdupq_laneq_s16::<3>(pairs)),
                2 => (vdupq_laneq_s16::<4>(pairs), vdupq_laneq_s16::<5>(pairs)),
                _ => (vdupq_laneq_s16::<6>(pairs), vdupq_laneq_s16::<7>(pairs)),
            };
            let (first, second) = (vreinterpretq_s8_s16(first), vreinterpretq_s8_s16(second));
            let lower = vmull_s8(vget_low_s8(first), vget_low_s8(w));
            if SYMMETRIC {
                vpadalq_s16(acc, vmlal_high_s8(lower, second, w))
            } else {
                vpadalq_s16(vpadalq_s16(acc, lower), vmull_high_s8(second, w))
            }
        }
    }

    #[inline(always)]
    unsafe fn unknown(mut a: int8x16_t) -> int8x16_t {
        // SAFETY: no instruction at all; the compiler only loses sight of the register.
        unsafe { std::arch::asm!("/* {0:v} */", inout(vreg) a, options(nomem, nostack, preserves_flags)) };
        a
    }

    #[inline(always)]
    unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
        unsafe { convert(from, length, to) }
    }

    #[inline(always)]
    unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
        unsafe {
            for c in (0..channels).step_by(8) {
                let [upper, lower] = pairs::<R>(rows, c);
                let (upper, lower) = (vreinterpretq_s64_s8(upper), vreinterpretq_s64_s8(lower));
                vst1q_s64(to.add(c * 4).cast(), vzip1q_s64(upper, lower));
                vst1q_s64(to.add(c * 4 + 16).cast(), vzip2q_s64(upper, lower));
            }
        }
    }

    #[inline(always)]
    unsafe fn to_float(acc: int32x4_t) -> float32x4_t {
        unsafe { vcvtq_f32_s32(acc) }
    }

    #[inline(always)]
    unsafe fn load_float(at: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(at) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn larger(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn smaller(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vminq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: float32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltzq_f32(x), a, b) }
    }

    #[inline(always)]
    unsafe fn times_power(x: float32x4_t, whole: float32x4_t) -> float32x4_t {
        unsafe {
            let n = vshlq_n_s32::<23>(vreinterpretq_s32_f32(whole));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(x), n))
        }
    }

    #[inline(always)]
    unsafe fn store_float(x: float32x4_t, at: *mut f32) {
        unsafe { vst1q_f32(at, x) }
    }

    #[inline(always)]
    unsafe fn narrow(zero: u8, low: u8, high: u8) -> Narrow {
        unsafe { Narrow { zero: vdupq_n_s16(i16::from(zero)), low: vdupq_n_u8(low), high: vdupq_n_u8(high) } }
    }

    #[inline(always)]
    unsafe fn round(x: float32x4_t) -> int32x4_t {
        unsafe { vcvtnq_s32_f32(x) }
    }

    #[inline(always)]
    unsafe fn offset(acc: int32x4_t, by: int32x4_t) -> int32x4_t {
        unsafe { vqaddq_s32(acc, by) }
    }

    #[inline(always)]
    unsafe fn store_bytes<const PARTS: usize>(x: [int32x4_t; 4], narrow: Narrow, out: [*mut u8; PARTS]) {
        unsafe {
            let a = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(x[0]), x[1]), narrow.zero);
            let b = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(x[2]), x[3]), narrow.zero);
            let bytes = vqmovun_high_s16(vqmovun_s16(a), b);
            let bytes = vminq_u8(vmaxq_u8(bytes, narrow.low), narrow.high);
            match PARTS {
                1 => vst1q_u8(out[0], bytes),
                2 => {
                    vst1_u8(out[0], vget_low_u8(bytes));
                    vst1_u8(out[1], vget_high_u8(bytes));
                }
                _ => {
                    let words = vreinterpretq_u32_u8(bytes);
                    out[0].cast::<u32>().write_unaligned(vgetq_lane_u32::<0>(words));
                    out[1].cast::<u32>().write_unaligned(vgetq_lane_u32::<1>(words));
                    out[2].cast::<u32>().write_unaligned(vgetq_lane_u32::<2>(words));
                    out[3].cast::<u32>().write_unaligned(vgetq_lane_u32::<3>(words));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 256]) -> [u8; 256] {
        *table
    }

    #[inline(always)]
    unsafe fn lookup(table: &[u8; 256], data: *mut u8, length: usize) {
        unsafe { lookup(table, data, length) }
    }
}

/// `a - 128`, which is `a` with bit 7 flipped, as a signed byte.
///
/// # Safety
/// `length` bytes at both places.
#[inline(always)]
pub(super) unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
    // SAFETY: the caller's promise; the last vector overlaps the one before it.
    unsafe {
        if length < 8 {
            for i in 0..length {
                *to.add(i) = *from.add(i) ^ 0x80;
            }
            return;
        }
        if length < 16 {
            for at in [0, length - 8] {
                vst1_u8(to.add(at), veor_u8(vld1_u8(from.add(at)), vdup_n_u8(0x80)));
            }
            return;
        }
        let mut i = 0;
        while i < length {
            let at = i.min(length - 16);
            vst1q_u8(to.add(at), veorq_u8(vld1q_u8(from.add(at)), vdupq_n_u8(0x80)));
            i += 16;
        }
    }
}

/// Of eight channels the values of rows 0 and 1 side by side, and those of rows 2 and 3, as signed bytes.
///
/// # Safety
/// Eight bytes at `c` in each of `R` rows.
#[inline(always)]
pub(super) unsafe fn pairs<const R: usize>(rows: [*const u8; 4], c: usize) -> [int8x16_t; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut x = [vdupq_n_u8(0); 4];
        for r in 0..R {
            x[r] = vcombine_u8(veor_u8(vld1_u8(rows[r].add(c)), vdup_n_u8(0x80)), vdup_n_u8(0));
        }
        [vreinterpretq_s8_u8(vzip1q_u8(x[0], x[1])), vreinterpretq_s8_u8(vzip1q_u8(x[2], x[3]))]
    }
}

/// 16 bytes at a time: a table instruction takes 64 entries, and leaves alone (tbx) what lies beyond them.
#[target_feature(enable = "neon")]
unsafe fn lookup(table: &[u8; 256], data: *mut u8, length: usize) {
    // SAFETY: four quarters of the table; vectors within `length` bytes, of which the last is read before the others are written, as
    // it may overlap.
    unsafe {
        let quarter = |i: usize| vld1q_u8_x4(table.as_ptr().add(i * 64));
        let quarters = [quarter(0), quarter(1), quarter(2), quarter(3)];
        if length < 16 {
            for i in 0..length {
                *data.add(i) = table[usize::from(*data.add(i))];
            }
            return;
        }
        let last = vld1q_u8(data.add(length - 16));
        let mut i = 0;
        while i < length {
            let whole = i + 16 <= length;
            let x = if whole { vld1q_u8(data.add(i)) } else { last };
            let mut y = vqtbl4q_u8(quarters[0], x);
            y = vqtbx4q_u8(y, quarters[1], vsubq_u8(x, vdupq_n_u8(64)));
            y = vqtbx4q_u8(y, quarters[2], vsubq_u8(x, vdupq_n_u8(128)));
            y = vqtbx4q_u8(y, quarters[3], vsubq_u8(x, vdupq_n_u8(192)));
            vst1q_u8(data.add(if whole { i } else { length - 16 }), y);
            i += 16;
        }
    }
}
