//! The sums of tiles against the convolution as it is written, byte for byte.

use proptest::prelude::*;

use super::super::emit::Bytes;
use super::super::portable::LikeAvx2;
use super::super::tests::{Numbers, UNTOUCHED, same};
use super::super::through::Through;
use super::super::{PackedGemm, Patches, Requant};
use super::*;

struct Case {
    n: usize,
    c: usize,
    bytes: Vec<u8>,
    height: usize,
    width: usize,
    weights: Vec<i8>,
    bias: Vec<i32>,
    zero: u8,
    requant: Requant,
    pitch: usize,
}

impl Case {
    fn new(n: usize, c: usize, height: usize, width: usize, seed: u64) -> Self {
        let mut r = Numbers(seed);
        let bytes = r.bytes(Padded::lines(height) * Padded::columns(width) * c);
        let (weights, bias, zero) = (r.weights(n * 9 * c), r.biases(n), r.next() as u8);
        let requant = r.requant(n, 80.0 * ((9 * c) as f32).sqrt());
        let pitch = n + (r.next() % 3) as usize;
        Self { n, c, bytes, height, width, weights, bias, zero, requant, pitch }
    }

    fn out(&self) -> Vec<u8> {
        vec![UNTOUCHED; (self.height * self.width - 1) * self.pitch + self.n]
    }

    fn picture(&self) -> Padded<'_> {
        Padded { bytes: &self.bytes, height: self.height, width: self.width }
    }

    /// As it is written down.
    fn by_scalar(&self) -> Vec<u8> {
        let k = 9 * self.c;
        let p = PackedGemm::new(Kernels::Scalar, self.n, k, &self.weights, &self.bias, self.zero);
        let lines: Vec<&[u8]> = self.bytes.chunks(Padded::columns(self.width) * self.c).collect();
        let rows = &lines[..self.height + 2];
        let patches = Patches { rows, c: self.c, kh: 3, kw: 3, stride: 1, w_out: self.width };
        let mut out = self.out();
        Kernels::Scalar.conv_u8(&p, &patches, &self.requant, &mut out, self.pitch, &mut Scratch::default());
        out
    }

    fn by_loops<I: Isa>(&self) -> Vec<u8> {
        let scalar = Kernels::Scalar;
        let p = PackedWinograd::pack(scalar, I::LAYOUT, self.n, self.c, &self.weights, &self.bias, self.zero).unwrap();
        let (mut out, mut scratch, mut numbers) = (self.out(), Scratch::default(), Vec::new());
        let (picture, to) = (self.picture(), out.as_mut_ptr());
        unsafe {
            match &self.requant.function {
                None => {
                    let emit = Bytes::<I>::new(&self.requant);
                    convolve::<I, _>(&p, &picture, &emit, to, self.pitch, &mut scratch);
                }
                Some(function) => {
                    let rows = 2 * p.chunk(&picture) * self.width;
                    let emit = Through::<I>::new(&self.requant, function, rows, &mut numbers);
                    convolve::<I, _>(&p, &picture, &emit, to, self.pitch, &mut scratch);
                }
            }
        }
        out
    }

    fn all(&self) -> Vec<(String, Vec<u8>)> {
        let mut results =
            vec![("as it is written".into(), self.by_scalar()), ("portable".into(), self.by_loops::<LikeAvx2>())];
        for kernels in Kernels::available() {
            let packed = PackedWinograd::new(kernels, self.n, self.c, &self.weights, &self.bias, self.zero);
            results.extend(packed.map(|p| {
                let (mut out, mut scratch) = (self.out(), Scratch::default());
                kernels.winograd_u8(&p, &self.picture(), &self.requant, &mut out, self.pitch, &mut scratch);
                (kernels.name().into(), out)
            }));
        }
        results
    }
}

proptest! {
    #[test]
    fn it_is_the_convolution_as_it_is_written(
        n in 1_usize..70, pairs in 8_usize..40, height in 1_usize..14, width in 1_usize..30, seed: u64,
    ) {
        same(Case::new(n, 2 * pairs, height, width, seed).all());
    }
}

#[test]
fn chunks_of_several_lines_and_extreme_numbers() {
    // 400 tiles of 2 kB are more than a chunk.
    same(Case::new(33, 64, 40, 40, 5).all());
    let mut most = Case::new(3, MOST_CHANNELS / 2 * 2, 2, 3, 7);
    most.bytes.fill(255);
    most.weights.fill(-128);
    same(most.all());
}

#[test]
fn what_is_not_exact_or_does_not_pay_is_left_to_others() {
    let pack = |c: usize| {
        let layout = <LikeAvx2 as Isa>::LAYOUT;
        PackedWinograd::pack(Kernels::Scalar, layout, 1, c, &vec![1; 9 * c], &[0], 0).is_some()
    };
    assert_eq!([8, 15, 16, 17, 18, 1826, 1828].map(pack), [false, false, true, false, true, true, false]);
    let used = |kernels| PackedWinograd::new(kernels, 1, 16, &[1; 144], &[0], 0).is_some();
    assert!(!used(Kernels::Scalar));
    #[cfg(target_arch = "x86_64")]
    assert_eq!(used(Kernels::Avx2), Kernels::Avx2.runs_here());
}
