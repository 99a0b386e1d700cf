//! What cameras there are, for people.

use std::path::PathBuf;

use moq_v4l::format::FourCC;
use moq_v4l::fraction::Fraction;
use moq_v4l::frameinterval::FrameIntervalEnum;
use moq_v4l::framesize::FrameSizeEnum;
use moq_v4l::video::Capture as _;

use super::PREFERRED;
use super::device::{Node, fourcc, name};
use crate::source::{CameraInfo, FormatInfo};

/// Every node that captures video, by number, and why a node that may be one cannot be asked.
pub fn list() -> (Vec<CameraInfo>, Vec<String>) {
    let mut nodes: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/dev").into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.strip_prefix("video")?.parse().ok());
        nodes.extend(number.map(|number| (number, entry.path())));
    }
    nodes.sort();
    let (mut cameras, mut refused) = (Vec::new(), Vec::new());
    for (_, path) in nodes {
        match Node::open(&path) {
            Ok(node) => cameras.push(describe(format!("v4l:{}", path.display()), &node)),
            Err(reason) => refused.push(format!("{}: {reason}", path.display())),
        }
    }
    (cameras, refused)
}

fn describe(spec: String, node: &Node) -> CameraInfo {
    let known: Vec<[u8; 4]> = PREFERRED.into_iter().filter_map(fourcc).collect();
    let mut formats: Vec<FormatInfo> = Vec::new();
    for code in node.formats() {
        let format = FormatInfo { name: name(code), readable: known.contains(&code), modes: modes(node, code) };
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    CameraInfo { spec, name: node.card.clone(), place: node.bus.clone(), formats }
}

/// A device that lists no sizes has one that it tells only when it is asked for.
fn modes(node: &Node, code: [u8; 4]) -> Vec<String> {
    let code = FourCC::new(&code);
    let sizes = node.device.enum_framesizes(code).unwrap_or_default();
    sizes
        .into_iter()
        .map(|size| match size.size {
            FrameSizeEnum::Discrete(size) => {
                format!("{}x{}{}", size.width, size.height, rates(node, code, size.width, size.height))
            }
            FrameSizeEnum::Stepwise(step) => {
                format!("{}x{} to {}x{}", step.min_width, step.min_height, step.max_width, step.max_height)
            }
        })
        .collect()
}

fn rates(node: &Node, code: FourCC, width: u32, height: u32) -> String {
    let rate = |interval: &Fraction| match interval.numerator {
        0 => "?".into(),
        numerator => {
            let rate = f64::from(interval.denominator) / f64::from(numerator);
            format!("{}", (rate * 100.0).round() / 100.0)
        }
    };
    let intervals = node.device.enum_frameintervals(code, width, height).unwrap_or_default();
    let rates: Vec<String> = intervals
        .iter()
        .map(|found| match &found.interval {
            FrameIntervalEnum::Discrete(interval) => rate(interval),
            FrameIntervalEnum::Stepwise(step) => format!("{} to {}", rate(&step.max), rate(&step.min)),
        })
        .collect();
    if rates.is_empty() { String::new() } else { format!(" at {}/s", rates.join(", ")) }
}
