//! VNNI: vpdpbusd adds up four products of unsigned by signed bytes per lane, exactly. AVX-VNNI with 256 bits, AVX-512 with 512.

use std::arch::x86_64::*;

use super::avx2::{self, Avx2};
use super::isa::{Isa, Task};
use super::pack::Layout;

#[derive(Clone, Copy)]
pub(super) struct AvxVnni;

// SAFETY of the blocks below: the trait's contract, and AVX2 and AVX-VNNI are there.
impl Isa for AvxVnni {
    const LAYOUT: Layout = Layout { lanes: 8, vectors: 2, group: 4, cell: 1, step: 4, offset: 0, halves: false };
    const ROWS: usize = 6;
    const DIRECT: bool = true;

    type Acc = __m256i;
    type Data = __m256i;
    type Step = __m256i;
    type Float = __m256;
    type Narrow = <Avx2 as Isa>::Narrow;
    type Table = <Avx2 as Isa>::Table;

    #[target_feature(enable = "avx2,avxvnni")]
    #[inline(never)]
    unsafe fn outlined<T: Task>(task: T) {
        unsafe { task.run() };
    }

    #[inline(always)]
    unsafe fn load_acc(at: *const i32) -> __m256i {
        unsafe { Avx2::load_acc(at) }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m256i {
        unsafe { Avx2::load(at) }
    }

    #[inline(always)]
    unsafe fn load_step(at: *const u8) -> __m256i {
        unsafe { Avx2::load_step(at) }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m256i, a: __m256i, w: __m256i) -> __m256i {
        unsafe { _mm256_dpbusd_avx_epi32(acc, a, w) }
    }

    #[inline(always)]
    unsafe fn dot_step<const G: usize>(acc: __m256i, a: __m256i, w: __m256i) -> __m256i {
        unsafe { Self::dot(acc, a, w) }
    }

    #[inline(always)]
    unsafe fn unknown(a: __m256i) -> __m256i {
        unsafe { Avx2::unknown(a) }
    }

    #[inline(always)]
    unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
        unsafe { copy(from, length, to) }
    }

