//! Which head reads outputs of these shapes, and how many classes they hold. Where shapes leave a choice, what the user
//! said decides, else the more usual network.

use std::collections::BTreeMap;

use crate::engine::GraphInfo;
use crate::model::HeadKind;

/// What the user said that bears on the shapes.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Number of labels.
    pub labels: Option<usize>,
    /// Number of anchors, of all grids together.
    pub anchors: usize,
    /// Empty: 8, 16, 32.
    pub strides: Vec<u32>,
}

/// Bins of a side as the authors of the heads train them: distances up to 15 and up to 7 strides.
const YOLOV8_SIDES: usize = 4 * 16;
const NANODET_SIDES: usize = 4 * 8;

/// The head that reads all outputs, if one does.
pub(super) fn head_of(graph: &GraphInfo, said: &Said) -> Option<HeadKind> {
    let shapes = known_shapes(graph)?;
    match shapes.as_slice() {
        [] => None,
        [shape] => head_of_one(graph, shape, said),
        shapes if shapes.iter().all(|shape| shape.len() == 5) => {
            let same = shapes.iter().all(|shape| (shape[1], shape[4]) == (shapes[0][1], shapes[0][4]));
            let grids = shapes.iter().all(|shape| is_grid(graph, shape[3], shape[2]));
            (same && grids && shapes[0][4] > 5).then_some(HeadKind::Yolov5)
        }
        shapes if shapes.iter().all(|shape| shape.len() == 4) => head_of_grids(graph, shapes, said),
        shapes if shapes.iter().all(|shape| shape.len() == 3) => {
            let pairs = by(shapes, |shape| shape[1]);
            let known = |cells: &usize| [8, 16, 32, 64].iter().any(|stride| cells_up(graph, &[*stride]) == *cells);
            (pairs.keys().all(known) && pairs.values().all(|pair| pair.len() == 2)).then_some(HeadKind::Nanodet)
        }
        _ => None,
    }
}

fn head_of_one(graph: &GraphInfo, shape: &[usize], said: &Said) -> Option<HeadKind> {
    let strides = if said.strides.is_empty() { &[8, 16, 32] } else { said.strides.as_slice() };
    let cells = cells_up(graph, strides);
    let with_p6 = cells_up(graph, &[8, 16, 32, 64]);
    match *shape {
        [1, rows, row] if rows == cells && row > 5 => match said.labels {
            Some(labels) if row == NANODET_SIDES + labels => Some(HeadKind::Nanodet),
            _ => Some(HeadKind::Yolox),
        },
        [1, rows, row] if (rows == 3 * cells || rows == 3 * with_p6) && row > 5 => Some(HeadKind::Yolov5),
        [1, channels, columns] if columns == cells && channels > 4 => Some(HeadKind::Yolov8),
        [1, rows, row] if rows == with_p6 && row > 8 => Some(HeadKind::Nanodet),
        [1, channels, rows, columns] if channels > 5 && is_grid(graph, columns, rows) => Some(HeadKind::Yolov2),
        _ => None,
    }
}

/// `[1, channels, rows, columns]`: one for each grid of YOLOv3 or YOLOv8, or two for each of YOLOv8.
fn head_of_grids(graph: &GraphInfo, shapes: &[Vec<usize>], said: &Said) -> Option<HeadKind> {
    if !shapes.iter().all(|shape| is_grid(graph, shape[3], shape[2])) {
        return None;
    }
    let grids = by(shapes, |shape| shape[2]);
    if grids.values().all(|outputs| outputs.len() == 2) {
        return Some(HeadKind::Yolov8);
    }
    let channels = shapes[0][1];
    if grids.len() != shapes.len() || shapes.iter().any(|shape| shape[1] != channels) {
        return None;
    }
    let of_anchors = channels.is_multiple_of(3) && channels > 15;
    match said.labels {
        _ if said.anchors > 0 => Some(HeadKind::Yolov3),
        Some(labels) if channels == 3 * (5 + labels) => Some(HeadKind::Yolov3),
        Some(labels) if is_distribution(channels, labels) => Some(HeadKind::Yolov8),
        None if channels == YOLOV8_SIDES + 80 => Some(HeadKind::Yolov8),
        None if of_anchors => Some(HeadKind::Yolov3),
        None if channels > YOLOV8_SIDES => Some(HeadKind::Yolov8),
        _ => None,
    }
}

/// Whether the head cannot do without anchors; no file holds them.
pub(super) fn needs_anchors(graph: &GraphInfo, head: HeadKind) -> bool {
    match head {
        HeadKind::Yolov2 | HeadKind::Yolov3 => true,
        HeadKind::Yolov5 => graph.outputs.iter().any(|output| output.shape.len() != 3),
        HeadKind::Yolox | HeadKind::Yolov8 | HeadKind::Nanodet => false,
    }
}

