"""One quantiser on one network, calibrated with all of FOLDER/calibration.npy: what quantisers.py compares.

usage: quantise.py QUANTISER MODEL.onnx FOLDER
"""
import sys
from pathlib import Path

import numpy as np


def calibration(folder):
    """One picture after the other, as floats."""
    for picture in np.load(folder / "calibration.npy", mmap_mode="r"):
        yield np.ascontiguousarray(picture[None].astype(np.float32))


def opset_13(model, folder):
    """Scales per channel came with it."""
    import onnx
    network = onnx.version_converter.convert_version(onnx.load(model), 13)
    onnx.save(network, folder / "opset13.onnx")
    return folder / "opset13.onnx", network.graph.input[0].name


def cut(model, folder):
    """The network up to its last convolutions, each an output of its own: put together first, boxes and scores would share one scale, and
    every score would be rounded to 0."""
    import onnx
    source, name = opset_13(model, folder)
    graph = onnx.load(source).graph
    makers = {output: node for node in graph.node for output in node.output}
    ends, left = [], [output.name for output in graph.output]
    while left:
        node = makers.get(left.pop())
        if node is not None and node.op_type == "Conv":
            ends += [node.output[0]] if node.output[0] not in ends else []
        elif node is not None:
            left += node.input
    onnx.utils.extract_model(str(source), str(folder / "cut.onnx"), [name], ends)
    return folder / "cut.onnx", name


def onnxruntime(model, folder, method, convolutions=False):
    """ONNX Runtime's static quantisation (QDQ) of every operator that it knows or of convolutions alone, uint8 activations, int8 weights per
    channel, of 7 bits on processors without VNNI (as its guide advises: pairs of products saturate there), after its own preparation. What
    `quantize_static` does, but with ranges gathered picture by picture: it would keep all tensors of all pictures."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import create_calibrator
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
    from onnxruntime.quantization.shape_inference import quant_pre_process
    source, name = cut(model, folder)
    prepared = folder / "prepared.onnx"
    quant_pre_process(str(source), str(prepared))

    class One(CalibrationDataReader):
        def __init__(self, picture):
            self.left = [{name: picture}]

        def get_next(self):
            return self.left.pop() if self.left else None

    operators = ["Conv"] if convolutions else list({*QDQRegistry, *QLinearOpsRegistry})
    seven = "vnni" not in Path("/proc/cpuinfo").read_text()
    kinds = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile}
    calibrator = create_calibrator(prepared, operators, augmented_model_path=str(folder / "augmented.onnx"),
                                   calibrate_method=kinds[method])
    for picture in calibration(folder):
        calibrator.collect_data(One(picture))
    ranges = calibrator.compute_data()
    quantizer = QDQQuantizer(onnx.load(prepared), True, seven, QuantType.QInt8, QuantType.QUInt8, ranges, [], [], operators, {})
    quantizer.quantize_model()
    name = f"onnxruntime-{method}{'-convolutions' if convolutions else ''}.onnx"
    quantizer.model.save_model_to_file(str(folder / name))


def nncf_onnx(model, folder):
    import nncf
    import onnx
    source, name = opset_13(model, folder)
    pictures = [{name: picture} for picture in calibration(folder)]
    quantised = nncf.quantize(onnx.load(source), nncf.Dataset(pictures), preset=nncf.QuantizationPreset.MIXED,
                              subset_size=len(pictures))
    onnx.save(quantised, folder / "nncf-onnx.onnx")


def nncf_openvino(model, folder):
    """Asymmetric activations, as it advises for SiLU."""
    import nncf
    import openvino as ov
    pictures = list(calibration(folder))
    quantised = nncf.quantize(ov.Core().read_model(model), nncf.Dataset(pictures), preset=nncf.QuantizationPreset.MIXED,
                              subset_size=len(pictures))
    ov.save_model(quantised, folder / "nncf.xml", compress_to_fp16=False)


def ai_edge_quantizer(model, folder):
    """A TFLite file by onnx2tf, then int8 weights per channel and int8 activations."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    import convert
    convert.tflite(cut(model, folder)[0], folder)
    source = str(folder / "float.tflite")
    network = Interpreter(source)
    signature, ends = next(iter(network.get_signature_list().items()))
    name, shape = ends["inputs"][0], list(network.get_input_details()[0]["shape"])
    pictures = [p if list(p.shape) == shape else p.transpose(0, 2, 3, 1) for p in calibration(folder)]
    maker = quantizer.Quantizer(source, recipe.static_wi8_ai8())
    ranges = maker.calibrate({signature: [{name: np.ascontiguousarray(p)} for p in pictures]})
    maker.quantize(ranges).export_model(str(folder / "int8.tflite"), overwrite=True)


MAKERS = {
    "onnxruntime minmax": lambda model, folder: onnxruntime(model, folder, "minmax"),
    "onnxruntime percentile": lambda model, folder: onnxruntime(model, folder, "percentile"),
    "onnxruntime minmax convolutions": lambda model, folder: onnxruntime(model, folder, "minmax", True),
    "onnxruntime percentile convolutions": lambda model, folder: onnxruntime(model, folder, "percentile", True),
    "nncf onnx": nncf_onnx,
    "nncf openvino": nncf_openvino,
    "ai-edge-quantizer": ai_edge_quantizer,
}


if __name__ == "__main__":
    MAKERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
