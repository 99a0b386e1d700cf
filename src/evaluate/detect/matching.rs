//! Which detection matches which labelled box, at every overlap and in every range of areas.

use super::{Found, Labelled, OVERLAPS, Picture, overlap};

/// Detections of a picture and class that count, best first.
const MOST: usize = 100;

/// All detections of one class in one range of areas.
#[derive(Debug, Clone, Default)]
pub(super) struct Matched {
    /// Labelled boxes that count.
    pub truth: usize,
    pub found: Vec<Judged>,
}

/// One detection; bit `i` of the masks is for overlap `i`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub score: f64,
    pub matched: u16,
    /// Neither right nor wrong.
    pub ignored: u16,
}

impl Matched {
    /// Best first; equal scores stay in the order in which they came.
    pub fn sorted(mut self) -> Self {
        self.found.sort_by(|a, b| b.score.total_cmp(&a.score));
        self
    }
}

/// Judges what was found of `class` in a picture, once for each range of areas.
pub(super) fn match_picture(picture: &Picture, class: usize, areas: &[(f64, f64)], out: &mut [Matched]) {
    let (truth, found) = of_class(picture, class);
    let overlaps = overlaps(&found, &truth);
    for (&(least, most), out) in areas.iter().zip(out) {
        let outside = |area: f64| area < least || area > most;
        let ignored: Vec<bool> = truth.iter().map(|labelled| labelled.crowd || outside(labelled.area)).collect();
        let crowd: Vec<bool> = truth.iter().map(|labelled| labelled.crowd).collect();
        out.truth += ignored.iter().filter(|ignored| !**ignored).count();
        let first = out.found.len();
        out.found.extend(found.iter().map(|found| Judged { score: found.score, matched: 0, ignored: 0 }));
        for index in 0..OVERLAPS {
            let bit = 1 << index;
            let chosen = choose(found.len(), &overlaps, &ignored, &crowd, overlap(index));
            for ((judged, found), chosen) in out.found[first..].iter_mut().zip(&found).zip(chosen) {
                match chosen {
                    Some(labelled) => {
                        judged.matched |= bit;
                        judged.ignored |= if ignored[labelled] { bit } else { 0 };
                    }
                    None if outside(found.rect.area()) => judged.ignored |= bit,
                    None => {}
                }
            }
        }
    }
}

/// What was found of `class`, best first, with the labelled box that it matches at the lowest overlap; and the labelled boxes.
pub(super) fn pairs(picture: &Picture, class: usize) -> (Vec<(&Found, Option<usize>)>, Vec<&Labelled>) {
    let (truth, found) = of_class(picture, class);
    let crowd: Vec<bool> = truth.iter().map(|labelled| labelled.crowd).collect();
    let chosen = choose(found.len(), &overlaps(&found, &truth), &crowd, &crowd, overlap(0));
    (found.into_iter().zip(chosen).collect(), truth)
}

/// Labelled boxes in their order, and what was found, best first.
fn of_class(picture: &Picture, class: usize) -> (Vec<&Labelled>, Vec<&Found>) {
    let truth = picture.truth.iter().filter(|labelled| labelled.class == class).collect();
    let mut found: Vec<_> = picture.found.iter().filter(|found| found.class == class).collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST);
    (truth, found)
}

/// Row-major, a row for each that was found.
fn overlaps(found: &[&Found], truth: &[&Labelled]) -> Vec<f64> {
    let one = |found: &Found, labelled: &Labelled| {
        let common = found.rect.intersection(&labelled.rect);
        let whole = match labelled.crowd {
            true => found.rect.area(),
            false => found.rect.area() + labelled.rect.area() - common,
        };
        if common > 0.0 { common / whole } else { 0.0 }
    };
    found.iter().flat_map(|found| truth.iter().map(move |labelled| one(found, labelled))).collect()
}

/// The labelled box that each of `found` detections gets. `overlaps`: row-major, a row per detection, best first.
fn choose(found: usize, overlaps: &[f64], ignored: &[bool], crowd: &[bool], threshold: f64) -> Vec<Option<usize>> {
    // Boxes that count before those that are ignored, so that nothing is wasted on the latter.
    let order: Vec<usize> = [false, true]
        .into_iter()
        .flat_map(|wanted| (0..ignored.len()).filter(move |&labelled| ignored[labelled] == wanted))
        .collect();
    let mut taken = vec![false; ignored.len()];
    let choice = (0..found).map(|detection| {
        let row = &overlaps[detection * ignored.len()..][..ignored.len()];
        let (mut best, mut chosen) = (threshold.min(1.0 - 1e-10), None);
        for &labelled in &order {
            if taken[labelled] && !crowd[labelled] {
                continue;
            }
            // One that counts is never given up for one that is ignored.
            if chosen.is_some_and(|chosen: usize| !ignored[chosen]) && ignored[labelled] {
                break;
            }
            if row[labelled] >= best {
                (best, chosen) = (row[labelled], Some(labelled));
            }
        }
        if let Some(chosen) = chosen {
            taken[chosen] = true;
        }
        chosen
    });
    choice.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_counts_is_preferred_to_a_better_one_that_is_ignored() {
        assert_eq!(choose(1, &[0.95, 0.6], &[true, false], &[false, false], 0.5), [Some(1)]);
        assert_eq!(choose(1, &[0.95, 0.4], &[true, false], &[false, false], 0.5), [Some(0)]);
    }

    #[test]
    fn of_equal_overlaps_the_later_box_is_taken_and_each_once() {
        // Two detections, two boxes, all overlaps alike: the last box first, as pycocotools does.
        assert_eq!(choose(2, &[0.8; 4], &[false; 2], &[false; 2], 0.5), [Some(1), Some(0)]);
        assert_eq!(choose(3, &[0.8; 3], &[false], &[false], 0.5), [Some(0), None, None]);
        assert_eq!(choose(3, &[0.8; 3], &[true], &[true], 0.5), [Some(0); 3], "a crowd again and again");
    }

    #[test]
    fn the_threshold_itself_is_enough() {
        assert_eq!(choose(1, &[0.5], &[false], &[false], overlap(0)), [Some(0)]);
        assert_eq!(choose(1, &[0.4999999], &[false], &[false], overlap(0)), [None]);
        assert_eq!(choose(2, &[], &[], &[], overlap(0)), [None, None], "nothing to find");
    }
}
