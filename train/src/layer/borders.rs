//! What is put around a picture.

use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// Rows above and below, columns left and right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Borders {
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Borders {
    pub(crate) fn pairs(self) -> [(usize, usize); 2] {
        [self.rows, self.columns]
    }

    pub(crate) fn around(self, [height, width, channels]: [usize; 3]) -> Shape {
        vec![self.rows.0 + height + self.rows.1, self.columns.0 + width + self.columns.1, channels]
    }

    /// ONNX' order: the beginnings of all four axes, then the ends.
    pub(crate) fn onnx(self) -> [i64; 8] {
        [0, 0, self.rows.0, self.columns.0, 0, 0, self.rows.1, self.columns.1].map(|length| length as i64)
    }
}

impl From<usize> for Borders {
    fn from(all: usize) -> Self {
        Borders { rows: (all, all), columns: (all, all) }
    }
}

impl From<(usize, usize)> for Borders {
    fn from((rows, columns): (usize, usize)) -> Self {
        Borders { rows: (rows, rows), columns: (columns, columns) }
    }
}

impl From<((usize, usize), (usize, usize))> for Borders {
    fn from((rows, columns): ((usize, usize), (usize, usize))) -> Self {
        Borders { rows, columns }
    }
}
