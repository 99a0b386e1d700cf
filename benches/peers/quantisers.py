#!/usr/bin/env python3
"""What other quantisers make of YOLOX-nano, beside `wayside quantize`: AP50 on the same pictures, time of one inference.

    cargo build --release
    benches/peers/quantisers.py                      in ../shared/assets, with the virtual environment of engines.py
    benches/peers/quantisers.py --only "percentile" --json quantisers.json

All calibrate with the same pictures, whole (letterboxed) and as many. Each file runs in the runtime that its quantiser is made for, and
those that are whole ONNX networks also in wayside's engine. ONNX Runtime's quantiser and ai-edge-quantizer get the network without what
lies behind its last convolutions (`cut` in quantise.py). AP50 is pycocotools', on what cv2, numpy and the runtime find: scores from
0.01, suppression at 0.45 among the scored classes. wayside's own figures are from `wayside evaluate detect`, with a letterbox and
suppression of its own.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from engines import ASSETS, HERE, ROOT, enter, environment
from measure import Failed, Peer, Wayside, last_line

VEHICLES = {"car": 2, "motorcycle": 3, "bus": 5, "truck": 7}
# (name, folder, truth, labels of the model, `wayside evaluate detect` words)
SETS = [
    ("topview, vehicles", "topview", "instances_topview.json", [*VEHICLES.values()], ["--agnostic"]),
    ("COCO, vehicles", "coco_val2017", "instances_coco_val2017.json", [*VEHICLES.values()],
     ["--agnostic", "--classes", ",".join(VEHICLES)]),
    ("COCO, person", "coco_val2017", "instances_coco_val2017.json", [0], ["--agnostic", "--classes", "person"]),
]
SIDE, SCORE, IOU = 416, 0.01, 0.45


def main():
    args = arguments()
    enter(args.venv, __file__, ["pycocotools==2.0.11"])
    args.work.mkdir(parents=True, exist_ok=True)
    files = sorted((ASSETS / "detect-train/images").iterdir())
    chosen = [files[i * len(files) // args.pictures] for i in range(args.pictures)]
    (args.work / "pictures.txt").write_text("\n".join(map(str, chosen)))
    save_inputs(args.work, chosen)
    rows = [row for row in candidates(args) if re.search(args.only, row["name"])]
    for row in rows:
        try:
            make(row, args)
            row["ap50"] = by_wayside(row, args) if row["engine"] == "wayside" else by_runtime(row)
        except (Failed, RuntimeError, OSError, subprocess.CalledProcessError, ImportError) as error:
            row["failed"] = last_line(str(error), 1)
        print(json.dumps({key: row.get(key) for key in ("name", "ap50", "failed")}), file=sys.stderr, flush=True)
    time([row for row in rows if "failed" not in row], args)
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1, default=str) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wayside", type=Path, default=ROOT / "target/release/wayside")
    parser.add_argument("--venv", type=Path, default=HERE / ".venv")
    parser.add_argument("--work", type=Path, default=HERE / ".venv/cache/quantisers", help="where files are kept")
    parser.add_argument("--pictures", type=int, default=200, help="to calibrate with")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def candidates(args):
    """Quantised files: how each is made, and what runs it."""
    model, work = ASSETS / "models/yolox_nano.onnx", args.work
    rows = [("float", "onnxruntime", model), ("float", "wayside", model)]
    for name in ("wayside", "nncf onnx"):
        file = work / f"{name.replace(' ', '-')}.onnx"
        rows += [(name, "onnxruntime", file), (name, "wayside", file)]
    rows += [(name, "onnxruntime", work / f"{name.replace(' ', '-')}.onnx")
             for method in ("minmax", "percentile")
             for name in (f"onnxruntime {method}", f"onnxruntime {method} convolutions")]
    rows += [("nncf openvino", "openvino-f32", work / "nncf.xml"), ("ai-edge-quantizer", "litert", work / "int8.tflite")]
    return [{"name": f"{name}, in {engine}", "quantiser": name, "engine": engine, "file": file} for name, engine, file in rows]


# --- the files ---

def make(row, args):
    if row["file"].exists():
        return
    print(f"making {row['file'].name}", file=sys.stderr, flush=True)
    if row["quantiser"] == "wayside":
        command = [args.wayside, "quantize", ASSETS / "models/yolox_nano.onnx", "--calibrate", args.work / "pictures.txt",
                   "--most", str(args.pictures), "-o", row["file"]]
        subprocess.run(command, check=True, capture_output=True)
        return
    command = [sys.executable, HERE / "quantise.py", row["quantiser"], ASSETS / "models/yolox_nano.onnx", args.work]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(args.work / "home"))
    if done.returncode != 0:
        raise Failed(last_line(done.stderr, done.returncode))


def letterboxed(path):
    import cv2
    import numpy as np
    picture = cv2.imread(str(path))
    scale = min(SIDE / picture.shape[0], SIDE / picture.shape[1])
    small = cv2.resize(picture, (round(picture.shape[1] * scale), round(picture.shape[0] * scale)))
    canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas.transpose(2, 0, 1), scale


def save_inputs(work, chosen):
    """calibration.npy in bytes, inputs.npy in floats for the timing."""
    import numpy as np
    if (work / "calibration.npy").exists() and len(np.load(work / "calibration.npy", mmap_mode="r")) == len(chosen):
        return
    pictures = np.stack([letterboxed(path)[0] for path in chosen])
    np.save(work / "calibration.npy", pictures)
    np.save(work / "inputs.npy", pictures[:4].astype(np.float32))


# --- accuracy ---

def by_wayside(row, args):
    """`wayside evaluate detect` on each set."""
    ap50, engine = [], "int8" if row["quantiser"] != "float" else "tract"
    for _, folder, truth, _, words in SETS:
        command = [args.wayside, "evaluate", "detect", "--images", ASSETS / "detect-eval" / folder, "--truth",
                   ASSETS / "detect-eval" / truth, "--model", row["file"], "--engine", engine, "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(last_line(done.stderr, done.returncode))
        ap50.append(json.loads(done.stdout)["all"]["ap50"])
    return ap50


def by_runtime(row):
    import numpy as np

    import worker
    run, prepare = worker.ENGINES[row["engine"]][0](str(row["file"]))
    outputs = {}
    for folder in dict.fromkeys(folder for _, folder, *_ in SETS):
        for path in sorted((ASSETS / "detect-eval" / folder).iterdir()):
            pixels, scale = letterboxed(path)
            found = run(prepare(np.ascontiguousarray(pixels[None].astype(np.float32))))
            outputs[folder, path.name] = joined(worker.plain(run, [np.array(o) for o in found])), scale
    return [score(folder, truth, labels, outputs) for _, folder, truth, labels, _ in SETS]


def joined(outputs):
    """Rows of 85 numbers: as the network gives them, or of a network that was cut, which gives boxes, objectness and classes of each grid
    apart, as logits, in NCHW or NHWC."""
    import numpy as np
    if len(outputs) == 1:
        return outputs[0].reshape(-1, 85)
    grids = {}
    for output in outputs:
        rows = output[0] if output.shape[1] == output.shape[2] else output[0].transpose(1, 2, 0)
        rows = rows.reshape(-1, rows.shape[-1])
        grids.setdefault(len(rows), {})[rows.shape[1]] = rows if rows.shape[1] == 4 else 1 / (1 + np.exp(-rows))
    return np.concatenate([np.hstack([grids[size][n] for n in (4, 1, 80)]) for size in sorted(grids, reverse=True)])


def score(folder, truth, labels, outputs):
    """pycocotools' AP50, with the labels as one kind."""
    import contextlib
    import io

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(ASSETS / "detect-eval" / truth))
        names = {category["id"]: category["name"] for category in coco.dataset["categories"]}
        wanted = {name for name, label in {**VEHICLES, "person": 0}.items() if label in labels} | {"vehicle"}
        kept = [a for a in coco.dataset["annotations"] if names[a["category_id"]] in wanted]
        coco.dataset["annotations"] = [{**a, "category_id": 1} for a in kept]
        coco.dataset["categories"] = [{"id": 1, "name": "one"}]
        coco.createIndex()
        found = []
        for image in coco.dataset["images"]:
            raw, scale = outputs[folder, Path(image["file_name"]).name]
            found += detections(raw, scale, labels, image)
        if not found:
            return 0.0
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[1])


