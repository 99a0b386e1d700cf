#!/usr/bin/env python3
"""What 8 bits cost the face networks: MobileFaceNet's accuracy on pairs of LFW, YuNet's faces on photographs.

usage: faces.py pairs OUTPUTS ENCODER.onnx ENCODER_INT8.onnx YUNET.onnx LFW_FOLDER PAIRS.txt
       faces.py faces OUTPUTS YUNET.onnx YUNET_INT8.onnx PICTURES...
       faces.py crowds FOLDER PORTRAITS...

OUTPUTS is examples/outputs, built with `cargo build --release --example outputs`: it runs the 8-bit network in wayside's engine.
ONNX Runtime runs the float one, and the 8-bit one too. Needs numpy, opencv-python-headless and onnxruntime.

Pairs: faces are found by YuNet in float and aligned by its five landmarks; two embeddings are one person where their cosine is above
a threshold, which is chosen on the other fold.

Crowds: writes pictures of 640 x 640 pixels with 16, 64 or 144 of the portraits each, to calibrate with: in portraits alone the finest
grid of a face detector never sees a face.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
# Where MobileFaceNet's authors want the landmarks in 112 x 112 pixels.
PLACES = np.float32([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
SCORE, IOU = 0.6, 0.3


def session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def by_wayside(outputs, model, color, mean, std, pictures):
    """Outputs of each picture, in a row."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{i}.png" for i in range(len(pictures))]
        for path, picture in zip(paths, pictures):
            cv2.imwrite(path, picture)
        Path(folder, "list.txt").write_text("\n".join(paths))
        normal = ",".join(map(str, mean)) + "/" + ",".join(map(str, std))
        subprocess.run([outputs, "int8", model, color, normal, f"{folder}/out", f"{folder}/list.txt"], check=True)
        return np.fromfile(f"{folder}/out", np.float32).reshape(len(pictures), -1)


# --- YuNet ---

def padded(picture, size):
    height, width = size
    canvas = np.zeros((height, width, 3), np.uint8)
    scale = min(1.0, height / picture.shape[0], width / picture.shape[1])
    small = picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas


def decoded(outputs, size):
    """Boxes as corners, landmarks and scores above SCORE, after suppression."""
    faces = []
    for stride in (8, 16, 32):
        cls, obj, box, points = (outputs[f"{name}_{stride}"] for name in ("cls", "obj", "bbox", "kps"))
        rows, columns = size[0] // stride, size[1] // stride
        y, x = np.mgrid[:rows, :columns].reshape(2, -1)
        score = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1))
        centre = np.stack([x + box[:, 0], y + box[:, 1]], 1) * stride
        half = np.exp(box[:, 2:]) * stride / 2
        marks = (points.reshape(-1, 5, 2) + np.stack([x, y], 1)[:, None]) * stride
        faces += [(s, np.r_[c - h, c + h], m) for s, c, h, m in zip(score, centre, half, marks) if s >= SCORE]
    faces.sort(key=lambda face: -face[0])
    kept = []
    for face in faces:
        if all(iou(face[1], other[1]) <= IOU for other in kept):
            kept.append(face)
    return kept


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    area = lambda r: (r[2] - r[0]) * (r[3] - r[1])
    return both / (area(a) + area(b) - both)


def yunet(network, canvas):
    values = canvas.astype(np.float32).transpose(2, 0, 1)[None]
    names = [output.name for output in network.get_outputs()]
    found = network.run(names, {network.get_inputs()[0].name: values})
    return {name: output[0] for name, output in zip(names, found)}


def split(row, like):
    """A row of numbers as the outputs that `like` has."""
    ends = np.cumsum([output.size for output in like.values()])
    parts = np.split(row, ends[:-1])
    return {name: part.reshape(output.shape) for part, (name, output) in zip(parts, like.items())}


def compare_faces(outputs, model, model8, paths):
    network, network8, size = session(model), session(model8), (640, 640)
    canvases = [padded(cv2.imread(path), size) for path in paths]
    rows = by_wayside(outputs, model8, "bgr", [0] * 3, [1] * 3, canvases)
    for path, canvas, row in zip(paths, canvases, rows):
        before = yunet(network, canvas)
        float_faces = decoded(before, size)
        for what, found in [("int8 in wayside", split(row, before)), ("int8 in ONNX Runtime", yunet(network8, canvas))]:
            faces = decoded(found, size)
            pairs = [max(((iou(a[1], b[1]), abs(a[0] - b[0]), s) for s, b in enumerate(faces)), default=(0, 0, 0))
                     for a in float_faces]
            same = [pair for pair in pairs if pair[0] > 0.5]
            near = min((pair[0] for pair in same), default=1.0)
            off = max((pair[1] for pair in same), default=0.0)
            alone = [f"{a[0]:.3f}" for a, pair in zip(float_faces, pairs) if pair[0] <= 0.5]
            more = [f"{b[0]:.3f}" for b in faces if all(iou(a[1], b[1]) <= 0.5 for a in float_faces)]
            print(f"{Path(path).name}: {len(float_faces)} faces in float, {len(faces)} {what}, {len(same)} the same (overlap from "
                  f"{near:.2f}, scores within {off:.3f}); only float {alone}, only int8 {more}")


