"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, AsyncIterable, AsyncIterator, Deque, Iterable, Optional, Type, Union

import grpc
import grpc.aio

from . import wire
from .answers import Answer
from .channels import Pem, address_or_default, metadata_of, open_channel
from .client import CALL_TIMEOUT_S, STREAM_WINDOW
from .errors import Invalid, NotFound, failure_of
from .queries import Inputs, Needs, Target, answer_of, request_of, target_of


class AsyncClient:
    """A client of one frontend for one event loop; options are those of Client."""

    def __init__(
        self,
        address: Optional[str] = None,
        *,
        token: Optional[str] = None,
        ca: Optional[Pem] = None,
        certificate: Optional[Pem] = None,
        key: Optional[Pem] = None,
        server_name: Optional[str] = None,
    ) -> None:
        self._channel = open_channel(grpc.aio, address_or_default(address), ca, certificate, key, server_name)
        self._metadata = metadata_of(token)
        self._query = self._channel.unary_unary(wire.QUERY.path, **wire.QUERY.codec())
        self._list = self._channel.unary_unary(wire.LIST_MODELS.path, **wire.LIST_MODELS.codec())
        self._targets: dict[str, Target] = {}

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls under way are cancelled. May be called again."""
        await self._channel.close()

    async def query(
        self,
        target: str,
        inputs: Optional[Inputs] = None,
        *,
        image: Any = None,
        accuracy: Optional[float] = None,
        latency_ms: Optional[float] = None,
        max_cost_usd: Optional[float] = None,
        objective: str = "min-cost",
        no_downgrade: bool = False,
        deterministic: bool = False,
        timeout: float = 60.0,
    ) -> Answer:
        """Asks one query, as Client.query does. Cancelling the task cancels the query."""
        needs = Needs(accuracy, latency_ms, max_cost_usd, objective, no_downgrade, deterministic)
        known = await self._target(target)
        request = request_of(target, known, inputs, image, needs)
        try:
            response = await self._call(self._query, request, timeout)
        except (Invalid, NotFound):
            self._targets.pop(target, None)
            raise
        return answer_of(response, tuple(known.task.labels))

    async def stream(
        self,
        target: str,
        inputs: Union[Iterable[Inputs], AsyncIterable[Inputs]],
        *,
        window: int = STREAM_WINDOW,
        **needs: Any,
    ) -> AsyncIterator[Answer]:
        """Asks a query for each of ``inputs`` and yields the answers in their order, ``window`` on their way at once."""
        pending: "Deque[asyncio.Task[Answer]]" = deque()
        try:
            async for each in _each(inputs):
                pending.append(asyncio.ensure_future(self.query(target, each, **needs)))
                if len(pending) >= window:
                    yield await pending.popleft()
            while pending:
                yield await pending.popleft()
        finally:
            for waiting in pending:
                waiting.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _target(self, name: str) -> Target:
        known = self._targets.get(name)
        if known is None:
            listing = await self._call(self._list, wire.LIST_MODELS.request(), CALL_TIMEOUT_S)
            known = self._targets[name] = target_of(listing, name)
        return known

    async def _call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return await method(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise failure_of(error) from error


async def _each(inputs: Union[Iterable[Inputs], AsyncIterable[Inputs]]) -> AsyncIterator[Inputs]:
    if isinstance(inputs, AsyncIterable):
        async for each in inputs:
            yield each
    else:
        for each in inputs:
            yield each
