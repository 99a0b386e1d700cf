//! Small models, one for each way that a layer can be asked for. `../reference/layers.py` has the same ones by name.

use ndarray::ArrayD;
use wayside_train::prelude::*;
use wayside_train::zoo;

pub struct Case {
    pub name: &'static str,
    pub model: Model,
    /// Whether batch normalisation takes the batch's statistics.
    pub training: bool,
    /// What the inputs' numbers, from -1 to 1, are multiplied by.
    pub scale: f32,
}

impl Case {
    /// A batch for each input.
    pub fn inputs(&self) -> Vec<ArrayD<f32>> {
        let shapes = self.model.input_shapes();
        let batch = if self.name == "batch_norm_rows" {
            5
        } else if shapes[0] == [5] {
            3
        } else {
            2
        };
        let arrays = shapes.iter().enumerate();
        arrays.map(|(place, shape)| array(batch, shape, 1 + place).mapv(|number| number * self.scale)).collect()
    }

    pub fn upstream(&self, outputs: &[ArrayD<f32>]) -> Vec<ArrayD<f32>> {
        let arrays = outputs.iter().enumerate();
        arrays.map(|(place, like)| array(like.shape()[0], &like.shape()[1..], 201 + place)).collect()
    }
}

fn array(batch: usize, shape: &[usize], seed: usize) -> ArrayD<f32> {
    let shape: Vec<usize> = std::iter::once(batch).chain(shape.iter().copied()).collect();
    let count = shape.iter().product();
    ArrayD::from_shape_vec(shape, numbers(count, seed)).unwrap()
}

/// Whole numbers of a linear congruential generator, as fractions from -1 to 1.
pub fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let mut state = seed as u64 * 7919 + 17;
    let mut next = || {
        state = (state * 1_103_515_245 + 12345) % (1 << 31);
        (state as f64 / f64::from(1 << 30) - 1.0) as f32
    };
    (0..count).map(|_| next()).collect()
}

