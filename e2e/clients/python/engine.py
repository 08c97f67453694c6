"""Answers of onnxruntime itself: reads one JSON object a line, `{path, runs: [[{name, datatype, shape, bytes}]]}` with bytes in
base64, and prints one a line: `{answers: [{outputs: [{name, datatype, shape, bytes}]} | {fault}]}`, or `{fault}` for a file that
is not opened. Sequences and maps are told as two tensors each, as the system answers them (docs/clients.md).
"""

import base64
import ctypes
import json
import sys

import numpy as np
import onnxruntime as ort

DTYPES = {
    "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BF16": np.uint16,
}  # fmt: skip
TYPES = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
    "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "float16": "FP16", "float": "FP32",
    "double": "FP64", "bfloat16": "BF16", "string": "BYTES",
}  # fmt: skip
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if name != "BF16"}
BFLOAT16 = 16


def texts(raw):
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "little")
        yield raw[at + 4 : at + 4 + length]
        at += 4 + length


def value(tensor):
    raw, shape = base64.b64decode(tensor["bytes"]), tensor["shape"]
    if tensor["datatype"] == "BYTES":
        # Values of the engine's own are made of numbers only.
        return np.array([text.decode() for text in texts(raw)], dtype=object).reshape(shape)
    array = np.frombuffer(raw, DTYPES[tensor["datatype"]]).reshape(shape).copy()
    if tensor["datatype"] == "BF16":
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array, BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(array)


def packed(array):
    if array.dtype.kind not in "OUS":
        return NAMES[array.dtype], np.ascontiguousarray(array).tobytes()
    each = [str(item).encode() for item in array.ravel()]
    return "BYTES", b"".join(len(item).to_bytes(4, "little") + item for item in each)


def told(name, array):
    datatype, raw = packed(array)
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "bytes": base64.b64encode(raw).decode()}


def of_tensor(name, result):
    kind = result.data_type().removeprefix("tensor(").removesuffix(")")
    if kind != "bfloat16":
        return [told(name, result.numpy())]
    shape = list(result.shape())
    raw = ctypes.string_at(result.data_ptr(), int(np.prod(shape)) * 2)
    return [{"name": name, "datatype": "BF16", "shape": shape, "bytes": base64.b64encode(raw).decode()}]


def of_maps(name, maps):
    keys = [sorted(entries) for entries in maps]
    values = [[entries[key] for key in order] for entries, order in zip(maps, keys)]
    key_array = np.array(keys, dtype=object if isinstance(keys[0][0], str) else np.int64)
    return [told(f"{name}.keys", key_array), told(f"{name}.values", np.array(values, dtype=np.float32))]


def of_tensors(name, arrays):
    flat = np.concatenate([array.ravel() for array in arrays])
    shapes = np.array([array.shape for array in arrays], dtype=np.int64).reshape(len(arrays), -1)
    return [told(f"{name}.values", flat), told(f"{name}.shapes", shapes)]


def outputs_of(session, feeds):
    described = session.get_outputs()
    are_values = not any(isinstance(feed, np.ndarray) for feed in feeds.values())
    if are_values and all(output.type.startswith("tensor(") for output in described):
        results = session.run_with_ort_values(None, feeds)
        return [one for output, result in zip(described, results) for one in of_tensor(output.name, result)]
    outputs = []
    arrays = {name: feed if isinstance(feed, np.ndarray) else feed.numpy() for name, feed in feeds.items()}
    results = session.run(None, arrays)
    for output, result in zip(described, results):
        if output.type.startswith("tensor("):
            outputs.append(told(output.name, result))
        else:
            outputs += (of_maps if result and isinstance(result[0], dict) else of_tensors)(output.name, result)
    return outputs


def answer(session, run):
    try:
        return {"outputs": outputs_of(session, {tensor["name"]: value(tensor) for tensor in run})}
    except Exception as fault:
        return {"fault": str(fault)}


def answers(path, runs):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as fault:
        return {"fault": str(fault)}
    return {"answers": [answer(session, run) for run in runs]}


for line in sys.stdin:
    print(json.dumps(answers(**json.loads(line))), flush=True)
