"""What a registration uploads and says, worked out before anything is sent."""

from __future__ import annotations

import hashlib
import io
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Iterator, List, Mapping, Optional, Set, Tuple, Union

import numpy as np

from .answers import Registered, registered_of
from .errors import InfaasError, Invalid
from .exporters import export
from .tensors import bytes_of, fit
from .wire import PUT_TASK, REGISTER, UPLOAD_ARTIFACT, Model

#: Bytes in one message of an upload.
CHUNK_BYTES = 1 << 20
#: Letters of a name.
NAME_LENGTH_MAX = 128
#: ONNX's numbers of element types, as the protocol's datatypes.
_DATATYPES = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    8: "BYTES",
    9: "BOOL",
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
}


@dataclass(frozen=True)
class Upload:
    """Content by its digest, in memory or in a file."""

    content: Union[bytes, Path]
    digest: str
    size: int

    @staticmethod
    def of(content: Union[bytes, Path]) -> "Upload":
        if isinstance(content, bytes):
            return Upload(content, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        digest = hashlib.sha256()
        with content.open("rb") as file:
            for chunk in iter(lambda: file.read(CHUNK_BYTES), b""):
                digest.update(chunk)
        return Upload(content, f"sha256:{digest.hexdigest()}", content.stat().st_size)

    def messages(self, start: int) -> Iterator[Any]:
        """Messages of an upload that goes on at a byte; an empty rest is one message."""
        with io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb") as file:
            file.seek(start)
            at = start
            while True:
                data = file.read(CHUNK_BYTES)
                yield UPLOAD_ARTIFACT.request(digest=self.digest, total_bytes=self.size, offset=at, data=data)
                at += len(data)
                if at >= self.size or not data:
                    return


@dataclass(frozen=True)
class Plan:
    """One registration: what is uploaded, and the requests that name it."""

    name: str
    task: Optional[str]
    model: Upload
    external: Mapping[str, Upload]
    #: Inputs and class numbers to measure accuracy with: (inputs, labels, rows).
    labelled: Optional[Tuple[Upload, Upload, int]] = None
    #: Example files by input, as .npy; an empty name is the only input.
    examples: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def uploads(self) -> List[Upload]:
        labelled = [] if self.labelled is None else list(self.labelled[:2])
        return [self.model, *self.external.values(), *labelled]

    def task_request(self, listing: Any) -> Optional[Any]:
        """What the task is put as; None where it stays as it is. Labelled examples that it has measure all its models."""
        name = self.task or f"model/{self.name}"
        before = next((t for t in listing.tasks if t.name == name), None)
        if before is not None and (self.labelled is None or before.HasField("validation")):
            return None
        if before is None and self.labelled is None and self.task is None:
            return None
        request = PUT_TASK.request()
        if before is not None:
            request.task.CopyFrom(before)
            request.read_revision = listing.revision
        else:
            request.task.name, request.task.metric = name, "accuracy"
        if self.labelled is not None:
            inputs, labels, count = self.labelled
            validation = request.task.validation
            validation.dataset, validation.count = f"{self.name} examples", count
            validation.inputs_digest, validation.labels_digest = inputs.digest, labels.digest
        return request

    def request(self, *, description: str, tolerance: float, batchable: Optional[bool], retry: bool) -> Any:
        request = REGISTER.request(
            name=self.name,
            task=self.task or "",
            model_digest=self.model.digest,
            description=description,
            accuracy_tolerance=tolerance,
            retry=retry,
        )
        if batchable is not None:
            request.batchable = batchable
        for name, upload in self.external.items():
            request.external_data.add(name=name, digest=upload.digest)
        for name, content in self.examples.items():
            request.examples.add(input=name, name=f"{name or 'examples'}.npy", content=content)
        return request

    def registered(self, result: Any) -> Registered:
        if result is None:
            raise InfaasError("UNKNOWN", f"the registration of '{self.name}' ended without a result")
        return registered_of(result)


def registration_of(model: Any, *, name: Optional[str], task: Optional[str], examples: Any) -> Plan:
    """Reads or exports the model. Raises Invalid for what cannot be registered, before anything is sent."""
    rows, labels = examples if _is_pair(examples) else (examples, None)
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        content: Union[bytes, Path] = path
        called, folder = path.stem, path.parent
        parsed = _parsed(path)
    else:
        exported = export(model, rows)
        content, called, folder = exported, type(model).__name__, None
        parsed = Model.FromString(exported)
    plan = Plan(
        name=name or _name_from(called),
        task=task,
        model=Upload.of(content),
        external=_external(parsed, folder),
    )
    if labels is not None:
        return replace(plan, labelled=_labelled(parsed, rows, labels))
    if rows is None:
        return plan
    files = rows if isinstance(rows, Mapping) else {"": rows}
    inputs = _inputs(parsed)
    return replace(plan, examples={key: _npy(value, _type_of(inputs, key)) for key, value in files.items()})


def _is_pair(examples: Any) -> bool:
    return isinstance(examples, tuple) and len(examples) == 2


def _parsed(path: Path) -> Any:
    try:
        parsed = Model.FromString(path.read_bytes())
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's DecodeError is another class in each of its implementations
        raise _invalid(f"{path} is no ONNX file") from error
    if not parsed.HasField("graph"):
        raise _invalid(f"{path} is no ONNX file: it holds no graph")
    return parsed


def _name_from(text: str) -> str:
    dashed = re.sub(r"[^A-Za-z0-9._-]+", "-", text)
    name = re.sub(r"^[._-]+|[._-]+$", "", dashed)[:NAME_LENGTH_MAX]
    if not name:
        raise _invalid(f"'{text}' has no letter or digit to name the model by: give a name")
    return name


def _inputs(model: Any) -> Mapping[str, Any]:
    constants = {tensor.name for tensor in model.graph.initializer}
    return {info.name: info.type.tensor_type for info in model.graph.input if info.name not in constants}


def _type_of(inputs: Mapping[str, Any], name: str) -> Any:
    if name == "" and len(inputs) == 1:
        return next(iter(inputs.values()))
    if name not in inputs:
        raise _invalid(f"examples are for input '{name}'; the model has {', '.join(inputs)}")
    return inputs[name]


def _shape_of(tensor: Any) -> List[int]:
    return [d.dim_value if d.WhichOneof("value") == "dim_value" else -1 for d in tensor.shape.dim]


def _npy(value: Any, tensor: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, fit(value, "examples", _datatype(tensor), _shape_of(tensor)), allow_pickle=False)
    return out.getvalue()


def _datatype(tensor: Any) -> str:
    found = _DATATYPES.get(tensor.elem_type)
    if found is None or found == "BYTES":
        raise _invalid(f"examples of element type {tensor.elem_type} are given in a file of .npz or .json: infaas register")
    return found


def _labelled(model: Any, rows: Any, labels: Any) -> Tuple[Upload, Upload, int]:
    inputs = _inputs(model)
    if len(inputs) != 1:
        raise _invalid(f"labelled examples are for models of one input; this one has {len(inputs)}")
    ((name, tensor),) = inputs.items()
    classes = np.asarray(labels)
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise _invalid(f"labels are class numbers, one for each row; {classes.dtype} {list(classes.shape)} was given")
    array = fit(rows, name, _datatype(tensor), [-1, *_shape_of(tensor)[1:]])
    if len(array) != len(classes):
        raise _invalid(f"{len(array)} rows of examples have {len(classes)} labels")
    raw = bytes_of(array, _datatype(tensor))
    return Upload.of(raw), Upload.of(classes.astype("<i4").tobytes()), len(classes)


def _external(model: Any, folder: Optional[Path]) -> Mapping[str, Upload]:
    """Files beside the model that hold some of its weights."""
    found: Set[str] = set()
    _collect_locations(model, found)
    uploads: dict[str, Upload] = {}
    for name in sorted(found):
        parts = Path(name).parts
        if folder is None or Path(name).is_absolute() or ".." in parts:
            raise _invalid(f"weights in '{name}' are no path below the model's folder")
        path = folder / name
        if not path.is_file():
            raise _invalid(f"the model's weights are also in {path}, which is no file")
        uploads[name] = Upload.of(path)
    return uploads


def _collect_locations(message: Any, found: Set[str]) -> None:
    """Locations of external data at any depth: bodies, functions and sparse tensors too."""
    for entry in getattr(message, "external_data", ()):
        if entry.key == "location":
            found.add(entry.value)
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for each in value if _is_repeated(value) else (value,):
            _collect_locations(each, found)


def _is_repeated(value: Any) -> bool:
    return not hasattr(value, "ListFields")


def _invalid(message: str) -> Invalid:
    return Invalid("INVALID_ARGUMENT", message)
