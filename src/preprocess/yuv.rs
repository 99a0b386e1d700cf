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

/// Three rows of equal length → interleaved pixels, blue first if `BGR`.
pub(super) fn row<const BGR: bool>(y: &[u8], u: &[u8], v: &[u8], out: &mut [u8]) {
    for (((pixel, &y), &u), &v) in out.chunks_exact_mut(3).zip(y).zip(u).zip(v) {
        let y = (i32::from(y) - 16) * Y + (1 << 15);
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let byte = |sum: i32| (sum >> 16).clamp(0, 255) as u8;
        let (r, g, b) = (byte(y + v * R_V), byte(y - u * G_U - v * G_V), byte(y + u * B_U));
        pixel.copy_from_slice(&if BGR { [b, g, r] } else { [r, g, b] });
    }
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
