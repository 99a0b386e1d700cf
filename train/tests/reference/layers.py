"""What layers give and what their gradients are, by PyTorch in float64: writes ../expected/layers.json.

    python layers.py

Pictures are (batch, height, width, channels) in the file; PyTorch has channels first. Inputs, parameters and upstream gradients
are not in the file: they come from `numbers`, which the test computes as well.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

CASES = {}


def numbers(count, seed):
    """Whole numbers of a linear congruential generator, as fractions from -1 to 1."""
    state, values = seed * 7919 + 17, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        values.append(state / 2**30 - 1.0)
    return values


def tensor(shape, seed):
    return torch.tensor(numbers(math.prod(shape), seed), dtype=torch.float64).reshape(shape)


def nchw(x):
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x


def nhwc(x):
    return x.permute(0, 2, 3, 1) if x.dim() == 4 else x


def rounded(x):
    """To what single precision can be compared with; what is nothing but float64's rounding is 0."""
    return [0.0 if abs(v) < 1e-12 else float(f"{v:.6g}") for v in x.detach().reshape(-1).tolist()]


def case(name, inputs, parameters, function, scale=1.0):
    """`inputs`: shapes with the batch, channels last. `parameters`: (shape, kind); means and variances
    are counted and not learned, a gamma lies around 1. `function(inputs, parameters)`: channels first."""
    xs = [(tensor(shape, 1 + i) * scale).requires_grad_() for i, shape in enumerate(inputs)]
    ps = []
    for i, (shape, kind) in enumerate(parameters):
        value = tensor(shape, 101 + i)
        if kind == "variance":
            value = value.abs() + 0.5
        if kind == "gamma":
            value = 1 + 0.3 * value
        ps.append(value.requires_grad_(kind in (None, "gamma")))
    outputs = [nhwc(y) for y in function([nchw(x) for x in xs], ps)]
    total = sum((y * tensor(y.shape, 201 + i)).sum() for i, y in enumerate(outputs))
    total.backward()
    CASES[name] = {
        "outputs": [rounded(y) for y in outputs],
        "inputs": [rounded(x.grad) for x in xs],
        "parameters": [rounded(p.grad) if p.requires_grad else None for p in ps],
    }


def same(length, kernel, stride, dilation=1):
    """TensorFlow's padding before and after an axis."""
    reach = (kernel - 1) * dilation + 1
    total = max((math.ceil(length / stride) - 1) * stride + reach - length, 0)
    return total // 2, total - total // 2


def pad_same(x, kernel, stride, dilation=(1, 1), value=0.0):
    rows = same(x.shape[2], kernel[0], stride[0], dilation[0])
    columns = same(x.shape[3], kernel[1], stride[1], dilation[1])
    return F.pad(x, (*columns, *rows), value=value)


PICTURE = (2, 6, 5, 4)


def convolutions():
    case("conv2d_valid", [PICTURE], [((3, 4, 3, 2), None), ((3,), None)],
         lambda x, p: [torch.tanh(F.conv2d(x[0], p[0], p[1], stride=(1, 2)))])
    case("conv2d_same_strided", [PICTURE], [((3, 4, 3, 3), None), ((3,), None)],
         lambda x, p: [F.conv2d(pad_same(x[0], (3, 3), (2, 2)), p[0], p[1], stride=2)])
    case("conv2d_same_even", [PICTURE], [((2, 4, 2, 4), None)],
         lambda x, p: [F.conv2d(pad_same(x[0], (2, 4), (1, 1)), p[0])])
    case("conv2d_dilated", [PICTURE], [((2, 4, 3, 3), None), ((2,), None)],
         lambda x, p: [F.conv2d(pad_same(x[0], (3, 3), (1, 1), (2, 2)), p[0], p[1], dilation=2)])
    case("conv2d_groups", [PICTURE], [((6, 2, 3, 3), None), ((6,), None)],
         lambda x, p: [F.conv2d(x[0], p[0], p[1], groups=2)])
    case("depthwise", [PICTURE], [((8, 1, 3, 3), None), ((8,), None)],
         lambda x, p: [F.conv2d(pad_same(x[0], (3, 3), (2, 2)), p[0], p[1], stride=2, groups=4)])
    case("depthwise_dilated", [PICTURE], [((4, 1, 3, 2), None)],
         lambda x, p: [F.conv2d(x[0], p[0], dilation=2, groups=4)])


