//! Layers that do not fit each other: one line that names both.

use wayside_train::prelude::*;

#[test]
fn an_error_names_both_layers_and_both_shapes() {
    let input = Input::named("photo", [8, 8, 3]);
    let x = Conv2D::new(4, 3).named("first").on(&input).unwrap();
    let error = Conv2D::new(4, 7).named("second").on(&x).unwrap_err();
    assert_eq!(
        error.to_string(),
        "second behind first (None, 6, 6, 4): second has a window of 7 on an axis of 6"
    );
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
        (Conv2D::new(4, 3).on(&row), "Conv2D behind row (None, 6): Conv2D takes (height, width, channels), not (None, 6)"),
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
