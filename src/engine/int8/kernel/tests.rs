//! Every instruction set of this processor, and the loops over a portable one of every shape, against the scalar kernels, byte for
//! byte; the scalar kernels against the rule of arithmetic in wide integers.

use proptest::prelude::*;

use super::emit::{Bytes, Floats};
use super::gemm::Input;
use super::isa::Isa;
use super::portable::{LikeAvx2, LikeAvx512Vnni, LikeAvxVnni, LikeDotprod, LikeNeon};
use super::through::Through;
use super::*;

/// A reproducible stream of numbers: cheaper than having proptest make and shrink every byte.
#[derive(Clone, Debug)]
pub(super) struct Numbers(pub u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    fn flag(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// Bytes of which many are at the ends of the range: 0 and 255, as weights 127 and -128.
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let ends = self.next() % 3;
        let byte = |r: u64| match (ends, r % 4) {
            (0, _) | (1, 0) => (r >> 8) as u8,
            (_, 1) => 255,
            (_, 2) => 127,
            (1, _) => 0,
            _ => 128,
        };
        (0..count).map(|_| byte(self.next())).collect()
    }

    pub(super) fn weights(&mut self, count: usize) -> Vec<i8> {
        let symmetric = self.flag();
        let weight = |w: u8| if symmetric { (w as i8).max(-127) } else { w as i8 };
        self.bytes(count).into_iter().map(weight).collect()
    }

    pub(super) fn biases(&mut self, count: usize) -> Vec<i32> {
        let shift = self.next() % 32;
        (0..count).map(|_| (self.next() as u32 as i32) >> shift).collect()
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() % 20_001) as f32 / 1000.0 - 10.0).collect()
    }

    pub(super) fn requant(&mut self, n: usize, size: f32) -> Requant {
        let (a, b) = (self.next() as u8, self.next() as u8);
        let bounds = if self.flag() { (0, 255) } else { (a.min(b), a.max(b)) };
        let scale = [1.0 / size, 100.0, 0.5, 1e-30][(self.next() % 8).min(3) as usize ^ 3];
        let scale = if self.flag() { 1.0 / size } else { scale };
        let kind = match self.next() % 10 {
            0 => Some(FunctionKind::Silu),
            1 => Some(FunctionKind::Sigmoid),
            2 => Some(FunctionKind::HardSwish),
            3 => Some(FunctionKind::Slopes(self.floats(n))),
            4 => Some(FunctionKind::Clip { low: -1.5, high: 6.0 }),
            _ => None,
        };
        let scales = (0..n).map(|_| (self.next() % 1000 + 1) as f32 / 30.0).collect();
        let zeros = if self.flag() { self.bytes(n).into_iter().map(i32::from).collect() } else { Vec::new() };
        let function = kind.map(|kind| Function { kind, reciprocal: scales, zeros });
        Requant {
            factor: (0..n).map(|_| (self.next() % 1000) as f32 * scale / 500.0 + scale / 3.0).collect(),
            zero: [0, 255, 128, self.next() as u8][(self.next() % 4) as usize],
            low: bounds.0,
            high: bounds.1,
            table: self.flag().then(|| self.bytes(256).try_into().expect("256 bytes")),
            function,
        }
    }
}

/// Bytes and floats that one call gives on each kind of kernels, compared with the first.
pub(super) fn same<T: PartialEq>(results: Vec<(String, T)>) {
    for (name, result) in &results[1..] {
        assert!(*result == results[0].1, "{name} differs from {}", results[0].0);
    }
}

/// Marks what no kernel may touch.
pub(super) const UNTOUCHED: u8 = 0xA5;

struct Product {
    m: usize,
    n: usize,
    k: usize,
    a: Vec<u8>,
    a_stride: usize,
    weights: Vec<i8>,
    bias: Vec<i32>,
    a_zero: u8,
    requant: Requant,
    out_stride: usize,
}

impl Product {
    fn new(m: usize, n: usize, k: usize, gap: usize, seed: u64) -> Self {
        let mut r = Numbers(seed);
        let a_stride = k + gap;
        let a = r.bytes((m - 1) * a_stride + k.next_multiple_of(4));
        let (weights, bias, a_zero) = (r.weights(n * k), r.biases(n), r.next() as u8);
        let requant = r.requant(n, 80.0 * (k as f32).sqrt());
        Self { m, n, k, a, a_stride, weights, bias, a_zero, requant, out_stride: n + gap % 5 }
    }

