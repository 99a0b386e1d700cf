//! The loss of an anchor-free detector against PyTorch's numbers, and a detector that learns to find squares.

use burn::tensor::Tensor;
use ndarray::ArrayD;
use wayside_train::data::{Batch, Dataset};
use wayside_train::device::Device;
use wayside_train::loss::{JointLoss, TaskAligned, YoloGrid};
use wayside_train::model::{Compile, Fit};
use wayside_train::optimizer::Adam;
use wayside_train::value::Value;
use wayside_train::zoo::{detector_small, yolo_small};

use crate::{array, close, floats, numbers};

const CLASSES: usize = 3;
const SIDE: usize = 64;

/// As in tests/reference/detection.py.
fn truth() -> Vec<ArrayD<f32>> {
    let table = |columns: usize, numbers: &[f32]| array(&[numbers.len() / columns, columns], numbers.to_vec());
    #[rustfmt::skip]
    let boxes = [
        0.0, 0.0, 5.0, 7.0, 40.0, 33.0,
        0.0, 1.0, 20.0, 10.0, 62.0, 60.0,
        0.0, 2.0, 33.0, 41.0, 36.0, 44.0,
        2.0, 2.0, 8.0, 8.0, 56.0, 56.0,
        2.0, 0.0, 10.0, 12.0, 30.0, 40.0,
        2.0, 0.0, 50.0, 2.0, 60.0, 12.0,
    ];
    let ignored = [0.0, 0.0, 48.0, 16.0, 64.0, 1.0, 32.0, 32.0, 64.0, 64.0];
    #[rustfmt::skip]
    let regions = [
        0.0, 0.0, 0.0, 64.0, 64.0, 1.0, 1.0, 1.0, 0.0,
        1.0, 0.0, 0.0, 32.0, 64.0, 0.0, 1.0, 1.0, 1.0,
        2.0, 0.0, 0.0, 64.0, 64.0, 0.0, 0.0, 1.0, 1.0,
    ];
    vec![table(6, &boxes), table(5, &ignored), table(6 + CLASSES, &regions)]
}

