"""The blocking client."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Tuple, Type, Union

import grpc

from . import wire
from .answers import Answer, Progress, Registered, Variant, variants_of
from .channels import Pem, address_or_default, metadata_of, open_channel
from .errors import Invalid, NotFound, failure_of
from .queries import Inputs, Needs, Target, answer_of, request_of, target_of
from .registration import Upload, registration_of

#: Seconds that a call of the catalog may take.
CALL_TIMEOUT_S = 30.0
#: Seconds that an upload may take.
UPLOAD_TIMEOUT_S = 600.0
#: Queries of ``stream`` that are on their way at once.
STREAM_WINDOW = 32


class Client:
    """A client of one frontend; safe for threads. Use it in a ``with`` block, or close it.

    ``address`` is ``host:port``; by default ``INFAAS_ADDRESS``, else ``127.0.0.1:8001``. With ``ca`` TLS is spoken.
    """

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
        self._channel = open_channel(grpc, address_or_default(address), ca, certificate, key, server_name)
        self._metadata = metadata_of(token)
        self._query = self._channel.unary_unary(wire.QUERY.path, **wire.QUERY.codec())
        self._targets: dict[str, Target] = {}

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled. May be called again."""
        self._channel.close()

    def query(
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
        """Asks one query of a task, an architecture or a variant, and returns the answer with its receipt.

        ``inputs`` is an array for the only input or a dict of arrays by name; ``image`` a path, the bytes of a picture file,
        a PIL image or an array. ``accuracy`` is a floor from 0 to 1, ``latency_ms`` is measured at the frontend,
        ``max_cost_usd`` is per 1,000 queries, ``objective`` is min-cost, max-accuracy or min-latency, ``timeout`` seconds.

        Raises Unsatisfiable, Overloaded or TooLate with offers, Invalid, NotFound, Denied or Unavailable.
        """
        needs = Needs(accuracy, latency_ms, max_cost_usd, objective, no_downgrade, deterministic)
        known = self._target(target)
        request = request_of(target, known, inputs, image, needs)
        try:
            response = self._call(self._query, request, timeout)
        except (Invalid, NotFound):
            # It may be another by now than when it was asked what it takes.
            self._targets.pop(target, None)
            raise
        return answer_of(response, tuple(known.task.labels))

    def stream(
        self, target: str, inputs: Iterable[Inputs], *, window: int = STREAM_WINDOW, **needs: Any
    ) -> Iterator[Answer]:
        """Asks a query for each of ``inputs`` and yields the answers in their order, ``window`` on their way at once.

        ``needs`` are those of ``query``. The first failure is raised in its place, and no more is asked then.
        """
        with ThreadPoolExecutor(max_workers=window, thread_name_prefix="infaas") as pool:
            pending: "list[Future[Answer]]" = []
            try:
                for each in inputs:
                    pending.append(pool.submit(self.query, target, each, **needs))
                    if len(pending) >= window:
                        yield pending.pop(0).result()
                while pending:
                    yield pending.pop(0).result()
            finally:
                for waiting in pending:
                    waiting.cancel()

    def models(self, task: str = "") -> Tuple[Variant, ...]:
        """The variants of a task; of all tasks by default."""
        return variants_of(self._listing(task).variants)

    def register(
        self,
        model: Union[str, "os.PathLike[str]", Any],
        *,
        task: Optional[str] = None,
        name: Optional[str] = None,
        examples: Any = None,
        description: str = "",
        tolerance: float = 0.01,
        batchable: Optional[bool] = None,
        retry: bool = False,
        on_progress: Optional[Callable[[Progress], None]] = None,
        timeout: float = 3600.0,
    ) -> Registered:
        """Registers a model, and returns what was found and measured.

        ``model`` is the path of an ONNX file, or a scikit-learn, XGBoost or LightGBM estimator or a torch module, which is
        exported (extras ``sklearn``, ``xgboost``, ``lightgbm``, ``torch``). ``examples`` is an array (or a dict of arrays by
        input) that the model answers, or ``(X, y)`` with class numbers ``y``: accuracy is then measured on them, and they
        become the examples of the task. An estimator needs ``examples``. ``task`` is made where it does not exist;
        ``model/NAME`` by default. ``name`` is by default the file's, or that of the class.
        """
        plan = registration_of(model, name=name, task=task, examples=examples)
        for upload in plan.uploads:
            self._upload(upload)
        put = plan.task_request(self._listing())
        if put is not None:
            self._unary(wire.PUT_TASK, put)
        request = plan.request(description=description, tolerance=tolerance, batchable=batchable, retry=retry)
        events = self._channel.unary_stream(wire.REGISTER.path, **wire.REGISTER.codec())
        result: Any = None
        try:
            for event in events(request, timeout=timeout, metadata=self._metadata):
                if event.WhichOneof("event") == "result":
                    result = event.result
                elif on_progress is not None:
                    p = event.progress
                    on_progress(Progress(p.stage, p.variant, p.done, p.total, p.message))
        except grpc.RpcError as error:
            raise failure_of(error) from error
        self._targets.clear()
        return plan.registered(result)

    def delete(self, name: str, *, with_models: bool = False) -> Mapping[str, Tuple[str, ...]]:
        """Deletes a task, an architecture or a variant; returns the names of what was deleted by kind.

        A task that has models is deleted only ``with_models``; Unsatisfiable otherwise.
        """
        gone = self._unary(wire.DELETE, wire.DELETE.request(name=name, with_models=with_models))
        self._targets.clear()
        return {kind: tuple(getattr(gone, kind)) for kind in ("tasks", "architectures", "variants")}

    def _target(self, name: str) -> Target:
        """What a target takes, asked once."""
        known = self._targets.get(name)
        if known is None:
            known = self._targets[name] = target_of(self._listing(), name)
        return known

    def _listing(self, task: str = "") -> Any:
        return self._unary(wire.LIST_MODELS, wire.LIST_MODELS.request(task=task))

    def _upload(self, upload: Upload) -> None:
        there = self._unary(wire.STAT_ARTIFACT, wire.STAT_ARTIFACT.request(digest=upload.digest))
        if there.complete:
            return
        method = self._channel.stream_unary(wire.UPLOAD_ARTIFACT.path, **wire.UPLOAD_ARTIFACT.codec())
        self._call(method, upload.messages(there.received_bytes), UPLOAD_TIMEOUT_S)

    def _unary(self, method: wire.Method, request: Any) -> Any:
        return self._call(self._channel.unary_unary(method.path, **method.codec()), request, CALL_TIMEOUT_S)

    def _call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise failure_of(error) from error
