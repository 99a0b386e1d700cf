#!/usr/bin/env python3
"""Compares `wayside evaluate detect` with pycocotools' COCOeval.

usage: boxes.py made-up > ../expected/boxes.json                                    (numpy, pycocotools)
       boxes.py TRUTH.json PREDICTIONS.json [--agnostic] [--classes a,b] [FIGURES.json]

- `made-up`: random labels and detections with crowds, equal scores, boxes of all sizes and more than 100 detections in
  one picture, and what COCOeval says of them: for tests/boxes.rs.
- else: COCOeval on the file that `wayside evaluate detect --predictions` wrote; with FIGURES.json, the output of its
  `--json`, the differences are printed and the exit status is 1 where one is above 0.1 point.
"""
import contextlib
import io
import json
import sys

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

FIGURES = ("ap", "ap50", "ap75", "recall", "small.ap", "medium.ap", "large.ap", "small.recall", "medium.recall", "large.recall")


def coco_eval(truth, results, agnostic):
    """Figures of all classes together, and of each by name."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        found = coco.loadRes(results) if results else COCO()
        e = COCOeval(coco, found, "bbox")
        e.params.useCats = 0 if agnostic else 1
        e.evaluate()
        e.accumulate()
    precision, recall = e.eval["precision"], e.eval["recall"]  # [T, R, K, A, M], [T, K, A, M]

    def mean(values):
        return float(values[values > -1].mean()) if (values > -1).any() else None

    def of(k):
        p, r = precision[:, :, k, :, -1], recall[:, k, :, -1]
        sizes = {name: {"ap": mean(p[:, :, ..., a]), "recall": mean(r[:, ..., a])} for a, name in ((1, "small"), (2, "medium"), (3, "large"))}
        return {
            "ap": mean(p[..., 0]), "ap50": mean(p[0, ..., 0]), "ap75": mean(p[5, ..., 0]), "recall": mean(r[..., 0]), **sizes,
        }

    names = {c["id"]: c["name"] for c in truth["categories"]}
    every = slice(None)
    classes = {} if agnostic else {names[c]: of(k) for k, c in enumerate(e.params.catIds)}
    return {"all": of(every), "classes": classes}


def number(figures, path):
    for key in path.split("."):
        figures = figures[key]
    return figures


def made_up():
    random = np.random.default_rng(14)
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 480} for i in range(1, 26)]
    categories = [{"id": 1, "name": "a"}, {"id": 4, "name": "b"}, {"id": 9, "name": "never"}]
    annotations, results = [], []

    def box():
        size = np.exp(random.uniform(np.log(8), np.log(250), 2))
        corner = random.uniform(0, [640 - size[0], 480 - size[1]])
        return [round(float(v), 1) for v in (*corner, *size)]

    for image in images:
        for _ in range(random.integers(0, 8)):
            b, category = box(), int(random.choice([1, 4]))
            crowd = bool(random.random() < 0.1)
            annotations.append({
                "id": len(annotations) + 1, "image_id": image["id"], "category_id": category, "bbox": b,
                "area": round(b[2] * b[3] * float(random.uniform(0.6, 1)), 2), "iscrowd": int(crowd),
            })
            # Detections near the object, some of the other class, some twice; scores in steps, so that many are equal.
            for _ in range(random.integers(0, 3)):
                jitter = random.normal(0, 0.12, 4) * [b[2], b[3], b[2], b[3]]
                found = [round(float(v), 1) for v in np.array(b) + jitter]
                found[2:] = [max(found[2], 1.0), max(found[3], 1.0)]
                label = category if random.random() < 0.85 else 5 - category
                results.append({"image_id": image["id"], "category_id": label, "bbox": found, "score": round(float(random.random()), 1)})
        for _ in range(150 if image["id"] == 7 else random.integers(0, 4)):
            results.append({
                "image_id": image["id"], "category_id": int(random.choice([1, 4, 9])), "bbox": box(),
                "score": round(float(random.random()) * 0.7, 1),
            })
    truth = {"images": images, "categories": categories, "annotations": annotations}
    expected = {name: coco_eval(truth, results, name == "agnostic") for name in ("aware", "agnostic")}
    # One line an entry.
    lists = ",\n".join(f'"{key}": [\n' + ",\n".join(map(json.dumps, value)) + "\n]" for key, value in truth.items())
    print("{" + lists + ',\n"results": [\n' + ",\n".join(map(json.dumps, results)) + '\n],\n"expected": ' + json.dumps(expected, indent=1) + "}")


def compare(arguments):
    agnostic = "--agnostic" in arguments
    wanted = arguments[arguments.index("--classes") + 1].split(",") if "--classes" in arguments else None
    files = [a for i, a in enumerate(arguments) if a.endswith(".json")]
    truth, results = json.load(open(files[0])), json.load(open(files[1]))
    if wanted:
        # A class that is no label of the model, as `vehicle`, always counts: see `wayside evaluate detect --help`.
        keep = {c["id"] for c in truth["categories"] if c["name"] in wanted or (agnostic and c["name"] == "vehicle")}
        truth["annotations"] = [a for a in truth["annotations"] if a["category_id"] in keep]
        truth["categories"] = [c for c in truth["categories"] if c["id"] in keep]
    expected = coco_eval(truth, results, agnostic)
    print(json.dumps(expected, indent=1))
    if len(files) < 3:
        return
    ours = json.load(open(files[2]))
    pairs = [("all", ours["all"], expected["all"])]
    pairs += [(c["class"], c, expected["classes"][c["class"]]) for c in ours["classes"] if c["class"] in expected["classes"]]
    worst = 0.0
    for name, a, b in pairs:
        for figure in FIGURES:
            x, y = number(a, figure), number(b, figure)
            difference = 0.0 if x is None and y is None else float("inf") if x is None or y is None else abs(x - y)
            worst = max(worst, difference)
            if difference > 1e-9:
                print(f"{name} {figure}: wayside {x}, pycocotools {y}")
    print(f"{len(pairs)} rows of {len(FIGURES)} figures, largest difference {100 * worst:.4f} points")
    sys.exit(worst > 0.001)


if sys.argv[1:] == ["made-up"]:
    made_up()
elif len(sys.argv) >= 3:
    compare(sys.argv[1:])
else:
    sys.exit(__doc__)
