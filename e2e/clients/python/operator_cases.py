"""Writes the models that the package onnx makes in code, one for each case of an operator, as its own files are: a folder with
`model.onnx` and the inputs in `test_data_set_0`. Usage: operator_cases.py FOLDER
"""

import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
from onnx import TensorProto, numpy_helper  # noqa: E402
from onnx.backend.test.case.node import collect_testcases  # noqa: E402


def written(value, described):
    name, kind = described.name, described.type.WhichOneof("value")
    if isinstance(value, TensorProto):
        return value
    if kind == "sequence_type":
        return numpy_helper.from_list(value, name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, name)
    return numpy_helper.from_array(np.asarray(value), name)


target = Path(sys.argv[1])
for case in collect_testcases(None):
    folder = target / case.name
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (inputs, _outputs) = case.data_sets[0]
    for index, (value, described) in enumerate(zip(inputs, case.model.graph.input)):
        (data / f"input_{index}.pb").write_bytes(written(value, described).SerializeToString())
