//! Greedy non-maximum suppression: of boxes that overlap more than a threshold inside a group, the best stays.
//!
//! Not here: what the others have to say of it (voting.rs), clipping and the way back to the picture (postprocess.rs).

use super::Groups;
use super::voting::{self, vote};
use crate::detection::Detection;
use crate::geometry::BBox;
use crate::limits::{MAX_CANDIDATES, MAX_DETECTIONS};

#[derive(Debug, Clone, PartialEq)]
pub struct NmsParams {
    /// What has less is nothing. 0..=1.
    pub score_threshold: f32,
    /// A box goes where its intersection over union with a better one of its group is larger than this. 0..=1.
    pub iou_threshold: f32,
    pub groups: Groups,
    /// Boxes that go vote on the place and the score of the one that stays.
    pub votes: bool,
}

impl NmsParams {
    /// Boxes below this score need not be given: they neither stay nor vote.
    pub fn least_score(&self) -> f32 {
        if self.votes { self.score_threshold.min(voting::LEAST_SCORE) } else { self.score_threshold }
    }
}

/// One per thread; all memory is reused from picture to picture.
#[derive(Debug, Clone)]
pub struct Nms {
    params: NmsParams,
    /// Score (best first) and index of each candidate in one sortable number.
    order: Vec<u64>,
    kept: Vec<Block>,
    /// Where in `order` each box that stays is.
    places: Vec<usize>,
    /// Boxes with a number that is not finite.
    pub refused: u64,
    /// Boxes with score enough beyond [`MAX_CANDIDATES`], the worst ones, that were not looked at.
    pub over_candidates: u64,
    /// Pictures in which more than [`MAX_DETECTIONS`] boxes would have stayed.
    pub over_detections: u64,
}

impl Nms {
    pub fn new(params: NmsParams) -> Self {
        Self {
            params,
            order: Vec::new(),
            kept: Vec::new(),
            places: Vec::new(),
            refused: 0,
            over_candidates: 0,
            over_detections: 0,
        }
    }

    /// Overwrites `out` with the boxes that stay: score descending, equal scores in the order of `boxes` where there are no votes.
    pub fn step(&mut self, boxes: &[Detection], out: &mut Vec<Detection>) {
        out.clear();
        self.kept.clear();
        self.places.clear();
        self.sort(boxes);
        let NmsParams { score_threshold, votes, .. } = self.params;
        let least = if votes { voting::least_own(score_threshold) } else { score_threshold };
        for (place, &key) in self.order.iter().enumerate() {
            let candidate = boxes[key as u32 as usize];
            if candidate.score < least {
                break;
            }
            let group = u32::from(self.params.groups.of(candidate.class));
            let area = candidate.bbox.area();
            let threshold = self.params.iou_threshold;
            if self.kept.iter().any(|block| block.suppresses(&candidate.bbox, area, group, threshold)) {
                continue;
            }
            if out.len() == MAX_DETECTIONS {
                self.over_detections += 1;
                break;
            }
            if out.len().is_multiple_of(LANES) {
                self.kept.push(Block::default());
            }
            if let Some(block) = self.kept.last_mut() {
                block.set(out.len() % LANES, &candidate.bbox, area, group);
            }
            out.push(candidate);
            self.places.push(place);
        }
        if votes {
            self.vote(boxes, out);
        }
    }

    /// `out` as it becomes by the votes of all boxes.
    fn vote(&self, boxes: &[Detection], out: &mut Vec<Detection>) {
        let NmsParams { score_threshold, groups, .. } = &self.params;
        let by_score = || self.order.iter().map(|&key| &boxes[key as u32 as usize]);
        for (kept, &place) in out.iter_mut().zip(&self.places) {
            let others = by_score().take(place).chain(by_score().skip(place + 1));
            *kept = vote(kept, others.filter(|b| groups.of(b.class) == groups.of(kept.class)));
        }
        out.retain(|b| b.score >= *score_threshold);
        out.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
    }

