//! Y'CbCr → RGB, BT.601 limited range (ITU-R BT.601-7, section 2.5), for one row. Not here: 4:2:0 (letterbox.rs
//! brings the colour planes to the size of Y).

/// 16 bits of fraction: enough for an exact byte.
const fn fixed(factor: f64) -> i32 {
    (factor * 65536.0 + 0.5) as i32
}

const Y: i32 = fixed(255.0 / 219.0);
const R_V: i32 = fixed(1.402 * 255.0 / 224.0);
const G_U: i32 = fixed(1.772 * 0.114 / 0.587 * 255.0 / 224.0);
const G_V: i32 = fixed(1.402 * 0.299 / 0.587 * 255.0 / 224.0);
const B_U: i32 = fixed(1.772 * 255.0 / 224.0);

/// Pixels that are converted side by side, plane by plane, so that the arithmetic runs in vector registers.
const LANES: usize = 16;

/// Three rows of equal length → interleaved pixels, blue first if `BGR`.
pub(super) fn row<const BGR: bool>(y: &[u8], u: &[u8], v: &[u8], out: &mut [u8]) {
    let chunks = y.chunks(LANES).zip(u.chunks(LANES)).zip(v.chunks(LANES)).zip(out.chunks_mut(LANES * 3));
    for (((y, u), v), out) in chunks {
        // The last chunk may be short: what lies beyond it is computed and not used.
        let mut lanes = [[0u8; LANES]; 3];
        for (lane, plane) in lanes.iter_mut().zip([y, u, v]) {
            lane[..plane.len()].copy_from_slice(plane);
        }
        let [first, green, last] = convert::<BGR>(&lanes);
        for (((pixel, first), green), last) in out.chunks_exact_mut(3).zip(first).zip(green).zip(last) {
            pixel.copy_from_slice(&[first, green, last]);
        }
    }
}

fn convert<const BGR: bool>([y, u, v]: &[[u8; LANES]; 3]) -> [[u8; LANES]; 3] {
    let byte = |sum: i32| (sum >> 16).clamp(0, 255) as u8;
    let mut rgb = [[0u8; LANES]; 3];
    for lane in 0..LANES {
        let y = (i32::from(y[lane]) - 16) * Y + (1 << 15);
        let (u, v) = (i32::from(u[lane]) - 128, i32::from(v[lane]) - 128);
        rgb[if BGR { 2 } else { 0 }][lane] = byte(y + v * R_V);
        rgb[1][lane] = byte(y - u * G_U - v * G_V);
        rgb[if BGR { 0 } else { 2 }][lane] = byte(y + u * B_U);
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primaries_come_back() {
        // The 100 % colour bars of BT.601: white, yellow, cyan, green, magenta, red, blue, black.
        let bars = [
            ([235, 128, 128], [255, 255, 255]),
            ([210, 16, 146], [255, 255, 0]),
            ([170, 166, 16], [0, 255, 255]),
            ([145, 54, 34], [0, 255, 0]),
            ([106, 202, 222], [255, 0, 255]),
            ([81, 90, 240], [255, 0, 0]),
            ([41, 240, 110], [0, 0, 255]),
            ([16, 128, 128], [0, 0, 0]),
        ];
        for ([y, u, v], rgb) in bars {
            let (mut found, mut reversed) = ([0; 3], [0; 3]);
            row::<false>(&[y], &[u], &[v], &mut found);
            row::<true>(&[y], &[u], &[v], &mut reversed);
            assert!(
                found.iter().zip(rgb).all(|(&a, b): (&u8, i32)| (i32::from(a) - b).abs() <= 1),
                "{found:?} {rgb:?}"
            );
            reversed.reverse();
            assert_eq!(found, reversed);
        }
    }
}
