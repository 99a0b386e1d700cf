//! The loops inside functions that enable an instruction set. Each of these functions is safe to call where the processor has the
//! features and the checks of `dispatch.rs` have passed; that is the reason of every `unsafe` block here.

/// A module of such functions for one `Isa`.
macro_rules! instance {
    ($name:ident, $isa:ty, $features:literal) => {
        pub(super) mod $name {
            use super::super::emit::{Bytes, Floats};
            use super::super::through::Through;
            use super::super::gemm::Input;
            use super::super::isa::Isa;
            use super::super::pack::{PackedDepthwise, PackedDepthwiseF32, PackedGemm, PackedGemmF32};
            use super::super::{Affine, Requant, Scratch, depthwise, elementwise, float, gemm, peak};

            #[target_feature(enable = $features)]
            pub unsafe fn gemm_u8(
                p: &PackedGemm,
                m: usize,
                input: Input,
                requant: &Requant,
                out: &mut [u8],
                out_stride: usize,
                scratch: &mut Scratch,
            ) {
                // SAFETY: see the file's head.
                unsafe {
                    let out = out.as_mut_ptr();
                    match &requant.function {
                        None => {
                            let emit = Bytes::<$isa>::new(requant);
                            gemm::gemm::<$isa, _>(p, m, input, &emit, out, out_stride, scratch);
                        }
                        Some(function) => {
                            let mut numbers = std::mem::take(&mut scratch.numbers);
                            let emit = Through::<$isa>::new(requant, function, gemm::PANEL_ROWS, &mut numbers);
                            gemm::gemm::<$isa, _>(p, m, input, &emit, out, out_stride, scratch);
                            scratch.numbers = numbers;
                        }
                    }
                }
            }

            #[target_feature(enable = $features)]
            pub unsafe fn gemm_f32out(
                p: &PackedGemm,
                m: usize,
                input: Input,
                factor: &[f32],
                out: &mut [f32],
                out_stride: usize,
                scratch: &mut Scratch,
            ) {
                let emit = Floats { factor };
                // SAFETY: see the file's head.
                unsafe { gemm::gemm::<$isa, _>(p, m, input, &emit, out.as_mut_ptr(), out_stride, scratch) };
            }

            #[target_feature(enable = $features)]
            #[expect(clippy::too_many_arguments, reason = "a strided row in, a strided row out")]
            pub unsafe fn depthwise_u8(
                p: &PackedDepthwise,
                rows: &[&[u8]],
                stride: usize,
                w_out: usize,
                requant: &Requant,
                out: &mut [u8],
                out_stride: usize,
                scratch: &mut Scratch,
            ) {
                // SAFETY: see the file's head.
                unsafe {
                    let out = out.as_mut_ptr();
                    match &requant.function {
                        None => {
                            let emit = Bytes::<$isa>::new(requant);
                            depthwise::depthwise::<$isa, _>(p, rows, stride, w_out, &emit, out, out_stride, scratch);
                        }
                        Some(function) => {
                            let mut numbers = std::mem::take(&mut scratch.numbers);
                            let emit = Through::<$isa>::new(requant, function, w_out, &mut numbers);
                            depthwise::depthwise::<$isa, _>(p, rows, stride, w_out, &emit, out, out_stride, scratch);
                            scratch.numbers = numbers;
                        }
                    }
                }
            }

            #[target_feature(enable = $features)]
            #[expect(clippy::too_many_arguments, reason = "a strided row in, a strided row out")]
            pub unsafe fn depthwise_f32out(
                p: &PackedDepthwise,
                rows: &[&[u8]],
                stride: usize,
                w_out: usize,
                factor: &[f32],
                out: &mut [f32],
                out_stride: usize,
                scratch: &mut Scratch,
            ) {
                let (emit, out) = (Floats { factor }, out.as_mut_ptr());
                // SAFETY: see the file's head.
                unsafe { depthwise::depthwise::<$isa, _>(p, rows, stride, w_out, &emit, out, out_stride, scratch) };
            }

            #[target_feature(enable = $features)]
            pub unsafe fn gemm_f32(
                p: &PackedGemmF32,
                m: usize,
                a: &[f32],
                a_stride: usize,
                out: &mut [f32],
                out_stride: usize,
            ) {
                // SAFETY: see the file's head.
                unsafe { float::gemm::<$isa>(p, m, a, a_stride, out.as_mut_ptr(), out_stride) };
            }

            #[target_feature(enable = $features)]
            pub unsafe fn depthwise_f32(
                p: &PackedDepthwiseF32,
                rows: &[&[f32]],
                stride: usize,
                w_out: usize,
                out: &mut [f32],
                out_stride: usize,
            ) {
                // SAFETY: see the file's head.
                unsafe { float::depthwise::<$isa>(p, rows, stride, w_out, out.as_mut_ptr(), out_stride) };
            }

            #[target_feature(enable = $features)]
            pub unsafe fn spin(rounds: usize) -> u64 {
                // SAFETY: see the file's head.
                unsafe { peak::spin::<$isa>(rounds) }
            }

            #[target_feature(enable = $features)]
            pub unsafe fn lookup_in_place(table: &[u8; 256], data: &mut [u8]) {
                // SAFETY: see the file's head.
                unsafe { <$isa>::lookup(&<$isa>::table(table), data.as_mut_ptr(), data.len()) };
            }

            instance!(@elementwise $features
                lookup_f32(table: &[f32; 256], a: &[u8], out: &mut [f32]);
                quantize(a: &[f32], scale: f32, zero: u8, out: &mut [u8]);
                add_u8(a: &[u8], pa: Affine, b: &[u8], pb: Affine, po: Affine, out: &mut [u8]);
                mul_u8(a: &[u8], pa: Affine, b: &[u8], pb: Affine, po: Affine, out: &mut [u8]);
                max_u8(a: &[u8], inout: &mut [u8]);
                add_rows_f32(factors: &[f32], rows: &[f32], sums: &mut [f32]);
                exp_f32(inout: &mut [f32]);
                sigmoid_f32(inout: &mut [f32]);
                silu_f32(inout: &mut [f32]);
            );
        }
    };
    (@elementwise $features:literal $($name:ident($($arg:ident: $type:ty),*);)*) => {$(
        #[target_feature(enable = $features)]
        pub unsafe fn $name($($arg: $type),*) {
            elementwise::$name($($arg),*);
        }
    )*};
}