    fn sort(&mut self, boxes: &[Detection]) {
        self.order.clear();
        let finite = boxes.iter().enumerate().filter(|(_, b)| b.score.is_finite() && b.bbox.is_finite());
        self.order.extend(finite.map(|(index, b)| (u64::from(!ascending_bits(b.score)) << 32) | index as u64));
        self.refused += (boxes.len() - self.order.len()) as u64;
        if self.order.len() > MAX_CANDIDATES {
            self.order.select_nth_unstable(MAX_CANDIDATES);
            let enough = !ascending_bits(self.params.score_threshold);
            let over = self.order.drain(MAX_CANDIDATES..).filter(|key| (key >> 32) as u32 <= enough);
            self.over_candidates += over.count() as u64;
        }
        // All keys differ (by the index), so an unstable sort has one result only.
        self.order.sort_unstable();
    }
}

/// Bits that order as the numbers do: IEEE 754 orders positive floats by their bits, negative ones backwards.
fn ascending_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 }
}

const LANES: usize = 8;

/// Eight kept boxes side by side, so that the compiler compares a candidate with all of them in vector registers.
/// An unused lane is the empty box at the origin, of no group: it overlaps nothing.
#[derive(Debug, Clone)]
struct Block {
    x1: [f32; LANES],
    y1: [f32; LANES],
    x2: [f32; LANES],
    y2: [f32; LANES],
    area: [f32; LANES],
    group: [u32; LANES],
}

impl Default for Block {
    fn default() -> Self {
        let zero = [0.0; LANES];
        Self { x1: zero, y1: zero, x2: zero, y2: zero, area: zero, group: [u32::MAX; LANES] }
    }
}

impl Block {
    fn set(&mut self, lane: usize, b: &BBox, area: f32, group: u32) {
        (self.x1[lane], self.y1[lane], self.x2[lane], self.y2[lane]) = (b.x1, b.y1, b.x2, b.y2);
        (self.area[lane], self.group[lane]) = (area, group);
    }

    /// The same arithmetic as [`BBox::iou`], so the result is the same to the bit: an empty union gives 0/0, which is
    /// larger than nothing. `larger` and `smaller` instead of `f32::max` and `min`, whose care for NaN costs
    /// instructions; the numbers here are finite.
    fn suppresses(&self, b: &BBox, area: f32, group: u32, threshold: f32) -> bool {
        let mut hit = [false; LANES];
        for (lane, hit) in hit.iter_mut().enumerate() {
            let w = smaller(self.x2[lane], b.x2) - larger(self.x1[lane], b.x1);
            let h = smaller(self.y2[lane], b.y2) - larger(self.y1[lane], b.y1);
            let inter = larger(w, 0.0) * larger(h, 0.0);
            let union = self.area[lane] + area - inter;
            *hit = (inter / union > threshold) & (self.group[lane] == group);
        }
        hit != [false; LANES]
    }
}

fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nms(iou_threshold: f32, groups: Groups) -> Nms {
        Nms::new(NmsParams { score_threshold: 0.0, iou_threshold, groups, votes: false })
    }

    fn run(nms: &mut Nms, boxes: &[Detection]) -> Vec<Detection> {
        let mut out = Vec::new();
        nms.step(boxes, &mut out);
        out
    }

    fn detection(x: f32, class: u16, score: f32) -> Detection {
        Detection { bbox: BBox::new(x, 0.0, x + 10.0, 10.0), class, score }
    }

    /// The definition, without any cleverness: the reference for the property below.
    fn naive(boxes: &[Detection], threshold: f32, groups: &Groups) -> Vec<Detection> {
        let mut order: Vec<usize> = (0..boxes.len()).collect();
        order.sort_by(|&a, &b| boxes[b].score.total_cmp(&boxes[a].score).then(a.cmp(&b)));
        let mut kept: Vec<Detection> = Vec::new();
        for index in order {
            let b = boxes[index];
            let doubled = |k: &Detection| groups.of(k.class) == groups.of(b.class) && k.bbox.iou(&b.bbox) > threshold;
            if !kept.iter().any(doubled) {
                kept.push(b);
            }
        }
        kept
    }

    #[test]
    fn a_van_seen_as_car_and_truck_is_one_vehicle_inside_a_group() {
        let boxes = [detection(0.0, 0, 0.6), detection(1.0, 1, 0.7), detection(0.0, 2, 0.5)];
        let labels = ["car", "truck", "person"].map(String::from);
        let vehicles = Groups::from_labels(&labels, &[labels[..2].to_vec()]).unwrap();
        assert_eq!(run(&mut nms(0.45, vehicles), &boxes), [boxes[1], boxes[2]]);
        assert_eq!(run(&mut nms(0.45, Groups::class_aware(3)), &boxes).len(), 3);
        assert_eq!(run(&mut nms(0.45, Groups::class_agnostic(3)), &boxes), [boxes[1]]);
    }

    #[test]
    fn the_threshold_itself_is_no_overlap_too_much() {
        // Boxes of 10×10, 5 apart: IoU is 50 / 150.
        let boxes = [detection(0.0, 0, 0.9), detection(5.0, 0, 0.8)];
        let third = 50.0 / 150.0;
        assert_eq!(run(&mut nms(third, Groups::class_aware(1)), &boxes).len(), 2);
        assert_eq!(run(&mut nms(third - 1e-6, Groups::class_aware(1)), &boxes).len(), 1);
    }

    #[test]
    fn equal_scores_keep_the_order_of_the_input() {
        let boxes = [detection(1.0, 0, 0.5), detection(0.0, 0, 0.5), detection(50.0, 0, 0.5)];
        assert_eq!(run(&mut nms(0.45, Groups::class_aware(1)), &boxes), [boxes[0], boxes[2]]);
    }

    fn voting(score_threshold: f32, groups: Groups) -> Nms {
        Nms::new(NmsParams { score_threshold, iou_threshold: 0.45, groups, votes: true })
    }

    #[test]
    fn all_boxes_of_the_group_vote_and_those_of_others_do_not() {
        let labels = ["car", "truck", "person"].map(String::from);
        let vehicles = Groups::from_labels(&labels, &[labels[..2].to_vec()]).unwrap();
        let boxes = [detection(0.0, 0, 0.8), detection(0.5, 1, 0.2), detection(0.5, 2, 0.7), detection(90.0, 0, 0.5)];
        let out = run(&mut voting(0.3, vehicles), &boxes);
        // Its own half, and a sixth of the other half for each voter: two for the car, the truck's below the threshold.
        let score = |own: f32, all: f32| ((own + all / 6.0) / 2.0).powf(0.8);
        let wanted = [(0, score(0.8, 1.0)), (2, score(0.7, 0.7)), (0, score(0.5, 0.5))];
        assert_eq!(out.len(), 3);
        for (b, (class, score)) in out.iter().zip(wanted) {
            assert!(b.class == class && (b.score - score).abs() < 1e-6, "{b:?} {class} {score}");
        }
        // Weights 0.64 and 0.04.
        assert!((out[0].bbox.x1 - 0.5 * 0.04 / 0.68).abs() < 1e-6, "{:?}", out[0].bbox);
        let alone = run(&mut voting(0.4, Groups::class_aware(3)), &boxes[3..]);
        assert_eq!(alone, [], "0.37 is too little");
    }

    #[test]
    fn nan_is_refused_and_counted_and_does_not_panic() {
        let mut boxes = vec![detection(0.0, 0, f32::NAN), detection(0.0, 0, 0.9), detection(0.0, 0, f32::INFINITY)];
        boxes.push(Detection { bbox: BBox::new(f32::NAN, 0.0, 1.0, 1.0), class: 0, score: 0.5 });
        let mut nms = nms(0.45, Groups::class_aware(1));
        assert_eq!(run(&mut nms, &boxes), [boxes[1]]);
        assert_eq!(nms.refused, 3);
    }

    #[test]
    fn what_exceeds_a_limit_is_counted_and_the_best_are_kept() {
        // Far apart, so that nothing is suppressed; the best come last.
        let boxes: Vec<_> =
            (0..MAX_CANDIDATES + 7).map(|i| detection(i as f32 * 20.0, 0, 0.1 + i as f32 * 1e-4)).collect();
        let mut nms = nms(0.45, Groups::class_aware(1));
        let out = run(&mut nms, &boxes);
        assert_eq!((nms.over_candidates, nms.over_detections), (7, 1));
        let best: Vec<_> = boxes.iter().rev().take(MAX_DETECTIONS).copied().collect();
        assert_eq!(out, best);
        assert_eq!(run(&mut nms, &boxes[..MAX_DETECTIONS]).len(), MAX_DETECTIONS);
        assert_eq!((nms.over_candidates, nms.over_detections), (7, 1), "exactly at the limit nothing is lost");
    }

    #[test]
    fn scores_order_by_their_bits() {
        let ascending = [f32::MIN, -1.0, -0.25, 0.0, 1e-30, 0.25, 0.5, 1.0, f32::MAX];
        assert!(ascending.windows(2).all(|w| ascending_bits(w[0]) < ascending_bits(w[1])));
    }

    /// Small integers, so that equal boxes, equal scores and IoUs at the threshold all occur.
    fn any_detection() -> impl Strategy<Value = Detection> {
        (0..30i32, 0..30i32, 0..12i32, 0..12i32, 0..5u16, 0..8i32).prop_map(|(x, y, w, h, class, score)| Detection {
            bbox: BBox::new(x as f32, y as f32, (x + w) as f32, (y + h) as f32),
            class,
            score: score as f32 / 8.0,
        })
    }

    proptest! {
        #[test]
        fn equal_to_the_definition(
            boxes in proptest::collection::vec(any_detection(), 0..200),
            threshold in prop::sample::select(vec![0.0f32, 0.25, 0.45, 0.5, 1.0]),
            grouping in 0..3,
        ) {
            let groups = match grouping {
                0 => Groups::class_aware(5),
                1 => Groups::class_agnostic(5),
                _ => {
                    let labels = ["a", "b", "c", "d", "e"].map(String::from);
                    Groups::from_labels(&labels, &[labels[..2].to_vec(), labels[3..].to_vec()]).unwrap()
                }
            };
            let out = run(&mut nms(threshold, groups.clone()), &boxes);
            prop_assert_eq!(&out, &naive(&boxes, threshold, &groups));
            for (i, a) in out.iter().enumerate() {
                prop_assert!(boxes.contains(a));
                for b in &out[..i] {
                    prop_assert!(groups.of(a.class) != groups.of(b.class) || a.bbox.iou(&b.bbox) <= threshold);
                }
            }
        }

        #[test]
        fn with_votes_there_are_the_same_objects_at_other_scores(
            boxes in proptest::collection::vec(any_detection(), 0..100),
            score_threshold in prop::sample::select(vec![0.0f32, 0.3, 0.5]),
        ) {
            let groups = Groups::class_aware(5);
            let voted = run(&mut voting(score_threshold, groups.clone()), &boxes);
            let mut wanted = Vec::new();
            for best in naive(&boxes, 0.45, &groups) {
                let mut others: Vec<_> = boxes.iter().filter(|b| b.class == best.class).copied().collect();
                others.sort_by(|a, b| b.score.total_cmp(&a.score));
                // The best one is the first that is equal to it, and does not vote twice.
                others.remove(others.iter().position(|b| *b == best).unwrap());
                wanted.push(vote(&best, others.iter()));
            }
            wanted.retain(|b| b.score >= score_threshold);
            prop_assert_eq!(voted.len(), wanted.len());
            prop_assert!(voted.windows(2).all(|pair| pair[0].score >= pair[1].score));
            for b in &voted {
                let near = |w: &Detection| (w.score - b.score).abs() < 1e-4 && (w.bbox.x1 - b.bbox.x1).abs() < 1e-3;
                prop_assert!(wanted.iter().any(near), "{b:?} is not among {wanted:?}");
            }
        }

        #[test]
        fn the_order_of_the_input_does_not_matter(
            boxes in proptest::collection::vec(any_detection(), 0..60),
            seed in any::<u64>(),
        ) {
            // Scores without ties: with ties the order decides, by contract.
            let boxes: Vec<_> =
                boxes.into_iter().enumerate().map(|(i, b)| Detection { score: i as f32 / 64.0, ..b }).collect();
            let mut shuffled = boxes.clone();
            for i in (1..shuffled.len()).rev() {
                shuffled.swap(i, (seed.rotate_left(i as u32) % (i as u64 + 1)) as usize);
            }
            for mut nms in [nms(0.45, Groups::class_agnostic(5)), voting(0.2, Groups::class_agnostic(5))] {
                prop_assert_eq!(run(&mut nms, &boxes), run(&mut nms, &shuffled));
            }
        }
    }
}
