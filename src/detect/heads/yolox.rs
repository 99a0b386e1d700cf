//! YOLOX: anchor-free, three grids (Ge et al. 2021, arXiv:2107.08430, section 2.1).
//!
//! One output `[1, N, 5 + classes]`, N = cells of the grids of stride 8, 16 and 32 (or the `strides` of model.toml),
//! each row-major, one after the other. A row is `x, y, w, h, objectness, classes…`; objectness and classes are already sigmoided:
//!
//! ```text
//! cx = (x + column) · stride    w = exp(w) · stride    score = objectness · class
//! ```

use super::{Given, HeadError, Sink, best_class};
use crate::engine::Tensor;
use crate::geometry::BBox;

#[derive(Debug, Clone)]
pub(super) struct Yolox {
    /// Stride, columns and rows of each grid.
    grids: Vec<(u32, usize, usize)>,
    /// Numbers of one row: 5 + classes.
    row: usize,
}

impl Yolox {
    pub fn new(given: &Given) -> Result<Self, HeadError> {
        let output = given.only_output()?;
        given.without_anchors()?;
        let strides = given.strides(&[8, 16, 32])?;
        let grid = |stride: &u32| {
            let (columns, rows) = given.grid(*stride);
            (*stride, columns, rows)
        };
        let grids: Vec<_> = strides.iter().map(grid).collect();
        let cells: usize = grids.iter().map(|(_, columns, rows)| columns * rows).sum();
        let (classes, input) = (given.spec.labels.len(), &given.spec.input);
        let row = 5 + classes;
        if output.shape != [1, cells, row] {
            let (width, height) = (input.width, input.height);
            let needed =
                format!("[1, {cells}, {row}]: the cells of a {width}×{height} input, and 5 + {classes} labels");
            return Err(given.refused_shape(output, needed));
        }
        Ok(Self { grids, row })
    }

    pub fn decode(&mut self, tensors: &[Tensor], sink: &mut Sink) {
        let mut rows = tensors[0].data.chunks_exact(self.row);
        for &(stride, columns, lines) in &self.grids {
            let s = stride as f32;
            // `zip` asks its first side first, so the shared iterator loses no row at the end of a grid.
            for (cell, row) in (0..columns * lines).zip(&mut rows) {
                // A class value is at most 1, so the score is at most the objectness: most rows end here.
                let objectness = row[4];
                if objectness < sink.threshold {
                    continue;
                }
                let (Some((class, value)), true) = (best_class(&row[5..]), objectness.is_finite()) else {
                    sink.refused += 1;
                    continue;
                };
                let score = objectness * value;
                if sink.wants(class, score) {
                    let (gx, gy) = ((cell % columns) as f32, (cell / columns) as f32);
                    let (cx, cy) = ((row[0] + gx) * s, (row[1] + gy) * s);
                    sink.push(BBox::from_center(cx, cy, row[2].exp() * s, row[3].exp() * s), class, score);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Candidate, Head};
    use super::*;
    use crate::detect::ClassFilter;
    use crate::detect::test_models::{output, yolox_spec};
    use crate::engine::{OutputInfo, Outputs};

    /// A 64×32 input: grids 8×4, 4×2, 2×1, so 42 rows.
    const CELLS: usize = 42;

    fn decode(rows: &[(usize, [f32; 7])], threshold: f32) -> (Vec<Candidate>, u64) {
        let mut data = vec![0.0; CELLS * 7];
        for (cell, row) in rows {
            data[cell * 7..cell * 7 + 7].copy_from_slice(row);
        }
        let spec = yolox_spec(64, 32, &["car", "truck"]);
        let mut head = Head::new(&spec, &[output(&[1, CELLS, 7])]).unwrap();
        let outputs = Outputs { tensors: vec![Tensor { shape: vec![1, CELLS, 7], data }] };
        let mut out = Vec::new();
        let refused = head.decode(&outputs, threshold, &ClassFilter::all(2), &mut out).unwrap();
        (out, refused)
    }

    #[test]
    fn each_grid_has_its_stride_and_its_own_cells() {
        let row = [0.5, 0.25, 0.0, 2f32.ln(), 0.8, 0.1, 0.5];
        // Stride 8, row 1 column 2; stride 16, row 1 column 3; stride 32, row 0 column 1.
        let (boxes, refused) = decode(&[(10, row), (32 + 7, row), (40 + 1, row)], 0.3);
        let expected = [(8.0, 2.0, 1.0), (16.0, 3.0, 1.0), (32.0, 1.0, 0.0)].map(|(s, gx, gy)| {
            let bbox = BBox::from_center((gx + 0.5) * s, (gy + 0.25) * s, s, 2.0 * s);
            Candidate { bbox, class: 1, score: 0.4 }
        });
        assert_eq!((boxes.as_slice(), refused), (expected.as_slice(), 0));
    }

    #[test]
    fn the_score_is_the_product_and_not_the_objectness() {
        let row = [0.0, 0.0, 0.0, 0.0, 0.8, 0.3, 0.5];
        assert_eq!(decode(&[(0, row)], 0.39).0.len(), 1);
        assert_eq!(decode(&[(0, row)], 0.41).0.len(), 0);
    }

    #[test]
    fn nan_and_infinity_are_refused_and_counted() {
        let good = [0.0, 0.0, 0.0, 0.0, 0.8, 0.3, 0.9];
        for at in [0, 1, 2, 3, 4, 5, 6] {
            let mut bad = good;
            bad[at] = f32::NAN;
            let (boxes, refused) = decode(&[(0, bad), (1, good)], 0.25);
            assert_eq!((boxes.len(), refused), (1, 1), "NaN at {at}");
        }
        let huge = [0.0, 0.0, 1e9, 0.0, 0.8, 0.3, 0.9];
        assert_eq!(decode(&[(0, huge)], 0.25).1, 1, "exp overflows");
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused_with_one_line() {
        let spec = yolox_spec(416, 416, &["car", "truck"]);
        let refusal = |outputs: &[OutputInfo]| Head::new(&spec, outputs).unwrap_err().to_string();
        assert_eq!(
            refusal(&[output(&[1, 8400, 85])]),
            "output 'output' has shape [1, 8400, 85], head 'yolox' needs [1, 3549, 7]: \
             the cells of a 416×416 input, and 5 + 2 labels"
        );
        assert!(refusal(&[]).contains("0 outputs"));
        assert!(refusal(&[output(&[1, 1]), output(&[1, 1])]).contains("2 outputs"));
        let odd = yolox_spec(416, 410, &["car"]);
        assert!(Head::new(&odd, &[output(&[1, 1, 6])]).unwrap_err().to_string().contains("416×410"));
    }

    #[test]
    fn an_output_that_changes_is_an_error_and_not_a_panic() {
        let spec = yolox_spec(64, 32, &["car", "truck"]);
        let mut head = Head::new(&spec, &[output(&[1, CELLS, 7])]).unwrap();
        let short = Outputs { tensors: vec![Tensor { shape: vec![1, CELLS, 7], data: vec![0.0; 7] }] };
        let mut out = Vec::new();
        assert!(head.decode(&short, 0.1, &ClassFilter::all(2), &mut out).is_err());
    }
}
