//! Widths and heights that boxes are told from, by k-means with 1 − IoU as the distance (Redmon & Farhadi 2017,
//! arXiv:1612.08242, section 2).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rounds after which it is left as it is.
const ROUNDS: usize = 300;

/// `k` widths and heights, the smallest area first, that the boxes (width, height; in any unit) fit best. Boxes without
/// area are left out; where fewer than `k` differ, there are fewer anchors.
pub fn anchors(boxes: &[[f32; 2]], k: usize, seed: u64) -> Vec<[f32; 2]> {
    let boxes: Vec<[f32; 2]> = boxes.iter().copied().filter(|[w, h]| *w > 0.0 && *h > 0.0).collect();
    let mut anchors = scattered(&boxes, k, seed);
    let mut nearest = vec![usize::MAX; boxes.len()];
    for _ in 0..ROUNDS {
        let mut moved = false;
        for (own, &one) in nearest.iter_mut().zip(&boxes) {
            let best = best(&anchors, one);
            moved |= *own != best;
            *own = best;
        }
        if !moved {
            break;
        }
        let mut sums = vec![([0.0f64; 2], 0usize); anchors.len()];
        for (&own, one) in nearest.iter().zip(&boxes) {
            let (sum, count) = &mut sums[own];
            *sum = [sum[0] + f64::from(one[0]), sum[1] + f64::from(one[1])];
            *count += 1;
        }
        for (anchor, (sum, count)) in anchors.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0) {
            *anchor = sum.map(|sum| (sum / count as f64) as f32);
        }
    }
    anchors.sort_by(|a, b| (a[0] * a[1]).total_cmp(&(b[0] * b[1])));
    anchors
}

/// The mean, over the boxes, of the overlap with the anchor that fits best: 0 to 1.
pub fn fit(boxes: &[[f32; 2]], anchors: &[[f32; 2]]) -> f32 {
    let sum: f32 = boxes.iter().map(|&one| anchors.iter().map(|&it| overlap(it, one)).fold(0.0, f32::max)).sum();
    sum / boxes.len().max(1) as f32
}

/// Boxes drawn to begin with, those that fit none drawn so far more often (Arthur & Vassilvitskii 2007, "k-means++").
fn scattered(boxes: &[[f32; 2]], k: usize, seed: u64) -> Vec<[f32; 2]> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut chosen: Vec<[f32; 2]> = Vec::new();
    let mut distances = vec![1.0f64; boxes.len()];
    while chosen.len() < k {
        let total: f64 = distances.iter().map(|distance| distance * distance).sum();
        // What is left equals what is chosen.
        if total <= 1e-12 {
            break;
        }
        let mut place = rng.random::<f64>() * total;
        let drawn = distances.iter().position(|distance| {
            place -= distance * distance;
            place < 0.0
        });
        let Some(drawn) = drawn.or_else(|| distances.iter().rposition(|&distance| distance > 0.0)) else { break };
        chosen.push(boxes[drawn]);
        for (distance, &one) in distances.iter_mut().zip(boxes) {
            *distance = distance.min(f64::from(1.0 - overlap(boxes[drawn], one)));
        }
    }
    chosen
}

fn best(anchors: &[[f32; 2]], one: [f32; 2]) -> usize {
    let fits = anchors.iter().map(|&anchor| overlap(anchor, one));
    fits.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(place, _)| place)
}

/// Intersection over union of two boxes with one corner in common.
fn overlap(a: [f32; 2], b: [f32; 2]) -> f32 {
    let both = a[0].min(b[0]) * a[1].min(b[1]);
    both / (a[0] * a[1] + b[0] * b[1] - both)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` boxes around a width and height, up to a tenth away.
    fn cloud(width: f32, height: f32, count: usize) -> impl Iterator<Item = [f32; 2]> {
        (0..count).map(move |place| {
            let away = |number: usize| 0.9 + 0.2 * (number % 11) as f32 / 10.0;
            [width * away(place * 7), height * away(place * 3)]
        })
    }

    #[test]
    fn clouds_of_boxes_are_found_smallest_first() {
        let boxes: Vec<_> = cloud(10.0, 10.0, 110).chain(cloud(80.0, 20.0, 55)).chain(cloud(30.0, 90.0, 33)).collect();
        for seed in 0..5 {
            let found = anchors(&boxes, 3, seed);
            let near = |[w, h]: [f32; 2], width: f32, height: f32| {
                (w / width - 1.0).abs() < 0.03 && (h / height - 1.0).abs() < 0.03
            };
            assert!(
                near(found[0], 10.0, 10.0) && near(found[1], 80.0, 20.0) && near(found[2], 30.0, 90.0),
                "{found:?}"
            );
            assert_eq!(found, anchors(&boxes, 3, seed));
            assert!(fit(&boxes, &found) > 0.85 && fit(&boxes, &found) > fit(&boxes, &found[..2]));
        }
    }

    #[test]
    fn one_anchor_is_the_mean_and_equal_boxes_have_one() {
        assert_eq!(anchors(&[[10.0, 20.0], [20.0, 40.0]], 1, 0), [[15.0, 30.0]]);
        assert_eq!(anchors(&[[10.0, 20.0]; 9], 4, 0), [[10.0, 20.0]]);
        assert!(anchors(&[[0.0, 5.0]], 2, 0).is_empty());
    }
}
