"""What the system answers, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of a variant in its task's metric, 0 to 1."""

    value: float
    metric: str
    dataset: str
    sample_count: int


@dataclass(frozen=True)
class ColdPhase:
    """One part of the time of a query that waited for a load; ``expected_ms`` is the median of such loads."""

    phase: str
    ms: float
    expected_ms: Optional[float]


@dataclass(frozen=True)
class Receipt:
    """Which variant answered, how accurate it is, where the time went (milliseconds) and what it cost (US dollars)."""

    variant: str
    architecture: str
    executor: str
    accuracy: Optional[Accuracy]
    batch_size: int
    select_ms: float
    network_ms: float
    queue_ms: float
    gather_ms: float
    compute_ms: float
    scatter_ms: float
    total_ms: float
    cost_usd: float
    downgraded: bool
    cold: bool
    cold_phases: Tuple[ColdPhase, ...]


@dataclass(frozen=True)
class Offer:
    """What could be had instead of what was refused; the cost is US dollars per 1,000 queries."""

    relax: str
    variant: str
    latency_ms: float
    accuracy: Optional[float]
    cost_usd: float


@dataclass(frozen=True)
class Answer:
    """Outputs by name in the model's order, and the receipt. ``labels`` are those of the task, in the order of classes."""

    outputs: Mapping[str, Array]
    receipt: Receipt
    labels: Tuple[str, ...] = ()

    @property
    def output(self) -> Array:
        """The only or first output."""
        return next(iter(self.outputs.values()))

    def top(self, count: int = 1) -> Tuple[Tuple[str, float], ...]:
        """Labels of the best classes of the first row with their scores as the model gives them, best first."""
        scores = np.asarray(self.output)[0].reshape(-1)
        best = np.argsort(-scores, kind="stable")[:count]
        return tuple((self._label(int(i)), float(scores[i])) for i in best)

    def _label(self, index: int) -> str:
        return self.labels[index] if index < len(self.labels) else str(index)


@dataclass(frozen=True)
class Progress:
    """One step of a registration: ``done`` of ``total``."""

    stage: str
    variant: str
    done: int
    total: int
    message: str


@dataclass(frozen=True)
class Variant:
    """One way of running a registered model; ``p50_ms`` is the median latency of one row, None where it was not measured."""

    name: str
    task: str
    architecture: str
    precision: str
    accuracy: Optional[float]
    p50_ms: Optional[float]


@dataclass(frozen=True)
class Registered:
    """What a registration found and made. ``unchanged``: this very file was registered before."""

    name: str
    task: str
    version: int
    batchable: bool
    unbatchable_reason: str
    variants: Tuple[Variant, ...]
    rejected: Mapping[str, str]
    warnings: Tuple[str, ...]
    unchanged: bool


def _optional(message: Any, field: str) -> Optional[Any]:
    return getattr(message, field) if message.HasField(field) else None


def accuracy_of(message: Any) -> Optional[Accuracy]:
    found = _optional(message, "accuracy")
    if found is None:
        return None
    return Accuracy(found.value, found.metric, found.dataset, found.sample_count)


def receipt_of(message: Any) -> Receipt:
    phases = tuple(ColdPhase(p.phase, p.ms, _optional(p, "expected_ms")) for p in message.cold_phases)
    plain: Dict[str, Any] = {
        name: getattr(message, name)
        for name in Receipt.__dataclass_fields__
        if name not in ("accuracy", "cold_phases")
    }
    return Receipt(accuracy=accuracy_of(message), cold_phases=phases, **plain)


def offers_of(refusal: Any) -> Tuple[Offer, ...]:
    return tuple(
        Offer(o.relax, o.variant, o.latency_ms, _optional(o, "accuracy"), o.cost_usd) for o in refusal.offers
    )


def variants_of(messages: Sequence[Any]) -> Tuple[Variant, ...]:
    return tuple(_variant(v) for v in messages)


def _variant(message: Any) -> Variant:
    accuracy = accuracy_of(message)
    measured = message.unprofiled_reason == "" and len(message.profile.points) > 0
    precision = message.DESCRIPTOR.fields_by_name["precision"].enum_type.values_by_number[message.precision].name
    return Variant(
        name=message.name,
        task=message.task,
        architecture=message.architecture,
        precision=precision.replace("PRECISION_", "").lower(),
        accuracy=None if accuracy is None else accuracy.value,
        p50_ms=message.profile.points[0].p50_ms if measured else None,
    )


def registered_of(result: Any) -> Registered:
    model = result.architecture
    return Registered(
        name=model.name,
        task=model.task,
        version=model.version,
        batchable=model.batchable,
        unbatchable_reason=model.unbatchable_reason,
        variants=variants_of(result.variants),
        rejected={r.name: r.reason for r in result.rejected},
        warnings=tuple(result.warnings),
        unchanged=result.unchanged,
    )
