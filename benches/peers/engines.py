#!/usr/bin/env python3
"""Measures wayside beside the engines that one would take instead: same network, same pictures, one thread each.

    benches/peers/engines.py                                     the default networks, from ../shared/assets
    benches/peers/engines.py --quick --two
    benches/peers/engines.py "My net=net.onnx,net_int8.onnx" --pictures FOLDER --json times.json

The first run makes a virtual environment and installs requirements.txt into it. See README.md for what the figures mean.
"""
import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

from measure import HERE, Failed, Peer, Wayside, last_line

ROOT = HERE.parent.parent
ASSETS = ROOT.parent / "shared" / "assets"
DEFAULT = [
    "YOLOX-nano 416=yolox_nano.onnx,yolox_nano_int8_qdq_nodw_derived.onnx,yolox_nano_int8_qdq_naive_DEGRADED_derived.onnx",
    "YOLO11n 320=yolo11n_320_fp32_dequantised.onnx",
    "MobileFaceNet 112=mobilefacenet_foamliu.onnx",
]
BASE = "ONNX Runtime f32"
FLAGS = ("avx2 fma avx512f avx512bw avx512_vnni avx_vnni avx_vnni_int8 avx512_bf16 amx_int8 amx_bf16 "
         "asimd asimddp asimdhp i8mm bf16 sve").split()


def main():
    args = arguments()
    enter(args.venv)
    cores = [int(c) for c in args.cores.split(",")] if args.cores else sorted(os.sched_getaffinity(0))[-2:]
    if args.two and len(cores) < 2:
        sys.exit("--two needs two cores: --cores A,B")
    report = {"machine": machine(), "cores": cores, "turns": args.turns, "seconds": args.seconds, "networks": []}
    print(describe(report["machine"]))
    for text in args.models or DEFAULT:
        try:
            network = Network(text, args)
        except Failed as error:
            sys.exit(f"{text}: {error}")
        network = measure_network(network, args, cores)
        report["networks"].append(network)
        print(table(network, args.two), flush=True)
    report["load_after"] = os.getloadavg()
    print(f"Load of the machine, before and after: {report['machine']['load'][0]:.1f}, {report['load_after'][0]:.1f}.")
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=1) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="NAME=FLOAT.onnx[,INT8.onnx]",
                        help="networks; without an int8 file, one is made for ONNX Runtime and wayside")
    parser.add_argument("--wayside", type=Path, default=ROOT / "target/release/wayside", help="wayside's program")
    parser.add_argument("--venv", type=Path, default=HERE / ".venv", help="where the peers are installed and files kept")
    parser.add_argument("--pictures", type=Path, help="pictures to run and to calibrate with")
    parser.add_argument("--kind", choices=["bgr255", "rgb1", "imagenet"],
                        help="what the input holds: BGR 0..255, RGB 0..1, or that normalised; default by the file's name")
    parser.add_argument("--only", default="", metavar="REGEX", help=f"engines to measure besides {BASE}")
    parser.add_argument("--cores", metavar="A,B", help="cores to run on; default the last two")
    parser.add_argument("--turns", type=int, help="turns, default 10 (3 with --quick)")
    parser.add_argument("--seconds", type=float, help="how long each engine runs in a turn, default 1 (0.3 with --quick)")
    parser.add_argument("--quick", action="store_true", help="few and short turns")
    parser.add_argument("--two", action="store_true", help="also two processes (or sessions) on two cores at once")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured")
    args = parser.parse_args()
    args.turns = args.turns or (3 if args.quick else 10)
    args.seconds = args.seconds or (0.3 if args.quick else 1.0)
    return args


# --- the virtual environment ---

def enter(folder, script=__file__, more=()):
    """Goes on with `script` inside the virtual environment, which is made, and completed (with `more` packages), first."""
    python = folder / "bin" / "python"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    if not python.exists():
        say(f"making {folder}")
        venv.create(folder, with_pip=True)
    install(python, folder / "installed")
    if more:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *more], check=True)
    os.execv(python, [python, script, *sys.argv[1:]])


def install(python, stamp):
    """All at once; where that fails, one by one, so that a peer without a package for this machine costs only itself."""
    lists = [(HERE / "requirements.txt", []), (HERE / "requirements-convert.txt", ["--no-deps", "--ignore-requires-python"])]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file, _ in lists)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    complete = True
    for file, options in lists:
        say(f"installing {file.name}")
        if subprocess.run(pip + options + ["-r", file]).returncode == 0:
            continue
        for line in file.read_text().splitlines():
            if line and not line.startswith("#") and subprocess.run(pip + options + [line]).returncode != 0:
                say(f"{line} cannot be installed here: what needs it is not measured")
                complete = False
    if complete:
        stamp.write_text(wanted)


# --- a network and its files ---

