//! `models/catalog.toml`, read: which models can be pulled, from where, and by which digest they are known.

use serde::{Deserialize, Serialize};

use super::PullError;
use crate::model::{HeadKind, InputSpec, ModelSpec, Task, coco_labels};

/// A model of the catalogue.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    /// One line for people.
    pub what: String,
    /// `detect`, or what this version does not run.
    pub task: String,
    /// Where its publisher has it.
    pub url: String,
    /// Size of the file.
    pub bytes: u64,
    /// Of the file, lower-case hex.
    pub sha256: String,
    /// Of the weights.
    pub licence: String,
    #[serde(default)]
    pub training_data: String,
    #[serde(default)]
    pub accuracy: String,
    /// How to run it; `None`: this version can't.
    pub detect: Option<Detect>,
}

/// What model.toml says of a detector beyond its [`Entry`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    pub head: HeadKind,
    pub labels: Labels,
    pub input: InputSpec,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    Coco,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    model: Vec<Entry>,
}

/// Where an installed file came from: `source.toml`.
#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    what: &'a str,
    task: &'a str,
    url: &'a str,
    licence: &'a str,
    bytes: u64,
    sha256: &'a str,
}

/// All models that can be pulled, in the order of the file.
pub fn catalog() -> Vec<Entry> {
    let catalog: Result<Catalog, _> = toml::from_str(include_str!("../../../models/catalog.toml"));
    // Proof: the text is a constant, and a test reads it.
    catalog.expect("the catalogue is valid").model
}

/// The model of this name.
pub fn entry(name: &str) -> Result<Entry, PullError> {
    let mut all = catalog();
    if let Some(index) = all.iter().position(|entry| entry.name == name) {
        return Ok(all.swap_remove(index));
    }
    let likeness = |entry: &Entry| strsim::jaro_winkler(name, &entry.name);
    let nearest = all.iter().filter(|e| likeness(e) > 0.8).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest.map(|entry| format!("; did you mean `{}`?", entry.name)).unwrap_or_default();
    Err(PullError::Unknown { name: name.into(), hint })
}

impl Entry {
    /// The file's name at its publisher.
    pub fn file_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// What its model.toml says; `None` where this version can't run it.
    pub fn spec(&self) -> Option<ModelSpec> {
        let detect = self.detect.as_ref()?;
        Some(ModelSpec {
            name: self.name.clone(),
            task: Task::Detect,
            head: detect.head,
            input: detect.input,
            labels: match detect.labels {
                Labels::Coco => coco_labels(),
            },
            anchors: Vec::new(),
            strides: Vec::new(),
            scores: None,
            score_threshold: None,
            rect: false,
            votes: false,
            licence: self.licence.clone(),
            training_data: self.training_data.clone(),
            accuracy: self.accuracy.clone(),
            sha256: self.sha256.clone(),
        })
    }

    pub(super) fn source_toml(&self) -> String {
        let Self { name, what, task, url, bytes, sha256, licence, .. } = self;
        // Proof: strings and a number are all that it holds.
        toml::to_string(&Source { name, what, task, url, licence, bytes: *bytes, sha256 }).expect("a toml form")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::limits::MAX_MODEL_BYTES;

    #[test]
    fn every_entry_is_whole() {
        let all = catalog();
        for entry in &all {
            let name = &entry.name;
            assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name} is a folder's name");
            assert!(entry.url.starts_with("https://") && entry.file_name().ends_with(".onnx"), "{name}: {}", entry.url);
            assert!(entry.sha256.len() == 64 && entry.sha256.bytes().all(|b| b.is_ascii_hexdigit()), "{name}: sha256");
            assert_eq!(entry.sha256, entry.sha256.to_lowercase(), "{name}");
            assert!((1..=MAX_MODEL_BYTES).contains(&entry.bytes), "{name}: bytes");
            assert!(!entry.licence.trim().is_empty() && !entry.what.contains('\n'), "{name}: licence, what");
            assert_eq!(entry.detect.is_some(), entry.task == "detect", "{name}: task");
            assert!(entry.source_toml().contains(&entry.sha256));
            if let Some(spec) = entry.spec() {
                assert_eq!(ModelSpec::parse(&spec.to_toml()), Ok(spec), "{name}: model.toml");
            }
        }
        let unique = |what: fn(&Entry) -> &str| all.iter().map(what).collect::<BTreeSet<_>>().len();
        assert_eq!((unique(|e| &e.name), unique(|e| &e.sha256), unique(|e| &e.url)), (all.len(), all.len(), all.len()));
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        assert_eq!(entry("yolox-s").unwrap().name, "yolox-s");
        let error = entry("yolox_s").unwrap_err().to_string();
        assert!(error.contains("`yolox_s`") && error.contains("did you mean `yolox-s`?"), "{error}");
        let error = entry("resnet").unwrap_err().to_string();
        assert!(!error.contains("did you mean") && error.contains("wayside model pull"), "{error}");
    }
}