/// How many classes the outputs hold, as far as their shapes tell.
pub(super) fn classes(graph: &GraphInfo, head: HeadKind, said: &Said) -> Option<usize> {
    let shapes = known_shapes(graph)?;
    let per_grid = said.anchors / shapes.len().max(1);
    let shape = shapes.first()?.as_slice();
    match (head, shape) {
        (HeadKind::Yolox, [_, _, row]) => row.checked_sub(5),
        (HeadKind::Yolov5, [.., row]) if shape.len() != 4 => row.checked_sub(5),
        (HeadKind::Yolov3, [_, _, _, _, row]) => row.checked_sub(5),
        (HeadKind::Yolov2 | HeadKind::Yolov3 | HeadKind::Yolov5, [_, channels, _, _]) => {
            channels.checked_div(per_grid)?.checked_sub(5)
        }
        // 4 + 140 classes or 64 + 80: the latter is what there is.
        (HeadKind::Yolov8, [_, channels, _]) if *channels == YOLOV8_SIDES + 80 => Some(80),
        (HeadKind::Yolov8, [_, channels, _]) => channels.checked_sub(4),
        (HeadKind::Yolov8, [_, channels, rows, _]) => match shapes.iter().filter(|shape| shape[2] == *rows).nth(1) {
            Some(other) if *channels == YOLOV8_SIDES => Some(other[1]),
            Some(_) => Some(*channels),
            None => channels.checked_sub(YOLOV8_SIDES),
        },
        (HeadKind::Nanodet, [_, cells, channels]) => match shapes.iter().filter(|shape| shape[1] == *cells).nth(1) {
            Some(other) if *channels == NANODET_SIDES => Some(other[2]),
            Some(_) => Some(*channels),
            None => channels.checked_sub(NANODET_SIDES),
        },
        _ => None,
    }
}

/// Whether `channels` are 4 sides of two bins or more, and the labels.
fn is_distribution(channels: usize, labels: usize) -> bool {
    channels.checked_sub(labels).is_some_and(|sides| sides >= 8 && sides.is_multiple_of(4))
}

/// Of every output, as far as all are worked out and of one picture.
fn known_shapes(graph: &GraphInfo) -> Option<Vec<Vec<usize>>> {
    let shapes: Vec<Vec<usize>> =
        graph.outputs.iter().map(|output| output.shape.iter().copied().collect()).collect::<Option<_>>()?;
    shapes.iter().all(|shape| shape.first() == Some(&1)).then_some(shapes)
}

/// Whether `columns` × `rows` square cells of a usual stride fill the input.
fn is_grid(graph: &GraphInfo, columns: usize, rows: usize) -> bool {
    let (width, height) = (graph.width as usize, graph.height as usize);
    [8, 16, 32, 64].iter().any(|stride| (columns * stride, rows * stride) == (width, height))
}

/// Cells of the grids together; a grid covers the whole input.
fn cells_up(graph: &GraphInfo, strides: &[u32]) -> usize {
    let side = |length: u32, stride: u32| length.div_ceil(stride.max(1)) as usize;
    strides.iter().map(|&stride| side(graph.width, stride) * side(graph.height, stride)).sum()
}

