"""The same network for every peer: what a peer cannot read as it is, converted once and kept.

usage: convert.py WHAT MODEL.onnx FOLDER        (WHAT: one of the names in MAKERS)

Quantisation is static, with int8 weights per channel and ranges of activations from CALIBRATION pictures.
"""
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

CALIBRATION = 16
PICTURES = 4
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def spread(folder, count):
    """`count` pictures of a folder and its subfolders, evenly spread over the sorted names."""
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise RuntimeError(f"no pictures in {folder}: name a folder of pictures with --pictures")
    return [files[i * len(files) // count] for i in range(min(count, len(files)))]


def tensor(path, height, width, kind):
    """A picture as the network wants it, [3, H, W]: see tensors."""
    import cv2
    picture = cv2.imread(str(path))
    if picture is None:
        raise RuntimeError(f"{path} is no picture")
    scale = min(height / picture.shape[0], width / picture.shape[1])
    small = cv2.resize(picture, (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))))
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[:small.shape[0], :small.shape[1]] = small
    canvas = canvas.astype(np.float32)
    if kind == "bgr255":
        return canvas.transpose(2, 0, 1)
    canvas = canvas[:, :, ::-1] / 255
    if kind == "imagenet":
        canvas = (canvas - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return canvas.transpose(2, 0, 1).astype(np.float32)


def tensors(model, folder, pictures, calibration, kind):
    """Writes inputs.npy and calibration.npy, [N, 3, H, W]. `kind`: bgr255 (YOLOX), rgb1 (0..1) or imagenet."""
    import onnx
    shape = onnx.load(model).graph.input[0].type.tensor_type.shape.dim
    height, width = shape[2].dim_value, shape[3].dim_value
    for name, source, count in (("inputs", pictures, PICTURES), ("calibration", calibration, CALIBRATION)):
        np.save(folder / f"{name}.npy", np.stack([tensor(p, height, width, kind) for p in spread(source, count)]))


def calibration(folder):
    return [np.ascontiguousarray(picture[None]) for picture in np.load(folder / "calibration.npy")]


def qdq(model, folder):
    """A QDQ file of every operator that ONNX Runtime's quantiser knows; uint8 activations, as it wants them on x86."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    network = onnx.load(model)
    name = network.graph.input[0].name
    # Scales per channel came with operator set 13.
    if network.opset_import[0].version < 13:
        network = onnx.version_converter.convert_version(network, 13)

    class Pictures(CalibrationDataReader):
        def __init__(self):
            self.left = iter(calibration(folder))

        def get_next(self):
            picture = next(self.left, None)
            return None if picture is None else {name: picture}

    quantize_static(network, folder / "qdq.onnx", Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)


def nncf(model, folder):
    """OpenVINO's own quantiser; asymmetric activations, as it advises for SiLU."""
    import nncf as lib
    import openvino as ov
    pictures = calibration(folder)
    quantised = lib.quantize(ov.Core().read_model(model), lib.Dataset(pictures), preset=lib.QuantizationPreset.MIXED,
                             subset_size=len(pictures))
    ov.save_model(quantised, folder / "nncf.xml", compress_to_fp16=False)


def tflite(model, folder):
    """onnx2tf writes the TFLite file itself; TensorFlow is not needed."""
    work = fresh(folder / "tflite.d")
    # A copy: onnx2tf writes its names for the nodes into the very file that it reads.
    shutil.copyfile(model, work / "net.onnx")
    command = [sys.executable, "-m", "onnx2tf", "-i", "net.onnx", "-o", ".", "-nuo"]
    subprocess.run(command, cwd=work, check=True, stdout=sys.stderr)
    (work / "net_float32.tflite").replace(folder / "float.tflite")
    shutil.rmtree(work)


def tflite_int8(_model, folder):
    """int8 weights per channel, int8 activations, input and output included."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe
    source = str(folder / "float.tflite")
    network = Interpreter(source)
    signature, ends = next(iter(network.get_signature_list().items()))
    name, shape = ends["inputs"][0], list(network.get_input_details()[0]["shape"])
    pictures = [p if list(p.shape) == shape else p.transpose(0, 2, 3, 1) for p in calibration(folder)]
    maker = quantizer.Quantizer(source, recipe.static_wi8_ai8())
    ranges = maker.calibrate({signature: [{name: np.ascontiguousarray(p)} for p in pictures]})
    maker.quantize(ranges).export_model(str(folder / "int8.tflite"), overwrite=True)


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def fold_focus(graph):
    """Focus (every second pixel four times, concatenated) and its 3x3 convolution as one 6x6 of stride 2: the same sums.

    ncnn has no slice with steps, so a network that begins with Focus could not run on it.
    """
    from onnx import helper, numpy_helper
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}

    def offset(name):
        """What is sliced, and where its pixels begin in each 2x2 block."""
        begin = [0, 0]
        while name in makers and makers[name].op_type == "Slice":
            name, start, _end, axis, _step = makers[name].input
            start, axis = (int(numpy_helper.to_array(constants[c])[0]) for c in (start, axis))
            begin[axis - 2] = start
        return name, begin

    for conv in [node for node in graph.node if node.op_type == "Conv"]:
        concat = makers.get(conv.input[0])
        if concat is None or concat.op_type != "Concat" or any(makers[i].op_type != "Slice" for i in concat.input):
            continue
        weight = numpy_helper.to_array(constants[conv.input[1]])
        channels = weight.shape[1] // 4
        wide = np.zeros((weight.shape[0], channels, 6, 6), np.float32)
        for part, name in enumerate(concat.input):
            picture, (row, column) = offset(name)
            wide[:, :, row::2, column::2] = weight[:, part * channels:(part + 1) * channels]
        constants[conv.input[1]].CopyFrom(numpy_helper.from_array(wide, conv.input[1]))
        conv.input[0] = picture
        del conv.attribute[:]
        conv.attribute.extend(helper.make_attribute(*pair) for pair in
                              (("kernel_shape", [6, 6]), ("strides", [2, 2]), ("pads", [2, 2, 2, 2])))
        drop(graph, concat.output[0], makers, picture)


def drop(graph, name, makers, until):
    """Removes what makes `name` out of `until`."""
    node = makers.pop(name, None)
    if name == until or node is None:
        return
    graph.node.remove(node)
    for source in node.input:
        drop(graph, source, makers, until)


def ncnn(model, folder):
    """pnnx's program reads ONNX without PyTorch; its Python wrapper does not. Weights stay in f32."""
    import importlib.util

    import onnx
    # Found, not imported: importing asks for PyTorch.
    program = Path(importlib.util.find_spec("pnnx").origin).parent / "pnnx"
    shape = ",".join(map(str, np.load(folder / "inputs.npy")[:1].shape))
    work = fresh(folder / "ncnn.d")
    network = onnx.load(model)
    fold_focus(network.graph)
    onnx.save(network, work / "net.onnx")
    subprocess.run([program, "net.onnx", f"inputshape=[{shape}]", "fp16=0"], cwd=work, check=True, stdout=sys.stderr)
    for kind in ("param", "bin"):
        (work / f"net.ncnn.{kind}").replace(folder / f"net.ncnn.{kind}")
    shutil.rmtree(work)


# What: (how it is made, the file that is there afterwards).
MAKERS = {
    "qdq": (qdq, "qdq.onnx"),
    "nncf": (nncf, "nncf.xml"),
    "tflite": (tflite, "float.tflite"),
    "tflite-int8": (tflite_int8, "int8.tflite"),
    "ncnn": (ncnn, "net.ncnn.bin"),
}


if __name__ == "__main__":
    if sys.argv[1] == "tensors":
        tensors(sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
    else:
        MAKERS[sys.argv[1]][0](Path(sys.argv[2]), Path(sys.argv[3]))