class Network:
    """A network's files: as given, and as each peer wants them, made once and kept."""

    def __init__(self, text, args):
        self.name, _, files = text.partition("=")
        folder = ASSETS / "models" if not args.models else Path()
        self.float, *self.int8 = [folder / file for file in files.split(",")]
        for file in [self.float, *self.int8]:
            if not file.is_file():
                sys.exit(f"{file.name or text}: no such file: a network is NAME=FLOAT.onnx[,INT8.onnx]")
        face = "face" in self.float.name
        self.kind = args.kind or ("bgr255" if "yolox" in self.float.name else "imagenet" if face else "rgb1")
        self.pictures = args.pictures or ASSETS / ("faces/train-aligned" if face else "images")
        self.calibration = args.pictures or ASSETS / ("faces/train-aligned" if face else "detect-train/images")
        mark = hashlib.sha256(self.float.read_bytes() + f"{self.kind}{self.pictures}".encode()).hexdigest()[:8]
        self.folder = args.venv / "cache" / f"{self.float.stem}-{mark}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env = environment(args.venv / "cache" / "home")
        if not (self.folder / "calibration.npy").exists():
            self.convert("tensors", self.float, self.folder, self.pictures, self.calibration, self.kind)

    def convert(self, *words):
        """Runs convert.py, whose output stays in a file beside what it makes."""
        done = subprocess.run([sys.executable, HERE / "convert.py", *words], capture_output=True, text=True, env=self.env)
        (self.folder / f"{words[0]}.log").write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            raise Failed(f"{words[0]}: {last_line(done.stderr, done.returncode)}")

    def made(self, what, file, needs=None):
        """The file that convert.py makes of the float network."""
        if needs:
            self.made(*needs)
        if not (self.folder / file).exists():
            say(f"{self.name}: making {file}")
            self.convert(what, self.float, self.folder)
        return self.folder / file


def environment(home):
    """One thread, and a home in which OpenVINO's telemetry has been told no."""
    (home / "intel").mkdir(parents=True, exist_ok=True)
    (home / "intel" / "openvino_telemetry").write_text("0")
    return {**os.environ, "HOME": str(home), "OMP_NUM_THREADS": "1"}


# --- engines ---

def engines(network, program, cores):
    """(label, what starts it), in the order of the table."""
    def peer(engine, file):
        return lambda label: Peer(engine, file(), network.folder, label, cores, network.env)

    def wayside(engine, file):
        def start(_label):
            if not program.is_file():
                raise Failed("no wayside program: cargo build --release, or --wayside FILE")
            return Wayside(program, engine, file(), cores)
        return start

    given = lambda: network.float
    made = lambda *what: lambda: network.made(*what)
    tflite = ("tflite", "float.tflite")
    quantised = [(f"int8 {int8_name(f, network.float)}", lambda f=f: f) for f in network.int8]
    quantised = quantised or [("int8 QDQ", made("qdq", "qdq.onnx"))]
    yield BASE, peer("onnxruntime", given)
    for name, file in quantised:
        yield f"ONNX Runtime {name}", peer("onnxruntime", file)
    yield "OpenVINO f32", peer("openvino-f32", given)
    yield "OpenVINO bf16", peer("openvino-bf16", given)
    yield "OpenVINO int8 (NNCF)", peer("openvino-f32", made("nncf", "nncf.xml"))
    yield "LiteRT f32", peer("litert", made(*tflite))
    yield "LiteRT int8", peer("litert", made("tflite-int8", "int8.tflite", tflite))
    ncnn = lambda: network.made("ncnn", "net.ncnn.bin").with_suffix("")
    yield "ncnn f32", peer("ncnn-f32", ncnn)
    yield "ncnn bf16", peer("ncnn-bf16", ncnn)
    yield "ncnn int8", refuse("its quantiser (ncnn2table, ncnn2int8) is not on PyPI")
    for name, file in [("f32", given), *quantised]:
        yield f"tract {name}", wayside("tract", file)
    for name, file in [("f32", given), *quantised]:
        yield f"wayside {name}", wayside("int8", file)


def int8_name(file, float_file):
    """What tells an int8 file from its float network: yolox_nano_int8_qdq_nodw of yolox_nano is qdq_nodw."""
    return re.sub(r"^[_.-]*(int8)?[_.-]*|_derived$", "", file.stem.removeprefix(float_file.stem)) or "given"


def refuse(reason):
    def start(_label):
        raise Failed(reason)
    return start


# --- measuring ---

def measure_network(network, args, cores):
    """Starts every engine, gives them turns, and takes the best of each."""
    rows = []
    for label, start in engines(network, args.wayside, cores if args.two else cores[-1:]):
        if label != BASE and not re.search(args.only, label):
            continue
        row = {"engine": label, "alone": [], "together": []}
        rows.append(row)
        say(f"{network.name}: {label}")
        attempt(row, lambda: row.update(running=start(label)))
    for turn in range(args.turns):
        say(f"{network.name}: turn {turn + 1} of {args.turns}")
        for row in rows:
            attempt(row, lambda: take_turn(row, args))
    reference = getattr(rows[0].get("running"), "outputs", None)
    for row in rows:
        finish(row, reference)
    return {"network": network.name, "file": network.float.name, "rows": rows}


