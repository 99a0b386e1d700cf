"""One peer in one process, one thread.

usage: worker.py ENGINE MODEL INPUTS.npy OUTPUTS.npz

Loads MODEL, runs every picture of INPUTS once, keeps what the first came to in OUTPUTS, and answers {"version": ...} on
standard output. Then every line of standard input is a number of seconds: it runs that long and answers with its times.
"""
import json
import os
import sys
from importlib.metadata import version
from time import perf_counter, process_time

import numpy as np

LEAST_RUNS = 3


def onnxruntime(path):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda picture: session.run(None, {name: picture}), lambda picture: picture


def openvino(path, precision):
    import openvino as ov
    core = ov.Core()
    able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bf16" and "BF16" not in able:
        raise RuntimeError("this processor has no bf16 instructions")
    options = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
               "INFERENCE_PRECISION_HINT": precision}
    request = core.compile_model(path, "CPU", options).create_infer_request()

    def run(picture):
        results = request.infer({0: picture}, share_inputs=True, share_outputs=True)
        return [results[i] for i in range(len(results))]
    return run, lambda picture: picture


def litert(path):
    from ai_edge_litert.interpreter import Interpreter
    network = Interpreter(path, num_threads=1)
    network.allocate_tensors()
    into, out = network.get_input_details()[0], network.get_output_details()

    def prepare(picture):
        """Channels last where the converter made it so, and quantised, as a camera's bytes would be handed over."""
        if list(into["shape"]) != list(picture.shape):
            picture = picture.transpose(0, 2, 3, 1)
        if into["dtype"] != np.float32:
            scale, zero = into["quantization"]
            limits = np.iinfo(into["dtype"])
            picture = np.clip(np.rint(picture / scale) + zero, limits.min, limits.max)
        return np.ascontiguousarray(picture, into["dtype"])

    def run(picture):
        network.set_tensor(into["index"], picture)
        network.invoke()
        return [network.get_tensor(o["index"]) for o in out]
    run.scales = [o["quantization"] for o in out]
    return run, prepare


def ncnn(path, bf16):
    import ncnn as lib
    network = lib.Net()
    options = network.opt
    options.num_threads, options.use_vulkan_compute = 1, False
    options.use_bf16_storage = bf16
    for key in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed"):
        setattr(options, key, bf16 and key == "use_bf16_packed")
    for load, kind in ((network.load_param, ".param"), (network.load_model, ".bin")):
        if load(path + kind) != 0:
            raise RuntimeError(f"ncnn cannot read {os.path.basename(path)}{kind}")

    def run(picture):
        extractor = network.create_extractor()
        extractor.input(network.input_names()[0], lib.Mat(picture))
        answers = [extractor.extract(name) for name in network.output_names()]
        if any(code != 0 for code, _ in answers):
            raise RuntimeError("ncnn fails while it runs the network")
        return [np.array(mat) for _, mat in answers]
    return run, lambda picture: picture[0]


# Name: (how to load it, the package whose version counts).
ENGINES = {
    "onnxruntime": (onnxruntime, "onnxruntime"),
    "openvino-f32": (lambda path: openvino(path, "f32"), "openvino"),
    "openvino-bf16": (lambda path: openvino(path, "bf16"), "openvino"),
    "litert": (litert, "ai-edge-litert"),
    "ncnn-f32": (lambda path: ncnn(path, False), "ncnn"),
    "ncnn-bf16": (lambda path: ncnn(path, True), "ncnn"),
}


def plain(run, outputs):
    """Outputs in float: LiteRT leaves them quantised."""
    scales = getattr(run, "scales", [(0.0, 0)] * len(outputs))
    return [(o.astype(np.float32) - zero) * scale if scale else o for o, (scale, zero) in zip(outputs, scales)]


def turn(run, pictures, seconds):
    """Runs for so long: best wall and CPU milliseconds of one run, and sums of all."""
    walls, cpus = [], []
    start = perf_counter()
    while len(walls) < LEAST_RUNS or perf_counter() - start < seconds:
        picture = pictures[len(walls) % len(pictures)]
        cpu, wall = process_time(), perf_counter()
        run(picture)
        walls.append(perf_counter() - wall)
        cpus.append(process_time() - cpu)
    took = perf_counter() - start
    return {"wall_ms": min(walls) * 1e3, "cpu_ms": min(cpus) * 1e3, "mean_cpu_ms": sum(cpus) / len(cpus) * 1e3,
            "runs": len(walls), "per_s": len(walls) / took}


def main(engine, model, inputs, outputs):
    # What a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    load, package = ENGINES[engine]
    run, prepare = load(model)
    pictures = [prepare(np.ascontiguousarray(picture[None])) for picture in np.load(inputs)]
    np.savez(outputs, *plain(run, [np.array(o) for o in run(pictures[0])]))
    turn(run, pictures, 0.0)
    print(json.dumps({"version": f"{package} {version(package)}"}), file=answers)
    for line in sys.stdin:
        print(json.dumps(turn(run, pictures, float(line))), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