def transposed(x, kernel, bias, stride, out, padded):
    """What a convolution, which takes a picture of size `out`, does to gradients: the definition of TensorFlow's layer.
    `kernel`: (filters, channels, rows, columns)."""
    source = torch.zeros(x.shape[0], kernel.shape[0], *out, dtype=torch.float64, requires_grad=True)
    taps, steps = kernel.shape[2:], (stride, stride)
    y = F.conv2d(pad_same(source, taps, steps) if padded else source, kernel.permute(1, 0, 2, 3), stride=stride)
    (gradient,) = torch.autograd.grad(y, source, x, create_graph=True)
    return [gradient + bias.reshape(1, -1, 1, 1)]


def transposed_convolutions():
    shape = (2, 3, 4, 2)
    bias = ((3,), None)
    case("transpose_same", [shape], [((3, 2, 3, 3), None), bias],
         lambda x, p: transposed(x[0], p[0], p[1], 2, (6, 8), True))
    case("transpose_same_even", [shape], [((3, 2, 4, 4), None), bias],
         lambda x, p: transposed(x[0], p[0], p[1], 2, (6, 8), True))
    case("transpose_valid", [shape], [((3, 2, 3, 3), None), bias],
         lambda x, p: transposed(x[0], p[0], p[1], 2, (7, 9), False))
    case("transpose_valid_apart", [shape], [((3, 2, 2, 2), None), bias],
         lambda x, p: transposed(x[0], p[0], p[1], 3, (9, 12), False))
    case("transpose_output_padding", [shape], [((3, 2, 3, 3), None), bias],
         lambda x, p: transposed(x[0], p[0], p[1], 3, (8, 11), True))