def write_crowds(folder, paths):
    dice, number = np.random.default_rng(1), 0
    Path(folder).mkdir(parents=True, exist_ok=True)
    for across, pictures in [(4, 30), (8, 40), (12, 40)]:
        side = 640 // across
        for _ in range(pictures):
            canvas = np.zeros((640, 640, 3), np.uint8)
            for y, x in np.ndindex(across, across):
                portrait = cv2.resize(cv2.imread(paths[dice.integers(len(paths))]), (side, side), interpolation=cv2.INTER_AREA)
                canvas[y * side : (y + 1) * side, x * side : (x + 1) * side] = portrait
            cv2.imwrite(f"{folder}/{number:03}.png", canvas)
            number += 1


# --- MobileFaceNet ---

def similarity(landmarks):
    """Least squares (Umeyama 1991): the turn, scale and shift that bring the landmarks to their places."""
    a, b = landmarks - landmarks.mean(0), PLACES - PLACES.mean(0)
    u, sizes, v = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, np.sign(np.linalg.det(u @ v))])
    matrix = (u * signs) @ v * (sizes * signs).sum() / (a**2).sum()
    return np.c_[matrix, PLACES.mean(0) - matrix @ landmarks.mean(0)]


def crop(network, path):
    picture = cv2.imread(str(path))
    canvas = padded(picture, (256, 256))
    faces = decoded(yunet(network, canvas), (256, 256))
    middle = np.array(picture.shape[1::-1]) / 2
    # The person that the picture is named after is in its middle.
    faces.sort(key=lambda face: np.abs((face[1][:2] + face[1][2:]) / 2 - middle).sum())
    if not faces:
        print(f"{path.name}: no face")
        return cv2.resize(picture[69:181, 69:181], (112, 112))
    return cv2.warpAffine(picture, similarity(faces[0][2].astype(np.float64)), (112, 112), flags=cv2.INTER_CUBIC)


def read_pairs(file):
    """(fold, one picture, the other, the same person)"""
    folds, each = map(int, file.open().readline().split())
    for i, line in enumerate(file.read_text().splitlines()[1:]):
        words, fold = line.split(), i // (2 * each)
        a, b = (words[0], words[1]), (words[0], words[2]) if len(words) == 3 else (words[2], words[3])
        yield fold, *[f"{name}/{name}_{int(number):04}.jpg" for name, number in (a, b)], len(words) == 3
    assert folds == fold + 1


def accuracy(embeddings, pairs):
    units = {name: e / np.linalg.norm(e) for name, e in embeddings.items()}
    fold, cosine, same = (np.array(x) for x in zip(*[(f, units[a] @ units[b], s) for f, a, b, s in pairs]))
    right = []
    for left_out in sorted(set(fold)):
        others, ours = fold != left_out, fold == left_out
        thresholds = np.sort(cosine[others])
        scores = [((cosine[others] > t) == same[others]).mean() for t in thresholds]
        right.append(((cosine[ours] > thresholds[int(np.argmax(scores))]) == same[ours]).mean())
    return 100 * np.mean(right)


def compare_pairs(outputs, encoder, encoder8, detector, folder, file):
    pairs = list(read_pairs(Path(file)))
    names = sorted({name for _, a, b, _ in pairs for name in (a, b)})
    network = session(detector)
    crops = [crop(network, Path(folder, name)) for name in names]

    def by_onnx_runtime(model):
        network = session(model)
        values = [((c[..., ::-1] - np.float32(MEAN)) / np.float32(STD)).astype(np.float32).transpose(2, 0, 1) for c in crops]
        return [network.run(None, {network.get_inputs()[0].name: v[None]})[0][0] for v in values]

    rows = by_wayside(outputs, encoder8, "rgb", MEAN, STD, crops)
    for what, found in [("float in ONNX Runtime", by_onnx_runtime(encoder)), ("int8 in wayside", rows),
                        ("int8 in ONNX Runtime", by_onnx_runtime(encoder8))]:
        print(f"{what}: {accuracy(dict(zip(names, found)), pairs):.2f} % of {len(pairs)} pairs right")


if __name__ == "__main__":
    kind, *rest = sys.argv[1:]
    if kind == "pairs":
        compare_pairs(*rest)
    elif kind == "faces":
        compare_faces(*rest[:3], rest[3:])
    else:
        write_crowds(rest[0], rest[1:])
