//! Networks by name: their sizes, their tables.

use wayside_train::zoo;

#[test]
fn resnet50_has_the_parameters_of_keras() {
    let notes = zoo::resnet50([64, 64, 3], 6).unwrap();
    assert_eq!(notes.count_parameters(), (23_600_006 - 53_120, 53_120));
    let imagenet = zoo::resnet50([224, 224, 3], 1000).unwrap();
    let (trainable, kept) = imagenet.count_parameters();
    assert_eq!((trainable + kept, kept), (25_636_712, 53_120));
    assert!(notes.get_layer("res5c_branch2c").is_ok() && imagenet.get_layer("fc1000").is_ok());
}

/// Keras 2 prints such a table for the notes' network: names, types, shapes, numbers and connections are compared, widths of
/// columns and names of layers that the notes leave unnamed are not.
#[test]
fn the_summary_of_resnet50_reads_as_that_of_keras() {
    let table = zoo::resnet50([64, 64, 3], 6).unwrap().summary();
    let rows: Vec<String> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let head = [
        "Layer (type) Output Shape Param # Connected to",
        "input_layer (InputLayer) (None, 64, 64, 3) 0 -",
        "zero_padding2d (ZeroPadding2D) (None, 70, 70, 3) 0 input_layer[0][0]",
        "conv1 (Conv2D) (None, 32, 32, 64) 9,472 zero_padding2d[0][0]",
        "bn_conv1 (BatchNormalization) (None, 32, 32, 64) 256 conv1[0][0]",
        "activation (Activation) (None, 32, 32, 64) 0 bn_conv1[0][0]",
        "max_pooling2d (MaxPooling2D) (None, 15, 15, 64) 0 activation[0][0]",
        "res2a_branch2a (Conv2D) (None, 15, 15, 64) 4,160 max_pooling2d[0][0]",
        "bn2a_branch2a (BatchNormalization) (None, 15, 15, 64) 256 res2a_branch2a[0][0]",
        "activation_1 (Activation) (None, 15, 15, 64) 0 bn2a_branch2a[0][0]",
        "res2a_branch2b (Conv2D) (None, 15, 15, 64) 36,928 activation_1[0][0]",
        "bn2a_branch2b (BatchNormalization) (None, 15, 15, 64) 256 res2a_branch2b[0][0]",
        "activation_2 (Activation) (None, 15, 15, 64) 0 bn2a_branch2b[0][0]",
        "res2a_branch2c (Conv2D) (None, 15, 15, 256) 16,640 activation_2[0][0]",
    ];
    let tail = [
        "add_15 (Add) (None, 2, 2, 2048) 0 bn5c_branch2c[0][0], activation_45[0][0]",
        "activation_48 (Activation) (None, 2, 2, 2048) 0 add_15[0][0]",
        "avg_pool (AveragePooling2D) (None, 1, 1, 2048) 0 activation_48[0][0]",
        "flatten (Flatten) (None, 2048) 0 avg_pool[0][0]",
        "fc6 (Dense) (None, 6) 12,294 flatten[0][0]",
    ];
    let from =
        |first: &str| rows.iter().position(|row| row == first).unwrap_or_else(|| panic!("no {first} in\n{table}"));
    let (first, last) = (from(head[0]), from(tail[0]));
    let printed: Vec<&str> = rows[first..].iter().map(String::as_str).filter(|row| !row.starts_with('=')).collect();
    assert_eq!(printed[..head.len()], head);
    assert_eq!(rows[last..last + tail.len()], tail);
    let totals = [
        " Total params: 23,600,006 (90.03 MB)",
        " Trainable params: 23,546,886 (89.82 MB)",
        " Non-trainable params: 53,120 (207.50 KB)",
    ];
    let printed: Vec<&str> = table.lines().filter(|line| line.contains("params:")).collect();
    assert_eq!(printed, totals);
}

#[test]
fn networks_go_by_name() {
    for (name, _) in zoo::NAMES {
        let shape = if name == "yolo_small" { [320, 320, 3] } else { [64, 64, 3] };
        let model = zoo::by_name(name, &shape, 4).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(model.count_parameters().0 > 50_000, "{name}");
    }
    let (trainable, kept) = zoo::by_name("resnet_small", &[64, 64, 3], 4).unwrap().count_parameters();
    assert!(trainable + kept <= 1_000_000, "{}", trainable + kept);
    let error = zoo::by_name("resnet", &[64, 64, 3], 4).unwrap_err().to_string();
    assert!(error.contains("no network resnet: resnet50, resnet18_half"), "{error}");
    let error = zoo::by_name("yolo_small", &[64, 65, 3], 4).unwrap_err().to_string();
    assert!(error.contains("32 divides, not (None, 64, 65, 3)"), "{error}");
    assert!(zoo::by_name("plain_small", &[4, 4, 3], 4).is_err());
    assert!(zoo::by_name("resnet50", &[9], 4).is_err());
}
