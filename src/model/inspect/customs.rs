//! How the networks of each head are fed as their authors publish them.

use crate::model::{ColorOrder, HeadKind, InputSpec, Resize};

/// Width and height are the graph's own.
pub(super) fn custom(head: HeadKind) -> InputSpec {
    let unit = InputSpec {
        width: 1,
        height: 1,
        color: ColorOrder::Rgb,
        mean: [0.0; 3],
        std: [255.0; 3],
        resize: Resize::LetterboxCenter,
        pad: 114,
    };
    match head {
        // Megvii's YOLOX from 0.1.1 on: raw pixels as OpenCV has them.
        HeadKind::Yolox => InputSpec { color: ColorOrder::Bgr, std: [1.0; 3], resize: Resize::Letterbox, ..unit },
        // darknet: 0 to 1.
        HeadKind::Yolov2 | HeadKind::Yolov3 => InputSpec { resize: Resize::Stretch, pad: 127, ..unit },
        // Ultralytics: 0 to 1.
        HeadKind::Yolov5 | HeadKind::Yolov8 => unit,
        // ImageNet's mean and deviation in the order of OpenCV.
        HeadKind::Nanodet => InputSpec {
            color: ColorOrder::Bgr,
            mean: [103.53, 116.28, 123.675],
            std: [57.375, 57.12, 58.395],
            resize: Resize::Letterbox,
            pad: 0,
            ..unit
        },
    }
}
