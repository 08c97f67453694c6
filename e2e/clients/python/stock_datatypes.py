"""Sends every datatype to a model that answers with what it was sent, in every encoding that the client has.

Usage: stock_datatypes.py FACE ADDRESS MODEL_ONNX TYPED_MODEL_ONNX

A model has an input DATATYPE and an output DATATYPE_echo of shape [rows, columns] for each datatype, and scalar_DATATYPE,
scalar_DATATYPE_echo for some; the second model has none of datatypes that have no typed contents.
"""

import sys

import ml_dtypes
import numpy as np

from stock import Face, refusal, tell

face_name, address, model_path, typed_model_path = sys.argv[1:]
face = Face(face_name, address)
client = face.client


def load(name, path):
    """Brings a model; the datatype of each of its inputs."""
    with open(path, "rb") as file:
        client.load_model(name, config="{}", files={"file:1/model.onnx": file.read()})
    return {i["name"]: i["datatype"] for i in face.told("get_model_metadata", name)["inputs"]}


name = f"echo-{face_name}"
described = load(name, model_path)

dtypes = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BF16": ml_dtypes.bfloat16,
    "BYTES": np.object_,
}
words = [b"", b"zero\x00", "ünïcödé".encode(), b"\xff\xfe\x80", b"a" * 300, b"[1]"]


def extremes(datatype):
    """Two rows of values at the edges of a datatype."""
    dtype = dtypes[datatype]
    if datatype == "BOOL":
        values = [True, False, False, True, True, False]
    elif datatype == "BYTES":
        values = words
    elif datatype == "BF16":
        values = [0.0, -0.0, 1.5, -2.0, 2.0**127, 2.0**-126]
    elif np.issubdtype(dtype, np.floating):
        info = np.finfo(dtype)
        values = [0, -0.0, info.max, info.min, info.tiny, info.eps]
    else:
        info = np.iinfo(dtype)
        values = [0, 1, info.max, info.min, info.max - 1, 7]
    return np.array(values, dtype).reshape([2, 3])


def empty(datatype):
    return np.zeros([0, 3], dtypes[datatype])


def scalar(datatype):
    return np.array(words[2] if datatype == "BYTES" else 7, dtypes[datatype])


def tensors(make, in_json=()):
    """One tensor for each input of the model; `in_json` names datatypes that HTTP writes as text."""
    made = []
    for tensor, datatype in described.items():
        value = scalar(datatype) if tensor.startswith("scalar_") else make(datatype)
        made.append((tensor, value, face.tensor(tensor, value, datatype, datatype not in in_json)))
    return made


def same(value, answer):
    """Whether an answer is what was sent, to the last bit; BYTES may have become text in JSON."""
    if answer is None or list(value.shape) != list(answer.shape):
        return False
    if value.dtype == np.object_:
        plain = [e.encode() if isinstance(e, str) else e for e in answer.reshape(-1)]
        return plain == list(value.reshape(-1))
    return value.astype(answer.dtype).tobytes() == answer.tobytes()


def echoed(made, outputs=None):
    """Names of the tensors that did not come back as they were sent."""
    result = client.infer(name, [tensor for _, _, tensor in made], outputs=outputs)
    return [n for n, value, _ in made if not same(value, result.as_numpy(f"{n}_echo"))]


def in_json():
    """All datatypes but what JSON has no form for, both ways as JSON."""
    texts = ("FP16", "BF16") if face.is_grpc else ("FP16", "BF16", "BYTES")
    there = [t for t in dtypes if t not in texts]
    made = tensors(lambda t: np.nan_to_num(extremes(t), nan=0) if t != "BYTES" else extremes(t), there)
    outputs = [face.wanted(f"{n}_echo", described[n] not in there) for n, _, _ in made]
    return echoed(made, outputs)


def text():
    """Strings in JSON: those that are UTF-8 come back, others cannot be written."""
    good = np.array([w for w in words if w != b"\xff\xfe\x80"] + [b"x"], np.object_).reshape([2, 3])
    made = tensors(lambda t: good if t == "BYTES" else extremes(t), ("BYTES",))
    outputs = [face.wanted(f"{n}_echo", described[n] != "BYTES") for n, _, _ in made]
    return echoed(made, outputs)


def typed():
    """The same values as typed contents, which the generated stub of the client makes."""
    fields = {"BOOL": "bool", "INT64": "int64", "UINT64": "uint64", "FP32": "fp32", "FP64": "fp64", "BYTES": "bytes"}
    fields |= {t: "int" for t in ("INT8", "INT16", "INT32")} | {t: "uint" for t in ("UINT8", "UINT16", "UINT32")}
    pb = face.module.service_pb2
    request = pb.ModelInferRequest(model_name=f"typed-{name}")
    sent = []
    for tensor, datatype in load(f"typed-{name}", typed_model_path).items():
        value = scalar(datatype) if tensor.startswith("scalar_") else extremes(datatype)
        made = request.inputs.add(name=tensor, datatype=datatype, shape=value.shape)
        getattr(made.contents, f"{fields[datatype]}_contents").extend(value.reshape(-1).tolist())
        sent.append((tensor, value))
    result = face.module.InferResult(client._client_stub.ModelInfer(request))
    return [len(sent), [n for n, value in sent if not same(value, result.as_numpy(f"{n}_echo"))]]


def wrong(datatype):
    """A tensor of one datatype under the name of another."""
    made = tensors(extremes)
    other = "INT64" if datatype != "INT64" else "FP64"
    value = extremes(other)
    changed = [face.tensor(n, value, other) if n == datatype else tensor for n, _, tensor in made]
    return refusal(lambda: client.infer(name, changed))


plain = tensors(extremes)
subset = client.infer(name, [tensor for _, _, tensor in plain], outputs=[face.wanted("BYTES_echo")])
seen = {
    "datatypes": described,
    "raw": echoed(plain),
    "empty": echoed(tensors(empty)),
    "json": None if face.is_grpc else in_json(),
    "text": None if face.is_grpc else text(),
    "typed": typed() if face.is_grpc else None,
    "subset": face.head(subset)[3],
    "wrong": {t: (wrong(t) or {}).get("message") for t in dtypes},
}
client.close()
tell({**seen, "called": face.called})
