#!/usr/bin/env python3
"""OpenCV's way to the network's input: convert, resize, copy into a grey square, blobFromImage. CPU ms, one thread, best of many.

Beside it stands `cargo bench --bench detect -- letterbox`. Needs opencv-python-headless and numpy.
"""

import time

import cv2
import numpy as np

SIDE, TURNS = 416, 100
FORMATS = {
    "Rgb8": None,
    "I420": cv2.COLOR_YUV2BGR_I420,
    "Nv12": cv2.COLOR_YUV2BGR_NV12,
    "Yuyv": cv2.COLOR_YUV2BGR_YUYV,
}


def letterbox(picture):
    height, width = picture.shape[:2]
    ratio = min(SIDE / height, SIDE / width)
    square = np.full((SIDE, SIDE, 3), 114, np.uint8)
    height, width = int(height * ratio), int(width * ratio)
    square[:height, :width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.dnn.blobFromImage(square)


def picture(name, width, height):
    shape = {"Rgb8": (height, width, 3), "Yuyv": (height, width, 2)}.get(name, (height * 3 // 2, width))
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def best(work):
    times = []
    for _ in range(TURNS):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times) * 1e3


cv2.setNumThreads(1)
for size, (width, height) in {"1080p": (1920, 1080), "720p": (1280, 720)}.items():
    for name, conversion in FORMATS.items():
        frame = picture(name, width, height)
        work = lambda: letterbox(frame if conversion is None else cv2.cvtColor(frame, conversion))
        print(f"letterbox {size} {name} to {SIDE}: {best(work):.3f} ms")