    #[inline(always)]
    unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
        unsafe { interleave::<R>(rows, channels, to) }
    }

    #[inline(always)]
    unsafe fn to_float(acc: __m256i) -> __m256 {
        unsafe { Avx2::to_float(acc) }
    }

    #[inline(always)]
    unsafe fn load_float(at: *const f32) -> __m256 {
        unsafe { Avx2::load_float(at) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        unsafe { Avx2::splat(x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::add(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::sub(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::mul(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::div(a, b) }
    }

    #[inline(always)]
    unsafe fn larger(a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::larger(a, b) }
    }

    #[inline(always)]
    unsafe fn smaller(a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::smaller(a, b) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: __m256, a: __m256, b: __m256) -> __m256 {
        unsafe { Avx2::where_negative(x, a, b) }
    }

    #[inline(always)]
    unsafe fn times_power(x: __m256, whole: __m256) -> __m256 {
        unsafe { Avx2::times_power(x, whole) }
    }

    #[inline(always)]
    unsafe fn store_float(x: __m256, at: *mut f32) {
        unsafe { Avx2::store_float(x, at) }
    }

    #[inline(always)]
    unsafe fn narrow(zero: u8, low: u8, high: u8) -> Self::Narrow {
        unsafe { Avx2::narrow(zero, low, high) }
    }

    #[inline(always)]
    unsafe fn round(x: __m256) -> __m256i {
        unsafe { Avx2::round(x) }
    }

    #[inline(always)]
    unsafe fn offset(acc: __m256i, by: __m256i) -> __m256i {
        unsafe { Avx2::offset(acc, by) }
    }

    #[inline(always)]
    unsafe fn store_bytes<const PARTS: usize>(x: [__m256i; 4], narrow: Self::Narrow, out: [*mut u8; PARTS]) {
        unsafe { Avx2::store_bytes(x, narrow, out) }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 256]) -> Self::Table {
        unsafe { Avx2::table(table) }
    }

    #[inline(always)]
    unsafe fn lookup(table: &Self::Table, data: *mut u8, length: usize) {
        unsafe { Avx2::lookup(table, data, length) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Avx512Vnni;

/// Zero point as i16, bounds as bytes.
#[derive(Clone, Copy)]
pub(super) struct Narrow {
    zero: __m512i,
    low: __m512i,
    high: __m512i,
}

/// With VBMI a table is 256 bytes in four registers, without it is AVX2's.
pub(super) struct Table {
    shuffles: avx2::Table,
    bytes: Option<[u8; 256]>,
}

// SAFETY of the blocks below: the trait's contract, and AVX-512 F, BW, VL and VNNI are there.
impl Isa for Avx512Vnni {
    const LAYOUT: Layout = Layout { lanes: 16, vectors: 2, group: 4, cell: 1, step: 4, offset: 0, halves: false };
    const ROWS: usize = 12;
    const DIRECT: bool = true;

    type Acc = __m512i;
    type Data = __m512i;
    type Step = __m512i;
    type Float = __m512;
    type Narrow = Narrow;
    type Table = Table;

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
    #[inline(never)]
    unsafe fn outlined<T: Task>(task: T) {
        unsafe { task.run() };
    }

    #[inline(always)]
    unsafe fn load_acc(at: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load_step(at: *const u8) -> __m512i {
        unsafe { _mm512_set1_epi32(at.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, w: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(acc, a, w) }
    }

    #[inline(always)]
    unsafe fn dot_step<const G: usize>(acc: __m512i, a: __m512i, w: __m512i) -> __m512i {
        unsafe { Self::dot(acc, a, w) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn unknown(mut a: __m512i) -> __m512i {
        unsafe { std::arch::asm!("/* {0} */", inout(zmm_reg) a, options(nomem, nostack, preserves_flags)) };
        a
    }

    #[inline(always)]
    unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
        unsafe { copy(from, length, to) }
    }

    #[inline(always)]
    unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
        unsafe { interleave::<R>(rows, channels, to) }
    }

    #[inline(always)]
    unsafe fn to_float(acc: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(acc) }
    }

    #[inline(always)]
    unsafe fn load_float(at: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(at) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn larger(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn smaller(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: __m512, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, _mm512_setzero_ps()), b, a) }
    }

    #[inline(always)]
    unsafe fn times_power(x: __m512, whole: __m512) -> __m512 {
        unsafe {
            let n = _mm512_slli_epi32::<23>(_mm512_castps_si512(whole));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), n))
        }
    }

    #[inline(always)]
    unsafe fn store_float(x: __m512, at: *mut f32) {
        unsafe { _mm512_storeu_ps(at, x) }
    }

    #[inline(always)]
    unsafe fn narrow(zero: u8, low: u8, high: u8) -> Narrow {
        unsafe {
            Narrow {
                zero: _mm512_set1_epi16(i16::from(zero)),
                low: _mm512_set1_epi8(low as i8),
                high: _mm512_set1_epi8(high as i8),
            }
        }
    }

    /// What is too small already becomes the smallest integer.
    #[inline(always)]
    unsafe fn round(x: __m512) -> __m512i {
        unsafe { _mm512_cvtps_epi32(_mm512_min_ps(x, _mm512_set1_ps(1_073_741_824.0))) }
    }

    #[inline(always)]
    unsafe fn offset(acc: __m512i, by: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(acc, by) }
    }

    #[inline(always)]
    unsafe fn store_bytes<const PARTS: usize>(x: [__m512i; 4], narrow: Narrow, out: [*mut u8; PARTS]) {
        unsafe {
            let a = _mm512_adds_epi16(_mm512_packs_epi32(x[0], x[1]), narrow.zero);
            let b = _mm512_adds_epi16(_mm512_packs_epi32(x[2], x[3]), narrow.zero);
            let bytes = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(a, b), narrow.low), narrow.high);
            // Packing works within 128 bits: bring the quarters of each vector together.
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let bytes = _mm512_permutexvar_epi32(order, bytes);
            match PARTS {
                1 => _mm512_storeu_si512(out[0].cast(), bytes),
                2 => {
                    _mm256_storeu_si256(out[0].cast(), _mm512_castsi512_si256(bytes));
                    _mm256_storeu_si256(out[1].cast(), _mm512_extracti64x4_epi64::<1>(bytes));
                }
                _ => {
                    _mm_storeu_si128(out[0].cast(), _mm512_castsi512_si128(bytes));
                    _mm_storeu_si128(out[1].cast(), _mm512_extracti32x4_epi32::<1>(bytes));
                    _mm_storeu_si128(out[2].cast(), _mm512_extracti32x4_epi32::<2>(bytes));
                    _mm_storeu_si128(out[3].cast(), _mm512_extracti32x4_epi32::<3>(bytes));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 256]) -> Table {
        let bytes = is_x86_feature_detected!("avx512vbmi").then_some(*table);
        Table { shuffles: avx2::Table::new(table), bytes }
    }

    #[inline(always)]
    unsafe fn lookup(table: &Table, data: *mut u8, length: usize) {
        unsafe {
            match &table.bytes {
                Some(bytes) => lookup_vbmi(bytes, data, length),
                None => avx2::lookup(&table.shuffles, data, length),
            }
        }
    }
}

/// 64 bytes at a time: bit 7 chooses between two permutations of 128 bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn lookup_vbmi(table: &[u8; 256], data: *mut u8, length: usize) {
    // SAFETY: four quarters of the table; of `length` bytes the last vector's mask leaves the rest alone.
    unsafe {
        let quarter = |i: usize| _mm512_loadu_si512(table.as_ptr().add(i * 64).cast());
        let quarters = [quarter(0), quarter(1), quarter(2), quarter(3)];
        let mut i = 0;
        while i < length {
            let mask = if length - i >= 64 { u64::MAX } else { (1 << (length - i)) - 1 };
            let x = _mm512_maskz_loadu_epi8(mask, data.add(i).cast());
            let lower = _mm512_permutex2var_epi8(quarters[0], x, quarters[1]);
            let upper = _mm512_permutex2var_epi8(quarters[2], x, quarters[3]);
            let y = _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), lower, upper);
            _mm512_mask_storeu_epi8(data.add(i).cast(), mask, y);
            i += 64;
        }
    }
}

