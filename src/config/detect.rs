//! `[detect]` as meant: one setting for every model, until the model's labels are known. Not here: what the thresholds do
//! (detect/).

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
