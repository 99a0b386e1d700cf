#!/usr/bin/env python3
"""Runs a quantised ONNX file node by node, as docs/int8.md defines the arithmetic, and prints a digest of its outputs.

The reference for `tests/models/int8.rs`: it shares nothing with the engine. Each node is computed on its own, on whole tensors
in ONNX's order; integer sums are exact. Needs onnx and numpy.

    int8_interpreter.py MODEL.onnx PICTURE [MEAN,MEAN,MEAN/STD,STD,STD]

PICTURE: a binary PPM of the size of the network's input, in its colour order, or `pattern`: the picture that the tests
make by a formula.
"""

import hashlib
import sys

import numpy as np
import onnx
from onnx import numpy_helper

F = np.float32


def exp(x):
    """The engine's exponential: float32 additions and multiplications in this order."""
    x = np.clip(x.astype(F), F(-104), F(89))
    magic = F(12582912.0)
    rounded = x * F(1.44269504088896340736) + magic
    n = rounded - magic
    r = x - n * F(0.6933594) - n * F(-2.1219444e-4)
    p = np.full_like(r, F(1.9875691e-4))
    for c in (1.3982e-3, 8.333452e-3, 4.1665796e-2, 1.6666665e-1, 0.5):
        p = p * r + F(c)
    y = p * (r * r) + r + F(1)
    k = n.astype(np.int32)
    power = lambda k: ((k + 127).astype(np.uint32) << np.uint32(23)).view(F)
    return y * power(k >> 1) * power(k - (k >> 1))


def sigmoid(x):
    """The engine's: 1 / (1 + 2ᵗ)."""
    return F(1) / sigmoid_divisor(x)


def sigmoid_divisor(x):
    """1 + 2ᵗ, 2ᵗ by a polynomial and the exponent's bits."""
    t = np.clip(x.astype(F) * F(-1.44269504088896340736), F(-120), F(120))
    rounded = t + F(12582912.0)
    r = t - (rounded - F(12582912.0))
    p = F(0.9999993) + r * (F(0.6931218) + r * (F(0.24024744) + r * (F(5.591786e-2) + r * F(9.570102e-3))))
    return F(1) + (p.view(np.uint32) + (rounded.view(np.uint32) << np.uint32(23))).view(F)


def quantize(x, scale, zero, axis=1):
    low, high = (-128, 127) if zero.dtype == np.int8 else (0, 255)
    scale, z = along(scale, x.ndim, axis), along(zero.astype(F), x.ndim, axis)
    return np.clip(np.round(x / scale) + z, low, high).astype(zero.dtype)


def dequantize(q, scale, zero, axis=1):
    z = along(zero.astype(np.int32), q.ndim, axis)
    return (q.astype(np.int32) - z).astype(F) * along(scale, q.ndim, axis)


def along(values, rank, axis):
    values = np.atleast_1d(values)
    if values.size == 1:
        return values.reshape(())
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