fn by(shapes: &[Vec<usize>], key: impl Fn(&Vec<usize>) -> usize) -> BTreeMap<usize, Vec<&Vec<usize>>> {
    let mut groups: BTreeMap<usize, Vec<&Vec<usize>>> = BTreeMap::new();
    shapes.iter().for_each(|shape| groups.entry(key(shape)).or_default().push(shape));
    groups
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

    fn labels(count: usize) -> Said {
        Said { labels: Some(count), ..Said::default() }
    }

    #[test]
    fn heads_are_told_by_shape() {
        use HeadKind::*;
        for (width, height, outputs, head) in [
            (416, 416, &[&[1, 3549, 85][..]][..], Some(Yolox)),
            (640, 384, &[&[1, 5040, 8]], Some(Yolox)),
            (608, 608, &[&[1, 425, 19, 19]], Some(Yolov2)),
            (224, 160, &[&[1, 30, 5, 7]], Some(Yolov2)),
            (320, 192, &[&[1, 36, 24, 40]], Some(Yolov2)),
            (320, 192, &[&[1, 36, 24, 20]], None),
            (320, 192, &[&[1, 36, 192, 320]], None),
            (416, 416, &[&[1, 3549, 5]], None),
            (416, 416, &[&[1, 3548, 85]], None),
            (320, 320, &[&[1, 255, 10, 10], &[1, 255, 20, 20]], Some(Yolov3)),
            (320, 320, &[&[1, 255, 10, 10], &[1, 255, 21, 21]], None),
            (640, 640, &[&[1, 25200, 85]], Some(Yolov5)),
            (1280, 1280, &[&[1, 102000, 85]], Some(Yolov5)),
            (640, 640, &[&[1, 3, 80, 80, 85], &[1, 3, 40, 40, 85], &[1, 3, 20, 20, 85]], Some(Yolov5)),
            (320, 320, &[&[1, 84, 2100]], Some(Yolov8)),
            (320, 320, &[&[1, 144, 2100]], Some(Yolov8)),
            (640, 640, &[&[1, 144, 80, 80], &[1, 144, 40, 40], &[1, 144, 20, 20]], Some(Yolov8)),
            (640, 640, &[&[1, 64, 80, 80], &[1, 3, 80, 80], &[1, 64, 40, 40], &[1, 3, 40, 40]], Some(Yolov8)),
            (416, 416, &[&[1, 2704, 80], &[1, 676, 80], &[1, 2704, 32], &[1, 676, 32]], Some(Nanodet)),
            (416, 416, &[&[1, 3598, 112]], Some(Nanodet)),
            (416, 416, &[&[1, 2704, 80], &[1, 676, 80], &[1, 2704, 32]], None),
            (416, 416, &[], None),
        ] {
            assert_eq!(head_of(&graph(width, height, outputs), &Said::default()), head, "{width}x{height} {outputs:?}");
        }
    }

    #[test]
    fn labels_and_anchors_decide_where_shapes_do_not() {
        let one = graph(320, 320, &[&[1, 2100, 72]]);
        assert_eq!(head_of(&one, &labels(67)), Some(HeadKind::Yolox));
        assert_eq!(head_of(&one, &labels(68)), Some(HeadKind::Yolox), "one label too many is no other head");
        assert_eq!(head_of(&one, &labels(40)), Some(HeadKind::Nanodet));
        let grids = graph(320, 320, &[&[1, 72, 10, 10], &[1, 72, 20, 20]]);
        assert_eq!(head_of(&grids, &Said::default()), Some(HeadKind::Yolov3));
        assert_eq!(head_of(&grids, &labels(19)), Some(HeadKind::Yolov3));
        assert_eq!(head_of(&grids, &labels(8)), Some(HeadKind::Yolov8));
        assert_eq!(head_of(&grids, &labels(5)), None);
        assert_eq!(head_of(&grids, &Said { anchors: 4, ..labels(5) }), Some(HeadKind::Yolov3));
        let p6 = Said { strides: vec![8, 16, 32, 64], ..Said::default() };
        assert_eq!(head_of(&graph(320, 320, &[&[1, 84, 2125]]), &p6), Some(HeadKind::Yolov8));
    }

    #[test]
    fn classes_follow_from_shapes_and_anchors() {
        use HeadKind::*;
        for (head, outputs, anchors, count) in [
            (Yolox, &[&[1, 3549, 85][..]][..], 0, Some(80)),
            (Yolov2, &[&[1, 425, 19, 19]], 5, Some(80)),
            (Yolov2, &[&[1, 425, 19, 19]], 0, None),
            (Yolov2, &[&[1, 8, 19, 19]], 5, None),
            (Yolov3, &[&[1, 255, 10, 10], &[1, 255, 20, 20]], 6, Some(80)),
            (Yolov5, &[&[1, 25200, 85]], 0, Some(80)),
            (Yolov5, &[&[1, 3, 80, 80, 9], &[1, 3, 40, 40, 9]], 6, Some(4)),
            (Yolov8, &[&[1, 84, 8400]], 0, Some(80)),
            (Yolov8, &[&[1, 144, 8400]], 0, Some(80)),
            (Yolov8, &[&[1, 10, 8400]], 0, Some(6)),
            (Yolov8, &[&[1, 70, 80, 80], &[1, 70, 40, 40]], 0, Some(6)),
            (Yolov8, &[&[1, 64, 80, 80], &[1, 6, 80, 80]], 0, Some(6)),
            (Nanodet, &[&[1, 2704, 7], &[1, 2704, 32]], 0, Some(7)),
            (Nanodet, &[&[1, 2704, 32], &[1, 2704, 7]], 0, Some(7)),
            (Nanodet, &[&[1, 3598, 112]], 0, Some(80)),
        ] {
            let said = Said { anchors, ..Said::default() };
            assert_eq!(classes(&graph(640, 640, outputs), head, &said), count, "{head:?} {outputs:?}");
        }
    }
}
