//! Why a truth event was not counted: not detected, detected but not tracked, or tracked but not counted. Looks at what
//! the detector and the tracker had near the event's place and time. Not here: matching (count.rs), running a clip.

use serde::Serialize;

use super::{Predicted, TruthEvent, count};
use crate::geometry::{BBox, Segment};

/// What was seen in one frame that was processed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// Native frame number, 0-based, in decode order.
    pub frame: u64,
    /// The detector's boxes after NMS, in picture pixels.
    pub detections: Vec<BBox>,
    /// The tracks that had a detection in this frame, by id.
    pub tracks: Vec<(u64, BBox)>,
}

/// In the order of the pipeline: the first stage that lost the vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Fewer than two frames (or none, where only one frame of the passage was processed) have a box of it on the line.
    NotDetected,
    /// There are boxes, but no free track holds one identity in both halves of the passage.
    NotTracked,
    /// One track followed it over the line, and no crossing came of it in the window.
    NotCounted,
}

impl Cause {
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::NotDetected => "not detected",
            Cause::NotTracked => "detected but not tracked",
            Cause::NotCounted => "tracked but not counted",
        }
    }
}

/// A truth event without a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miss {
    /// Index into the truth.
    pub event: usize,
    pub cause: Cause,
}

/// Share that a box's and an event's extents on the line must have in common (intersection over union, in one
/// dimension). The truth's extent holds the shadow and the whole passage of a vehicle that drives askew, so it is often
/// wider than the box; a motorcycle beside a car covers less of it than this.
const MIN_OVERLAP: f32 = 0.3;

/// How far outside a box the line may lie, in box heights: boxes shake, and the truth counts the shadow in front.
const MARGIN: f32 = 0.25;

/// All events that had to be counted and were not, in the truth's order. `seen` holds the frames that were processed, in
/// order; the tracks of matched predictions belong to their events and explain no other.
pub fn misses(
    truth: &[TruthEvent],
    predicted: &[Predicted],
    slack: u64,
    line: &Segment,
    seen: &[Observation],
) -> Vec<Miss> {
    let matching = count::assign(truth, predicted, slack);
    let taken: Vec<u64> = predicted.iter().zip(&matching).filter_map(|(p, m)| m.and(p.track)).collect();
    (0..truth.len())
        .filter(|event| !truth[*event].free && !matching.contains(&Some(*event)))
        .map(|event| Miss { event, cause: cause(&truth[event], line, seen, &taken) })
        .collect()
}

/// Why this one event was not counted; `taken` lists the tracks that belong to other events.
pub fn cause(event: &TruthEvent, line: &Segment, seen: &[Observation], taken: &[u64]) -> Cause {
    let passage: Vec<&Observation> = seen.iter().filter(|o| (event.first..=event.last).contains(&o.frame)).collect();
    let detected = passage.iter().filter(|o| o.detections.iter().any(|b| shows(b, event, line))).count();
    if detected < passage.len().clamp(1, 2) {
        return Cause::NotDetected;
    }
    let middle = event.first + (event.last - event.first) / 2;
    let mut before = Vec::new();
    let mut after = Vec::new();
    for observation in passage {
        let ids = observation.tracks.iter().filter(|(id, bbox)| !taken.contains(id) && shows(bbox, event, line));
        let half = if observation.frame <= middle { &mut before } else { &mut after };
        half.extend(ids.map(|(id, _)| *id));
    }
    // A slow board may have processed frames of one half only; then one sighting has to do.
    let followed = match (before.is_empty(), after.is_empty()) {
        (false, false) => before.iter().any(|id| after.contains(id)),
        _ => !halves_processed(event, middle, seen) && (!before.is_empty() || !after.is_empty()),
    };
    if followed { Cause::NotCounted } else { Cause::NotTracked }
}

fn halves_processed(event: &TruthEvent, middle: u64, seen: &[Observation]) -> bool {
    seen.iter().any(|o| (event.first..=middle).contains(&o.frame))
        && seen.iter().any(|o| (middle + 1..=event.last).contains(&o.frame))
}

/// Whether this box can be the event's vehicle: on the line, and over the event's part of it.
fn shows(bbox: &BBox, event: &TruthEvent, line: &Segment) -> bool {
    let Some(y) = height_at(line, bbox.center().x) else { return false };
    let margin = MARGIN * bbox.height();
    let on_line = bbox.y1 - margin <= y && y <= bbox.y2 + margin;
    let common = bbox.x2.min(event.x.1) - bbox.x1.max(event.x.0);
    let union = bbox.x2.max(event.x.1) - bbox.x1.min(event.x.0);
    on_line && common > 0.0 && common / union >= MIN_OVERLAP
}

