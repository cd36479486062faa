"""Whoever watches the steps of one platform: their times go to the metrics, and to the traces where there are some."""

import secrets
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import structlog

from valetkey.platform.observing.metrics import Metrics
from valetkey.ports.watching import Step, Watching


class Spans(Protocol):
    """Where traces go; see tracing.py."""

    def request(self, traceparent: str | None) -> Any:
        """Begin the span of a request, below the caller's own when it has one."""
        ...

    def answered(self, span: Any, method: str, route: str, status: int) -> None: ...

    async def close(self) -> None: ...

    def step(self, step: Step, facts: Mapping[str, str | int]) -> Any:
        """Begin a span of what runs now."""
        ...

    def end(self, span: Any, facts: Mapping[str, str | int], failure: str | None) -> None: ...


class Watcher:
    """Of one platform."""

    def __init__(self, metrics: Metrics, spans: Spans | None = None) -> None:
        self._metrics = metrics
        self.spans = spans
        self._calls: dict[tuple[int, str], Any] = {}
        self._ends: dict[Step, Callable[[Mapping[str, Any], float, str | None], None]] = {
            Step.GATE: lambda _, seconds, __: metrics.gate.observe(seconds),
            Step.WRITE: self._written,
            Step.CHAIN: self._called,
            Step.WEBHOOK: lambda _, seconds, __: metrics.webhook_seconds.observe(seconds),
            Step.RELAY: lambda _, seconds, __: metrics.relaying.observe(seconds),
        }

    def step(self, step: Step, facts: dict[str, str | int]) -> Watching:
        """See ports/watching.py."""
        return _Watched(self._ends[step], step, facts, self.spans)

    def begin_round(self) -> None:
        """Name the round for the log, and tell that its task is alive."""
        structlog.contextvars.bind_contextvars(round=secrets.token_hex(4))
        task = structlog.contextvars.get_contextvars().get("task")
        if task is not None:
            self._metrics.rounds.labels(kind_of(task)).set_to_current_time()

    def _written(self, _: Mapping[str, Any], seconds: float, failure: str | None) -> None:
        self._metrics.writes.observe(seconds)
        # What the work itself refuses is no failure of the database.
        if failure is not None and failure.startswith("Store"):
            self._metrics.write_failures.labels(failure).inc()

    def _called(self, facts: Mapping[str, Any], seconds: float, failure: str | None) -> None:
        network, method = self._metrics.network(facts["chain_id"]), facts["method"]
        found = self._calls.get((facts["chain_id"], method))
        if found is None:
            found = self._metrics.calls.labels(network, method)
            self._calls[facts["chain_id"], method] = found
        found.observe(seconds)
        if failure is not None:
            self._metrics.call_failures.labels(network, failure).inc()


class _Watched:
    __slots__ = ("_began", "_end", "_facts", "_span", "_spans", "_step")

    def __init__(
        self,
        end: Callable[[Mapping[str, Any], float, str | None], None],
        step: Step,
        facts: dict[str, str | int],
        spans: Spans | None,
    ) -> None:
        self._end = end
        self._step = step
        self._facts = facts
        self._spans = spans
        self._span: Any = None
        self._began = 0.0

    def __enter__(self) -> Self:
        if self._spans is not None:
            self._span = self._spans.step(self._step, self._facts)
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failure = None if kind is None else kind.__name__
        self._end(self._facts, time.perf_counter() - self._began, failure)
        if self._spans is not None:
            self._spans.end(self._span, self._facts, failure)

    def tell(self, **facts: str | int) -> None:
        self._facts.update(facts)


def kind_of(task: str) -> str:
    """What a background task does, without the network and the account that it does it for."""
    return task.partition(" ")[0]
