#!/usr/bin/env python3
"""Makes tests/expected/detections.json: what tests/detect.rs compares wayside with, computed without any of its code.

usage: detections.py ASSETS_DIR > ../expected/detections.json      (numpy, opencv-python-headless, onnxruntime)

- `resize`: a made-up picture, resized by cv2.INTER_LINEAR.
- `decode`: made-up outputs of every head, decoded and suppressed here in float64.
- `pictures`: ASSETS_DIR/images through ASSETS_DIR/models with ONNX Runtime, cv2 and numpy only: letterbox or plain
  resize, decoding, per-class NMS at 0.45. Boxes are x1, y1, x2, y2 in picture pixels. YOLO11 is also compared with
  wayside's reading of the same graph cut off before its distribution: the graph itself is the reference then.
"""
import json
import os
import sys

import cv2
import numpy as np
import onnxruntime as ort

SCORE, IOU = 0.25, 0.45
ANCHORS = [[1.08, 1.19], [3.42, 4.41], [6.63, 11.38], [9.42, 5.11], [16.62, 10.52]]
FASTEST_ANCHORS = [[12, 18], [37, 49], [52, 132], [115, 73], [119, 199], [242, 238]]


def noise(count, seed):
    """Numbers in 0..1 with 24 bits, exact in float32: a linear congruential generator that Rust repeats."""
    state, out = seed, np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = (state >> 8) / 2**24
    return out


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def yolox(raw, width, height):
    """[N, 5 + classes] -> boxes in input pixels, scores [N, classes]."""
    raw = raw.astype(np.float64)
    cells, strides = [], []
    for stride in (8, 16, 32):
        rows, columns = height // stride, width // stride
        gy, gx = np.mgrid[:rows, :columns]
        cells.append(np.stack([gx, gy], -1).reshape(-1, 2))
        strides.append(np.full((rows * columns, 1), stride))
    cells, strides = np.concatenate(cells), np.concatenate(strides)
    center, size = (raw[:, :2] + cells) * strides, np.exp(raw[:, 2:4]) * strides
    return np.concatenate([center - size / 2, center + size / 2], 1), raw[:, 4:5] * raw[:, 5:]


def yolov2(raw, anchors, width, height):
    """[A * (5 + classes), rows, columns] -> boxes in input pixels, scores [N, classes]."""
    channels, rows, columns = raw.shape
    raw = raw.astype(np.float64).reshape(len(anchors), channels // len(anchors), rows, columns)
    gy, gx = np.mgrid[:rows, :columns]
    aw, ah = np.array(anchors).T[:, :, None, None]
    cx, cy = (sigmoid(raw[:, 0]) + gx) / columns * width, (sigmoid(raw[:, 1]) + gy) / rows * height
    w, h = np.exp(raw[:, 2]) * aw / columns * width, np.exp(raw[:, 3]) * ah / rows * height
    e = np.exp(raw[:, 5:] - raw[:, 5:].max(1, keepdims=True))
    scores = sigmoid(raw[:, 4:5]) * e / e.sum(1, keepdims=True)
    boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], -1).reshape(-1, 4)
    return boxes, scores.transpose(0, 2, 3, 1).reshape(-1, scores.shape[1])


def split_anchors(raw, anchors):
    """[A * numbers, rows, columns] -> [A, numbers, rows, columns] in float64, column, row and anchor sizes to fit."""
    channels, rows, columns = raw.shape
    raw = raw.astype(np.float64).reshape(len(anchors), channels // len(anchors), rows, columns)
    gy, gx = np.mgrid[:rows, :columns]
    aw, ah = np.array(anchors, np.float64).T[:, :, None, None]
    return raw, gx, gy, aw, ah


def flat(cx, cy, w, h, scores):
    """Planes [A, rows, columns] and [A, classes, rows, columns] -> boxes [N, 4], scores [N, classes]."""
    boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], -1).reshape(-1, 4)
    return boxes, scores.transpose(0, 2, 3, 1).reshape(-1, scores.shape[1])


def yolov3(raw, anchors, width, height):
    """One grid; anchors in input pixels."""
    raw, gx, gy, aw, ah = split_anchors(raw, anchors)
    rows, columns = raw.shape[2:]
    cx, cy = (sigmoid(raw[:, 0]) + gx) * (width / columns), (sigmoid(raw[:, 1]) + gy) * (height / rows)
    return flat(cx, cy, np.exp(raw[:, 2]) * aw, np.exp(raw[:, 3]) * ah, sigmoid(raw[:, 4:5]) * sigmoid(raw[:, 5:]))


