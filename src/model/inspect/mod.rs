//! From a bare graph to its description: what the shapes of inputs and outputs tell (shapes.rs), what its exporter noted
//! beside it (names.rs), what the user adds, and the customs of each head for the rest (customs.rs).
//!
//! Not here: reading the graph (engine/), decoding outputs (detect/heads/).

mod customs;
mod names;
mod shapes;

use std::path::Path;

use super::{ColorOrder, HeadKind, InputSpec, ModelError, ModelSpec, Resize, Scores, Task, coco_labels, sha256_hex};
use crate::engine::{self, GraphInfo};
use customs::custom;
use shapes::{Said, classes, head_of, needs_anchors};

/// What the user says of a graph, in place of what its shapes don't tell. Each field wins over a guess.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hints {
    /// Default: the file's name without its ending.
    pub name: Option<String>,
    pub head: Option<HeadKind>,
    /// Width and height, for a graph that leaves them open.
    pub size: Option<(u32, u32)>,
    /// Default: those that the file names (Ultralytics), else COCO's, where there are 80 classes.
    pub labels: Option<Vec<String>>,
    pub anchors: Vec<[f32; 2]>,
    pub strides: Vec<u32>,
    pub scores: Option<Scores>,
    pub color: Option<ColorOrder>,
    pub mean: Option<[f32; 3]>,
    pub std: Option<[f32; 3]>,
    pub resize: Option<Resize>,
    pub pad: Option<u8>,
    pub score_threshold: Option<f32>,
    pub rect: bool,
    pub votes: bool,
    pub licence: Option<String>,
    pub training_data: Option<String>,
    pub accuracy: Option<String>,
}

/// Describes the graph in `bytes`, which were read from `file` (for the name and for messages). Refuses what it can't
/// know with the command that says it.
pub fn recognise(file: &Path, bytes: &[u8], hints: Hints) -> Result<ModelSpec, ModelError> {
    let refuse = |reason| ModelError::Unrecognised { file: file.display().to_string(), reason };
    let graph = engine::inspect(bytes, hints.size).map_err(refuse)?;
    let said = Said {
        labels: hints.labels.as_ref().map(Vec::len),
        anchors: hints.anchors.len(),
        strides: hints.strides.clone(),
    };
    let head = match hints.head {
        Some(head) => head,
        None => head_of(&graph, &said).ok_or_else(|| refuse(unknown_head(&graph)))?,
    };
    if needs_anchors(&graph, head) && hints.anchors.is_empty() {
        return Err(refuse(anchors_wanted(file, head)));
    }
    let count = classes(&graph, head, &said);
    let noted = names::noted(&graph.metadata).filter(|names| count.is_none_or(|count| names.len() == count));
    let labels = match (hints.labels.or(noted), count) {
        (Some(labels), _) => labels,
        (None, Some(80)) => coco_labels(),
        (None, classes) => {
            let count = classes.map_or("its".into(), |n| format!("{n}"));
            let file = file.display();
            return Err(refuse(format!(
                "the file does not name {count} classes: write one name a line, then `wayside model import {file} \
                 --labels NAMES.txt`"
            )));
        }
    };
    let custom = custom(head);
    let spec = ModelSpec {
        name: hints.name.unwrap_or_else(|| stem(file)),
        task: Task::Detect,
        head,
        input: InputSpec {
            width: graph.width,
            height: graph.height,
            color: hints.color.unwrap_or(custom.color),
            mean: hints.mean.unwrap_or(custom.mean),
            std: hints.std.unwrap_or(custom.std),
            resize: hints.resize.unwrap_or(custom.resize),
            pad: hints.pad.unwrap_or(custom.pad),
        },
        labels,
        anchors: hints.anchors,
        strides: hints.strides,
        scores: hints.scores.or_else(|| scores(&graph, head)),
        score_threshold: hints.score_threshold,
        rect: hints.rect,
        votes: hints.votes,
        licence: hints.licence.or_else(|| graph.metadata.get("license").cloned()).unwrap_or_else(|| "unknown".into()),
        training_data: hints.training_data.unwrap_or_default(),
        accuracy: hints.accuracy.unwrap_or_default(),
        sha256: sha256_hex(bytes),
    };
    spec.check().map_err(refuse)?;
    Ok(spec)
}

/// The file's name without its ending: what a model is called where nobody says otherwise.
pub fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a sigmoid is still to be taken, where a head has both customs and the graph shows it.
fn scores(graph: &GraphInfo, head: HeadKind) -> Option<Scores> {
    let ends = |word: &str| graph.last_operators.iter().any(|operator| operator.ends_with(word));
    match head {
        HeadKind::Yolov8 | HeadKind::Nanodet if ends("Sigmoid") => Some(Scores::Probabilities),
        HeadKind::Yolov8 | HeadKind::Nanodet if ends("Conv") => Some(Scores::Logits),
        _ => None,
    }
}

fn anchors_wanted(file: &Path, head: HeadKind) -> String {
    let (example, whence) = match head {
        HeadKind::Yolov2 => ("1.08,1.19 3.42,4.41 …", "from the line `anchors=` of its .cfg"),
        HeadKind::Yolov5 => ("10,13 16,30 …", "in pixels, the finest grid first, as `anchors:` of its .yaml"),
        _ => ("12,18 37,49 …", "in pixels, the finest grid first, from the line `anchors=` of its .cfg"),
    };
    format!(
        "a {} head needs its anchors, which the file does not hold: `wayside model import {} --anchors \"{example}\"`, \
         {whence}",
        head.as_str(),
        file.display()
    )
}

fn unknown_head(graph: &GraphInfo) -> String {
    const SHOWN: usize = 6;
    let mut seen: Vec<String> = graph.outputs.iter().take(SHOWN).map(ToString::to_string).collect();
    if graph.outputs.len() > SHOWN {
        seen.push(format!("{} more", graph.outputs.len() - SHOWN));
    }
    format!(
        "no known head reads its outputs ({}): `wayside model import --help` lists the outputs of yolox, yolov2, yolov3, \
         yolov5, yolov8 and nanodet",
        seen.join("; ")
    )
}
