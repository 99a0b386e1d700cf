//! Flat shapes with smooth edges on an RGB picture. Every shape is a signed distance: a pixel takes as much of the
//! colour as the distance of its centre says (half at the edge), so that a shape moves by fractions of a pixel.
//! Only +, −, ×, ÷ and √, which IEEE 754 fixes to the last bit: the same script gives the same bytes on every machine.

pub(super) type Rgb = [u8; 3];

pub(super) struct Canvas<'a> {
    pub width: u32,
    pub height: u32,
    pub pixels: &'a mut [u8],
}

impl Canvas<'_> {
    /// A rectangle with rounded corners of radius `r`.
    pub fn rounded(&mut self, [x1, y1, x2, y2]: [f32; 4], r: f32, color: Rgb, alpha: f32) {
        let (cx, cy) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
        let (half_w, half_h) = ((x2 - x1) / 2.0 - r, (y2 - y1) / 2.0 - r);
        self.fill([x1, y1, x2, y2], color, alpha, |x, y| {
            let (dx, dy) = ((x - cx).abs() - half_w, (y - cy).abs() - half_h);
            let (out_x, out_y) = (dx.max(0.0), dy.max(0.0));
            (out_x * out_x + out_y * out_y).sqrt() + dx.max(dy).min(0.0) - r
        });
    }

    pub fn circle(&mut self, cx: f32, cy: f32, r: f32, color: Rgb) {
        self.fill([cx - r, cy - r, cx + r, cy + r], color, 1.0, |x, y| {
            ((x - cx) * (x - cx) + (y - cy) * (y - cy)).sqrt() - r
        });
    }

    /// A convex polygon, its corners in either order of rotation.
    pub fn polygon(&mut self, corners: &[(f32, f32)], color: Rgb) {
        let edges: Vec<[f32; 3]> = corners.iter().zip(corners.iter().cycle().skip(1)).map(edge).collect();
        let n = corners.len() as f32;
        let middle = corners.iter().fold((0.0, 0.0), |m, c| (m.0 + c.0 / n, m.1 + c.1 / n));
        let turn = if edges[0][0] * middle.0 + edges[0][1] * middle.1 > edges[0][2] { -1.0 } else { 1.0 };
        let bounds = corners.iter().fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |b, c| {
            [b[0].min(c.0), b[1].min(c.1), b[2].max(c.0), b[3].max(c.1)]
        });
        self.fill(bounds, color, 1.0, |x, y| {
            edges.iter().map(|[nx, ny, d]| (nx * x + ny * y - d) * turn).fold(f32::MIN, f32::max)
        });
    }

    /// Paints all pixels of `bounds` (and one around) by `distance` from the shape: negative inside.
    fn fill(&mut self, bounds: [f32; 4], color: Rgb, alpha: f32, distance: impl Fn(f32, f32) -> f32) {
        let [x1, y1, x2, y2] = bounds;
        let columns = (x1 - 1.0).max(0.0) as u32..((x2 + 2.0).max(0.0) as u32).min(self.width);
        let rows = (y1 - 1.0).max(0.0) as u32..((y2 + 2.0).max(0.0) as u32).min(self.height);
        for row in rows {
            for column in columns.clone() {
                let cover = (0.5 - distance(column as f32 + 0.5, row as f32 + 0.5)).clamp(0.0, 1.0) * alpha;
                if cover > 0.0 {
                    let at = (row * self.width + column) as usize * 3;
                    for (pixel, ink) in self.pixels[at..at + 3].iter_mut().zip(color) {
                        *pixel = (f32::from(*pixel) * (1.0 - cover) + f32::from(ink) * cover + 0.5) as u8;
                    }
                }
            }
        }
    }
}

/// The line through two corners as unit normal and offset: `nx * x + ny * y = d`.
fn edge(((x1, y1), (x2, y2)): (&(f32, f32), &(f32, f32))) -> [f32; 3] {
    let (dx, dy) = (x2 - x1, y2 - y1);
    let length = (dx * dx + dy * dy).sqrt();
    let (nx, ny) = (dy / length, -dx / length);
    [nx, ny, nx * x1 + ny * y1]
}

/// `color` with every channel times `factor`.
pub(super) fn shade(color: Rgb, factor: f32) -> Rgb {
    color.map(|c| (f32::from(c) * factor + 0.5).min(255.0) as u8)
}

/// The way from `a` to `b`: `share` 0 gives `a`, 1 gives `b`.
pub(super) fn mix(a: Rgb, b: Rgb, share: f32) -> Rgb {
    [0, 1, 2].map(|i| (f32::from(a[i]) * (1.0 - share) + f32::from(b[i]) * share + 0.5) as u8)
}
