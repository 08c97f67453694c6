"""Client of INFaaS: say what you need, get an answer from the right model-variant."""

from .aio import AsyncClient
from .answers import Accuracy, Answer, ColdPhase, Offer, Progress, Receipt, Registered, Variant
from .client import Client
from .errors import (
    Conflict,
    Denied,
    InfaasError,
    Invalid,
    NotFound,
    Overloaded,
    Refused,
    TooLate,
    Unavailable,
    Unsatisfiable,
)

__all__ = [
    "Accuracy",
    "Answer",
    "AsyncClient",
    "Client",
    "ColdPhase",
    "Conflict",
    "Denied",
    "InfaasError",
    "Invalid",
    "NotFound",
    "Offer",
    "Overloaded",
    "Progress",
    "Receipt",
    "Refused",
    "Registered",
    "TooLate",
    "Unavailable",
    "Unsatisfiable",
    "Variant",
]
