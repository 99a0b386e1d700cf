//! Detections against labelled boxes: average precision and recall as COCO defines them (Lin et al. 2014,
//! arXiv:1405.0312; cocodataset.org/#detection-eval), equal to pycocotools' `COCOeval` for boxes.
//!
//! - A detection matches the labelled box of its class in its picture with the largest overlap, if that reaches the
//!   threshold; better scores choose first, and each box is matched once.
//! - Crowds, and boxes outside the size that is looked at, are ignored: they are not missed, and what matches them is no
//!   false alarm. The overlap with a crowd is taken over the detection's own area.
//! - The best 100 detections of a picture and class count.
//! - AP is the mean precision at 101 recalls; `ap` means it over the overlaps 0.50, 0.55 … 0.95, `recall` likewise the
//!   largest recall (COCO's AR with 100 detections).
//!
//! Not here: finding the objects, printing. Files are read in coco.rs and yolo.rs.

pub mod coco;
mod matching;
mod mistakes;
mod precision;
mod truth;
pub mod yolo;

pub use mistakes::{Mistake, Mistakes, mistakes};
pub use precision::PrPoint;
pub use truth::{Labelled, Truth, TruthPicture};

use serde::Serialize;

use matching::{Matched, match_picture};
use precision::curve;

/// A box by its upper left corner and size, in pixels; f64 as in the truth's files.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub fn area(&self) -> f64 {
        self.width * self.height
    }

    /// Of the common part.
    fn intersection(&self, other: &Self) -> f64 {
        let side = |a: f64, a_length: f64, b: f64, b_length: f64| (a + a_length).min(b + b_length) - a.max(b);
        let width = side(self.x, self.width, other.x, other.width);
        let height = side(self.y, self.height, other.y, other.height);
        if width > 0.0 && height > 0.0 { width * height } else { 0.0 }
    }
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub rect: Rect,
    pub class: usize,
    pub score: f64,
}

/// One picture: its labelled boxes and what was found in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    pub truth: Vec<Labelled>,
    /// In the order in which equal scores are to count.
    pub found: Vec<Found>,
}

/// Figures of one class, or their means over the classes that the truth has; `None` where the truth has no box.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Figures {
    /// Labelled boxes, without crowds.
    pub boxes: usize,
    pub ap: Option<f64>,
    pub ap50: Option<f64>,
    pub ap75: Option<f64>,
    pub recall: Option<f64>,
    /// Of boxes up to 32² pixels, up to 96² and above.
    pub small: BySize,
    pub medium: BySize,
    pub large: BySize,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct BySize {
    pub ap: Option<f64>,
    pub recall: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub all: Figures,
    /// In the order of the class indices.
    pub classes: Vec<Figures>,
}

/// Overlaps at which a detection is right, beginning with 0.5; as numpy computes them, so that a box on an edge falls on
/// the same side.
const OVERLAPS: usize = 10;

fn overlap(index: usize) -> f64 {
    0.5 + index as f64 * ((0.95 - 0.5) / (OVERLAPS - 1) as f64)
}

/// Areas in square pixels: all, small, medium, large. Both ends belong to a range.
const AREAS: [(f64, f64); 4] = [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];

/// Scores detections of `classes` classes (indices 0..`classes`). The order of the pictures decides between equal scores.
pub fn evaluate(pictures: &[Picture], classes: usize) -> Report {
    let classes: Vec<Figures> = (0..classes).map(|class| of_class(pictures, class)).collect();
    Report { all: mean_of(&classes), classes }
}

fn of_class(pictures: &[Picture], class: usize) -> Figures {
    let mut of_areas = [Matched::default(), Matched::default(), Matched::default(), Matched::default()];
    for picture in pictures {
        match_picture(picture, class, &AREAS, &mut of_areas);
    }
    let [all, small, medium, large] = of_areas.map(Matched::sorted);
    let sized = |matched: &Matched| BySize { ap: mean(matched, |c| c.ap), recall: mean(matched, |c| c.recall) };
    let whole = sized(&all);
    Figures {
        boxes: all.truth,
        ap: whole.ap,
        ap50: curve(&all, 0).map(|c| c.ap),
        ap75: curve(&all, 5).map(|c| c.ap),
        recall: whole.recall,
        small: sized(&small),
        medium: sized(&medium),
        large: sized(&large),
    }
}

