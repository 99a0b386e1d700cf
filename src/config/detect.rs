//! `[detect]` as meant: one setting for every model, until the model's labels are known. Not here: what the thresholds do
//! (detect/).

use crate::detect::{DetectParams, VEHICLES};
use crate::model::ModelSpec;

#[derive(Debug, Clone, PartialEq)]
pub struct DetectConfig {
    /// Begins a track.
    pub score: f32,
    /// Continues a track; at most `score`.
    pub score_low: f32,
    pub iou: f32,
    pub class_agnostic: bool,
    /// Labels to report; empty: the vehicles.
    pub classes: Vec<String>,
    /// Labels that are one kind of object; empty: the vehicles are one.
    pub groups: Vec<Vec<String>>,
}

impl Default for DetectConfig {
    fn default() -> Self {
        let (classes, groups) = (Vec::new(), Vec::new());
        Self { score: 0.3, score_low: 0.1, iou: 0.45, class_agnostic: true, classes, groups }
    }
}

impl DetectConfig {
    /// For this model. Its detector passes on everything from `score_low` up: the tracker tells the two scores apart.
    /// What the model itself calls meaningless is left out, unless `score` asks for it. Labels that the model does not
    /// have are refused by the detector.
    pub fn params(&self, model: &ModelSpec) -> DetectParams {
        let is_vehicle = |label: &&String| VEHICLES.iter().any(|known| label.eq_ignore_ascii_case(known));
        let vehicles: Vec<String> = model.labels.iter().filter(is_vehicle).cloned().collect();
        DetectParams {
            score_threshold: self.score_low.max(model.score_threshold.unwrap_or(0.0).min(self.score)),
            iou_threshold: self.iou,
            groups: match (self.class_agnostic, self.groups.is_empty()) {
                (false, _) => Vec::new(),
                (true, true) => vec![vehicles.clone()],
                (true, false) => self.groups.clone(),
            },
            classes: if self.classes.is_empty() { vehicles } else { self.classes.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(labels: &str) -> ModelSpec {
        let text = "name = 'test'\nhead = 'yolox'\nlicence = 'MIT'\nlabels = []\nsha256 = ''\n\
                    [input]\nwidth = 32\nheight = 32\ncolor = 'rgb'\nresize = 'letterbox'\n";
        ModelSpec { labels: words(labels), ..toml::from_str(text).unwrap() }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn vehicles_are_counted_as_one_kind_unless_told_otherwise() {
        let coco = model("person car motorbike train truck");
        let params = DetectConfig::default().params(&coco);
        assert_eq!(params.classes, words("car motorbike truck"));
        assert_eq!(params.groups, [words("car motorbike truck")]);
        assert_eq!(params.score_threshold, 0.1, "the tracker needs the weak boxes too");

        let aware = DetectConfig { class_agnostic: false, classes: words("person"), ..DetectConfig::default() };
        let params = aware.params(&coco);
        assert_eq!((params.classes, params.groups), (words("person"), vec![]));

        let grouped = DetectConfig { groups: vec![words("train truck")], ..DetectConfig::default() };
        assert_eq!(grouped.params(&coco).groups, [words("train truck")]);
    }

    #[test]
    fn a_model_may_call_weak_boxes_meaningless_unless_they_are_asked_for() {
        let model = ModelSpec { score_threshold: Some(0.25), ..model("car") };
        let threshold = |score, score_low| {
            DetectConfig { score, score_low, ..DetectConfig::default() }.params(&model).score_threshold
        };
        assert_eq!(threshold(0.3, 0.1), 0.25);
        assert_eq!(threshold(0.5, 0.4), 0.4);
        assert_eq!(threshold(0.2, 0.1), 0.2);
    }

    #[test]
    fn a_model_without_vehicles_reports_all_that_it_knows() {
        let params = DetectConfig::default().params(&model("cat dog"));
        assert_eq!(params.classes, Vec::<String>::new(), "empty is all, for the detector");
    }
}