def patches(x, kernel, attributes, pad):
    """[channels, taps, height, width] of what a window sees."""
    kh, kw = kernel
    sh, sw = attributes.get("strides", [1, 1])
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    x = np.pad(x[0], ((0, 0), (top, bottom), (left, right)), constant_values=pad)
    height, width = (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1
    taps = [
        x[:, i : i + (height - 1) * sh + 1 : sh, j : j + (width - 1) * sw + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    return np.stack(taps, 1)


def integer_conv(q, x_zero, w, w_zero, bias, attributes):
    """Exact sums: [outputs, height, width] of int64."""
    group = attributes.get("group", 1)
    q = q.astype(np.int64) - along(np.atleast_1d(x_zero).astype(np.int64), 4, 1)
    w = w.astype(np.int64) - along(np.atleast_1d(w_zero).astype(np.int64), 4, 0)
    seen = patches(q, w.shape[2:], attributes, 0)
    each_in, each_out = w.shape[1], w.shape[0] // group
    out = []
    for g in range(group):
        a = seen[g * each_in : (g + 1) * each_in]
        k = w[g * each_out : (g + 1) * each_out].reshape(each_out, -1)
        # Below 2⁵³: float64 is exact, and faster than integers.
        out.append(k.astype(np.float64) @ a.reshape(k.shape[1], -1).astype(np.float64))
    out = np.concatenate(out).astype(np.int64).reshape(w.shape[0], *seen.shape[2:])
    return out + bias.astype(np.int64).reshape(-1, 1, 1)


def float_conv(x, w, bias, attributes):
    """float32, from the bias on in the order row, column, channel of the window; two roundings per term."""
    group = attributes.get("group", 1)
    seen = patches(x.astype(F), w.shape[2:], attributes, F(0))
    each_in, each_out = w.shape[1], w.shape[0] // group
    acc = np.broadcast_to(bias.astype(F).reshape(-1, 1, 1), (w.shape[0], *seen.shape[2:])).copy()
    weights = w.reshape(w.shape[0], each_in, -1)
    for tap in range(seen.shape[1]):
        for c in range(each_in):
            for g in range(group):
                rows = slice(g * each_out, (g + 1) * each_out)
                acc[rows] = acc[rows] + seen[g * each_in + c, tap] * weights[rows, c, tap].reshape(-1, 1, 1)
    return acc[None]


class Interpreter:
    def __init__(self, path):
        self.graph = onnx.load(path).graph
        self.values = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.origin = {}  # float name → (integers, scale, zero) that it was dequantised from
        self.readers = {}
        for node in self.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def run(self, picture):
        fed = [i for i in self.graph.input if i.name not in self.values]
        self.values[fed[0].name] = picture
        for node in self.graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            args = [self.values[n] if n else None for n in node.input]
            result = getattr(self, node.op_type)(node, attributes, *args)
            for name, value in zip(node.output, result if isinstance(result, list) else [result]):
                self.values[name] = value
            self.move(node, attributes, args)
        return [self.values[o.name] for o in self.graph.output]

    def move(self, node, attributes, args):
        """What only moves numbers moves the bytes that they came from: a convolution behind it still has exact sums."""
        if node.op_type not in ("Concat", "MaxPool", "Reshape", "Resize", "Slice", "Split", "Transpose"):
            return
        count = len(node.input) if node.op_type == "Concat" else 1
        origins = [self.origin.get(name) for name in node.input[:count]]
        if any(origin is None or origin[0] != "bytes" for origin in origins):
            return
        scales, zeros = ([np.atleast_1d(origin[at]) for origin in origins] for at in (2, 3))
        alike = all(np.array_equal(s, scales[0]) and np.array_equal(z, zeros[0]) for s, z in zip(scales, zeros))
        if not alike or (len(scales[0]) > 1 and node.op_type not in ("MaxPool", "Resize")):
            return
        if node.op_type == "Resize" and attributes["mode"] != b"nearest":
            return
        moved = getattr(self, node.op_type)(node, attributes, *[origin[1] for origin in origins], *args[count:])
        for name, value in zip(node.output, moved if isinstance(moved, list) else [moved]):
            self.origin[name] = ("bytes", value, scales[0], zeros[0])

    def QuantizeLinear(self, node, at, x, scale, zero):
        sums = self.origin.get(node.input[0])
        if sums is not None and sums[0] == "sums" and len(set(np.atleast_1d(zero))) > 1:
            sums = ("function",)
        if sums is not None and sums[0] == "sums" and len(self.readers[node.input[0]]) == 1:
            return self.requantize(sums[1], sums[2], scale, zero)
        if sums is not None and sums[0] == "function" and len(self.readers[node.input[0]]) == 1:
            reciprocal = along((1 / np.atleast_1d(scale).astype(np.float64)).astype(F), x.ndim, at.get("axis", 1))
            silu = sums[1:]
            x = silu[0] * reciprocal / sigmoid_divisor(silu[0]) if silu else x * reciprocal
            return quantize(x, F(1), zero, at.get("axis", 1))
        return quantize(x, scale, zero, at.get("axis", 1))

    def function(self, node, readers=1):
        """Between a convolution and a quantiser a function is part of the convolution."""
        origin = self.origin.get(node.input[0])
        if origin is not None and origin[0] == "sums" and len(self.readers[node.input[0]]) == readers:
            self.origin[node.output[0]] = ("function",) if readers == 1 else ("sigmoid", node.input[0])

    def requantize(self, sums, scale, out_scale, zero):
        """One factor, computed in float64 and rounded once; one multiplication."""
        factor = (scale / np.atleast_1d(out_scale).astype(np.float64)).astype(F).reshape(-1, 1, 1)
        low, high = (-128, 127) if zero.dtype == np.int8 else (0, 255)
        zero = np.atleast_1d(zero)[:1]
        return np.clip(np.round(sums.astype(F) * factor) + zero.astype(F), low, high).astype(zero.dtype)[None]

    def DequantizeLinear(self, node, at, q, scale, zero=np.int8(0)):
        self.origin[node.output[0]] = ("bytes", q, np.atleast_1d(scale), np.atleast_1d(zero))
        return dequantize(q, scale, np.asarray(zero), at.get("axis", 1))

    def Conv(self, node, at, x, w, b=None):
        xq, wq = (self.origin.get(name) for name in node.input[:2])
        if xq is None or wq is None or xq[0] != "bytes":
            return float_conv(x, w, np.zeros(len(w), F) if b is None else b, at)
        scale = xq[2].astype(np.float64) * wq[2].astype(np.float64)
        scale = np.broadcast_to(scale, (len(w),))
        if b is None:
            bias = np.zeros(len(w), np.int64)
        else:
            stored = self.origin.get(node.input[2])
            agrees = stored is not None and np.all(np.abs(stored[2] / scale - 1) < 1e-5)
            bias = stored[1] if agrees else np.round(b.astype(np.float64) / scale).astype(np.int64)
        sums = integer_conv(xq[1], xq[3], wq[1], wq[3], bias, at)
        self.origin[node.output[0]] = ("sums", sums, scale)
        return (sums.astype(F) * scale.astype(F).reshape(-1, 1, 1))[None]

    def QLinearConv(self, node, at, x, xs, xz, w, ws, wz, ys, yz, b=None):
        bias = np.zeros(len(w), np.int64) if b is None else b
        sums = integer_conv(x, xz, w, wz, bias, at)
        scale = np.broadcast_to(np.atleast_1d(xs).astype(np.float64) * np.atleast_1d(ws).astype(np.float64), (len(w),))
        return self.requantize(sums, scale, ys, yz)

    def QLinearAdd(self, node, at, a, az, azp, b, bz, bzp, s, z):
        return quantize(dequantize(a, az, azp) + dequantize(b, bz, bzp), s, z)

    def QLinearLeakyRelu(self, node, at, x, xs, xz, ys, yz):
        x = dequantize(x, xs, xz)
        return quantize(np.where(x < 0, x * F(at["alpha"]), x), ys, yz)

    def QLinearSigmoid(self, node, at, x, xs, xz, ys, yz):
        return quantize(sigmoid(dequantize(x, xs, xz)), ys, yz)

    def QLinearConcat(self, node, at, s, z, *parts):
        same = [quantize(dequantize(*parts[i : i + 3]), s, z) for i in range(0, len(parts), 3)]
        return np.concatenate(same, at["axis"])

    def Sigmoid(self, node, at, x):
        self.function(node, len(self.readers[node.input[0]]))
        return sigmoid(x)

    def Relu(self, node, at, x):
        sums = self.origin.get(node.input[0])
        if sums is not None and sums[0] == "sums" and len(self.readers[node.input[0]]) == 1:
            # Between a convolution and a quantiser it narrows the bounds: the factor is above 0, rounding keeps the order.
            self.origin[node.output[0]] = ("sums", np.maximum(sums[1], 0), sums[2])
        return np.maximum(x, F(0))

    def PRelu(self, node, at, x, slope):
        self.function(node)
        return np.where(x < 0, x * slope.reshape(-1, 1, 1), x)

    def LeakyRelu(self, node, at, x):
        self.function(node)
        return np.where(x < 0, x * F(at.get("alpha", 0.01)), x)

    def Mul(self, node, at, a, b):
        for x, y in (node.input, node.input[::-1]):
            silu = self.origin.get(y) == ("sigmoid", x) and len(self.readers[x]) == 2 and len(self.readers[y]) == 1
            if silu:
                self.origin[node.output[0]] = ("function", self.values[x])
        return a * b

    def Add(self, node, at, a, b):
        return a + b

    def Concat(self, node, at, *parts):
        return np.concatenate(parts, at["axis"])

    def Split(self, node, at, x, counts=None):
        counts = at.get("split") if counts is None else counts
        return np.split(x, np.cumsum(counts)[:-1], at.get("axis", 0))

    def Slice(self, node, at, x, starts, ends, axes, steps):
        index = [slice(None)] * x.ndim
        for a, s, e, k in zip(axes, starts, ends, steps):
            index[a] = slice(int(s), int(min(e, x.shape[a])), int(k))
        return x[tuple(index)]

    def Reshape(self, node, at, x, shape):
        return x.reshape([x.shape[i] if d == 0 else int(d) for i, d in enumerate(shape)])

    def Transpose(self, node, at, x):
        return x.transpose(at["perm"])

    def MaxPool(self, node, at, x):
        low = np.finfo(F).min if x.dtype == F else np.iinfo(x.dtype).min
        return patches(x, at["kernel_shape"], at, low).max(1)[None]

    def Resize(self, node, at, x, roi=None, scales=None, sizes=None):
        height, width = (int(n) for n in sizes[2:]) if sizes is not None else (
            int(n * s) for n, s in zip(x.shape[2:], scales[2:]))
        if at["mode"] == b"nearest":
            return x.repeat(height // x.shape[2], 2).repeat(width // x.shape[3], 3)
        v = x.astype(F)

        def axis(out, size):
            at_ = np.maximum((np.arange(out, dtype=F) + F(0.5)) * (F(size) / F(out)) - F(0.5), F(0))
            low = np.minimum(at_.astype(np.int64), size - 1)
            return low, np.minimum(low + 1, size - 1), at_ - low.astype(F)

        t, b, down = axis(height, x.shape[2])
        l, r, across = axis(width, x.shape[3])
        down = down.reshape(-1, 1)
        above = v[:, :, t][..., l] + (v[:, :, t][..., r] - v[:, :, t][..., l]) * across
        below = v[:, :, b][..., l] + (v[:, :, b][..., r] - v[:, :, b][..., l]) * across
        y = above + (below - above) * down
        return np.round(y).astype(x.dtype) if x.dtype != F else y


def read_ppm(path):
    data = open(path, "rb").read()
    _, width, height, _, pixels = data.split(None, 4)
    return np.frombuffer(data[-int(width) * int(height) * 3 :], np.uint8).reshape(int(height), int(width), 3)


def pattern(height, width):
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return (((x * 3 + y * 5 + c * 40) ^ (x * y >> 5)) & 255).astype(np.uint8)


def main():
    model, picture = sys.argv[1:3]
    size = [d.dim_value for d in onnx.load(model).graph.input[0].type.tensor_type.shape.dim][2:]
    pixels = pattern(*size) if picture == "pattern" else read_ppm(picture)
    pixels = pixels.transpose(2, 0, 1)[None].astype(F)
    if len(sys.argv) > 3:  # MEAN,MEAN,MEAN/STD,STD,STD
        mean, std = (np.array([F(v) for v in part.split(",")], F).reshape(1, 3, 1, 1) for part in sys.argv[3].split("/"))
        pixels = (pixels - mean) / std
    for output in Interpreter(model).run(pixels):
        data = np.ascontiguousarray(output, F)
        print(list(data.shape), hashlib.sha256(data.tobytes()).hexdigest())


main()
