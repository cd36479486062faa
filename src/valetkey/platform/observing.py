"""Logs and metrics: what an operator sees. Paths and codes are told; bodies, headers and query strings never."""

import asyncio
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from valetkey.platform.room import Lane, Room

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one platform, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "valetkey_http_requests",
            "Requests by route, method and status",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "valetkey_http_request_seconds", "Time to answer, by route", ["route"], registry=self.registry
        )
        self.decisions = Counter(
            "valetkey_spend_decisions",
            "Answers of the spend gate: allowed, or the code of the first reason",
            ["decision"],
            registry=self.registry,
        )
        self.followed = Counter(
            "valetkey_followed", "What grants' contracts told", ["outcome"], registry=self.registry
        )
        self.relayed = Counter(
            "valetkey_relayed", "Steps of the relayer", ["outcome"], registry=self.registry
        )
        self.reconciled = Counter(
            "valetkey_reconciled", "Outcomes of the reconciler", ["outcome"], registry=self.registry
        )
        self.claims = Counter("valetkey_claims", "What became of claims", ["outcome"], registry=self.registry)
        self.allotments = Counter(
            "valetkey_allotments", "What became of accounts on Solana", ["outcome"], registry=self.registry
        )
        self.lateness = Histogram(
            "valetkey_revocation_lateness_seconds",
            "From the end of a session on Solana to the block that revoked it",
            buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3_600),
            registry=self.registry,
        )
        self.anchored = Counter(
            "valetkey_audit_anchored",
            "Heads of trees that were written into owners' chains",
            registry=self.registry,
        )
        self.alerts = Counter("valetkey_alerts", "Alerts that time brought", ["kind"], registry=self.registry)
        self.lapsed = Counter(
            "valetkey_holds_lapsed", "Holds that ended without a payment", registry=self.registry
        )
        self.oldest_unknown = Gauge(
            "valetkey_oldest_unknown_seconds",
            "How long the oldest hold whose outcome is unknown has been held; 0 when there is none",
            registry=self.registry,
        )
        self.webhooks = Counter(
            "valetkey_webhooks", "Tries to send a webhook, by outcome", ["outcome"], registry=self.registry
        )
        self._decided: dict[str, Counter] = {}
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def decided(self, decision: str) -> None:
        """Count an answer of the gate."""
        found = self._decided.get(decision)
        if found is None:
            found = self._decided[decision] = self.decisions.labels(decision)
        found.inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. Looking up a counter by its labels takes longer than counting."""
        found = self._answered.get((route, method, status))
        if found is None:
            found = self.requests.labels(route, method, str(status)), self.seconds.labels(route)
            self._answered[route, method, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def watch(self, room: Room) -> None:
        """Tell how many requests are worked on, and how many were sent away, whenever the page is read."""
        self.registry.register(_Watched(room))

    def page(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)


class _Watched(Collector):
    """Figures that somebody else counts."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def collect(self) -> Iterable[Metric]:
        """See Collector."""
        working = GaugeMetricFamily("valetkey_requests_under_way", "Requests worked on now", labels=["lane"])
        sent_away = CounterMetricFamily("valetkey_over_capacity", "Requests sent away", labels=["lane"])
        for lane in Lane:
            working.add_metric([lane], self._room.taken(lane))
            sent_away.add_metric([lane], self._room.refused[lane])
        return working, sent_away


Log = structlog.typing.FilteringBoundLogger

FLUSH_SECONDS = 0.2
"""How long the line of a request may wait for others, to be written with them."""


class Lines:
    """A stream whose lines may wait for each other: a system call for every request is a tenth of its cost.

    Whatever is printed and flushed is written at once, after what waited before it, so the order stays.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, text: str) -> int:
        """Write when it is flushed."""
        self._waiting.append(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._waiting)
        self._waiting.clear()
        self._stream.write(text)
        self._stream.flush()

    def later(self, text: str) -> None:
        """Write within FLUSH_SECONDS. Called in an event loop."""
        self._waiting.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)


def request_line(request_id: str, method: str, route: str, status: int, seconds: float) -> str:
    """The log's line of a request, as structlog writes the others. No part of it needs escaping."""
    return (
        f'{{"request_id":"{request_id}","method":"{method}","route":"{route}","status":{status},'
        f'"ms":{seconds * 1_000:.1f},"event":"request","level":"info","timestamp":"{_now_iso()}"}}\n'
    )


def _now_iso() -> str:
    second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second_iso(second)}.{nanoseconds // 1_000:06d}Z"


@lru_cache(2)
def _second_iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def make_log(lines: Lines | None = None) -> Log:
    """A logger that writes one JSON object per line, to standard error unless told otherwise."""
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(lines or Lines(sys.stderr)),  # type: ignore[arg-type]  # it writes and flushes
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    )
    return log


def where_it_broke(error: BaseException) -> str:
    """The type of an exception and the innermost lines of code it came from; not its text, which may quote input."""
    places: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{type(error).__name__} at " + " < ".join(reversed(places[-4:]))