/// All of them, with weights that have nothing to do with their initializers.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |case: &'static str, training, scale, model: Model| {
        let mut model = model;
        let names: Vec<(String, usize)> =
            model.parameters().iter().map(|parameter| (parameter.name.clone(), parameter.spec.count())).collect();
        for (place, (name, count)) in names.iter().enumerate() {
            let mut values = numbers(*count, 101 + place);
            if name.ends_with("moving_variance") {
                values.iter_mut().for_each(|value| *value = value.abs() + 0.5);
            }
            // Where layers follow each other, channels that a ReLU lets through whole or not at all would say nothing.
            if case == "residual_blocks" && name.ends_with("gamma") {
                values.iter_mut().for_each(|value| *value = 1.0 + 0.3 * *value);
            }
            model.set_parameter(name, &values).unwrap();
        }
        cases.push(Case { name: case, model, training, scale });
    };
    let picture = [6, 5, 4];
    let same = Padding::Same;

    add("conv2d_valid", false, 1.0, one(picture, Conv2D::new(3, (3, 2)).strides((1, 2)).activation(Activation::Tanh)));
    add("conv2d_same_strided", false, 1.0, one(picture, Conv2D::new(3, 3).strides(2).padding(same)));
    add("conv2d_same_even", false, 1.0, one(picture, Conv2D::new(2, (2, 4)).padding(same).use_bias(false)));
    add("conv2d_dilated", false, 1.0, one(picture, Conv2D::new(2, 3).dilation_rate(2).padding(same)));
    add("conv2d_groups", false, 1.0, one(picture, Conv2D::new(6, 3).groups(2_usize)));
    let depthwise = DepthwiseConv2D::new(3).depth_multiplier(2_usize).strides(2).padding(same);
    add("depthwise", false, 1.0, one(picture, depthwise));
    add("depthwise_dilated", false, 1.0, one(picture, DepthwiseConv2D::new((3, 2)).dilation_rate(2).use_bias(false)));

    let transpose = |kernel: usize, strides: usize| Conv2DTranspose::new(3, kernel).strides(strides);
    add("transpose_same", false, 1.0, one([3, 4, 2], transpose(3, 2).padding(same)));
    add("transpose_same_even", false, 1.0, one([3, 4, 2], transpose(4, 2).padding(same)));
    add("transpose_valid", false, 1.0, one([3, 4, 2], transpose(3, 2)));
    add("transpose_valid_apart", false, 1.0, one([3, 4, 2], transpose(2, 3)));
    add("transpose_output_padding", false, 1.0, one([3, 4, 2], transpose(3, 3).padding(same).output_padding(1)));

    add("dense", false, 1.0, one([5], Dense::new(4).activation(Activation::Sigmoid)));
    add("batch_norm_training", true, 1.0, one(picture, BatchNormalization::new()));
    add("batch_norm_inference", false, 1.0, one(picture, BatchNormalization::new().axis(3)));
    add("batch_norm_rows", true, 1.0, one([4], BatchNormalization::new()));
    add("instance_norm", true, 1.0, one(picture, InstanceNormalization::new()));

    add("max_pool", false, 1.0, one(picture, MaxPooling2D::new(2)));
    add("max_pool_same", false, 1.0, one(picture, MaxPooling2D::new(3).strides(2).padding(same)));
    add("average_pool", false, 1.0, one(picture, AveragePooling2D::new((2, 3)).strides((1, 2))));
    add("average_pool_same", false, 1.0, one(picture, AveragePooling2D::new(3).strides(2).padding(same)));
    add("global_average", false, 1.0, one(picture, GlobalAveragePooling2D::new()));
    add("global_average_kept", false, 1.0, one(picture, GlobalAveragePooling2D::new().keepdims(true)));

    add("flatten", false, 1.0, one(picture, Flatten::new()));
    add("reshape", false, 1.0, one(picture, Reshape::new([3, -1, 4])));
    add("reshape_row", false, 1.0, one([12], Reshape::new([2, 3, 2])));
    add("add", false, 1.0, several(&[&picture, &[1, 5, 4], &[6, 5, 1]], Add::new()));
    add("multiply", false, 1.0, several(&[&picture, &[1, 1, 4]], Multiply::new()));
    add("concatenate", false, 1.0, several(&[&picture, &[6, 5, 2]], Concatenate::new()));
    add("concatenate_rows", false, 1.0, several(&[&picture, &[3, 5, 4]], Concatenate::new().axis(1)));

    add("up_nearest", false, 1.0, one([3, 4, 2], UpSampling2D::new((2, 3))));
    let bilinear = UpSampling2D::new((2, 3)).interpolation(Interpolation::Bilinear);
    add("up_bilinear", false, 1.0, one([3, 4, 2], bilinear));
    add("zero_padding", false, 1.0, one([3, 4, 2], ZeroPadding2D::new(((1, 2), (3, 0)))));
    add("reflection_padding", false, 1.0, one([3, 4, 2], ReflectionPadding2D::new(((1, 2), (3, 0)))));
    add("l2_normalize", false, 1.0, one([5], L2Normalize::new()));
    add("l2_normalize_channels", false, 1.0, one(picture, L2Normalize::new().axis(3)));

    for name in ["relu", "relu6", "leaky_relu", "silu", "hard_swish", "sigmoid", "tanh", "softmax"] {
        add(name, false, 8.0, one([3, 4, 3], name.parse::<Activation>().unwrap()));
    }

    let input = Input::new([8, 8, 2]);
    let x = zoo::convolutional_block(&input, 3, [3, 2, 4], 2, "a", 2).unwrap();
    let x = zoo::identity_block(&x, 3, [3, 2, 4], 2, "b").unwrap();
    add("residual_blocks", true, 1.0, Model::new(&[input], &[x]).unwrap());
    cases
}

fn one<const N: usize>(shape: [usize; N], layer: impl Layer + 'static) -> Model {
    several(&[&shape], layer)
}

fn several(shapes: &[&[usize]], layer: impl Layer + 'static) -> Model {
    let inputs: Vec<Symbol> = shapes.iter().map(|shape| Input::new(shape.to_vec())).collect();
    let output = layer.on(inputs.as_slice()).unwrap();
    Model::new(&inputs, &[output]).unwrap()
}