def yolov5(raw, anchors, width, height):
    """One raw grid; anchors in input pixels."""
    raw, gx, gy, aw, ah = split_anchors(raw, anchors)
    rows, columns = raw.shape[2:]
    s = sigmoid(raw)
    cx, cy = (2 * s[:, 0] - 0.5 + gx) * (width / columns), (2 * s[:, 1] - 0.5 + gy) * (height / rows)
    return flat(cx, cy, (2 * s[:, 2]) ** 2 * aw, (2 * s[:, 3]) ** 2 * ah, s[:, 4:5] * s[:, 5:])


def yolov8(raw):
    """[4 + classes, N], decoded in the graph."""
    raw = raw.astype(np.float64).T
    center, size = raw[:, :2], raw[:, 2:4]
    return np.concatenate([center - size / 2, center + size / 2], 1), raw[:, 4:]


def distances(sides, columns, stride, point):
    """[cells, 4 * bins] logits of one grid and the offset of a cell's point -> boxes."""
    bins = sides.shape[1] // 4
    logits = sides.astype(np.float64).reshape(-1, 4, bins)
    e = np.exp(logits - logits.max(2, keepdims=True))
    d = (e / e.sum(2, keepdims=True) * np.arange(bins)).sum(2) * stride
    cell = np.arange(len(d))
    x, y = cell % columns * stride + point, cell // columns * stride + point
    return np.stack([x - d[:, 0], y - d[:, 1], x + d[:, 2], y + d[:, 3]], 1)


