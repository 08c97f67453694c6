"""Models of other libraries as ONNX files, by the exporters of those libraries, looked for when they are needed."""

from __future__ import annotations

import io
from typing import Any, Optional

import numpy as np

from .errors import Invalid


def export(model: Any, rows: Optional[Any]) -> bytes:
    """An estimator or a module as the bytes of an ONNX file whose first axis is free.

    ``rows`` are examples of its input: they say type and number of features. Raises Invalid for a model of no known library,
    and where its exporter is missing, with what to install.
    """
    modules = {kind.__module__.split(".")[0] for kind in type(model).__mro__}
    if not modules & {"xgboost", "lightgbm", "sklearn", "torch"}:
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise _invalid(
            f"{kind} is not exported here; a path of an ONNX file, a scikit-learn, XGBoost or LightGBM estimator"
            " or a torch module is taken"
        )
    if rows is None:
        raise _invalid("examples are needed: they say what the input of the model is")
    # Estimators of XGBoost and LightGBM are scikit-learn's too; their own exporters come first.
    if "xgboost" in modules:
        return _boosted(model, rows, "xgboost")
    if "lightgbm" in modules:
        return _boosted(model, rows, "lightgbm")
    return _module(model, rows) if "torch" in modules else _estimator(model, rows)


def _estimator(model: Any, rows: Any) -> bytes:
    try:
        from skl2onnx import to_onnx
    except ImportError as missing:
        raise _needs("sklearn") from missing
    first = np.asarray(rows)[:1].astype(np.float32)
    is_classifier = hasattr(model, "predict_proba")
    options = {id(model): {"zipmap": False}} if is_classifier else None
    file = to_onnx(model, first, options=options)
    return _scores(file)


def _boosted(model: Any, rows: Any, library: str) -> bytes:
    try:
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType
    except ImportError as missing:
        raise _needs(library) from missing
    # Named as skl2onnx names it, so that all of them may serve one task.
    types = [("X", FloatTensorType([None, np.asarray(rows).shape[1]]))]
    if library == "xgboost":
        file = onnxmltools.convert_xgboost(model, initial_types=types)
    else:
        file = onnxmltools.convert_lightgbm(model, initial_types=types, zipmap=False)
    return _scores(file)


def _scores(file: Any) -> bytes:
    """The file without the label among its outputs, where it has scores by class: the label is the best of them."""
    outputs = file.graph.output
    kept = [output for output in outputs if output.name == "probabilities"]
    for output in [each for each in outputs if kept and each.name != "probabilities"]:
        outputs.remove(output)
    content: bytes = file.SerializeToString()
    return content


def _module(model: Any, rows: Any) -> bytes:
    try:
        import onnx  # noqa: F401  # torch's exporter needs it and says so late
        import torch
    except ImportError as missing:
        raise _needs("torch") from missing
    example = torch.as_tensor(np.asarray(rows)[:2])
    if example.dtype == torch.float64:
        example = example.float()
    out = io.BytesIO()
    model.eval()
    axes = {"input": {0: "N"}, "output": {0: "N"}}
    torch.onnx.export(
        model, (example,), out, input_names=["input"], output_names=["output"], dynamic_axes=axes, dynamo=False
    )
    return out.getvalue()


def _needs(extra: str) -> Invalid:
    return _invalid(f"its exporter is not installed: pip install 'infaas[{extra}]'")


def _invalid(message: str) -> Invalid:
    return Invalid("INVALID_ARGUMENT", message)