#[test]
fn losses_and_gradients_are_the_reference_s() {
    let expected: serde_json::Value = serde_json::from_str(include_str!("../expected/detection.json")).unwrap();
    let (batch, grids) = (3, [8, 4, 2]);
    let cells: usize = grids.iter().map(|n| n * n).sum();
    let device = Device::flex().autodiff();
    let leaf = |numbers: Vec<f32>, columns: usize| {
        let flat = Tensor::<1>::from_floats(numbers.as_slice(), &device);
        flat.reshape([batch, cells, columns]).require_grad()
    };
    let logits = leaf(numbers(1, batch * cells * CLASSES, 2.0), CLASSES);
    let sides = leaf(numbers(2, batch * cells * 4, 1.2).iter().map(|it| it + 1.5).collect(), 4);
    let (mut predictions, mut from) = (Vec::new(), 0);
    for n in grids {
        for (tensor, columns) in [(&logits, CLASSES), (&sides, 4)] {
            let part = tensor.clone().slice([0..batch, from..from + n * n, 0..columns]);
            predictions.push(Value::Pictures(part.reshape([batch, n, n, columns]).permute([0, 3, 1, 2])));
        }
        from += n * n;
    }
    let (loss, truth) = (TaskAligned::default(), truth());
    let shapes: Vec<Vec<usize>> = predictions.iter().map(Value::shape).collect();
    loss.check(&truth, batch, &shapes.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let parts = loss.call(&truth, predictions);
    for (part, name) in parts.iter().zip(["class", "box"]) {
        close(name, &part.to_data().try_to_vec::<f32>().unwrap(), &floats(&expected[name]));
    }
    let gradients = (parts[0].clone().mean() + parts[1].clone().mean()).backward();
    for (leaf, name) in [(logits, "logits_gradient"), (sides, "sides_gradient")] {
        let found: Vec<f32> = leaf.grad(&gradients).unwrap().to_data().try_to_vec().unwrap();
        close(name, &found, &floats(&expected[name]));
    }
}

#[test]
fn truth_that_does_not_fit_is_refused_in_words() {
    let loss = TaskAligned::default();
    let outputs: [&[usize]; 6] = [&[8, 8, 3], &[8, 8, 4], &[4, 4, 3], &[4, 4, 4], &[2, 2, 3], &[2, 2, 4]];
    let refused = |change: fn(&mut Vec<ArrayD<f32>>)| {
        let mut truth = truth();
        change(&mut truth);
        loss.check(&truth, 3, &outputs).unwrap_err()
    };
    assert!(refused(|it| it.truncate(2)).contains("2 arrays"));
    assert!(refused(|it| it[0][[0, 1]] = 3.0).contains("class 3, of 3"));
    assert!(refused(|it| it[0][[1, 0]] = 3.0).contains("sample 3, of 3"));
    assert!(refused(|it| it[0][[1, 2]] = f32::NAN).contains("NaN in boxes"));
    assert!(refused(|it| it[2] = array(&[1, 5], vec![0.0; 5])).contains("not (n, 9)"));
    assert!(loss.check(&truth(), 3, &outputs[..4]).unwrap_err().contains("[8, 16, 32]"));
}

/// A bright square on dark ground in each picture, class 0 or 1 by its colour; pictures of odd epochs are half as large again.
struct Squares;

impl Dataset for Squares {
    fn len(&self) -> usize {
        64
    }

    fn batch(&self, samples: &[usize], epoch: usize) -> wayside_train::Result<Batch> {
        let side = if epoch % 2 == 1 { SIDE * 3 / 2 } else { SIDE };
        let mut x = ArrayD::from_elem(vec![samples.len(), side, side, 3], 0.1);
        let mut boxes = Vec::new();
        for (place, &sample) in samples.iter().enumerate() {
            let size = 12 + sample % 5 * 6;
            let (left, top, class) = (sample * 7 % (side - size), sample * 13 % (side - size), sample % 2);
            for (row, column) in (top..top + size).flat_map(|row| (left..left + size).map(move |it| (row, it))) {
                x[[place, row, column, class]] = 0.9;
            }
            boxes.extend([place, class, left, top, left + size, top + size].map(|it| it as f32));
        }
        let empty = |columns: usize| array(&[0, columns], Vec::new());
        Ok(Batch { x: vec![x], y: vec![array(&[samples.len(), 6], boxes), empty(5), empty(8)], weights: None })
    }
}

#[test]
fn a_detector_learns_to_find_squares_in_pictures_of_two_sizes() {
    let mut model = detector_small([SIDE, SIDE, 3], 2).unwrap().any_size();
    model.compile(Compile::new(Adam::new(0.003)).joint_loss(TaskAligned::default()).loss_weights([0.5, 7.5])).unwrap();
    let history = model.fit(&Squares, Fit::new().batch_size(16).epochs(24)).unwrap();
    let (first, last) = (history.get("box_loss").unwrap()[0], history.last("box_loss").unwrap());
    assert!(last < 0.35 * first, "box loss from {first} to {last}");

    let batch = Squares.batch(&[3, 10], 0).unwrap();
    let answers = model.predict_on_batch(&batch.x).unwrap();
    for place in 0..2 {
        let row: Vec<f32> = batch.y[0].outer_iter().nth(place).unwrap().iter().copied().collect();
        // The surest cell of all grids.
        let mut best = (f32::MIN, [0.0; 4], 0.0);
        for (pair, stride) in answers.chunks(2).zip([8.0, 16.0, 32.0]) {
            for ((index, &logit), class) in
                pair[0].indexed_iter().filter(|(index, _)| index[0] == place).zip((0..2).cycle())
            {
                if logit > best.0 {
                    let side = |number: usize| pair[1][[place, index[1], index[2], number]] * stride;
                    let (x, y) = ((index[2] as f32 + 0.5) * stride, (index[1] as f32 + 0.5) * stride);
                    best = (logit, [x - side(0), y - side(1), x + side(2), y + side(3)], class as f32);
                }
            }
        }
        assert_eq!(best.2, row[1], "class of sample {place}");
        for (found, wanted) in best.1.iter().zip(&row[2..]) {
            assert!((found - wanted).abs() < 4.0, "{:?} is not {:?}", best.1, &row[2..]);
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn a_grid_s_loss_is_that_of_a_box_by_hand() {
    // A picture of 64 pixels, one grid of 2×2 cells with two anchors, one class; all raw numbers are 0.
    let loss = YoloGrid { strides: vec![32], anchors: vec![vec![[8.0, 8.0], [30.0, 20.0]]], ignore_above: 0.5 };
    let truth = [
        array(&[1, 6], vec![0.0, 0.0, 36.0, 12.0, 60.0, 28.0]),
        array(&[1, 5], vec![0.0, 0.0, 32.0, 32.0, 64.0]),
        array(&[0, 7], vec![]),
    ];
    let outputs: [&[usize]; 1] = [&[2, 2, 12]];
    loss.check(&truth, 1, &outputs).unwrap();
    let raw = Value::Pictures(Tensor::zeros([1, 12, 2, 2], &Device::flex()));
    let parts: Vec<f32> = loss.call(&truth, vec![raw]).into_iter().map(|it| it.into_scalar::<f32>()).collect();
    // The centre (48, 20) lies in the middle across and at 20/32 down of the cell at the upper right; 24×16 is likest to 30×20.
    let cross = |wanted: f32| -(wanted * 0.5_f32.ln() + (1.0 - wanted) * 0.5_f32.ln());
    let sizes = 0.5 * ((24.0_f32 / 30.0).ln().powi(2) + (16.0_f32 / 20.0).ln().powi(2));
    let weight = 2.0 - 24.0 * 16.0 / (64.0 * 64.0);
    let coordinate = weight * (cross(0.5) + cross(0.625) + sizes);
    // Of eight anchors two lie in the ignored cell at the lower left.
    let confidence = 6.0 * 2.0_f32.ln();
    for (found, wanted) in parts.iter().zip([coordinate, confidence, 2.0_f32.ln()]) {
        assert!((found - wanted).abs() < 1e-4, "{parts:?}");
    }
}

#[test]
fn yolo_with_anchors_learns_to_find_squares() {
    let anchors = [[12.0, 12.0], [18.0, 18.0], [24.0, 24.0], [30.0, 30.0], [36.0, 36.0], [48.0, 48.0]];
    let loss = YoloGrid::new(&wayside_train::zoo::yolo::STRIDES, &anchors);
    let mut model = yolo_small([SIDE, SIDE, 3], 2).unwrap().any_size();
    model.compile(Compile::new(Adam::new(0.002)).joint_loss(loss)).unwrap();
    let history = model.fit(&Squares, Fit::new().batch_size(16).epochs(60)).unwrap();
    let last = |name: &str| history.last(name).unwrap() / history.get(name).unwrap()[0];
    assert!(last("coordinate_loss") < 0.6 && last("confidence_loss") < 0.2, "{history:?}");
    let batch = Squares.batch(&[3], 0).unwrap();
    let answers = model.predict_on_batch(&batch.x).unwrap();
    let mut best = (f32::MIN, [0.0; 2]);
    for (grid, stride) in answers.iter().zip([32.0, 16.0]) {
        for (row, column, anchor) in
            (0..grid.shape()[1]).flat_map(|r| (0..grid.shape()[2]).flat_map(move |c| (0..3).map(move |a| (r, c, a))))
        {
            let at = |number: usize| grid[[0, row, column, anchor * 7 + number]];
            if at(4) > best.0 {
                best = (at(4), [(sigmoid(at(0)) + column as f32) * stride, (sigmoid(at(1)) + row as f32) * stride]);
            }
        }
    }
    let wanted = [(batch.y[0][[0, 2]] + batch.y[0][[0, 4]]) / 2.0, (batch.y[0][[0, 3]] + batch.y[0][[0, 5]]) / 2.0];
    assert!(
        best.1.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 5.0),
        "{best:?} is not {wanted:?}"
    );
}

#[test]
fn a_detector_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoint.safetensors");
    let learned = |epochs: usize| {
        // Its first biases are numbers that text can't hold exactly.
        let mut model = detector_small([32, 32, 3], 2).unwrap().any_size();
        model.compile(Compile::new(Adam::new(0.001)).joint_loss(TaskAligned::default())).unwrap();
        let fit = Fit::new().batch_size(4).steps_per_epoch(1).epochs(epochs).checkpoint(&file);
        model.fit(&Squares, fit).unwrap().get("loss").unwrap().len()
    };
    assert_eq!((learned(1), learned(2)), (1, 2));
}
