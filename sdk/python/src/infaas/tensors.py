"""Arrays as the protocol's tensors: raw little-endian row-major bytes with a name, a datatype and a shape."""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from .answers import Array
from .errors import Invalid

_TYPES: Dict[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "INT8": "i1",
    "UINT16": "<u2",
    "INT16": "<i2",
    "UINT32": "<u4",
    "INT32": "<i4",
    "UINT64": "<u8",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def fit(array: Any, name: str, datatype: str, shape: Sequence[int]) -> Array:
    """An array in the datatype and rank of an input; a single row gets its batch axis.

    Raises Invalid where values would not survive: numbers of another kind, or another shape.
    """
    given = np.asarray(array)
    if given.ndim == len(shape) - 1 and _fits(given.shape, shape[1:]):
        given = given[np.newaxis]
    if not _fits(given.shape, shape):
        raise _invalid(f"input '{name}' has shape {list(given.shape)}; {list(shape)} is taken, -1 is free")
    if datatype == "BYTES":
        return given.astype(object)
    code = _TYPES.get(datatype)
    if code is None:
        raise _invalid(f"input '{name}' is {datatype}, which numpy has no type for")
    wanted = np.dtype(code)
    whole = given.dtype.kind in "iub" and wanted.kind in "iub"
    if whole and given.size > 0 and wanted.kind != "b":
        limits = np.iinfo(wanted)
        if int(given.min()) < limits.min or int(given.max()) > limits.max:
            raise _invalid(f"input '{name}' has values from {given.min()} to {given.max()}; {datatype} is taken")
    elif not np.can_cast(given.dtype, wanted, "same_kind"):
        raise _invalid(f"input '{name}' is {given.dtype}; {datatype} is taken")
    return np.ascontiguousarray(given, dtype=wanted)


def _fits(given: Sequence[int], shape: Sequence[int]) -> bool:
    return len(given) == len(shape) and all(want in (-1, has) for has, want in zip(given, shape))


def bytes_of(array: Array, datatype: str) -> bytes:
    """The raw contents of a fitted array."""
    if datatype != "BYTES":
        return array.tobytes()
    parts: List[bytes] = []
    for element in array.reshape(-1):
        raw = element if isinstance(element, bytes) else str(element).encode()
        parts.append(struct.pack("<I", len(raw)) + raw)
    return b"".join(parts)


def array_of(raw: bytes, datatype: str, shape: Sequence[int]) -> Array:
    """The array of an output. BF16 becomes float32, BYTES an array of bytes objects."""
    if datatype == "BYTES":
        return np.array(_elements(raw), dtype=object).reshape(shape)
    if datatype == "BF16":
        wide = np.frombuffer(raw, dtype="<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(shape)
    return np.frombuffer(raw, dtype=_TYPES[datatype]).reshape(shape)


def _elements(raw: bytes) -> Tuple[bytes, ...]:
    found: List[bytes] = []
    at = 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        found.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    return tuple(found)


def _invalid(message: str) -> Invalid:
    return Invalid("INVALID_ARGUMENT", message)