/// The precision–recall curve of a class at an overlap of 0.5, down the scores; empty where the truth has no box.
pub fn precision_recall(pictures: &[Picture], class: usize) -> Vec<PrPoint> {
    let mut matched = [Matched::default()];
    for picture in pictures {
        match_picture(picture, class, &AREAS[..1], &mut matched);
    }
    let [matched] = matched.map(Matched::sorted);
    precision::points(&matched, 0).map(Iterator::collect).unwrap_or_default()
}

/// Over the overlaps.
fn mean(matched: &Matched, of: impl Fn(precision::Curve) -> f64) -> Option<f64> {
    let sum = (0..OVERLAPS).map(|index| curve(matched, index).map(&of)).sum::<Option<f64>>()?;
    Some(sum / OVERLAPS as f64)
}

fn mean_of(classes: &[Figures]) -> Figures {
    let mean = |of: &dyn Fn(&Figures) -> Option<f64>| {
        let known: Vec<f64> = classes.iter().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    let sized = |of: &dyn Fn(&Figures) -> BySize| BySize { ap: mean(&|c| of(c).ap), recall: mean(&|c| of(c).recall) };
    Figures {
        boxes: classes.iter().map(|class| class.boxes).sum(),
        ap: mean(&|c| c.ap),
        ap50: mean(&|c| c.ap50),
        ap75: mean(&|c| c.ap75),
        recall: mean(&|c| c.recall),
        small: sized(&|c| c.small),
        medium: sized(&|c| c.medium),
        large: sized(&|c| c.large),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 50×50 box at `x`, a medium one.
    fn rect(x: f64) -> Rect {
        Rect { x, y: 0.0, width: 50.0, height: 50.0 }
    }

    fn labelled(x: f64) -> Labelled {
        Labelled { rect: rect(x), class: 0, crowd: false, area: 2500.0 }
    }

    fn found(x: f64, score: f64) -> Found {
        Found { rect: rect(x), class: 0, score }
    }

    fn all(picture: Picture) -> Figures {
        evaluate(&[picture], 1).all
    }

    #[test]
    fn all_found_is_one_and_nothing_found_is_zero() {
        let truth = vec![labelled(0.0), labelled(100.0)];
        let perfect = all(Picture { truth: truth.clone(), found: vec![found(100.0, 0.9), found(0.0, 0.8)] });
        assert_eq!((perfect.ap, perfect.ap50, perfect.recall), (Some(1.0), Some(1.0), Some(1.0)));
        assert_eq!((perfect.small.ap, perfect.medium.ap, perfect.large.ap), (None, Some(1.0), None));
        let nothing = all(Picture { truth, found: Vec::new() });
        assert_eq!((nothing.boxes, nothing.ap, nothing.recall), (2, Some(0.0), Some(0.0)));
        assert_eq!(all(Picture { truth: Vec::new(), found: vec![found(0.0, 0.9)] }).ap, None, "no truth, no figure");
    }

    #[test]
    fn a_false_alarm_costs_what_it_outranks() {
        let truth = vec![labelled(0.0), labelled(100.0)];
        let with = |score| vec![found(0.0, 0.9), found(100.0, 0.8), found(300.0, score)];
        assert_eq!(all(Picture { truth: truth.clone(), found: with(0.1) }).ap50, Some(1.0));
        // Precision 1 up to recall 0.5 (51 of 101 points), then 2/3.
        let between = all(Picture { truth, found: with(0.85) }).ap50.unwrap();
        assert!((between - (51.0 + 50.0 * 2.0 / 3.0) / 101.0).abs() < 1e-12, "{between}");
    }

    #[test]
    fn a_second_box_on_the_same_object_is_a_false_alarm() {
        let picture = Picture { truth: vec![labelled(0.0)], found: vec![found(30.0, 0.9), found(0.0, 0.8)] };
        // The worse box is right: overlap 20/80 of the better one reaches no threshold.
        assert_eq!(all(picture).ap50, Some(0.5));
        let picture = Picture { truth: vec![labelled(0.0)], found: vec![found(1.0, 0.9), found(0.0, 0.8)] };
        assert_eq!(all(picture).ap50, Some(1.0), "the better one takes the object, the second is behind full recall");
    }

    #[test]
    fn the_overlap_decides_at_which_thresholds_a_box_is_right() {
        // 40/60 = 0.67: right at 0.5, 0.55, 0.6 and 0.65.
        let figures = all(Picture { truth: vec![labelled(0.0)], found: vec![found(10.0, 0.9)] });
        assert_eq!((figures.ap50, figures.ap75), (Some(1.0), Some(0.0)));
        assert!((figures.ap.unwrap() - 0.4).abs() < 1e-12 && (figures.recall.unwrap() - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_crowd_is_neither_missed_nor_a_false_alarm_however_often_it_is_found() {
        let crowd = Labelled { crowd: true, rect: Rect { width: 200.0, ..rect(200.0) }, ..labelled(0.0) };
        let inside = [found(210.0, 0.95), found(280.0, 0.94), found(330.0, 0.93)];
        let mut picture = Picture { truth: vec![labelled(0.0), crowd], found: vec![found(0.0, 0.5)] };
        picture.found.extend(inside);
        let figures = all(picture);
        assert_eq!((figures.boxes, figures.ap, figures.recall), (1, Some(1.0), Some(1.0)));
    }

    #[test]
    fn a_box_of_another_size_is_ignored_there() {
        let small = Labelled { rect: Rect { width: 20.0, height: 20.0, ..rect(300.0) }, area: 400.0, ..labelled(0.0) };
        let figures = all(Picture { truth: vec![labelled(0.0), small], found: vec![found(0.0, 0.9)] });
        assert_eq!((figures.medium.recall, figures.small.recall), (Some(1.0), Some(0.0)));
        assert_eq!(figures.recall, Some(0.5));
    }

    #[test]
    fn what_is_found_beside_the_sizes_looked_at_is_no_false_alarm_there() {
        let large = Found { rect: Rect { width: 200.0, height: 200.0, ..rect(300.0) }, ..found(0.0, 0.95) };
        let first = Picture { truth: vec![labelled(0.0)], found: vec![found(0.0, 0.9)] };
        let second = Picture { truth: Vec::new(), found: vec![large] };
        let figures = evaluate(&[first, second], 1).all;
        assert_eq!((figures.ap50, figures.medium.ap), (Some(0.5), Some(1.0)));
    }

    #[test]
    fn a_curve_has_a_point_for_each_detection_that_counts() {
        let picture =
            Picture { truth: vec![labelled(0.0), labelled(100.0)], found: vec![found(0.0, 0.9), found(300.0, 0.8)] };
        let curve = precision_recall(&[picture], 0);
        let [first, second] = curve[..] else { panic!("{curve:?}") };
        assert_eq!((first.score, first.recall, first.precision), (0.9, 0.5, 1.0));
        assert_eq!((second.score, second.recall, second.precision), (0.8, 0.5, 0.5));
        assert!(precision_recall(&[Picture::default()], 0).is_empty());
    }

    #[test]
    fn equal_scores_count_in_the_order_of_pictures_and_boxes() {
        let right = Picture { truth: vec![labelled(0.0)], found: vec![found(0.0, 0.5)] };
        let wrong = Picture { truth: Vec::new(), found: vec![found(0.0, 0.5)] };
        assert_eq!(evaluate(&[right.clone(), wrong.clone()], 1).all.ap50, Some(1.0));
        assert_eq!(evaluate(&[wrong, right], 1).all.ap50, Some(0.5));
    }

    #[test]
    fn the_best_hundred_of_a_picture_count() {
        let mut picture = Picture { truth: vec![labelled(0.0)], found: Vec::new() };
        picture.found.extend((0..100).map(|n| found(1000.0 + 100.0 * f64::from(n), 0.9)));
        picture.found.push(found(0.0, 0.8));
        assert_eq!(all(picture.clone()).recall, Some(0.0));
        picture.found.remove(50);
        assert_eq!(all(picture).recall, Some(1.0));
    }

    #[test]
    fn classes_are_apart_and_mean_alike() {
        let other = |mut l: Labelled| {
            l.class = 1;
            l
        };
        let picture = Picture {
            truth: vec![labelled(0.0), other(labelled(100.0)), other(labelled(200.0))],
            found: vec![found(0.0, 0.9), found(100.0, 0.9)],
        };
        let report = evaluate(&[picture], 3);
        assert_eq!(report.classes.iter().map(|c| c.ap50).collect::<Vec<_>>(), [Some(1.0), Some(0.0), None]);
        assert_eq!((report.all.ap50, report.all.boxes), (Some(0.5), 3));
    }
}
