//! The public functions: each checks its slices, then calls the instruction set's instance.

use super::gemm::Input;
use super::isa::Isa;
use super::pack::Layout;
use super::{
    Affine, PackedDepthwise, PackedDepthwiseF32, PackedGemm, PackedGemmF32, PackedWinograd, Padded, Patches, Requant,
    Scratch,
};
use super::{elementwise, instance, peak, scalar};

/// The instruction sets that there are kernels for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernels {
    /// Plain Rust: defines every result.
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// What every aarch64 has: products of bytes, no dot products.
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    Dotprod,
}

/// Calls `$function` as compiled for the instruction set, or `$scalar`. `$symmetric`: none of the weights is -128.
macro_rules! on {
    ($kernels:expr, $symmetric:expr, $function:ident($($arg:expr),*), $scalar:expr) => {
        match $kernels {
            Kernels::Scalar => $scalar,
            // SAFETY: the processor has it, as the weights were packed for it or `runs_here` was asked, and the lengths were checked.
            #[cfg(target_arch = "x86_64")]
            Kernels::Avx2 => unsafe { instance::avx2::$function($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernels::AvxVnni => unsafe { instance::avx_vnni::$function($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernels::Avx512Vnni => unsafe { instance::avx512_vnni::$function($($arg),*) },
            // SAFETY: as above, and where weights are said to be symmetric, they are.
            #[cfg(target_arch = "aarch64")]
            Kernels::Neon if $symmetric => unsafe { instance::neon_symmetric::$function($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernels::Neon => unsafe { instance::neon::$function($($arg),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Kernels::Dotprod => unsafe { instance::dotprod::$function($($arg),*) },
        }
    };
}

/// The same for what is plain Rust in every instruction set.
macro_rules! on_elements {
    ($kernels:expr, $function:ident($($arg:expr),*)) => {{
        assert!($kernels.runs_here(), "no {} here", $kernels.name());
        on!($kernels, true, $function($($arg),*), elementwise::$function($($arg),*))
    }};
}

impl Kernels {
    /// From the slowest to the fastest.
    const ALL: &[Self] = &[
        Self::Scalar,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Vnni,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        #[cfg(target_arch = "aarch64")]
        Self::Dotprod,
    ];

    /// All that run on this processor, `Scalar` first, the fastest last.
    pub fn available() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|kernels| kernels.runs_here()).collect()
    }

    pub fn runs_here(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            #[cfg(target_arch = "aarch64")]
            Self::Dotprod => std::arch::is_aarch64_feature_detected!("dotprod"),
        }
    }

    pub(super) fn layout(self) -> Layout {
        match self {
            Self::Scalar => scalar::LAYOUT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => super::avx2::Avx2::LAYOUT,
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => super::vnni::AvxVnni::LAYOUT,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => super::vnni::Avx512Vnni::LAYOUT,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => super::neon::Neon::<true>::LAYOUT,
            #[cfg(target_arch = "aarch64")]
            Self::Dotprod => super::dotprod::Dotprod::LAYOUT,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(target_arch = "aarch64")]
            Self::Dotprod => "dotprod",
        }
    }

    /// A convolution as a matrix product, bytes out. Row `i` of `a` begins at `a[i * a_stride]`, and its first `k` bytes, rounded up
    /// to a multiple of 4, are read (the weights beyond `k` are 0). Row `i` of `out` begins at `out[i * out_stride]` and gets `n`
    /// bytes; nothing else of `out` is written, so `out` may be a channel slice of a wider tensor.
    ///
    /// Panics where a slice is too short or `p` was packed for other kernels.
    #[expect(clippy::too_many_arguments, reason = "two strided matrices, and what is between them")]
    pub fn gemm_u8(
        self,
        p: &PackedGemm,
        m: usize,
        a: &[u8],
        a_stride: usize,
        requant: &Requant,
        out: &mut [u8],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        check_rows(m, p.k.next_multiple_of(4), a.len(), a_stride);
        check_rows(m, p.n, out.len(), out_stride);
        requant.check(p.n);
        let input = Input::Matrix { a, stride: a_stride };
        on!(
            self,
            p.symmetric,
            gemm_u8(p, m, input, requant, out, out_stride, scratch),
            scalar::gemm(p, m, a, a_stride, |row, n, acc| out[row * out_stride + n] = requant.byte(n, acc))
        );
    }

    /// As `gemm_u8`, floats out: `(acc as f32) · factor[n]`.
    #[expect(clippy::too_many_arguments, reason = "two strided matrices, and what is between them")]
    pub fn gemm_f32out(
        self,
        p: &PackedGemm,
        m: usize,
        a: &[u8],
        a_stride: usize,
        factor: &[f32],
        out: &mut [f32],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        check_rows(m, p.k.next_multiple_of(4), a.len(), a_stride);
        check_rows(m, p.n, out.len(), out_stride);
        assert_eq!(factor.len(), p.n);
        let input = Input::Matrix { a, stride: a_stride };
        on!(
            self,
            p.symmetric,
            gemm_f32out(p, m, input, factor, out, out_stride, scratch),
            scalar::gemm(p, m, a, a_stride, |row, n, acc| out[row * out_stride + n] = acc as f32 * factor[n])
        );
    }

    /// A k×k convolution, bytes out, without an im2col of the caller's: row `y · w_out + x` of the product is the patch at `(y, x)`.
    /// `p` was packed with `k = kh · kw · c`, values in the order `[dy][dx][channel]`. `out` as in `gemm_u8`.
    pub fn conv_u8(
        self,
        p: &PackedGemm,
        patches: &Patches,
        requant: &Requant,
        out: &mut [u8],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        let m = patches.check(p.k);
        check_rows(m, p.n, out.len(), out_stride);
        requant.check(p.n);
        on!(
            self,
            p.symmetric,
            gemm_u8(p, m, Input::Patches(patches), requant, out, out_stride, scratch),
            scalar::conv(p, m, patches, |row, n, acc| out[row * out_stride + n] = requant.byte(n, acc))
        );
    }

    /// As `conv_u8`, floats out.
    pub fn conv_f32out(
        self,
        p: &PackedGemm,
        patches: &Patches,
        factor: &[f32],
        out: &mut [f32],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        let m = patches.check(p.k);
        check_rows(m, p.n, out.len(), out_stride);
        assert_eq!(factor.len(), p.n);
        on!(
            self,
            p.symmetric,
            gemm_f32out(p, m, Input::Patches(patches), factor, out, out_stride, scratch),
            scalar::conv(p, m, patches, |row, n, acc| out[row * out_stride + n] = acc as f32 * factor[n])
        );
    }

    /// A 3×3 convolution of stride 1, bytes out, by minimal filtering: the bytes of `conv_u8`. Pixel `y · width + x` of the output begins
    /// at `out[(y · width + x) · out_stride]`.
    pub fn winograd_u8(
        self,
        p: &PackedWinograd,
        picture: &Padded,
        requant: &Requant,
        out: &mut [u8],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        p.check(picture);
        check_rows(picture.height * picture.width, p.n, out.len(), out_stride);
        requant.check(p.n);
        match self {
            // SAFETY: the processor has it, as the weights were packed for it, and the lengths were checked.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { instance::winograd_avx2(p, picture, requant, out, out_stride, scratch) },
            _ => {
                // Where there are no such kernels at all, nobody else uses it.
                let _ = scratch;
                unreachable!("weights are packed so for no other kernels")
            }
        }
    }

    /// One row of a depthwise convolution's output. `rows`: kh padded input rows, each at least `((w_out - 1) · stride + kw) · c`
    /// bytes, pixels of `c` channels next to each other. Pixel `x` of the output begins at `out[x * out_stride]`.
    #[expect(clippy::too_many_arguments, reason = "a strided row in, a strided row out")]
    pub fn depthwise_u8(
        self,
        p: &PackedDepthwise,
        rows: &[&[u8]],
        stride: usize,
        w_out: usize,
        requant: &Requant,
        out: &mut [u8],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        p.shape.check_input(rows, stride, w_out);
        check_rows(w_out, p.shape.c, out.len(), out_stride);
        requant.check(p.shape.c);
        on!(
            self,
            p.symmetric,
            depthwise_u8(p, rows, stride, w_out, requant, out, out_stride, scratch),
            scalar::depthwise(p, rows, stride, w_out, |x, c, acc| out[x * out_stride + c] = requant.byte(c, acc))
        );
    }

    /// As `depthwise_u8`, floats out.
    #[expect(clippy::too_many_arguments, reason = "a strided row in, a strided row out")]
    pub fn depthwise_f32out(
        self,
        p: &PackedDepthwise,
        rows: &[&[u8]],
        stride: usize,
        w_out: usize,
        factor: &[f32],
        out: &mut [f32],
        out_stride: usize,
        scratch: &mut Scratch,
    ) {
        assert_eq!(self, p.kernels);
        p.shape.check_input(rows, stride, w_out);
        check_rows(w_out, p.shape.c, out.len(), out_stride);
        assert_eq!(factor.len(), p.shape.c);
        on!(
            self,
            p.symmetric,
            depthwise_f32out(p, rows, stride, w_out, factor, out, out_stride, scratch),
            scalar::depthwise(p, rows, stride, w_out, |x, c, acc| out[x * out_stride + c] = acc as f32 * factor[c])
        );
    }

    /// The float twin of `gemm_u8`: exactly `k` floats of a row are read.
    pub fn gemm_f32(self, p: &PackedGemmF32, m: usize, a: &[f32], a_stride: usize, out: &mut [f32], out_stride: usize) {
        assert_eq!(self, p.kernels);
        check_rows(m, p.k, a.len(), a_stride);
        check_rows(m, p.n, out.len(), out_stride);
        on!(
            self,
            true,
            gemm_f32(p, m, a, a_stride, out, out_stride),
            scalar::gemm_f32(p, m, a, a_stride, out, out_stride)
        );
    }

    /// The float twin of `depthwise_u8`.
    pub fn depthwise_f32(
        self,
        p: &PackedDepthwiseF32,
        rows: &[&[f32]],
        stride: usize,
        w_out: usize,
        out: &mut [f32],
        out_stride: usize,
    ) {
        assert_eq!(self, p.kernels);
        p.shape.check_input(rows, stride, w_out);
        check_rows(w_out, p.shape.c, out.len(), out_stride);
        on!(
            self,
            true,
            depthwise_f32(p, rows, stride, w_out, out, out_stride),
            scalar::depthwise_f32(p, rows, stride, w_out, out, out_stride)
        );
    }

    /// Multiplies and adds on registers alone; how many operations that were. For measuring what the processor can do at most.
    pub fn spin(self, rounds: usize) -> u64 {
        assert!(self.runs_here(), "no {} here", self.name());
        on!(self, true, spin(rounds), peak::spin_scalar(rounds))
    }

    /// `data[i] = table[data[i]]`
    pub fn lookup_in_place(self, table: &[u8; 256], data: &mut [u8]) {
        assert!(self.runs_here(), "no {} here", self.name());
        on!(self, true, lookup_in_place(table, data), data.iter_mut().for_each(|q| *q = table[usize::from(*q)]));
    }

    /// `out[i] = table[a[i]]`
    pub fn lookup_f32(self, table: &[f32; 256], a: &[u8], out: &mut [f32]) {
        assert_eq!(a.len(), out.len());
        on_elements!(self, lookup_f32(table, a, out));
    }

    /// ONNX QuantizeLinear: `saturate(round_half_even(a[i] / scale) + zero)`; NaN gives 0.
    pub fn quantize(self, a: &[f32], scale: f32, zero: u8, out: &mut [u8]) {
        assert_eq!(a.len(), out.len());
        on_elements!(self, quantize(a, scale, zero, out));
    }

    /// Sum of two affine tensors: both as floats, added, divided by the output's scale, rounded half to even, saturated.
    pub fn add_u8(self, a: &[u8], pa: Affine, b: &[u8], pb: Affine, po: Affine, out: &mut [u8]) {
        assert!(a.len() == out.len() && b.len() == out.len());
        on_elements!(self, add_u8(a, pa, b, pb, po, out));
    }

    /// Product of two affine tensors, as `add_u8`.
    pub fn mul_u8(self, a: &[u8], pa: Affine, b: &[u8], pb: Affine, po: Affine, out: &mut [u8]) {
        assert!(a.len() == out.len() && b.len() == out.len());
        on_elements!(self, mul_u8(a, pa, b, pb, po, out));
    }

    /// `inout[i] = max(inout[i], a[i])`, for max pooling.
    pub fn max_u8(self, a: &[u8], inout: &mut [u8]) {
        assert_eq!(a.len(), inout.len());
        on_elements!(self, max_u8(a, inout));
    }

    /// A row of a matrix product: `sums[j] += factors[i] · rows[i][j]`, i upwards; each row as long as `sums`.
    pub fn add_rows_f32(self, factors: &[f32], rows: &[f32], sums: &mut [f32]) {
        assert_eq!(factors.len() * sums.len(), rows.len());
        on_elements!(self, add_rows_f32(factors, rows, sums));
    }

    /// eˣ in place, within 2 units in the last place.
    pub fn exp_f32(self, inout: &mut [f32]) {
        on_elements!(self, exp_f32(inout));
    }

    /// `1 / (1 + exp(-x))` in place.
    pub fn sigmoid_f32(self, inout: &mut [f32]) {
        on_elements!(self, sigmoid_f32(inout));
    }

    /// `x / (1 + exp(-x))` in place, as `x · sigmoid(x)`.
    pub fn silu_f32(self, inout: &mut [f32]) {
        on_elements!(self, silu_f32(inout));
    }
}

/// Every row of `width` elements lies in a slice of `length`.
fn check_rows(rows: usize, width: usize, length: usize, stride: usize) {
    let needed = rows.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride)?.checked_add(width));
    assert!(
        needed.is_some_and(|needed| needed <= length),
        "{rows} rows of {width}, {stride} apart, need {needed:?} elements, not {length}"
    );
}
