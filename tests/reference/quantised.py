#!/usr/bin/env python3
"""Whether ONNX Runtime finds in pictures what wayside's int8 engine finds with the same quantised file.

usage: quantised.py [--plain] WAYSIDE MODEL_FOLDER PICTURES...      (numpy, opencv-python-headless, onnxruntime; Python 3.11)

MODEL_FOLDER is what `wayside quantize` wrote of a YOLOX, a Yolo-Fastest or a detector of our own (models/vehicle). ONNX Runtime's side is cv2, numpy and
detections.py: letterbox or plain resize, decoding, suppression with the vehicles as one group, scores from 0.25. Both get
pictures that cv2 has resized before, as its rounding is another matter. --plain: without ONNX Runtime's optimizations; on x86
without VNNI its optimized convolutions add pairs of products in 16 bits, which saturate. Prints how many detections agree (the same class, each side within a pixel of the picture, scores within 0.01), and each that does not.
"""
import json
import os
import subprocess
import sys
import tempfile
import tomllib

import cv2
import numpy as np
import onnxruntime as ort

from detections import SCORE, IOU, fit, iou, yolov3, yolox

VEHICLES = {"car", "van", "bus", "truck", "motorcycle", "motorbike"}


def by_wayside(program, model, pictures):
    command = [program, "detect", "--json", "--engine", "int8", "--score", str(SCORE), "--model", model, *pictures]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in map(json.loads, lines):
        found[os.path.basename(line["picture"])] = [(d["class"], d["score"], d["box"]) for d in line["detections"]]
    return found


def decoded(outputs, spec, size):
    if spec["head"] == "yolox":
        return yolox(outputs[0][0], size, size)
    if spec["head"] == "yolov8":
        return sides([output[0] for output in outputs], size)
    # The finest grid has the first anchors.
    grids = sorted((output[0] for output in outputs), key=lambda grid: -grid.shape[1])
    each = len(spec["anchors"]) // len(grids)
    parts = [yolov3(g, spec["anchors"][i * each : (i + 1) * each], size, size) for i, g in enumerate(grids)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def sides(outputs, size):
    """Logits [classes, rows, columns] and sides [4, rows, columns] in cells, for one grid after the other -> boxes, scores."""
    boxes, scores = [], []
    for logits, cells in zip(outputs[::2], outputs[1::2]):
        rows, columns = logits.shape[1:]
        stride = size / columns
        y, x = (np.mgrid[:rows, :columns] + 0.5) * stride
        left, top, right, bottom = cells.astype(np.float64) * stride
        boxes.append(np.stack([x - left, y - top, x + right, y + bottom], -1).reshape(-1, 4))
        scores.append(1 / (1 + np.exp(-logits.astype(np.float64))).reshape(len(logits), -1).T)
    return np.concatenate(boxes), np.concatenate(scores)


def resized(spec, pictures, folder):
    """Each picture as large as the network sees it."""
    size = spec["input"]["width"]
    for path in pictures:
        picture = cv2.imread(path)
        height, width = picture.shape[:2]
        scale = min(size / width, size / height)
        side = (size, size) if spec["input"]["resize"] == "stretch" else (round(width * scale), round(height * scale))
        name = os.path.join(folder, os.path.splitext(os.path.basename(path))[0] + ".png")
        cv2.imwrite(name, cv2.resize(picture, side, interpolation=cv2.INTER_LINEAR))
        yield name


def by_onnx_runtime(model, spec, pictures, plain):
    options = ort.SessionOptions()
    if plain:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(os.path.join(model, "model.onnx"), options, providers=["CPUExecutionProvider"])
    given, labels = spec["input"], spec["labels"]
    kind = ["vehicle" if label in VEHICLES else label for label in labels]
    found = {}
    for path in pictures:
        picture = cv2.imread(path)
        net, scale, offset = fit(picture, given["width"], given["resize"], given.get("pad", 114))
        net = net if given["color"] == "bgr" else net[..., ::-1]
        values = ((net.astype(np.float32) - np.float32(given["mean"])) / np.float32(given["std"])).transpose(2, 0, 1)
        outputs = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(values[None])})
        boxes, scores = decoded(outputs, spec, given["width"])
        boxes = (boxes - np.tile(offset, 2)) / np.tile(scale, 2)
        height, width = picture.shape[:2]
        boxes = np.clip(boxes, 0, [width, height, width, height])
        best, kept = scores.argmax(1), []
        for i in np.argsort(-scores.max(1), kind="stable"):
            c, score = best[i], scores[i].max()
            if score < SCORE:
                break
            if boxes[i][2] > boxes[i][0] and boxes[i][3] > boxes[i][1]:
                if all(kind[c] != kind[k] or iou(boxes[i], b) <= IOU for k, _, b in kept):
                    kept.append((c, score, boxes[i]))
        found[os.path.basename(path)] = [(labels[c], score, list(b)) for c, score, b in kept]
    return found


def main():
    plain = "--plain" in sys.argv
    program, model, *pictures = [word for word in sys.argv[1:] if word != "--plain"]
    with open(os.path.join(model, "model.toml"), "rb") as file:
        spec = tomllib.load(file)
    with tempfile.TemporaryDirectory() as folder:
        pictures = list(resized(spec, pictures, folder))
        ours, theirs = by_wayside(program, model, pictures), by_onnx_runtime(model, spec, pictures, plain)
    agree = near = total = 0
    for name, found in theirs.items():
        left = list(ours[name])
        for label, score, box in found:
            same = [d for d in left if d[0] == label and iou(d[2], box) > 0.5]
            other = max(same, key=lambda d: iou(d[2], box), default=None)
            if other is None:
                print(f"{name}: {label} {score:.3f}: by ONNX Runtime alone")
                total += 1
                continue
            left.remove(other)
            shift, by = max(abs(a - b) for a, b in zip(other[2], box)), abs(other[1] - score)
            total, near = total + 1, near + 1
            agree += shift <= 1 and by <= 0.01
            if shift > 1 or by > 0.01:
                print(f"{name}: {label} {score:.3f}: off by {shift:.2f} pixels, {by:.4f} in score")
        for label, score, _ in left:
            print(f"{name}: {label} {score:.3f}: by wayside alone")
            total += 1
    print(f"{len(pictures)} pictures, {total} detections: {agree} agree, {near} are found by both")


if __name__ == "__main__":
    main()
