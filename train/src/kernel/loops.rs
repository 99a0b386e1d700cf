//! Loops over numbers that lie side by side. Rows are as long as there are channels.

use super::gate::Curve;
use super::vector::vectorized;

vectorized! {
    /// Adds each row to `sums`.
    fn add_rows<'a>(sums: &'a mut [f32], rows: &'a [f32]) {
        let count = sums.len();
        for row in rows.chunks_exact(count) {
            for i in 0..count {
                sums[i] += row[i];
            }
        }
    }
}

vectorized! {
    fn scale<'a>(numbers: &'a mut [f32], factor: f32) {
        for number in numbers {
            *number *= factor;
        }
    }
}

vectorized! {
    /// Adds the squares of each row's distance from `mean`.
    fn add_squares<'a>(sums: &'a mut [f32], rows: &'a [f32], mean: &'a [f32]) {
        let count = sums.len();
        let mean = &mean[..count];
        for row in rows.chunks_exact(count) {
            for i in 0..count {
                let apart = row[i] - mean[i];
                sums[i] = apart.mul_add(apart, sums[i]);
            }
        }
    }
}

vectorized! {
    /// `output = curve((x − mean) · scale + beta)`, with `channels` [mean, scale, beta].
    fn normalize<'a, C: Curve>(curve: C, x: &'a [f32], output: &'a mut [f32], channels: [&'a [f32]; 3]) {
        let count = channels[0].len();
        let [mean, scale, beta] = channels.map(|it| &it[..count]);
        for (output, x) in output.chunks_exact_mut(count).zip(x.chunks_exact(count)) {
            for i in 0..count {
                output[i] = curve.value((x[i] - mean[i]).mul_add(scale[i], beta[i]));
            }
        }
    }
}

vectorized! {
    /// Adds up the slopes before the curve, and those times `x − mean`; `channels` as above.
    fn add_slopes<'a, C: Curve>(
        curve: C, x: &'a [f32], slopes: &'a [f32], channels: [&'a [f32]; 3], plain: &'a mut [f32], weighted: &'a mut [f32],
    ) {
        let count = channels[0].len();
        let [mean, scale, beta] = channels.map(|it| &it[..count]);
        let (plain, weighted) = (&mut plain[..count], &mut weighted[..count]);
        for (x, slopes) in x.chunks_exact(count).zip(slopes.chunks_exact(count)) {
            for i in 0..count {
                let apart = x[i] - mean[i];
                let slope = slopes[i] * curve.slope(apart.mul_add(scale[i], beta[i]));
                plain[i] += slope;
                weighted[i] = slope.mul_add(apart, weighted[i]);
            }
        }
    }
}

vectorized! {
    /// Slopes behind the curve become those of x: `scale · (slope − plain − (x − mean) · weighted)`.
    fn unnormalize<'a, C: Curve>(
        curve: C, x: &'a [f32], slopes: &'a mut [f32], channels: [&'a [f32]; 3], plain: &'a [f32], weighted: &'a [f32],
    ) {
        let count = channels[0].len();
        let [mean, scale, beta] = channels.map(|it| &it[..count]);
        let (plain, weighted) = (&plain[..count], &weighted[..count]);
        for (slopes, x) in slopes.chunks_exact_mut(count).zip(x.chunks_exact(count)) {
            for i in 0..count {
                let apart = x[i] - mean[i];
                let slope = slopes[i] * curve.slope(apart.mul_add(scale[i], beta[i]));
                slopes[i] = scale[i] * (slope - plain[i] - apart * weighted[i]);
            }
        }
    }
}

vectorized! {
    fn curve_of<'a, C: Curve>(curve: C, x: &'a [f32], output: &'a mut [f32]) {
        let x = &x[..output.len()];
        for i in 0..x.len() {
            output[i] = curve.value(x[i]);
        }
    }
}

vectorized! {
    fn curve_of_sum<'a, C: Curve>(curve: C, a: &'a [f32], b: &'a [f32], output: &'a mut [f32]) {
        let count = output.len();
        let (a, b) = (&a[..count], &b[..count]);
        for i in 0..count {
            output[i] = curve.value(a[i] + b[i]);
        }
    }
}

vectorized! {
    fn times_slope<'a, C: Curve>(curve: C, x: &'a [f32], slopes: &'a mut [f32]) {
        let x = &x[..slopes.len()];
        for i in 0..x.len() {
            slopes[i] *= curve.slope(x[i]);
        }
    }
}

vectorized! {
    /// Where a number is larger than `output`, or none, it and its tap are taken. With `first` each one is.
    fn take_larger<'a>(output: &'a mut [f32], which: &'a mut [u8], numbers: &'a [f32], tap: u8, first: bool) {
        let count = output.len();
        let (which, numbers) = (&mut which[..count], &numbers[..count]);
        for i in 0..count {
            // NaN is passed on: a comparison that is false must not hide it.
            let takes = first | (numbers[i] > output[i]) | numbers[i].is_nan();
            output[i] = if takes { numbers[i] } else { output[i] };
            which[i] = if takes { tap } else { which[i] };
        }
    }
}

vectorized! {
    /// Depthwise: adds `row · weights` of each window's each tap to its output.
    fn add_products<'a>(output: &'a mut [f32], source: &'a [f32], begins: &'a [usize], kernel: &'a [f32]) {
        let count = output.len();
        for (begin, kernel) in begins.iter().zip(kernel.chunks_exact(count)) {
            let source = &source[*begin..*begin + count];
            for i in 0..count {
                output[i] = source[i].mul_add(kernel[i], output[i]);
            }
        }
    }
}

vectorized! {
    /// Depthwise, the way back: adds `row · slopes` of each tap of a window to the tap's sums.
    fn add_tap_slopes<'a>(sums: &'a mut [f32], source: &'a [f32], begins: &'a [usize], slopes: &'a [f32]) {
        let count = slopes.len();
        for (begin, sums) in begins.iter().zip(sums.chunks_exact_mut(count)) {
            let source = &source[*begin..*begin + count];
            for i in 0..count {
                sums[i] = source[i].mul_add(slopes[i], sums[i]);
            }
        }
    }
}
