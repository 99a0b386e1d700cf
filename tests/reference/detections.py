#!/usr/bin/env python3
"""Makes tests/expected/detections.json: what tests/detect.rs compares wayside with, computed without any of its code.

usage: detections.py ASSETS_DIR > ../expected/detections.json      (numpy, opencv-python-headless, onnxruntime)

- `resize`: a made-up picture, resized by cv2.INTER_LINEAR.
- `decode`: made-up outputs of a YOLOX and a YOLOv2 head, decoded and suppressed here in float64.
- `pictures`: ASSETS_DIR/images through ASSETS_DIR/models with ONNX Runtime, cv2 and numpy only: letterbox or plain
  resize, decoding, per-class NMS at 0.45. Boxes are x1, y1, x2, y2 in picture pixels.
"""
import json
import os
import sys

import cv2
import numpy as np
import onnxruntime as ort

SCORE, IOU = 0.25, 0.45
ANCHORS = [[1.08, 1.19], [3.42, 4.41], [6.63, 11.38], [9.42, 5.11], [16.62, 10.52]]


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
    return {
        "yolox": {
            "aware": detections(boxes, scores, width, height),
            "agnostic": detections(boxes, scores, width, height, True),
        },
        "yolov2": {
            "aware": detections(region_boxes, region_scores, 224, 128),
            "agnostic": detections(region_boxes, region_scores, 224, 128, True),
        },
    }


def run_picture(session, name, size, picture):
    height, width = picture.shape[:2]
    if name == "yolox_nano":
        ratio = min(size / width, size / height)
        w, h = int(width * ratio), int(height * ratio)
        net = np.full((size, size, 3), 114, np.uint8)
        net[:h, :w] = cv2.resize(picture, (w, h), interpolation=cv2.INTER_LINEAR)
        tensor = net.transpose(2, 0, 1)[None].astype(np.float32)
        boxes, scores = yolox(session.run(None, {"images": tensor})[0][0], size, size)
        boxes /= ratio
    else:
        net = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)[:, :, ::-1]
        tensor = net.transpose(2, 0, 1)[None].astype(np.float32) / 255
        boxes, scores = yolov2(session.run(None, {"images": tensor})[0][0], ANCHORS, size, size)
        boxes *= np.tile([width / size, height / size], 2)
    return detections(boxes, scores, width, height)


def picture_cases(assets):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    cases = {}
    for name, size in (("yolox_nano", 416), ("yolo-lite-coco", 224), ("yolo-lite-coco_608", 608)):
        session = ort.InferenceSession(f"{assets}/models/{name}.onnx", options, providers=["CPUExecutionProvider"])
        cases[name] = {}
        for file in sorted(os.listdir(f"{assets}/images")):
            cases[name][file] = run_picture(session, name, size, cv2.imread(f"{assets}/images/{file}"))
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


main()
