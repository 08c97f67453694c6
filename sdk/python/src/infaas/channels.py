"""How a frontend is reached: address, TLS, token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List, Optional, Tuple, Union

import grpc

#: PEM: a path, or the bytes themselves.
Pem = Union[str, "os.PathLike[str]", bytes]

#: Requests and answers are bounded by the frontend; the client has no bound of its own.
OPTIONS: List[Tuple[str, int]] = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]

DEFAULT_ADDRESS = "127.0.0.1:8001"


def address_or_default(address: Optional[str]) -> str:
    """The given address, else that of ``INFAAS_ADDRESS``, else that of ``infaas up``."""
    return address or os.environ.get("INFAAS_ADDRESS") or DEFAULT_ADDRESS


def metadata_of(token: Optional[str]) -> Tuple[Tuple[str, str], ...]:
    """Metadata of every call; the token is by default that of ``INFAAS_TOKEN``."""
    presented = token or os.environ.get("INFAAS_TOKEN")
    return () if presented is None else (("authorization", f"Bearer {presented}"),)


def open_channel(
    library: Any,
    address: str,
    ca: Optional[Pem],
    certificate: Optional[Pem],
    key: Optional[Pem],
    server_name: Optional[str],
) -> Any:
    """A channel of ``library``, grpc or grpc.aio; TLS where an authority is named."""
    if ca is None:
        return library.insecure_channel(address, options=OPTIONS)
    credentials = grpc.ssl_channel_credentials(_pem(ca), _pem(key), _pem(certificate))
    names = [] if server_name is None else [("grpc.ssl_target_name_override", server_name)]
    return library.secure_channel(address, credentials, options=[*OPTIONS, *names])


def _pem(given: Optional[Pem]) -> Optional[bytes]:
    return given if given is None or isinstance(given, bytes) else Path(given).read_bytes()
