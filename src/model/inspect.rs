//! From a bare graph to its description: what the shapes of inputs and outputs tell, what the user adds, and the
//! customs of each head for the rest. Not here: reading the graph (engine/), decoding outputs (detect/heads/).

use std::path::Path;

use super::{ColorOrder, HeadKind, InputSpec, ModelError, ModelSpec, Resize, Task, coco_labels, sha256_hex};
use crate::engine::{self, GraphInfo};

/// What the user says of a graph, in place of what its shapes don't tell. Each field wins over a guess.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hints {
    /// Default: the file's name without its ending.
    pub name: Option<String>,
    pub head: Option<HeadKind>,
    /// Width and height, for a graph that leaves them open.
    pub size: Option<(u32, u32)>,
    /// Default: COCO's, where there are 80 classes.
    pub labels: Option<Vec<String>>,
    pub anchors: Vec<[f32; 2]>,
    pub color: Option<ColorOrder>,
    pub mean: Option<[f32; 3]>,
    pub std: Option<[f32; 3]>,
    pub resize: Option<Resize>,
    pub pad: Option<u8>,
    pub score_threshold: Option<f32>,
    pub licence: Option<String>,
    pub training_data: Option<String>,
    pub accuracy: Option<String>,
}

/// Describes the graph in `bytes`, which were read from `file` (for the name and for messages). Refuses what it can't
/// know with the command that says it.
pub fn recognise(file: &Path, bytes: &[u8], hints: Hints) -> Result<ModelSpec, ModelError> {
    let refuse = |reason| ModelError::Unrecognised { file: file.display().to_string(), reason };
    let graph = engine::inspect(bytes, hints.size).map_err(refuse)?;
    let head = match hints.head {
        Some(head) => head,
        None => head_of(&graph).ok_or_else(|| refuse(unknown_head(&graph)))?,
    };
    if head == HeadKind::Yolov2 && hints.anchors.is_empty() {
        return Err(refuse(format!(
            "a yolov2 head needs its anchors, which the file does not hold: `wayside model import {} --anchors \
             \"1.08,1.19 3.42,4.41 …\"`, from the line `anchors=` of its .cfg",
            file.display()
        )));
    }
    let labels = match (hints.labels, classes(&graph, head, hints.anchors.len())) {
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
        score_threshold: hints.score_threshold,
        licence: hints.licence.unwrap_or_else(|| "unknown".into()),
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

/// How the networks of a head are fed as their authors publish them. Width and height are the graph's own.
fn custom(head: HeadKind) -> InputSpec {
    let (width, height) = (1, 1);
    match head {
        // Megvii's YOLOX from 0.1.1 on: raw pixels as OpenCV has them.
        HeadKind::Yolox => InputSpec {
            width,
            height,
            color: ColorOrder::Bgr,
            mean: [0.0; 3],
            std: [1.0; 3],
            resize: Resize::Letterbox,
            pad: 114,
        },
        // darknet: 0 to 1.
        HeadKind::Yolov2 => InputSpec {
            width,
            height,
            color: ColorOrder::Rgb,
            mean: [0.0; 3],
            std: [255.0; 3],
            resize: Resize::Stretch,
            pad: 127,
        },
    }
}

/// The head whose only output has this shape: `[1, Σ (w/s)(h/s), 5 + classes]` for the strides 8, 16 and 32 is YOLOX;
/// `[1, anchors × (5 + classes), h/s, w/s]` for one stride is YOLOv2 (s = 32 in the paper; small ones have 8 or 16).
fn head_of(graph: &GraphInfo) -> Option<HeadKind> {
    let shape = only_output(graph)?;
    let (w, h) = (graph.width as usize, graph.height as usize);
    let cells: usize = [8, 16, 32].iter().map(|stride| (w / stride) * (h / stride)).sum();
    match shape[..] {
        [1, rows, row] if rows == cells && row > 5 => Some(HeadKind::Yolox),
        [1, channels, rows, columns]
            if channels > 5 && [8, 16, 32, 64].iter().any(|s| (rows * s, columns * s) == (h, w)) =>
        {
            Some(HeadKind::Yolov2)
        }
        _ => None,
    }
}

fn classes(graph: &GraphInfo, head: HeadKind, anchors: usize) -> Option<usize> {
    let shape = only_output(graph)?;
    match (head, &shape[..]) {
        (HeadKind::Yolox, [_, _, row]) => row.checked_sub(5),
        (HeadKind::Yolov2, [_, channels, _, _]) => channels.checked_div(anchors)?.checked_sub(5),
        _ => None,
    }
}

fn only_output(graph: &GraphInfo) -> Option<Vec<usize>> {
    match graph.outputs.as_slice() {
        [output] => output.shape.iter().copied().collect(),
        _ => None,
    }
}

fn unknown_head(graph: &GraphInfo) -> String {
    const SHOWN: usize = 4;
    let mut seen: Vec<String> = graph.outputs.iter().take(SHOWN).map(ToString::to_string).collect();
    if graph.outputs.len() > SHOWN {
        seen.push(format!("{} more", graph.outputs.len() - SHOWN));
    }
    format!(
        "no known head reads its outputs ({}): there are yolox, one output [1, cells, 5 + classes], and yolov2, one \
         output [1, anchors × (5 + classes), rows, columns]",
        seen.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::TensorInfo;

    fn graph(width: u32, height: u32, outputs: &[&[usize]]) -> GraphInfo {
        let output = |shape: &&[usize]| TensorInfo {
            name: "out".into(),
            kind: "float".into(),
            shape: shape.iter().copied().map(Some).collect(),
        };
        GraphInfo { width, height, outputs: outputs.iter().map(output).collect(), ..GraphInfo::default() }
    }

    #[test]
    fn heads_are_told_by_shape() {
        for (width, height, outputs, head) in [
            (416, 416, &[&[1, 3549, 85][..]][..], Some(HeadKind::Yolox)),
            (640, 384, &[&[1, 5040, 8]], Some(HeadKind::Yolox)),
            (608, 608, &[&[1, 425, 19, 19]], Some(HeadKind::Yolov2)),
            (224, 160, &[&[1, 30, 5, 7]], Some(HeadKind::Yolov2)),
            (320, 192, &[&[1, 36, 24, 40]], Some(HeadKind::Yolov2)),
            (320, 192, &[&[1, 36, 24, 20]], None),
            (320, 192, &[&[1, 36, 192, 320]], None),
            (416, 416, &[&[1, 3549, 5]], None),
            (416, 416, &[&[1, 3548, 85]], None),
            (320, 320, &[&[1, 84, 2100]], None),
            (320, 320, &[&[1, 255, 10, 10], &[1, 255, 20, 20]], None),
            (416, 416, &[], None),
        ] {
            assert_eq!(head_of(&graph(width, height, outputs)), head, "{width}x{height} {outputs:?}");
        }
    }

    #[test]
    fn classes_follow_from_shape_and_anchors() {
        assert_eq!(classes(&graph(416, 416, &[&[1, 3549, 85]]), HeadKind::Yolox, 0), Some(80));
        assert_eq!(classes(&graph(608, 608, &[&[1, 425, 19, 19]]), HeadKind::Yolov2, 5), Some(80));
        assert_eq!(classes(&graph(608, 608, &[&[1, 425, 19, 19]]), HeadKind::Yolov2, 0), None);
        assert_eq!(classes(&graph(608, 608, &[&[1, 8, 19, 19]]), HeadKind::Yolov2, 5), None);
    }
}