    fn out(&self) -> (Vec<u8>, Vec<f32>) {
        let length = (self.m - 1) * self.out_stride + self.n;
        (vec![UNTOUCHED; length], vec![-1.5; length])
    }

    fn by_kernels(&self, kernels: Kernels) -> (Vec<u8>, Vec<u32>) {
        let Self { m, n, k, a, a_stride, requant, out_stride, .. } = self;
        let p = PackedGemm::new(kernels, *n, *k, &self.weights, &self.bias, self.a_zero);
        let (mut bytes, mut floats) = self.out();
        let mut scratch = Scratch::default();
        kernels.gemm_u8(&p, *m, a, *a_stride, requant, &mut bytes, *out_stride, &mut scratch);
        kernels.gemm_f32out(&p, *m, a, *a_stride, &requant.factor, &mut floats, *out_stride, &mut scratch);
        (bytes, floats.into_iter().map(f32::to_bits).collect())
    }

    fn by_loops<I: Isa>(&self) -> (Vec<u8>, Vec<u32>) {
        self.of_input::<I>(Input::Matrix { a: &self.a, stride: self.a_stride })
    }

    fn of_input<I: Isa>(&self, input: Input) -> (Vec<u8>, Vec<u32>) {
        let p = PackedGemm::pack(Kernels::Scalar, I::LAYOUT, self.n, self.k, &self.weights, &self.bias, self.a_zero);
        let (mut bytes, mut floats) = self.out();
        let mut scratch = Scratch::default();
        unsafe {
            let (requant, out) = (&self.requant, bytes.as_mut_ptr());
            match &requant.function {
                None => {
                    let emit = Bytes::<I>::new(requant);
                    gemm::gemm::<I, _>(&p, self.m, input, &emit, out, self.out_stride, &mut scratch);
                }
                Some(function) => {
                    let mut numbers = Vec::new();
                    let emit = Through::<I>::new(requant, function, gemm::PANEL_ROWS, &mut numbers);
                    gemm::gemm::<I, _>(&p, self.m, input, &emit, out, self.out_stride, &mut scratch);
                }
            }
            let (emit, out) = (Floats { factor: &self.requant.factor }, floats.as_mut_ptr());
            gemm::gemm::<I, _>(&p, self.m, input, &emit, out, self.out_stride, &mut scratch);
        }
        (bytes, floats.into_iter().map(f32::to_bits).collect())
    }

    /// The rule in 64-bit integers, and the rounding in 64-bit floats (a product of two f32 is exact there).
    fn by_rule(&self) -> Vec<u8> {
        let mut out = self.out().0;
        for i in 0..self.m {
            for n in 0..self.n {
                let a = &self.a[i * self.a_stride..][..self.k];
                let products = a.iter().zip(&self.weights[n * self.k..]);
                let sum: i64 = products.map(|(&a, &w)| (i64::from(a) - i64::from(self.a_zero)) * i64::from(w)).sum();
                let acc = (sum + i64::from(self.bias[n])) as i32;
                out[i * self.out_stride + n] = requantised(&self.requant, n, acc);
            }
        }
        out
    }
}

fn requantised(requant: &Requant, n: usize, acc: i32) -> u8 {
    if let Some(Function { kind, reciprocal, zeros }) = &requant.function {
        let x = acc as f32 * requant.factor[n];
        let mut y = [x];
        match kind {
            FunctionKind::Silu => y[0] = x * reciprocal[n] / elementwise::sigmoid_divisor(x),
            FunctionKind::Sigmoid => Kernels::Scalar.sigmoid_f32(&mut y),
            FunctionKind::HardSwish => y[0] = x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            FunctionKind::Slopes(slope) => y[0] = if x < 0.0 { x * slope[n] } else { x },
            FunctionKind::Clip { low, high } => y[0] = x.clamp(*low, *high),
        }
        let steps = if *kind == FunctionKind::Silu { y[0] } else { y[0] * reciprocal[n] };
        return (steps.round_ties_even() + zeros.get(n).map_or(f32::from(requant.zero), |&zero| zero as f32))
            .clamp(0.0, 255.0) as u8;
    }
    let x = f64::from((f64::from(acc as f32) * f64::from(requant.factor[n])) as f32);
    let (floor, zero) = (x.floor(), f64::from(requant.zero));
    let up = x - floor > 0.5 || x - floor == 0.5 && floor.rem_euclid(2.0) == 1.0;
    let q = if up { floor + 1.0 } else { floor } + zero;
    let q = q.clamp(f64::from(requant.low), f64::from(requant.high)) as u8;
    requant.table.as_ref().map_or(q, |table| table[usize::from(q)])
}