def others():
    case("dense", [(3, 5)], [((5, 4), None), ((4,), None)],
         lambda x, p: [torch.sigmoid(x[0] @ p[0] + p[1])])
    statistics = [((4,), None), ((4,), None), ((4,), "mean"), ((4,), "variance")]
    case("batch_norm_training", [PICTURE], statistics,
         lambda x, p: [F.batch_norm(x[0], None, None, p[0], p[1], training=True, eps=0.001)])
    case("batch_norm_inference", [PICTURE], statistics,
         lambda x, p: [F.batch_norm(x[0], p[2], p[3], p[0], p[1], training=False, eps=0.001)])
    case("batch_norm_rows", [(5, 4)], statistics,
         lambda x, p: [F.batch_norm(x[0], None, None, p[0], p[1], training=True, eps=0.001)])
    case("instance_norm", [PICTURE], [((4,), None), ((4,), None)],
         lambda x, p: [F.instance_norm(x[0], weight=p[0], bias=p[1], eps=0.001)])
    case("max_pool", [PICTURE], [], lambda x, p: [F.max_pool2d(x[0], 2)])
    case("max_pool_same", [PICTURE], [],
         lambda x, p: [F.max_pool2d(pad_same(x[0], (3, 3), (2, 2), value=-math.inf), 3, 2)])
    case("average_pool", [PICTURE], [], lambda x, p: [F.avg_pool2d(x[0], (2, 3), (1, 2))])
    case("average_pool_same", [PICTURE], [],
         lambda x, p: [F.avg_pool2d(pad_same(x[0], (3, 3), (2, 2)), 3, 2)
                       / F.avg_pool2d(pad_same(torch.ones_like(x[0]), (3, 3), (2, 2)), 3, 2)])
    case("global_average", [PICTURE], [], lambda x, p: [x[0].mean((2, 3))])
    case("global_average_kept", [PICTURE], [], lambda x, p: [x[0].mean((2, 3), keepdim=True)])
    case("flatten", [PICTURE], [], lambda x, p: [nhwc(x[0]).flatten(1)])
    case("reshape", [PICTURE], [], lambda x, p: [nchw(nhwc(x[0]).reshape(2, 3, 10, 4))])
    case("reshape_row", [(2, 12)], [], lambda x, p: [nchw(x[0].reshape(2, 2, 3, 2))])
    case("add", [PICTURE, (2, 1, 5, 4), (2, 6, 5, 1)], [], lambda x, p: [x[0] + x[1] + x[2]])
    case("multiply", [PICTURE, (2, 1, 1, 4)], [], lambda x, p: [x[0] * x[1]])
    case("concatenate", [PICTURE, (2, 6, 5, 2)], [], lambda x, p: [torch.cat(x, 1)])
    case("concatenate_rows", [PICTURE, (2, 3, 5, 4)], [], lambda x, p: [torch.cat(x, 2)])
    case("up_nearest", [(2, 3, 4, 2)], [], lambda x, p: [F.interpolate(x[0], scale_factor=(2, 3), mode="nearest")])
    case("up_bilinear", [(2, 3, 4, 2)], [],
         lambda x, p: [F.interpolate(x[0], scale_factor=(2, 3), mode="bilinear", align_corners=False)])
    case("zero_padding", [(2, 3, 4, 2)], [], lambda x, p: [F.pad(x[0], (3, 0, 1, 2))])
    case("reflection_padding", [(2, 3, 4, 2)], [], lambda x, p: [F.pad(x[0], (3, 0, 1, 2), mode="reflect")])
    case("l2_normalize", [(3, 5)], [], lambda x, p: [x[0] / x[0].pow(2).sum(1, keepdim=True).sqrt()])
    case("l2_normalize_channels", [PICTURE], [], lambda x, p: [x[0] / x[0].pow(2).sum(1, keepdim=True).sqrt()])


def activations():
    functions = {
        "relu": F.relu,
        "relu6": F.relu6,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "silu": F.silu,
        "hard_swish": F.hardswish,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softmax": lambda x: F.softmax(x, 1),
    }
    for name, function in functions.items():
        case(name, [(2, 3, 4, 3)], [], lambda x, p: [function(x[0])], scale=8.0)


def blocks():
    """The notes' convolutional block with s = 2, then their identity block, f = 3."""

    def specs(shapes):
        return [spec for filters, channels, f in shapes for spec in
                [((filters, channels, f, f), None), ((filters,), None), ((filters,), "gamma"), ((filters,), None),
                 ((filters,), "mean"), ((filters,), "variance")]]

    def unit(x, p, stride=1):
        kernel = p[0].shape[2]
        y = F.conv2d(pad_same(x, (kernel, kernel), (1, 1)), p[0], p[1], stride=stride)
        return F.batch_norm(y, None, None, p[2], p[3], training=True, eps=0.001)

    def run(x, p):
        units = [p[at:at + 6] for at in range(0, len(p), 6)]
        main = F.relu(unit(x[0], units[0], 2))
        main = F.relu(unit(main, units[1]))
        main = unit(main, units[2])
        y = F.relu(main + unit(x[0], units[3], 2))
        main = F.relu(unit(y, units[4]))
        main = F.relu(unit(main, units[5]))
        return [F.relu(unit(main, units[6]) + y)]

    case("residual_blocks", [(2, 8, 8, 2)],
         specs([(3, 2, 1), (2, 3, 3), (4, 2, 1), (4, 2, 1), (3, 4, 1), (2, 3, 3), (4, 2, 1)]), run)


convolutions()
transposed_convolutions()
others()
activations()
blocks()
lines = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in CASES.items()]
path = pathlib.Path(__file__).parent.parent / "expected" / "layers.json"
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(path, path.stat().st_size)
