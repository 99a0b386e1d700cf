//! Layers that do not fit each other: one line that names both.

use ndarray::ArrayD;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use wayside_train::prelude::*;

#[test]
fn an_error_names_both_layers_and_both_shapes() {
    let input = Input::named("photo", [8, 8, 3]);
    let x = Conv2D::new(4, 3).named("first").on(&input).unwrap();
    let error = Conv2D::new(4, 7).named("second").on(&x).unwrap_err();
    assert_eq!(error.to_string(), "second behind first (None, 6, 6, 4): second has a window of 7 on an axis of 6");
    let y = Conv2D::new(5, 3).named("other").on(&input).unwrap();
    let error = Add::new().on([&x, &y]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Add behind first (None, 6, 6, 4) and other (None, 6, 6, 5): Add can't put (None, 6, 6, 4) and (None, 6, 6, 5) together"
    );
}

/// (what was tried, what the line says)
fn refusals() -> Vec<(wayside_train::Result<Symbol>, &'static str)> {
    let picture = Input::named("photo", [4, 4, 3]);
    let row = Input::named("row", [6]);
    let same = Padding::Same;
    vec![
        (
            Conv2D::new(4, 3).on(&row),
            "Conv2D behind row (None, 6): Conv2D takes (height, width, channels), not (None, 6)",
        ),
        (Conv2D::new(4, 3).groups(2_usize).on(&picture), "has 4 filters in 2 groups for 3 channels"),
        (Conv2D::new(4, 0).on(&picture), "at least 1"),
        (DepthwiseConv2D::new(3).depth_multiplier(0_usize).on(&picture), "a depth_multiplier of at least 1"),
        (Conv2DTranspose::new(2, 3).strides(2).padding(same).output_padding(2).on(&picture), "output_padding of 2"),
        (Conv2DTranspose::new(0, 3).on(&picture), "has no filters"),
        (MaxPooling2D::new(5).on(&picture), "a window of 5 on an axis of 4"),
        (AveragePooling2D::new(2).strides(0).on(&picture), "at least 1"),
        (GlobalAveragePooling2D::new().on(&row), "takes (height, width, channels)"),
        (InstanceNormalization::new().on(&row), "takes (height, width, channels)"),
        (BatchNormalization::new().axis(1).on(&picture), "normalises axis 1"),
        (Reshape::new([5, -1]).on(&picture), "can't make (5, -1) of (None, 4, 4, 3)"),
        (Reshape::new([2, 2]).on(&row), "can't make (2, 2) of (None, 6)"),
        (Reshape::new([-1, -1]).on(&row), "one of which may be -1"),
        (Add::new().on(&picture), "takes two inputs or more"),
        (Add::new().on([&picture, &row]), "can't put (None, 4, 4, 3) and (None, 6) together"),
        (Concatenate::new().axis(0).on([&picture, &picture]), "has an axis of 0: 1 to 3, or -3 to -1"),
        (Concatenate::new().axis(1).on([&row, &picture]), "side by side"),
        (UpSampling2D::new(0).on(&picture), "sizes of at least 1"),
        (ReflectionPadding2D::new(4).on(&picture), "mirrors up to 4 rows and 4 columns"),
        (L2Normalize::new().axis(4).on(&picture), "has an axis of 4"),
        (Dense::new(3).on([&row, &row]), "takes one input, not 2"),
    ]
}

#[test]
fn what_a_layer_cannot_take_is_refused_in_one_line() {
    for (tried, expected) in refusals() {
        let error = tried.expect_err(expected).to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}\nshould say: {expected}");
    }
}

/// A layer for pictures with arguments of any size, most of them sensible.
fn layers() -> impl Strategy<Value = LayerRef> {
    let size = || (0_usize..5, 0_usize..5);
    (0..7, size(), size(), size(), any::<bool>(), 0_usize..4).prop_map(
        |(kind, kernel, strides, other, same, number)| {
            let padding = if same { Padding::Same } else { Padding::Valid };
            match kind {
                0 => Conv2D::new(number, kernel).strides(strides).dilation_rate(other).padding(padding).shared(),
                1 => DepthwiseConv2D::new(kernel).strides(strides).depth_multiplier(number).padding(padding).shared(),
                2 => Conv2DTranspose::new(number, kernel).strides(strides).padding(padding).shared(),
                3 => Conv2DTranspose::new(2, kernel).strides(strides).output_padding(other).padding(padding).shared(),
                4 => MaxPooling2D::new(kernel).strides(strides).padding(padding).shared(),
                5 => AveragePooling2D::new(kernel).strides(strides).padding(padding).shared(),
                _ => ReflectionPadding2D::new((kernel, strides)).shared(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What is not refused has the shape that it says, and gradients; tract gives that shape too.
    #[test]
    fn shapes_are_what_layers_say(layer in layers(), height in 1_usize..9, width in 1_usize..9) {
        let input = Input::new([height, width, 2]);
        let Ok(output) = layer.on(&input) else { return Ok(()) };
        let model = Model::new(&[input], &[output]).unwrap();
        let x = ArrayD::from_shape_fn(vec![2, height, width, 2], |at| (at[1] * 5 + at[2] * 3 + at[3]) as f32 % 7.0);
        let shape: Vec<usize> = std::iter::once(2).chain(model.output_shapes()[0].iter().copied()).collect();
        let found = model.gradients(std::slice::from_ref(&x), &[ArrayD::ones(shape.clone())], true).unwrap();
        assert_eq!(found.outputs[0].shape(), shape);
        assert!(found.outputs[0].iter().chain(&found.inputs[0]).all(|number| number.is_finite()));
        crate::export::tract_agrees("any-shape", &model, &[x]);
    }
}
