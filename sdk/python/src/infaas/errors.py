"""Failures by what a program does about them; a refusal holds what could be had instead."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Type

import grpc

from .answers import Offer, offers_of
from .wire import Refusal, Status


class InfaasError(Exception):
    """A call that failed. ``code`` is gRPC's name of the status, as ``UNAVAILABLE``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Invalid(InfaasError):
    """The request itself is wrong: a tensor, a requirement, a file."""


class NotFound(InfaasError):
    """No task, model or variant has that name."""


class Conflict(InfaasError):
    """Another change came first, or the name is taken."""


class Denied(InfaasError):
    """The token is missing, unknown, or has not the role."""


class Unavailable(InfaasError):
    """Nothing answered, or an executor was lost on the way; the same call may be made again."""


class Refused(InfaasError):
    """The system was asked and said no. ``offers`` could be had; ``retry_after_ms`` is None where waiting never helps."""

    def __init__(
        self, code: str, message: str, offers: Tuple[Offer, ...] = (), retry_after_ms: Optional[float] = None
    ) -> None:
        super().__init__(code, message)
        self.offers = offers
        self.retry_after_ms = retry_after_ms


class Unsatisfiable(Refused):
    """No variant meets the requirements, even when idle."""


class Overloaded(Refused):
    """All that could answer are full."""


class TooLate(Refused):
    """It could not be answered in time."""


_KINDS: Dict[str, Type[InfaasError]] = {
    "INVALID_ARGUMENT": Invalid,
    "OUT_OF_RANGE": Invalid,
    "NOT_FOUND": NotFound,
    "ABORTED": Conflict,
    "ALREADY_EXISTS": Conflict,
    "UNAUTHENTICATED": Denied,
    "PERMISSION_DENIED": Denied,
    "UNAVAILABLE": Unavailable,
    "FAILED_PRECONDITION": Unsatisfiable,
    "RESOURCE_EXHAUSTED": Overloaded,
    "DEADLINE_EXCEEDED": TooLate,
}
_REFUSAL_TYPE = "/infaas.v1.Refusal"


def failure_of(error: grpc.RpcError) -> InfaasError:
    """The typed failure of a call; its offers are read from the status details."""
    call: Any = error
    code = call.code().name
    message = call.details() or ""
    kind = _KINDS.get(code, InfaasError)
    if not issubclass(kind, Refused):
        return kind(code, message)
    refusal = _refusal_in(call.trailing_metadata() or ())
    if refusal is None:
        return kind(code, message)
    retry = refusal.retry_after_ms if refusal.HasField("retry_after_ms") else None
    return kind(code, message, offers_of(refusal), retry)


def _refusal_in(metadata: Any) -> Optional[Any]:
    for key, value in metadata:
        if key != "grpc-status-details-bin":
            continue
        for detail in Status.FromString(value).details:
            if detail.type_url.endswith(_REFUSAL_TYPE):
                return Refusal.FromString(detail.value)
    return None
