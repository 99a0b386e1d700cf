//! AVX2: activations and weights as 16-bit integers, two per lane, so that vpmaddwd is exact.

use std::arch::x86_64::*;

use super::isa::{Isa, Task};
use super::pack::Layout;

#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// Zero point as i16, bounds as bytes.
#[derive(Clone, Copy)]
pub(super) struct Narrow {
    zero: __m256i,
    low: __m256i,
    high: __m256i,
}

// SAFETY of the blocks below: the trait's contract, and AVX2 is there.
impl Isa for Avx2 {
    const LAYOUT: Layout = Layout { lanes: 8, vectors: 2, group: 2, cell: 2, step: 2, offset: 0, halves: false };
    const ROWS: usize = 6;
    const DIRECT: bool = false;

    type Acc = __m256i;
    type Data = __m256i;
    type Step = __m256i;
    type Float = __m256;
    type Narrow = Narrow;
    type Table = Table;

    #[target_feature(enable = "avx2")]
    #[inline(never)]
    unsafe fn outlined<T: Task>(task: T) {
        unsafe { task.run() };
    }

    #[inline(always)]
    unsafe fn load_acc(at: *const i32) -> __m256i {
        unsafe { _mm256_loadu_si256(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m256i {
        unsafe { _mm256_loadu_si256(at.cast()) }
    }

    #[inline(always)]
    unsafe fn load_step(at: *const u8) -> __m256i {
        unsafe { _mm256_set1_epi32(at.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m256i, a: __m256i, w: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(acc, _mm256_madd_epi16(a, w)) }
    }

    #[inline(always)]
    unsafe fn dot_step<const G: usize>(acc: __m256i, a: __m256i, w: __m256i) -> __m256i {
        unsafe { Self::dot(acc, a, w) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn unknown(mut a: __m256i) -> __m256i {
        unsafe { std::arch::asm!("/* {0} */", inout(ymm_reg) a, options(nomem, nostack, preserves_flags)) };
        a
    }

    #[inline(always)]
    unsafe fn convert(from: *const u8, length: usize, to: *mut u8) {
        unsafe {
            let to = to.cast::<i16>();
            if length >= 16 {
                // A byte shuffle widens faster than vpmovzx: the lower half takes bytes 0 to 7, the upper one 8 to 15.
                let spread = _mm256_setr_epi8(
                    0, -1, 1, -1, 2, -1, 3, -1, 4, -1, 5, -1, 6, -1, 7, -1, 8, -1, 9, -1, 10, -1, 11, -1, 12, -1, 13,
                    -1, 14, -1, 15, -1,
                );
                let mut i = 0;
                while i < length {
                    // The last vector overlaps the one before it.
                    let at = i.min(length - 16);
                    let bytes = _mm256_broadcastsi128_si256(_mm_loadu_si128(from.add(at).cast()));
                    _mm256_storeu_si256(to.add(at).cast(), _mm256_shuffle_epi8(bytes, spread));
                    i += 16;
                }
            } else if length >= 8 {
                for at in [0, length - 8] {
                    _mm_storeu_si128(to.add(at).cast(), _mm_cvtepu8_epi16(_mm_loadl_epi64(from.add(at).cast())));
                }
            } else {
                for i in 0..length {
                    to.add(i).write_unaligned(i16::from(*from.add(i)));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8) {
        unsafe {
            // As in `convert`: channels 0 to 3 to the lower half, 4 to 7 to the upper one, and of each two integers the first row's
            // byte becomes the lower, the second row's the upper.
            let first = _mm256_setr_epi8(
                0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, 6, -1, -1,
                -1, 7, -1, -1, -1,
            );
            let second = _mm256_bslli_epi128::<2>(first);
            let second = _mm256_or_si256(second, _mm256_setr_epi64x(0xFFFF, 0, 0xFFFF, 0));
            for c in (0..channels).step_by(8) {
                let x = _mm256_set1_epi64x(rows[0].add(c).cast::<i64>().read_unaligned());
                let mut wide = _mm256_shuffle_epi8(x, first);
                if R > 1 {
                    let y = _mm256_set1_epi64x(rows[1].add(c).cast::<i64>().read_unaligned());
                    wide = _mm256_or_si256(wide, _mm256_shuffle_epi8(y, second));
                }
                _mm256_storeu_si256(to.add(c * 4).cast(), wide);
            }
        }
    }

    #[inline(always)]
    unsafe fn to_float(acc: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(acc) }
    }

    #[inline(always)]
    unsafe fn load_float(at: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(at) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn larger(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn smaller(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn where_negative(x: __m256, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_LT_OQ>(x, _mm256_setzero_ps())) }
    }

    #[inline(always)]
    unsafe fn times_power(x: __m256, whole: __m256) -> __m256 {
        unsafe {
            let n = _mm256_slli_epi32::<23>(_mm256_castps_si256(whole));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), n))
        }
    }

    #[inline(always)]
    unsafe fn store_float(x: __m256, at: *mut f32) {
        unsafe { _mm256_storeu_ps(at, x) }
    }

    #[inline(always)]
    unsafe fn narrow(zero: u8, low: u8, high: u8) -> Narrow {
        unsafe {
            Narrow {
                zero: _mm256_set1_epi16(i16::from(zero)),
                low: _mm256_set1_epi8(low as i8),
                high: _mm256_set1_epi8(high as i8),
            }
        }
    }

    /// What is too small already becomes the smallest integer.
    #[inline(always)]
    unsafe fn round(x: __m256) -> __m256i {
        unsafe { _mm256_cvtps_epi32(_mm256_min_ps(x, _mm256_set1_ps(1_073_741_824.0))) }
    }

    #[inline(always)]
    unsafe fn offset(acc: __m256i, by: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(acc, by) }
    }

    #[inline(always)]
    unsafe fn store_bytes<const PARTS: usize>(x: [__m256i; 4], narrow: Narrow, out: [*mut u8; PARTS]) {
        unsafe {
            let a = _mm256_adds_epi16(_mm256_packs_epi32(x[0], x[1]), narrow.zero);
            let b = _mm256_adds_epi16(_mm256_packs_epi32(x[2], x[3]), narrow.zero);
            let bytes = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(a, b), narrow.low), narrow.high);
            // Packing works within 128 bits: bring the quarters of each vector together.
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let bytes = _mm256_permutevar8x32_epi32(bytes, order);
            let (lower, upper) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            match PARTS {
                1 => _mm256_storeu_si256(out[0].cast(), bytes),
                2 => {
                    _mm_storeu_si128(out[0].cast(), lower);
                    _mm_storeu_si128(out[1].cast(), upper);
                }
                _ => {
                    _mm_storel_epi64(out[0].cast(), lower);
                    _mm_storeh_pd(out[1].cast(), _mm_castsi128_pd(lower));
                    _mm_storel_epi64(out[2].cast(), upper);
                    _mm_storeh_pd(out[3].cast(), _mm_castsi128_pd(upper));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 256]) -> Table {
        Table::new(table)
    }

    #[inline(always)]
    unsafe fn lookup(table: &Table, data: *mut u8, length: usize) {
        unsafe { lookup(table, data, length) }
    }
}

/// A table as 16 rows for 16 byte shuffles. A shuffle gives 0 where the index has bit 7, else the entry of its low 4 bits. With `x - 16·i`
/// as the `i`-th index, what belongs to row r of the table meets the shuffles `max(0, r - 7)..=r`, so these hold differences that
/// add up to that row.
#[derive(Clone, Copy)]
pub(super) struct Table([[u8; 16]; 16]);

impl Table {
    #[inline(always)]
    pub fn new(table: &[u8; 256]) -> Self {
        let mut rows = [[0_u8; 16]; 16];
        for r in 0..16 {
            for i in 0..16 {
                let before = if r == 0 { 0 } else { table[r * 16 - 16 + i] };
                let dropped = if r < 8 { 0 } else { rows[r - 8][i] };
                rows[r][i] = table[r * 16 + i] ^ before ^ dropped;
            }
        }
        Self(rows)
    }
}

#[target_feature(enable = "avx2")]
pub(super) unsafe fn lookup(Table(rows): &Table, data: *mut u8, length: usize) {
    if length < 32 {
        let mut padded = [0; 32];
        // SAFETY: the caller's `length` bytes, by way of 32 of our own.
        unsafe {
            padded.as_mut_ptr().copy_from_nonoverlapping(data, length);
            let y = shuffles(rows, [_mm256_loadu_si256(padded.as_ptr().cast())]);
            _mm256_storeu_si256(padded.as_mut_ptr().cast(), y[0]);
            data.copy_from_nonoverlapping(padded.as_ptr(), length);
        }
        return;
    }
    // SAFETY: vectors within `length` bytes. The last one, which overlaps, is read before the others are written.
    unsafe {
        let last = _mm256_loadu_si256(data.add(length - 32).cast());
        let mut i = 0;
        while i + 64 <= length {
            let x = [_mm256_loadu_si256(data.add(i).cast()), _mm256_loadu_si256(data.add(i + 32).cast())];
            let y = shuffles(rows, x);
            _mm256_storeu_si256(data.add(i).cast(), y[0]);
            _mm256_storeu_si256(data.add(i + 32).cast(), y[1]);
            i += 64;
        }
        if i + 32 <= length {
            let y = shuffles(rows, [_mm256_loadu_si256(data.add(i).cast())]);
            _mm256_storeu_si256(data.add(i).cast(), y[0]);
            i += 32;
        }
        if i < length {
            let y = shuffles(rows, [last]);
            _mm256_storeu_si256(data.add(length - 32).cast(), y[0]);
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn shuffles<const N: usize>(rows: &[[u8; 16]; 16], mut x: [__m256i; N]) -> [__m256i; N] {
    let mut y = [_mm256_setzero_si256(); N];
    let sixteen = _mm256_set1_epi8(16);
    for (r, row) in rows.iter().enumerate() {
        // SAFETY: 16 bytes of a row.
        let row = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(row.as_ptr().cast()) });
        for n in 0..N {
            y[n] = _mm256_xor_si256(y[n], _mm256_shuffle_epi8(row, x[n]));
            // Up to row 8 the index wraps; from there on what is negative has to stay so.
            x[n] = if r < 8 { _mm256_sub_epi8(x[n], sixteen) } else { _mm256_subs_epi8(x[n], sixteen) };
        }
    }
    y
}
