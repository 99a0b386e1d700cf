//! What was found in one picture: as a line, as JSON, and drawn over it.

use std::collections::BTreeMap;
use std::time::Duration;

use image::RgbImage;
use serde_json::{Value, json};

use crate::detect::Detector;
use crate::detection::Detection;
use crate::draw::{Mark, draw, rgb_from_frame};
use crate::frame::Frame;

/// What was found in one picture or frame.
pub struct Report<'a> {
    /// Of the picture or clip.
    pub name: &'a str,
    pub frame: &'a Frame,
    pub found: &'a [Detection],
    pub labels: &'a [String],
    pub time: Duration,
}

impl Report<'_> {
    fn label(&self, detection: &Detection) -> &str {
        self.labels.get(usize::from(detection.class)).map_or("?", String::as_str)
    }

    fn ms(&self) -> f64 {
        self.time.as_secs_f64() * 1e3
    }

    /// `street.jpg: 7 × car, 1 × bus  (23 ms)`, the most frequent class first.
    pub fn line(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for detection in self.found {
            *counts.entry(self.label(detection)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let counts: Vec<String> = counts.iter().map(|(label, count)| format!("{count} × {label}")).collect();
        let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
        format!("{}: {counts}  ({:.0} ms)", self.name, self.ms())
    }

    pub fn json(&self) -> Value {
        let detection = |d: &Detection| {
            let b = [d.bbox.x1, d.bbox.y1, d.bbox.x2, d.bbox.y2].map(|side| rounded(side, 10.0));
            json!({ "class": self.label(d), "score": rounded(d.score, 1e4), "box": b })
        };
        json!({
            "picture": self.name,
            "width": self.frame.width,
            "height": self.frame.height,
            "ms": rounded(self.ms() as f32, 100.0),
            "detections": self.found.iter().map(detection).collect::<Vec<_>>(),
        })
    }

    /// Overwrites `picture` with the frame and the boxes on it.
    pub fn draw(&self, picture: &mut RgbImage) {
        let marks: Vec<Mark> = self.found.iter().map(|detection| self.mark(detection)).collect();
        rgb_from_frame(self.frame, picture);
        draw(picture, &marks, &[]);
    }

    fn mark(&self, d: &Detection) -> Mark<'_> {
        Mark { bbox: d.bbox, class: d.class, label: self.label(d), score: Some(d.score), track: None, trail: &[] }
    }
}

/// To 1/`parts`, and as the shortest decimal of that.
fn rounded(value: f32, parts: f64) -> f64 {
    (f64::from(value) * parts).round() / parts
}

/// What the detector refused or cut off, at the end.
pub fn warn(detector: &Detector) {
    let counters = detector.counters();
    for (count, what) in [
        (counters.not_finite, "boxes were refused: the network gave numbers that are none"),
        (counters.over_candidates, "candidates beyond the limit were not looked at: raise --score"),
        (counters.over_detections, "pictures had more objects than the limit: the best are reported, raise --score"),
    ] {
        if count > 0 {
            eprintln!("{count} {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;

    #[test]
    fn a_line_names_the_most_frequent_class_first() {
        let labels = ["person", "car", "bus"].map(String::from);
        let of = |class| Detection { bbox: BBox::new(1.0, 2.06, 3.0, 4.0), class, score: 0.123456 };
        let frame = Frame::rgb(4, 2, vec![0; 24]);
        let time = Duration::from_micros(23_400);
        let name = "a/street.jpg";
        let found = [of(2), of(1), of(1)];
        let report = Report { name, frame: &frame, found: &found, labels: &labels, time };
        assert_eq!(report.line(), "a/street.jpg: 2 × car, 1 × bus  (23 ms)");
        assert_eq!(Report { found: &[], ..report }.line(), "a/street.jpg: nothing  (23 ms)");
        let report = Report { name, frame: &frame, found: &found[..1], labels: &labels, time };
        assert_eq!(
            report.json(),
            json!({
                "picture": "a/street.jpg", "width": 4, "height": 2, "ms": 23.4,
                "detections": [{ "class": "bus", "score": 0.1235, "box": [1.0, 2.1, 3.0, 4.0] }],
            })
        );
    }
}
