"""Checks ONNX files and runs them by ONNX Runtime against the golden pairs beside them; a line for each with the largest
difference, over the largest number where that is above 1.

    python run_onnx.py FILE.onnx ...
"""

import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

for name in sys.argv[1:]:
    path = pathlib.Path(name)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    golden = load_file(path.parent / "golden" / f"{path.stem}.safetensors")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    found = session.run(outputs, {entry.name: golden[entry.name] for entry in session.get_inputs()})
    worst = 0.0
    for output, value in zip(outputs, found):
        expected = golden[output]
        assert value.shape == expected.shape, (path, output, value.shape, expected.shape)
        assert np.isfinite(value).all(), (path, output)
        worst = max(worst, np.abs(value - expected).max() / max(1.0, np.abs(expected).max()))
    print(path.name, float(worst))
