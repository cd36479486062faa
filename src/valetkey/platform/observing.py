"""Logs and metrics: what an operator sees. Paths and codes are told; bodies, headers and query strings never."""

import sys
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
        self.reconciled = Counter(
            "valetkey_reconciled", "Outcomes of the reconciler", ["outcome"], registry=self.registry
        )
        self.anchored = Counter(
            "valetkey_audit_anchored",
            "Heads of trees that were written into owners' chains",
            registry=self.registry,
        )
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

    def page(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)


Log = structlog.typing.FilteringBoundLogger


def make_log(stream: TextIO | None = None) -> Log:
    """A logger that writes one JSON object per line, to standard error unless told otherwise."""
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(stream or sys.stderr),
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