/// Short runs of bytes: the segments of patches.
///
/// # Safety
/// `length` bytes at both places, which don't overlap.
#[inline(always)]
unsafe fn copy(from: *const u8, length: usize, to: *mut u8) {
    // SAFETY: the caller's promise; the last vector overlaps the one before it.
    unsafe {
        if length < 8 {
            for i in 0..length {
                *to.add(i) = *from.add(i);
            }
            return;
        }
        if length < 16 {
            for at in [0, length - 8] {
                _mm_storel_epi64(to.add(at).cast(), _mm_loadl_epi64(from.add(at).cast()));
            }
            return;
        }
        let mut i = 0;
        while i < length {
            let at = i.min(length - 16);
            _mm_storeu_si128(to.add(at).cast(), _mm_loadu_si128(from.add(at).cast()));
            i += 16;
        }
    }
}

/// Four rows' bytes of each channel side by side; missing rows are 0.
///
/// # Safety
/// `channels` bytes in each of `R` rows, and four times as many at `to`.
#[inline(always)]
unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        for c in (0..channels).step_by(8) {
            let mut x = [_mm_setzero_si128(); 4];
            for r in 0..R {
                x[r] = _mm_loadl_epi64(rows[r].add(c).cast());
            }
            let (upper, lower) = (_mm_unpacklo_epi8(x[0], x[1]), _mm_unpacklo_epi8(x[2], x[3]));
            _mm_storeu_si128(to.add(c * 4).cast(), _mm_unpacklo_epi16(upper, lower));
            _mm_storeu_si128(to.add(c * 4 + 16).cast(), _mm_unpackhi_epi16(upper, lower));
        }
    }
}