struct Depthwise {
    shape: (usize, usize, usize),
    stride: usize,
    w_out: usize,
    rows: Vec<Vec<u8>>,
    weights: Vec<i8>,
    bias: Vec<i32>,
    a_zero: Vec<u8>,
    requant: Requant,
    out_stride: usize,
}

impl Depthwise {
    fn new(c: usize, kh: usize, kw: usize, stride: usize, w_out: usize, seed: u64) -> Self {
        let mut r = Numbers(seed);
        let row = ((w_out - 1) * stride + kw) * c;
        let rows = (0..kh).map(|_| r.bytes(row)).collect();
        let (weights, bias) = (r.weights(c * kh * kw), r.biases(c));
        let zeros = if r.flag() { 1 } else { c };
        let a_zero = r.bytes(zeros);
        let requant = r.requant(c, 80.0 * ((kh * kw) as f32).sqrt());
        let out_stride = c + (r.next() % 3) as usize;
        Self { shape: (c, kh, kw), stride, w_out, rows, weights, bias, a_zero, requant, out_stride }
    }

    fn out(&self) -> (Vec<u8>, Vec<f32>) {
        let length = (self.w_out - 1) * self.out_stride + self.shape.0;
        (vec![UNTOUCHED; length], vec![-1.5; length])
    }

    fn by_kernels(&self, kernels: Kernels) -> (Vec<u8>, Vec<u32>) {
        let Self { stride, w_out, requant, out_stride, .. } = self;
        let (c, kh, kw) = self.shape;
        let p = PackedDepthwise::new(kernels, c, kh, kw, &self.weights, &self.bias, &self.a_zero);
        let rows: Vec<&[u8]> = self.rows.iter().map(Vec::as_slice).collect();
        let (mut bytes, mut floats) = self.out();
        let mut scratch = Scratch::default();
        kernels.depthwise_u8(&p, &rows, *stride, *w_out, requant, &mut bytes, *out_stride, &mut scratch);
        let factor = &requant.factor;
        kernels.depthwise_f32out(&p, &rows, *stride, *w_out, factor, &mut floats, *out_stride, &mut scratch);
        (bytes, floats.into_iter().map(f32::to_bits).collect())
    }

    fn by_loops<I: Isa>(&self) -> (Vec<u8>, Vec<u32>) {
        let Self { stride, w_out, out_stride, .. } = *self;
        let (c, kh, kw) = self.shape;
        let weights = (&self.weights[..], &self.bias[..], &self.a_zero[..]);
        let p = PackedDepthwise::pack(Kernels::Scalar, I::LAYOUT, (c, kh, kw), weights);
        let rows: Vec<&[u8]> = self.rows.iter().map(Vec::as_slice).collect();
        let (mut bytes, mut floats) = self.out();
        let mut scratch = Scratch::default();
        unsafe {
            let (requant, out) = (&self.requant, bytes.as_mut_ptr());
            match &requant.function {
                None => {
                    let emit = Bytes::<I>::new(requant);
                    depthwise::depthwise::<I, _>(&p, &rows, stride, w_out, &emit, out, out_stride, &mut scratch);
                }
                Some(function) => {
                    let mut numbers = Vec::new();
                    let emit = Through::<I>::new(requant, function, w_out, &mut numbers);
                    depthwise::depthwise::<I, _>(&p, &rows, stride, w_out, &emit, out, out_stride, &mut scratch);
                }
            }
            let (emit, out) = (Floats { factor: &self.requant.factor }, floats.as_mut_ptr());
            depthwise::depthwise::<I, _>(&p, &rows, stride, w_out, &emit, out, out_stride, &mut scratch);
        }
        (bytes, floats.into_iter().map(f32::to_bits).collect())
    }

