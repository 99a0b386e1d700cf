//! A look at the kernels of this processor before they are trusted: do they give the scalar kernels' bytes?
//!
//! The tests compare them thoroughly, but only on the processors that they run on. A processor of another kind takes a few
//! microseconds here, and a kernel that is wrong on it is left out instead of counting wrongly.

use super::{
    Affine, Function, FunctionKind, Kernels, PackedDepthwise, PackedDepthwiseF32, PackedGemm, PackedGemmF32,
    PackedWinograd, Padded, Patches, Requant, Scratch,
};

/// Odd sizes: whole vectors, parts of one, rests.
const ROWS: usize = 29;
const INPUTS: usize = 70;
const OUTPUTS: usize = 75;

impl Kernels {
    /// The fastest whose results are right here; the scalar ones at the least.
    pub fn trusted() -> Self {
        let mut candidates = Self::available();
        while let Some(kernels) = candidates.pop() {
            if kernels == Self::Scalar || kernels.sample() == Self::Scalar.sample() {
                return kernels;
            }
            log::warn!("the {} kernels are wrong on this processor: please report it", kernels.name());
        }
        Self::Scalar
    }

    /// Bytes of everything that a network uses, from made-up numbers.
    fn sample(self) -> Vec<u8> {
        let mut state = 12345u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let activations: Vec<u8> = (0..ROWS * INPUTS.next_multiple_of(4)).map(|_| next()).collect();
        let weights: Vec<i8> = (0..OUTPUTS * INPUTS).map(|_| next() as i8).collect();
        let filters: Vec<i8> = (0..OUTPUTS * 9).map(|_| next() as i8).collect();
        let rows: Vec<u8> = (0..3 * 20 * OUTPUTS).map(|_| next()).collect();
        let bias: Vec<i32> = (0..OUTPUTS).map(|_| (i32::from(next()) - 128) * 100).collect();
        let numbers: Vec<f32> = activations.iter().map(|&byte| f32::from(byte) * 0.11 - 14.0).collect();
        let table = Box::new(std::array::from_fn(|_| next()));
        let factor = (0..OUTPUTS).map(|n| 0.0003 + n as f32 * 1e-5).collect();
        let requant = Requant { factor, zero: 77, low: 3, high: 250, table: Some(table), function: None };
        let mut scratch = Scratch::default();
        let (mut bytes, mut floats) = (vec![0; ROWS * OUTPUTS], vec![0.0; ROWS * OUTPUTS]);
        let mut seen = Vec::new();
        let stride = INPUTS.next_multiple_of(4);

        let gemm = PackedGemm::new(self, OUTPUTS, INPUTS, &weights, &bias, 9);
        self.gemm_u8(&gemm, ROWS, &activations, stride, &requant, &mut bytes, OUTPUTS, &mut scratch);
        seen.extend_from_slice(&bytes);
        let function = Some(Function { kind: FunctionKind::Silu, reciprocal: vec![14.0; OUTPUTS], zeros: Vec::new() });
        let requant = Requant { function, ..requant };
        self.gemm_u8(&gemm, ROWS, &activations, stride, &requant, &mut bytes, OUTPUTS, &mut scratch);
        seen.extend_from_slice(&bytes);
        let requant = Requant { function: None, ..requant };
        self.gemm_f32out(&gemm, ROWS, &activations, stride, &requant.factor, &mut floats, OUTPUTS, &mut scratch);
        seen.extend(floats.iter().flat_map(|x| x.to_le_bytes()));
        let lines: Vec<&[u8]> = rows.chunks(20 * OUTPUTS).collect();
        let depthwise = PackedDepthwise::new(self, OUTPUTS, 3, 3, &filters, &bias, &[9]);
        for (stride, width) in [(1, 18), (2, 9)] {
            let out = &mut bytes[..width * OUTPUTS];
            self.depthwise_u8(&depthwise, &lines, stride, width, &requant, out, OUTPUTS, &mut scratch);
            seen.extend_from_slice(out);
        }

        let few = Requant { factor: requant.factor[..20].to_vec(), ..requant.clone() };
        // By minimal filtering where these kernels do so.
        let picture = Padded { bytes: &rows, height: 5, width: 7 };
        let out = &mut bytes[..5 * 7 * 20];
        match PackedWinograd::new(self, 20, 16, &weights[..20 * 9 * 16], &bias[..20], 9) {
            Some(packed) => self.winograd_u8(&packed, &picture, &few, out, 20, &mut scratch),
            None => {
                let packed = PackedGemm::new(self, 20, 9 * 16, &weights[..20 * 9 * 16], &bias[..20], 9);
                let lines: Vec<&[u8]> = rows.chunks(Padded::columns(7) * 16).take(7).collect();
                let patches = Patches { rows: &lines, c: 16, kh: 3, kw: 3, stride: 1, w_out: 7 };
                self.conv_u8(&packed, &patches, &few, out, 20, &mut scratch);
            }
        }
        seen.extend_from_slice(out);

        let real: Vec<f32> = weights.iter().map(|&w| f32::from(w) * 0.01).collect();
        let start: Vec<f32> = bias.iter().map(|&b| b as f32 * 0.1).collect();
        let gemm = PackedGemmF32::new(self, OUTPUTS, INPUTS, &real, &start);
        self.gemm_f32(&gemm, ROWS, &numbers, stride, &mut floats, OUTPUTS);
        seen.extend(floats.iter().flat_map(|x| x.to_le_bytes()));
        let real_lines: Vec<Vec<f32>> = lines.iter().map(|line| line.iter().map(|&b| f32::from(b)).collect()).collect();
        let real_lines: Vec<&[f32]> = real_lines.iter().map(Vec::as_slice).collect();
        let depthwise = PackedDepthwiseF32::new(self, OUTPUTS, 3, 3, &real[..OUTPUTS * 9], &start);
        let out = &mut floats[..18 * OUTPUTS];
        self.depthwise_f32(&depthwise, &real_lines, 1, 18, out, OUTPUTS);
        seen.extend(out.iter().flat_map(|x| x.to_le_bytes()));

        let (a, b) = activations.split_at(activations.len() / 2);
        let out = &mut bytes[..a.len()];
        let (pa, pb, po) =
            (Affine { scale: 0.02, zero: 3 }, Affine { scale: 0.05, zero: 200 }, Affine { scale: 0.06, zero: 128 });
        self.add_u8(a, pa, b, pb, po, out);
        seen.extend_from_slice(out);
        self.mul_u8(a, pa, b, pb, po, out);
        seen.extend_from_slice(out);
        out.copy_from_slice(a);
        self.max_u8(b, out);
        seen.extend_from_slice(out);
        let mut values = numbers.clone();
        self.silu_f32(&mut values);
        seen.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        let out = &mut bytes[..values.len().min(ROWS * OUTPUTS)];
        self.quantize(&values[..out.len()], 0.03, 5, out);
        seen.extend_from_slice(out);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_trusted_and_the_sample_is_no_constant() {
        let scalar = Kernels::Scalar.sample();
        for kernels in Kernels::available() {
            assert!(kernels.sample() == scalar, "{}", kernels.name());
        }
        assert_eq!(Some(&Kernels::trusted()), Kernels::available().last());
        let distinct: std::collections::HashSet<u8> = scalar.iter().copied().collect();
        assert!(scalar.len() > 20_000 && distinct.len() > 250);
    }
}