/// The line's y at `x`, the line continued beyond its ends; `None` for a vertical one.
fn height_at(line: &Segment, x: f32) -> Option<f32> {
    let dx = line.to.x - line.from.x;
    (dx != 0.0).then(|| line.from.y + (line.to.y - line.from.y) * (x - line.from.x) / dx)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Way;
    use crate::geometry::Point;

    const LINE: Segment = Segment::new(Point::new(0.0, 100.0), Point::new(300.0, 100.0));

    /// A 40 px wide vehicle at x 100..140 that covers the line from frame 10 to 20.
    fn event() -> TruthEvent {
        TruthEvent {
            id: "1".into(),
            first: 10,
            last: 20,
            x: (100.0, 140.0),
            way: Way::Down,
            class: "car".into(),
            free: false,
        }
    }

    /// Its box in a frame: it drives down at 4 px per frame, and its middle is on the line in frame 15.
    fn car(frame: u64) -> BBox {
        BBox::from_center(120.0, 100.0 + (frame as f32 - 15.0) * 4.0, 36.0, 44.0)
    }

    /// Frames 0..=30 with the vehicle's box in those that `detected` says, under the track that `track` says.
    fn clip(detected: impl Fn(u64) -> bool, track: impl Fn(u64) -> Option<u64>) -> Vec<Observation> {
        (0..=30)
            .map(|frame| Observation {
                frame,
                detections: if detected(frame) { vec![car(frame)] } else { vec![] },
                tracks: track(frame).filter(|_| detected(frame)).map(|id| (id, car(frame))).into_iter().collect(),
            })
            .collect()
    }

    fn why(seen: &[Observation]) -> Cause {
        cause(&event(), &LINE, seen, &[])
    }

    #[test]
    fn without_boxes_on_the_line_it_was_not_detected() {
        assert_eq!(why(&[]), Cause::NotDetected);
        assert_eq!(why(&clip(|_| false, |_| None)), Cause::NotDetected);
        assert_eq!(why(&clip(|f| f == 12, |_| Some(1))), Cause::NotDetected, "one flash is no sighting of a passage");
        assert_eq!(
            why(&clip(|f| !(10..=20).contains(&f), |_| Some(1))),
            Cause::NotDetected,
            "seen before and after only"
        );
    }

    #[test]
    fn boxes_without_one_identity_over_the_line_were_not_tracked() {
        assert_eq!(why(&clip(|_| true, |_| None)), Cause::NotTracked);
        assert_eq!(
            why(&clip(|_| true, |f| Some(if f <= 15 { 1 } else { 2 }))),
            Cause::NotTracked,
            "switch on the line"
        );
        assert_eq!(why(&clip(|f| f <= 15, |_| Some(1))), Cause::NotTracked, "lost on the line");
    }

    #[test]
    fn one_track_over_the_line_was_tracked_but_not_counted() {
        assert_eq!(why(&clip(|_| true, |_| Some(7))), Cause::NotCounted);
        assert_eq!(why(&clip(|f| f % 3 == 0, |_| Some(7))), Cause::NotCounted, "flickering detections");
    }

    #[test]
    fn a_track_that_was_counted_for_another_event_is_no_track_of_this_one() {
        assert_eq!(cause(&event(), &LINE, &clip(|_| true, |_| Some(7)), &[7]), Cause::NotTracked);
    }

    #[test]
    fn a_vehicle_elsewhere_explains_nothing() {
        let beside = |b: BBox| BBox::new(b.x1 + 60.0, b.y1, b.x2 + 60.0, b.y2);
        let motorcycle = |b: BBox| BBox::new(b.x1, b.y1, b.x1 + 9.0, b.y2);
        let ahead = |b: BBox| BBox::new(b.x1, b.y1 + 90.0, b.x2, b.y2 + 90.0);
        for (name, moved) in
            [("beside", &beside as &dyn Fn(BBox) -> BBox), ("motorcycle", &motorcycle), ("ahead", &ahead)]
        {
            let mut seen = clip(|_| true, |_| Some(7));
            for observation in &mut seen {
                observation.detections.iter_mut().for_each(|b| *b = moved(*b));
                observation.tracks.iter_mut().for_each(|(_, b)| *b = moved(*b));
            }
            assert_eq!(why(&seen), Cause::NotDetected, "{name}");
        }
    }

    #[test]
    fn with_one_processed_frame_of_the_passage_one_sighting_is_enough() {
        let sparse = |track: Option<u64>| -> Vec<Observation> {
            clip(|_| true, |_| track).into_iter().filter(|o| o.frame % 12 == 0).collect()
        };
        assert_eq!(why(&sparse(Some(7))), Cause::NotCounted);
        assert_eq!(why(&sparse(None)), Cause::NotTracked);
    }

    #[test]
    fn only_events_that_had_to_be_counted_and_were_not_are_listed() {
        let truth = [
            event(),
            TruthEvent { first: 110, last: 120, ..event() },
            TruthEvent { first: 210, last: 220, free: true, ..event() },
        ];
        let counted = [Predicted { frame: 15, way: Way::Down, class: "car".into(), track: Some(7) }];
        let found = misses(&truth, &counted, 10, &LINE, &clip(|_| true, |_| Some(7)));
        assert_eq!(found, [Miss { event: 1, cause: Cause::NotDetected }]);
    }
}