    fn by_rule(&self) -> Vec<u8> {
        let (c, kh, kw) = self.shape;
        let mut out = self.out().0;
        for x in 0..self.w_out {
            for n in 0..c {
                let mut sum = i64::from(self.bias[n]);
                for (dy, dx) in (0..kh).flat_map(|dy| (0..kw).map(move |dx| (dy, dx))) {
                    let a = self.rows[dy][(x * self.stride + dx) * c + n];
                    let zero = self.a_zero[n.min(self.a_zero.len() - 1)];
                    sum += (i64::from(a) - i64::from(zero)) * i64::from(self.weights[(n * kh + dy) * kw + dx]);
                }
                out[x * self.out_stride + n] = requantised(&self.requant, n, sum as i32);
            }
        }
        out
    }
}

fn kernels<T>(of: impl Fn(Kernels) -> T) -> Vec<(String, T)> {
    Kernels::available().into_iter().map(|kernels| (kernels.name().to_string(), of(kernels))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn products_are_the_same_everywhere(
        m in 1_usize..50, n in 1_usize..80, k in 1_usize..150, gap in 0_usize..9, seed: u64,
    ) {
        let product = Product::new(m, n, k, gap, seed);
        let mut results = kernels(|kernels| product.by_kernels(kernels));
        prop_assert_eq!(&results[0].1.0, &product.by_rule());
        results.push(("like avx2".into(), product.by_loops::<LikeAvx2>()));
        results.push(("like avx-vnni".into(), product.by_loops::<LikeAvxVnni>()));
        results.push(("like avx-512 vnni".into(), product.by_loops::<LikeAvx512Vnni>()));
        results.push(("like neon".into(), product.by_loops::<LikeNeon>()));
        results.push(("like dotprod".into(), product.by_loops::<LikeDotprod>()));
        same(results);
    }

    #[test]
    fn convolutions_are_the_products_of_their_patches(
        c in 1_usize..20, kh in 1_usize..4, kw in 1_usize..4, stride in 1_usize..3,
        w_out in 1_usize..12, h_out in 1_usize..6, n in 1_usize..40, seed: u64,
    ) {
        let mut r = Numbers(seed);
        let k = kh * kw * c;
        let (weights, bias, zero) = (r.weights(n * k), r.biases(n), r.next() as u8);
        let requant = r.requant(n, 80.0 * (k as f32).sqrt());
        let picture: Vec<Vec<u8>> =
            (0..(h_out - 1) * stride + kh).map(|_| r.bytes(((w_out - 1) * stride + kw) * c)).collect();
        let rows: Vec<&[u8]> = picture.iter().map(Vec::as_slice).collect();
        let patches = Patches { rows: &rows, c, kh, kw, stride, w_out };
        let mut a = Vec::new();
        for (y, x) in (0..h_out).flat_map(|y| (0..w_out).map(move |x| (y, x))) {
            for row in &rows[y * stride..][..kh] {
                a.extend_from_slice(&row[x * stride * c..][..kw * c]);
            }
        }
        a.resize(a.len() + 3, 7);
        same(kernels(|kernels| {
            let p = PackedGemm::new(kernels, n, k, &weights, &bias, zero);
            let mut scratch = Scratch::default();
            let (mut out, mut expected) = (vec![0; w_out * h_out * n], vec![0; w_out * h_out * n]);
            kernels.conv_u8(&p, &patches, &requant, &mut out, n, &mut scratch);
            kernels.gemm_u8(&p, w_out * h_out, &a, k, &requant, &mut expected, n, &mut scratch);
            assert_eq!(out, expected, "{}", kernels.name());
            let (mut floats, mut expected) = (vec![0.0; out.len()], vec![0.0; out.len()]);
            kernels.conv_f32out(&p, &patches, &requant.factor, &mut floats, n, &mut scratch);
            kernels.gemm_f32out(&p, w_out * h_out, &a, k, &requant.factor, &mut expected, n, &mut scratch);
            assert_eq!(floats, expected, "{}", kernels.name());
            out
        }));
        let m = w_out * h_out;
        let product = Product { m, n, k, a, a_stride: k, weights, bias, a_zero: zero, requant, out_stride: n };
        let input = Input::Patches(&patches);
        let mut results = vec![("scalar".into(), product.by_kernels(Kernels::Scalar))];
        results.push(("like avx2".into(), product.of_input::<LikeAvx2>(input)));
        results.push(("like avx-vnni".into(), product.of_input::<LikeAvxVnni>(input)));
        results.push(("like avx-512 vnni".into(), product.of_input::<LikeAvx512Vnni>(input)));
        results.push(("like neon".into(), product.of_input::<LikeNeon>(input)));
        results.push(("like dotprod".into(), product.of_input::<LikeDotprod>(input)));
        same(results);
    }

    #[test]
    fn depthwise_is_the_same_everywhere(
        c in 1_usize..80, size in 0_usize..6, stride in 1_usize..4, w_out in 1_usize..90, seed: u64,
    ) {
        let (kh, kw) = [(3, 3), (3, 3), (5, 5), (7, 7), (1, 3), (4, 2)][size];
        let depthwise = Depthwise::new(c, kh, kw, stride, w_out, seed);
        let mut results = kernels(|kernels| depthwise.by_kernels(kernels));
        prop_assert_eq!(&results[0].1.0, &depthwise.by_rule());
        results.push(("like avx2".into(), depthwise.by_loops::<LikeAvx2>()));
        results.push(("like avx-vnni".into(), depthwise.by_loops::<LikeAvxVnni>()));
        results.push(("like avx-512 vnni".into(), depthwise.by_loops::<LikeAvx512Vnni>()));
        results.push(("like neon".into(), depthwise.by_loops::<LikeNeon>()));
        results.push(("like dotprod".into(), depthwise.by_loops::<LikeDotprod>()));
        same(results);
    }

    #[test]
    fn floats_are_the_same_everywhere(
        m in 1_usize..30, n in 1_usize..70, k in 1_usize..60, gap in 0_usize..3,
        kw in 1_usize..5, stride in 1_usize..3, seed: u64,
    ) {
        let mut r = Numbers(seed);
        let (a, weights, bias) = (r.floats((m - 1) * (k + gap) + k), r.floats(n * k), r.floats(n));
        same(kernels(|kernels| {
            let p = PackedGemmF32::new(kernels, n, k, &weights, &bias);
            let mut out = vec![-1.5; (m - 1) * (n + gap) + n];
            kernels.gemm_f32(&p, m, &a, k + gap, &mut out, n + gap);
            out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        }));
        let kh = kw % 3 + 1;
        let (weights, row) = (r.floats(n * kh * kw), ((m - 1) * stride + kw) * n);
        let rows: Vec<Vec<f32>> = (0..kh).map(|_| r.floats(row)).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        same(kernels(|kernels| {
            let p = PackedDepthwiseF32::new(kernels, n, kh, kw, &weights, &bias);
            let mut out = vec![-1.5; (m - 1) * (n + gap) + n];
            kernels.depthwise_f32(&p, &rows, stride, m, &mut out, n + gap);
            out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        }));
    }

    #[test]
    fn elements_are_the_same_everywhere(length in 0_usize..300, seed: u64) {
        let mut r = Numbers(seed);
        let (a, b, table) = (r.bytes(length), r.bytes(length), r.bytes(256).try_into().expect("256 bytes"));
        let values: [f32; 256] = std::array::from_fn(|i| i as f32 * 0.3);
        let x: Vec<f32> = r.floats(length).into_iter().map(|x| x * x * x).collect();
        let affine = |r: &mut Numbers| Affine { scale: (r.next() % 1000 + 1) as f32 / 3000.0, zero: r.next() as u8 };
        let (pa, pb, po) = (affine(&mut r), affine(&mut r), affine(&mut r));
        same(kernels(|kernels| {
            let mut bytes = vec![vec![UNTOUCHED; length]; 5];
            bytes[0].copy_from_slice(&a);
            kernels.lookup_in_place(&table, &mut bytes[0]);
            kernels.quantize(&x, pa.scale, pa.zero, &mut bytes[1]);
            kernels.add_u8(&a, pa, &b, pb, po, &mut bytes[2]);
            kernels.mul_u8(&a, pa, &b, pb, po, &mut bytes[3]);
            bytes[4].copy_from_slice(&b);
            kernels.max_u8(&a, &mut bytes[4]);
            let mut floats = vec![x.clone(); 5];
            kernels.exp_f32(&mut floats[0]);
            kernels.sigmoid_f32(&mut floats[1]);
            kernels.silu_f32(&mut floats[2]);
            kernels.lookup_f32(&values, &a, &mut floats[3]);
            kernels.add_rows_f32(&[0.3, -1.7], &[&x[..], &floats[3].clone()].concat(), &mut floats[4]);
            (bytes, floats.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>())
        }));
    }
}

#[test]
fn bytes_of_elements_are_as_onnx_says() {
    let scale = 0.1_f32;
    let x = [0.05, 0.15, -0.05, 0.149_999_99, 1e9, -1e9, 25.4, 12.75, f32::NEG_INFINITY, f32::INFINITY];
    let expected = x.map(|x: f32| ((x / scale).round_ties_even() + 3.0).clamp(0.0, 255.0) as u8);
    let (a, b) = (Affine { scale: 0.5, zero: 10 }, Affine { scale: 0.25, zero: 200 });
    let out = Affine { scale: 0.75, zero: 100 };
    for kernels in Kernels::available() {
        let mut q = [0; 10];
        kernels.quantize(&x, scale, 3, &mut q);
        assert_eq!(q, expected, "{}", kernels.name());
        let (mut sum, mut product) = ([0; 2], [0; 2]);
        kernels.add_u8(&[30, 255], a, &[204, 0], b, out, &mut sum);
        kernels.mul_u8(&[30, 255], a, &[204, 0], b, out, &mut product);
        // (10 + 1) / 0.75 = 14.67 and (122.5 - 50) / 0.75 = 96.67; 10 · 1 / 0.75 = 13.33 and 122.5 · -50 saturates.
        assert_eq!((sum, product), ([115, 197], [113, 0]), "{}", kernels.name());
    }
}

#[test]
fn exp_is_within_two_units() {
    let mut worst = 0;
    for i in -104_000..89_000 {
        let x = i as f32 / 1000.0;
        let mut y = [x];
        Kernels::Scalar.exp_f32(&mut y);
        let expected = f64::from(x).exp() as f32;
        worst = worst.max(y[0].to_bits().abs_diff(expected.to_bits()));
    }
    assert!(worst <= 2, "{worst} units in the last place");
    let mut ends = [f32::INFINITY, f32::NEG_INFINITY, 0.0, f32::NAN, 100.0, -200.0];
    Kernels::Scalar.exp_f32(&mut ends);
    assert_eq!((ends[0], ends[1], ends[2], ends[4], ends[5]), (f32::INFINITY, 0.0, 1.0, f32::INFINITY, 0.0));
    assert!(ends[3].is_nan());
}

#[test]
#[should_panic(expected = "need")]
fn a_short_slice_is_refused() {
    let kernels = Kernels::trusted();
    let p = PackedGemm::new(kernels, 4, 8, &[1; 32], &[0; 4], 0);
    let requant = Requant { factor: vec![1.0; 4], zero: 0, low: 0, high: 255, table: None, function: None };
    kernels.gemm_u8(&p, 3, &[0; 23], 8, &requant, &mut [0; 12], 4, &mut Scratch::default());
}

#[test]
#[should_panic(expected = "left == right")]
fn weights_packed_for_others_are_refused() {
    let p = PackedGemm::new(Kernels::Scalar, 1, 4, &[1; 4], &[0], 0);
    let others = Kernels::available().into_iter().find(|kernels| *kernels != Kernels::Scalar);
    let requant = Requant { factor: vec![1.0], zero: 0, low: 0, high: 255, table: None, function: None };
    let Some(kernels) = others else { panic!("left == right: only scalar kernels run here") };
    kernels.gemm_u8(&p, 1, &[0; 4], 4, &requant, &mut [0], 1, &mut Scratch::default());
}