/// 3×3 convolutions by minimal filtering, for the one instruction set here that multiplies numbers of 16 bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn winograd_avx2(
    p: &super::PackedWinograd,
    picture: &super::Padded,
    requant: &super::Requant,
    out: &mut [u8],
    out_stride: usize,
    scratch: &mut super::Scratch,
) {
    use super::{avx2::Avx2, emit::Bytes, through::Through, winograd};
    // SAFETY: see the file's head.
    unsafe {
        let out = out.as_mut_ptr();
        match &requant.function {
            None => winograd::convolve::<Avx2, _>(p, picture, &Bytes::<Avx2>::new(requant), out, out_stride, scratch),
            Some(function) => {
                let mut numbers = std::mem::take(&mut scratch.numbers);
                let rows = 2 * p.chunk(picture) * picture.width;
                let emit = Through::<Avx2>::new(requant, function, rows, &mut numbers);
                winograd::convolve::<Avx2, _>(p, picture, &emit, out, out_stride, scratch);
                scratch.numbers = numbers;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
instance!(avx2, super::super::avx2::Avx2, "avx2");
#[cfg(target_arch = "x86_64")]
instance!(avx_vnni, super::super::vnni::AvxVnni, "avx2,avxvnni");
#[cfg(target_arch = "x86_64")]
instance!(avx512_vnni, super::super::vnni::Avx512Vnni, "avx2,avx512f,avx512bw,avx512vl,avx512vnni");
#[cfg(target_arch = "aarch64")]
instance!(neon, super::super::neon::Neon<false>, "neon");
#[cfg(target_arch = "aarch64")]
instance!(neon_symmetric, super::super::neon::Neon<true>, "neon");
#[cfg(target_arch = "aarch64")]
instance!(dotprod, super::super::dotprod::Dotprod, "neon,dotprod");
