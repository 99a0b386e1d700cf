//! Going on from an exported network.

use ndarray::Array4;
use wayside_train::export::ExportOptions;
use wayside_train::loss::MeanSquaredError;
use wayside_train::model::{Compile, Fit};
use wayside_train::optimizer::Sgd;
use wayside_train::prelude::*;

fn network(classes: usize, seed: u64) -> Model {
    let input = Input::new([8, 8, 3]);
    let plain = |filters| Conv2D::new(filters, 3).padding(Padding::Same);
    let x = plain(6).use_bias(false).on(&input).unwrap();
    let x = Activation::Relu.on(&BatchNormalization::new().on(&x).unwrap()).unwrap();
    let y = DepthwiseConv2D::new(3).padding(Padding::Same).on(&x).unwrap();
    let y = BatchNormalization::new().on(&y).unwrap();
    let x = Add::new().on([&x, &y]).unwrap();
    let output = Conv2D::new(classes, 1).named("head").on(&x).unwrap();
    Model::new(&[input], &[output]).unwrap().reseeded(seed)
}

fn pictures(count: usize, seed: usize) -> Array4<f32> {
    Array4::from_shape_fn((count, 8, 8, 3), |(n, y, x, c)| {
        ((n * 7 + y * 13 + x * 29 + c * 31 + seed) % 17) as f32 / 8.0
    })
}

fn data(count: usize) -> Arrays {
    let truth = Array4::from_shape_fn((count, 8, 8, 2), |(n, y, x, _)| ((n + y + x) % 3) as f32);
    Arrays::new(pictures(count, 0).into_dyn(), truth.into_dyn()).unwrap()
}

fn course(model: &mut Model, rate: f32, epochs: usize) {
    model.compile(Compile::new(Sgd::new(rate)).loss(MeanSquaredError)).unwrap();
    model.fit(&data(16), Fit::new().batch_size(16).epochs(epochs)).unwrap();
}

fn far(a: &Model, b: &Model) -> f32 {
    let asked = [pictures(3, 5).into_dyn()];
    let answers = |model: &Model| model.predict_on_batch(&asked).unwrap().remove(0);
    (answers(a) - answers(b)).iter().fold(0.0, |far, difference| far.max(difference.abs()))
}

#[test]
fn a_folded_network_goes_on_as_it_was() {
    let mut first = network(2, 1);
    course(&mut first, 0.05, 30);
    let shown = [pictures(16, 0).into_dyn()];
    for fold_batch_norm in [false, true] {
        let file = first.to_onnx(&ExportOptions { fold_batch_norm, ..Default::default() }).unwrap();
        let mut second = network(2, 2);
        assert!(far(&first, &second) > 0.1);
        assert!(second.load_fitting_onnx(&file, &shown).unwrap().is_empty());
        assert!(far(&first, &second) < 1e-4, "folded {fold_batch_norm}: {} away", far(&first, &second));
        // Steps of no length count the batch's statistics anew: they are those that it was given, where they are not the file's own.
        course(&mut second, 0.0, 100);
        assert!(!fold_batch_norm || far(&first, &second) < 1e-3, "{} away after steps", far(&first, &second));
    }
}

#[test]
fn what_does_not_fit_begins_anew_and_another_network_is_refused() {
    let first = network(2, 1);
    let shown = [pictures(4, 0).into_dyn()];
    let file = first.to_onnx(&ExportOptions { fold_batch_norm: true, ..Default::default() }).unwrap();
    assert_eq!(network(3, 2).load_fitting_onnx(&file, &shown).unwrap(), ["head/kernel", "head/bias"]);

    // A training may show other sizes than the network was built for.
    let larger = [Array4::from_elem((4, 12, 12, 3), 0.5).into_dyn()];
    assert!(network(2, 2).any_size().load_fitting_onnx(&file, &larger).unwrap().is_empty());
    assert!(network(2, 2).load_fitting_onnx(&file, &larger).unwrap_err().to_string().contains("takes"));

    let mut other = Sequential::new().add(Dense::new(5)).build([7]).unwrap();
    let refused = |answer: wayside_train::Result<Vec<String>>| answer.unwrap_err().to_string();
    let shown = [ndarray::Array2::zeros((4, 7)).into_dyn()];
    assert!(refused(other.load_fitting_onnx(&file, &shown)).contains("no weights that fit"));
    assert!(!refused(other.load_fitting_onnx(b"no file", &shown)).is_empty());
}
