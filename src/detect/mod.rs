//! From a network's outputs to the objects of a picture: heads, suppression of doubles, and the whole [`Detector`].
//!
//! Not here: running the network (engine/), the resize (preprocess/), identity over time (track/), threads (pipeline/).

mod classes;
mod detector;
pub mod heads;
mod nms;
mod postprocess;
mod shapes;
mod voting;

pub use classes::{ClassFilter, Groups, UnknownLabel};
pub use detector::{DetectError, DetectParams, Detector, VEHICLES};
pub use heads::{Candidate, Head, HeadError};
pub use nms::{Nms, NmsParams};
pub use postprocess::{Counters, Postprocess};
pub use shapes::{Shaped, Shapes};

/// Descriptions of networks that exist only as numbers in a test.
#[cfg(test)]
mod test_models {
    use crate::engine::OutputInfo;
    use crate::model::{ColorOrder, HeadKind, InputSpec, ModelSpec, Resize, Task};

    pub fn output(shape: &[usize]) -> OutputInfo {
        OutputInfo { name: "output".into(), shape: shape.to_vec() }
    }

    pub fn yolox_spec(width: u32, height: u32, labels: &[&str]) -> ModelSpec {
        ModelSpec {
            name: "test".into(),
            task: Task::Detect,
            head: HeadKind::Yolox,
            input: InputSpec {
                width,
                height,
                color: ColorOrder::Bgr,
                mean: [0.0; 3],
                std: [1.0; 3],
                resize: Resize::Letterbox,
                pad: 114,
            },
            labels: labels.iter().map(|label| label.to_string()).collect(),
            anchors: Vec::new(),
            strides: Vec::new(),
            scores: None,
            score_threshold: None,
            rect: false,
            votes: false,
            licence: "none".into(),
            training_data: String::new(),
            accuracy: String::new(),
            sha256: String::new(),
        }
    }

    /// As a head is refused, in words.
    pub fn refusal(spec: &ModelSpec, shapes: &[&[usize]]) -> String {
        let outputs: Vec<OutputInfo> = shapes.iter().map(|shape| output(shape)).collect();
        super::Head::new(spec, &outputs).unwrap_err().to_string()
    }

    pub fn spec(head: HeadKind, width: u32, height: u32, labels: &[&str], anchors: &[[f32; 2]]) -> ModelSpec {
        ModelSpec { head, anchors: anchors.to_vec(), ..yolox_spec(width, height, labels) }
    }

    pub fn yolov2_spec(width: u32, height: u32, labels: &[&str], anchors: &[[f32; 2]]) -> ModelSpec {
        ModelSpec { head: HeadKind::Yolov2, anchors: anchors.to_vec(), ..yolox_spec(width, height, labels) }
    }
}