def detections(raw, scale, labels, image):
    import cv2
    import numpy as np
    sys.path.insert(0, str(ROOT / "tests/reference"))
    from detections import yolox
    boxes, scores = yolox(raw, SIDE, SIDE)
    scores = scores[:, labels].max(1)
    sure = np.flatnonzero(scores >= SCORE)
    boxes = np.clip(boxes[sure] / scale, 0, [image["width"], image["height"]] * 2)
    boxes[:, 2:] -= boxes[:, :2]
    for i in cv2.dnn.NMSBoxes(boxes.tolist(), scores[sure].tolist(), SCORE, IOU):
        yield {"image_id": image["id"], "category_id": 1, "bbox": boxes[i].tolist(), "score": float(scores[sure][i])}


# --- time ---

def time(rows, args):
    """Best CPU time of a run, in turns, one thread on one core."""
    running = []
    for row in rows:
        try:
            if row["engine"] == "wayside":
                peer = Wayside(args.wayside, "int8", row["file"], [args.core])
            else:
                label = row["name"].replace(",", "")
                peer = Peer(row["engine"], row["file"], args.work, label, [args.core], environment(args.work / "home"))
            running.append((row, peer))
        except Failed as error:
            row["untimed"] = str(error)
    for _ in range(args.turns):
        for row, peer in running:
            row["cpu_ms"] = min(row.get("cpu_ms", float("inf")), peer.alone(0.5)["cpu_ms"])
    for _, peer in running:
        peer.close()


def table(rows):
    lines = ["| quantiser, in runtime | " + " | ".join(name for name, *_ in SETS) + " | CPU ms |", "|---|" + "---|" * 4]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['name']} | {row['failed']} | | | |")
            continue
        ms = f"{row['cpu_ms']:.1f}" if "cpu_ms" in row else "-"
        lines.append(f"| {row['name']} | " + " | ".join(f"{ap:.3f}" for ap in row["ap50"]) + f" | {ms} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