def attempt(row, action):
    """A peer that fails says so in the table and does not stop the run."""
    if "failed" in row:
        return
    try:
        action()
    except (Failed, OSError) as error:
        row["failed"] = str(error)
        say(f"  not measured: {error}")


def take_turn(row, args):
    row["alone"].append(row["running"].alone(args.seconds))
    if args.two:
        row["together"].append(row["running"].together(args.seconds))


def finish(row, reference):
    """Ends a row's processes and sums its turns up."""
    running = row.pop("running", None)
    if running:
        running.close()
        row["version"] = running.version
    if "failed" in row:
        return
    alone, together = row["alone"], row["together"]
    row["wall_ms"] = min(turn["wall_ms"] for turn in alone)
    row["cpu_ms"] = min(turn["cpu_ms"] for turn in alone)
    if together:
        row["scaling_wall"] = max(t["per_s"] for t in together) / max(t["per_s"] for t in alone)
        row["scaling_cpu"] = 2 * min(t["mean_cpu_ms"] for t in alone) / min(t["mean_cpu_ms"] for t in together)
    if reference and running.outputs not in (None, reference):
        row["snr_db"] = signal_to_noise(reference, running.outputs)


def signal_to_noise(reference, outputs):
    """How near a peer's outputs are to the float network's, in decibels; a converter may have swapped the last axes."""
    import numpy as np
    with np.load(reference) as file:
        wanted = [file[name] for name in file.files]
    with np.load(outputs) as file:
        left = [file[name] for name in file.files]
    signal = noise = 0.0
    for want in wanted:
        at = next((i for i, got in enumerate(left) if got.size == want.size), None)
        if at is None:
            return None
        got = left.pop(at)
        if got.ndim == want.ndim and got.shape != want.shape:
            got = got.swapaxes(-1, -2)
        signal += float(np.square(want, dtype=np.float64).sum())
        noise += float(np.square(want.ravel() - got.ravel(), dtype=np.float64).sum())
    return 10 * math.log10(signal / noise) if noise else None


# --- the report ---

def machine():
    """Processor, cores, the instruction sets that matter, load."""
    text = subprocess.run(["lscpu"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    fields = dict(map(str.strip, line.split(":", 1)) for line in text.splitlines() if ":" in line)
    present = set(fields.get("Flags", "").split())
    return {"model": fields.get("Model name", "unknown"), "architecture": fields.get("Architecture", "unknown"),
            "family": f"{fields.get('CPU family', '?')}/{fields.get('Model', '?')}", "cores": os.cpu_count(),
            "flags": [flag for flag in FLAGS if flag in present], "load": os.getloadavg()}


def describe(about):
    return (f"Machine: {about['model']} (family/model {about['family']}), {about['architecture']}, {about['cores']} cores, "
            f"{' '.join(about['flags']) or 'no flags known'}.")


def table(network, two):
    rows = network["rows"]
    base = rows[0]
    head = ["engine", "CPU ms", "ratio", "wall ms", "ratio"] + ["2 cores, CPU", "2 cores, wall"] * two + ["SNR dB"]
    lines = [f"\n### {network['network']} ({network['file']})\n", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        name = row["engine"]
        if "failed" in row:
            lines.append(f"| {name} | not measured: {row['failed']} |" + " |" * (len(head) - 2))
            continue
        cells = [f"{row['cpu_ms']:.2f}", ratio(row, base, "cpu_ms"), f"{row['wall_ms']:.2f}", ratio(row, base, "wall_ms")]
        if two:
            cells += [f"{row['scaling_cpu']:.2f}", f"{row['scaling_wall']:.2f}"]
        cells.append(f"{row['snr_db']:.0f}" if row.get("snr_db") is not None else "–")
        lines.append("| " + " | ".join([name, *cells]) + " |")
    versions = dict.fromkeys(row["version"] for row in rows if "version" in row)
    return "\n".join([*lines, *beside_best(rows), f"\nVersions: {', '.join(versions)}."])


def beside_best(rows):
    """wayside's rows as ratios to the fastest peer of any kind."""
    measured = [row for row in rows if "failed" not in row]
    ours = [row for row in measured if row["engine"].startswith("wayside")]
    peers = [row for row in measured if row not in ours]
    if not peers:
        return
    best = {field: min(peers, key=lambda row: row[field]) for field in ("cpu_ms", "wall_ms")}
    yield f"\nBest peer: {best['cpu_ms']['engine']} by CPU time, {best['wall_ms']['engine']} by wall time."
    for row in ours:
        yield (f"{row['engine']} / best peer: {ratio(row, best['cpu_ms'], 'cpu_ms')} by CPU time, "
               f"{ratio(row, best['wall_ms'], 'wall_ms')} by wall time.")


def ratio(row, base, field):
    return f"{row[field] / base[field]:.2f}" if field in base else "–"


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
