//! What a detector gets wrong, one by one: for people to look at.

use super::matching::pairs;
use super::{Picture, Rect};

/// A box that is not there, or one that was not found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mistake {
    /// Which of the pictures.
    pub picture: usize,
    pub class: usize,
    pub rect: Rect,
    /// Of a false alarm; none of what was missed.
    pub score: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mistakes {
    /// The surest first.
    pub false_alarms: Vec<Mistake>,
    /// The largest first.
    pub missed: Vec<Mistake>,
}

/// At an overlap of 0.5, of what was found with a score of `least` or more. A crowd is neither missed nor is what lies in it a false alarm.
pub fn mistakes(pictures: &[Picture], classes: usize, least: f64) -> Mistakes {
    let mut all = Mistakes::default();
    for (number, picture) in pictures.iter().enumerate() {
        for class in 0..classes {
            let (found, truth) = pairs(picture, class);
            let mut missed: Vec<bool> = truth.iter().map(|labelled| !labelled.crowd).collect();
            for (found, matched) in found.into_iter().filter(|(found, _)| found.score >= least) {
                match matched {
                    Some(labelled) => missed[labelled] = false,
                    None => all.false_alarms.push(Mistake {
                        picture: number,
                        class,
                        rect: found.rect,
                        score: Some(found.score),
                    }),
                }
            }
            let missed = truth.iter().zip(missed).filter(|(_, missed)| *missed);
            all.missed.extend(missed.map(|(labelled, _)| Mistake {
                picture: number,
                class,
                rect: labelled.rect,
                score: None,
            }));
        }
    }
    all.false_alarms.sort_by(|a, b| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)));
    all.missed.sort_by(|a, b| b.rect.area().total_cmp(&a.rect.area()));
    all
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Labelled};
    use super::*;

    #[test]
    fn what_is_found_twice_or_nowhere_is_wrong_and_the_rest_was_missed() {
        let rect = |x: f64, width: f64| Rect { x, y: 0.0, width, height: 50.0 };
        let labelled = |x, width, crowd| Labelled { rect: rect(x, width), class: 0, crowd, area: width * 50.0 };
        let found = |x, score| Found { rect: rect(x, 50.0), class: 0, score };
        let first = Picture {
            truth: vec![labelled(0.0, 50.0, false), labelled(100.0, 40.0, false), labelled(400.0, 200.0, true)],
            found: vec![found(0.0, 0.9), found(3.0, 0.7), found(450.0, 0.8), found(200.0, 0.2)],
        };
        let second = Picture { truth: vec![labelled(0.0, 60.0, false)], found: vec![found(300.0, 0.95)] };
        let Mistakes { false_alarms, missed } = mistakes(&[first, second], 1, 0.25);
        let alarms: Vec<_> = false_alarms.iter().map(|it| (it.picture, it.score)).collect();
        assert_eq!(alarms, [(1, Some(0.95)), (0, Some(0.7))]);
        let missed: Vec<_> = missed.iter().map(|it| (it.picture, it.rect.width)).collect();
        assert_eq!(missed, [(1, 60.0), (0, 40.0)]);
    }
}