def nanodet(outputs, width):
    """Three class outputs, then three of the sides, for strides 8, 16, 32."""
    boxes = [distances(outputs[3 + i], width // s, s, 0.5 * (s - 1)) for i, s in enumerate((8, 16, 32))]
    return np.concatenate(boxes), np.concatenate(outputs[:3]).astype(np.float64)


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def detections(boxes, scores, width, height, agnostic=False):
    """Best class of each box, threshold, clip, greedy NMS: [[class, score, x1, y1, x2, y2], ...], best first."""
    best = scores.argmax(1)
    found = [(float(scores[i, c]), int(c), boxes[i]) for i, c in enumerate(best) if scores[i, c] >= SCORE]
    found = [(s, c, np.clip(b, 0, [width, height, width, height])) for s, c, b in found]
    found = [(s, c, b) for s, c, b in found if b[2] > b[0] and b[3] > b[1]]
    kept = []
    for s, c, b in sorted(found, key=lambda f: -f[0]):
        if all((c != k and not agnostic) or iou(b, other) <= IOU for _, k, other in kept):
            kept.append((s, c, b))
    return [[c, round(s, 5)] + [round(float(x), 3) for x in b] for s, c, b in kept]


def resize_case(width, height, to_width, to_height):
    picture = (noise(width * height * 3, 7) * 256).astype(np.uint8).reshape(height, width, 3)
    resized = cv2.resize(picture, (to_width, to_height), interpolation=cv2.INTER_LINEAR)
    return {"from": [width, height], "to": [to_width, to_height], "pixels": resized.flatten().tolist()}


def decode_cases():
    width, height, classes = 160, 96, 4
    n = sum((width // s) * (height // s) for s in (8, 16, 32))
    raw = noise(n * (5 + classes), 1).reshape(n, 5 + classes)
    raw[:, :4] = raw[:, :4] * np.float32(2) - np.float32(0.5)
    boxes, scores = yolox(raw, width, height)
    anchors, rows, columns = [[1.5, 1.0], [2.0, 3.0], [4.0, 2.5]], 4, 7
    region = noise(len(anchors) * (5 + classes) * rows * columns, 2).reshape(-1, rows, columns)
    region = region * np.float32(8) - np.float32(4)
    region_boxes, region_scores = yolov2(region, anchors, 224, 128)
    cases = {
        "yolox": (boxes, scores, width, height),
        "yolov2": (region_boxes, region_scores, 224, 128),
        "yolov3": pyramid(yolov3, 3),
        "yolov5": pyramid(yolov5, 4),
        "yolov8": distribution(5),
        "nanodet": distribution(6, lambda stride: 0.5 * (stride - 1), np.asarray),
    }
    return {
        name: {"aware": detections(*case), "agnostic": detections(*case, True)} for name, case in cases.items()
    }


def pyramid(decode, seed):
    """Grids of 5x3 and 10x6 cells over a 160x96 input, the coarse one first; 2 anchors of 4 classes each."""
    anchors = {(3, 5): [[30.0, 20.0], [50.0, 60.0]], (6, 10): [[8.0, 10.0], [20.0, 12.0]]}
    raw = noise(2 * 9 * (15 + 60), seed) * np.float32(8) - np.float32(4)
    parts = [raw[: 18 * 15].reshape(18, 3, 5), raw[18 * 15 :].reshape(18, 6, 10)]
    found = [decode(part, anchors[part.shape[1:]], 160, 96) for part in parts]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]), 160, 96


def distribution(seed, point=lambda stride: 0.5 * stride, activation=sigmoid):
    """[N, 4 x 8 + 4] over the three grids of a 160x96 input, as one output: sides of 8 bins, then 4 classes."""
    n = 20 * 12 + 10 * 6 + 5 * 3
    raw = noise(n * 36, seed).reshape(n, 36)
    raw[:, :32] *= np.float32(6)
    boxes, before = [], 0
    for stride in (8, 16, 32):
        columns, rows = 160 // stride, 96 // stride
        boxes.append(distances(raw[before : before + columns * rows, :32], columns, stride, point(stride)))
        before += columns * rows
    return np.concatenate(boxes), activation(raw[:, 32:].astype(np.float64)), 160, 96


def fit(picture, size, resize, pad):
    """The network's square picture (BGR), and the scale and offset of x and y by which it was made."""
    height, width = picture.shape[:2]
    ratio, round_side = min(size / width, size / height), int if resize == "letterbox" else round
    w, h = (size, size) if resize == "stretch" else (round_side(width * ratio), round_side(height * ratio))
    x, y = ((size - w) // 2, (size - h) // 2) if resize == "letterbox_center" else (0, 0)
    net = np.full((size, size, 3), pad, np.uint8)
    net[y : y + h, x : x + w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_LINEAR)
    scale = [w / width, h / height] if resize == "stretch" else [ratio, ratio]
    return net, np.array(scale), np.array([x, y])


UNIT = (0, 255)
RAW = (0, 1)
IMAGENET = ([103.53, 116.28, 123.675], [57.375, 57.12, 58.395])


def fastest(outputs):
    (coarse,), (fine,) = outputs
    found = [yolov3(coarse, FASTEST_ANCHORS[3:], 320, 320), yolov3(fine, FASTEST_ANCHORS[:3], 320, 320)]
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


# name: side, channel order, (mean, std), resize, padding, outputs -> boxes in input pixels and scores
MODELS = {
    "yolox_nano": (416, "bgr", RAW, "letterbox", 114, lambda out: yolox(out[0][0], 416, 416)),
    "yolo-lite-coco": (224, "rgb", UNIT, "stretch", 0, lambda out: yolov2(out[0][0], ANCHORS, 224, 224)),
    "yolo-lite-coco_608": (608, "rgb", UNIT, "stretch", 0, lambda out: yolov2(out[0][0], ANCHORS, 608, 608)),
    "yolo-fastest-1.1": (320, "rgb", UNIT, "stretch", 0, fastest),
    "yolo-fastest-1.1-xl": (320, "rgb", UNIT, "stretch", 0, fastest),
    "object_detection_nanodet_2022nov": (
        416, "bgr", IMAGENET, "letterbox", 0, lambda out: nanodet([o[0] for o in out], 416),
    ),
    "yolo11n_320_fp32_dequantised": (320, "rgb", UNIT, "letterbox_center", 114, lambda out: yolov8(out[0][0])),
}


def run_picture(session, name, picture):
    height, width = picture.shape[:2]
    size, order, (mean, std), resize, pad, decode = MODELS[name]
    net, scale, offset = fit(picture, size, resize, pad)
    net = net if order == "bgr" else net[:, :, ::-1]
    tensor = ((net.astype(np.float32) - np.float32(mean)) / np.float32(std)).transpose(2, 0, 1)[None]
    boxes, scores = decode(session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(tensor)}))
    boxes = (boxes - np.tile(offset, 2)) / np.tile(scale, 2)
    return detections(boxes, scores, width, height)


def picture_cases(assets):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    cases = {}
    for name in MODELS:
        session = ort.InferenceSession(f"{assets}/models/{name}.onnx", options, providers=["CPUExecutionProvider"])
        cases[name] = {}
        for file in sorted(os.listdir(f"{assets}/images")):
            cases[name][file] = run_picture(session, name, cv2.imread(f"{assets}/images/{file}"))
    return cases


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    expected = {
        "resize": [resize_case(31, 23, 12, 9), resize_case(9, 7, 20, 15), resize_case(40, 30, 13, 30)],
        "decode": decode_cases(),
        "pictures": picture_cases(sys.argv[1]),
    }
    # One line per list of numbers.
    text = json.dumps(expected, indent=1)
    print(compact(text))


def compact(text):
    """Joins the lines of the innermost lists."""
    import re
    return re.sub(r"\[[^\[\]{}]*\]", lambda m: re.sub(r"\s+", " ", m.group()).replace("[ ", "[").replace(" ]", "]"), text)


if __name__ == "__main__":
    main()
