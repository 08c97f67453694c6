"""A query as a request, and its answer; pure, for the blocking and the asynchronous client."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple, Union

import numpy as np

from .answers import Answer, Array, receipt_of
from .errors import Invalid, NotFound
from .tensors import array_of, bytes_of, fit
from .wire import QUERY

#: An array for the only input, or arrays by name.
Inputs = Union[Any, Mapping[str, Any]]

_OBJECTIVES = {"min-cost": 1, "max-accuracy": 2, "min-latency": 3}


@dataclass(frozen=True)
class Needs:
    """What one query needs; what is None is no requirement."""

    accuracy: Optional[float] = None
    latency_ms: Optional[float] = None
    max_cost_usd: Optional[float] = None
    objective: str = "min-cost"
    no_downgrade: bool = False
    deterministic: bool = False


@dataclass(frozen=True)
class Target:
    """What a task, architecture or variant takes: messages of the catalog."""

    task: Any
    inputs: Tuple[Any, ...]


def target_of(listing: Any, name: str) -> Target:
    """Finds a variant, an architecture (or its alias) or a task by name; a task may lack its data set."""
    variant = next((v for v in listing.variants if v.name == name), None)
    wanted = name if variant is None else variant.architecture
    models = listing.architectures
    model = next((a for a in models if a.name == wanted or name in a.aliases), None)
    by_task = name if model is None else model.task
    task = next((t for t in listing.tasks if t.name == by_task or t.name.startswith(f"{name}/")), None)
    owner = model or (None if task is None else next((a for a in models if a.task == task.name), None))
    if task is None or owner is None:
        known = ", ".join(t.name for t in listing.tasks) or "none"
        raise NotFound("NOT_FOUND", f"'{name}' is no registered task, architecture or variant; tasks: {known}")
    signature = task.signature.inputs if model is None and task.HasField("signature") else owner.inputs
    return Target(task, tuple(signature))


def request_of(name: str, target: Target, inputs: Optional[Inputs], image: Any, needs: Needs) -> Any:
    """The request of one query. Raises Invalid where arrays or requirements are not taken."""
    if (inputs is None) == (image is None):
        raise _invalid("one of inputs and image is needed")
    arrays = _by_name(target, inputs if image is None else image_array(target, image))
    request = QUERY.request(target=name)
    _require(request.slo, needs)
    for spec in target.inputs:
        if spec.name not in arrays:
            if spec.optional:
                continue
            raise _invalid(f"input '{spec.name}' is missing; given: {', '.join(arrays) or 'none'}")
        given = arrays.pop(spec.name)
        array = np.asarray(given) if spec.any_rank else given
        fitted = fit(array, spec.name, spec.datatype, array.shape if spec.any_rank else list(spec.shape))
        request.inputs.add(name=spec.name, datatype=spec.datatype, shape=fitted.shape)
        request.raw_input_contents.append(bytes_of(fitted, spec.datatype))
    if arrays:
        names = ", ".join(spec.name for spec in target.inputs)
        raise _invalid(f"there is no input '{next(iter(arrays))}'; there are {names}")
    return request


def _by_name(target: Target, inputs: Inputs) -> dict[str, Any]:
    if isinstance(inputs, Mapping):
        return dict(inputs)
    required = [spec.name for spec in target.inputs if not spec.optional]
    if len(required) != 1:
        raise _invalid(f"'{target.task.name}' takes {', '.join(required)}: give arrays by name")
    return {required[0]: inputs}


def _require(slo: Any, needs: Needs) -> None:
    objective = _OBJECTIVES.get(needs.objective)
    if objective is None:
        raise _invalid(f"objective is '{needs.objective}'; it may be {', '.join(_OBJECTIVES)}")
    slo.objective = objective
    slo.no_downgrade = needs.no_downgrade
    slo.deterministic = needs.deterministic
    for field, value in (
        ("min_accuracy", needs.accuracy),
        ("latency_ms", needs.latency_ms),
        ("max_cost_usd", needs.max_cost_usd),
    ):
        if value is not None:
            setattr(slo, field, value)


def answer_of(response: Any, labels: Tuple[str, ...]) -> Answer:
    """The answer with its outputs as arrays."""
    outputs = {
        tensor.name: array_of(raw, tensor.datatype, list(tensor.shape))
        for tensor, raw in zip(response.outputs, response.raw_output_contents)
    }
    return Answer(outputs, receipt_of(response.receipt), labels)


def image_array(target: Target, image: Any) -> Array:
    """A picture as the task's hint says: its size, channels, layout and scale.

    ``image`` is a path, the bytes of a picture file, a PIL image, or an array of the size of the input already, which is
    taken as it is.
    """
    if hasattr(image, "__array__") and not hasattr(image, "convert"):
        array: Array = np.asarray(image)
        return _with_channels(array, target)
    if not target.task.HasField("image"):
        raise _invalid(f"'{target.task.name}' says nothing of an image; give its tensors as inputs")
    hint = target.task.image
    picture = _opened(image).convert("L" if hint.channels == 1 else "RGB").resize((hint.width, hint.height))
    pixels: Array = np.asarray(picture, dtype=np.float32) * hint.scale + hint.offset
    if pixels.ndim == 2:
        pixels = pixels[:, :, np.newaxis]
    rows: Array = pixels if hint.layout == "NHWC" else pixels.transpose(2, 0, 1)
    return rows.astype(np.float32)[np.newaxis]


def _with_channels(array: Array, target: Target) -> Array:
    """A grey picture of two axes gets the channel that the input has, where it has one."""
    shape: List[int] = list(target.inputs[0].shape) if target.inputs else []
    if array.ndim == 2 and len(shape) == 4 and 1 in shape[1:]:
        return array[np.newaxis] if shape[1] == 1 else array[:, :, np.newaxis]
    return array


def _opened(image: Any) -> Any:
    if hasattr(image, "convert"):
        return image
    try:
        from PIL import Image
    except ImportError as missing:
        raise _invalid("picture files are read by Pillow: pip install 'infaas[image]'") from missing
    if isinstance(image, (str, os.PathLike)):
        return Image.open(image)
    if isinstance(image, (bytes, bytearray)):
        import io

        return Image.open(io.BytesIO(image))
    raise _invalid(f"image is {type(image).__name__}; a path, bytes, a PIL image or an array is taken")


def _invalid(message: str) -> Invalid:
    return Invalid("INVALID_ARGUMENT", message)
