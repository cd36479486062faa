"""Metrics of one platform. docs/reference/metrics.md tells what each of them means.

Labels are routes, codes, networks and names of ours: never an id, an address or a host, so there are few of each.
"""

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from valetkey.core.money import Money

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds: of what this process or its database does."""

FAR = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
"""Seconds: of what others answer."""


class Metrics:
    """Counters of one platform, in a registry of its own."""

    def __init__(self, networks: Mapping[int, str]) -> None:
        self.networks = networks
        """Names by chain id."""
        self.registry = CollectorRegistry()
        Info("valetkey_build", "Version of the software and of Python", registry=self.registry).info(
            {"version": version("valetkey"), "python": sys.version.split()[0]}
        )
        ProcessCollector(registry=self.registry)
        self._of_requests()
        self._of_money()
        self._of_the_database()
        self._of_chains()
        self._of_the_background()
        self._decided: dict[str, Counter] = {}
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def _of_requests(self) -> None:
        self.requests = self._counter(
            "valetkey_http_requests", "Requests by route, method and status", "route", "method", "status"
        )
        self.seconds = self._histogram(
            "valetkey_http_request_seconds", "Time to answer, by route", FAST, "route"
        )
        self.requests_open = self._gauge("valetkey_http_requests_open", "Requests that are being answered")
        self.limited = self._counter(
            "valetkey_rate_limited", "Requests that a rate limit refused with 429", "limit"
        )
        self.under_way = self._gauge("valetkey_requests_under_way", "Places that are taken", "lane")
        self.over_capacity = self._counter(
            "valetkey_over_capacity", "Requests that found their lane full and were answered 503", "lane"
        )
        self.streams = self._gauge("valetkey_streams_open", "Answers that are sent piece by piece", "kind")
        self.bugs = self._counter(
            "valetkey_bugs", "Exceptions that nobody expected, in requests and in the background"
        )

    def _of_money(self) -> None:
        self.decisions = self._counter(
            "valetkey_spend_decisions",
            "Answers of the spend gate: allowed, or the code of the first reason",
            "decision",
        )
        self.gate = self._histogram("valetkey_gate_seconds", "Time of the spend gate for a decision", FAST)
        self.units = self._counter(
            "valetkey_allowed_units", "Base units that the spend gate allowed", "currency", "network"
        )
        self.lapsed = self._counter("valetkey_holds_lapsed", "Holds that ended without a payment")
        self.reconciled = self._counter("valetkey_reconciled", "Outcomes of the reconciler", "outcome")
        self.oldest_unknown = self._gauge(
            "valetkey_oldest_unknown_seconds",
            "How long the oldest hold whose outcome is unknown has been held; 0 when there is none",
        )
        self.sessions = self._gauge(
            "valetkey_sessions_living", "Sessions that are neither revoked nor near their end"
        )
        self.claims = self._counter("valetkey_claims", "What became of claims", "outcome")
        self.alerts = self._counter("valetkey_alerts", "Alerts that time brought", "kind")

    def _of_the_database(self) -> None:
        self.writes = self._histogram(
            "valetkey_database_write_seconds", "From asking for a transaction until it is durable", FAST
        )
        self.write_failures = self._counter(
            "valetkey_database_failures",
            "Transactions that the database failed or had no room for",
            "failure",
        )
        self.waiting = self._gauge("valetkey_database_waiting", "Transactions of this process that wait")
        self.connections = self._gauge(
            "valetkey_database_connections", "Connections to the database", "state"
        )
        self.database_memory = self._gauge(
            "valetkey_database_memory_bytes", "What SQLite keeps in the memory of this process"
        )
        self.queue_length = self._gauge("valetkey_queue_length", "What waits in the database", "queue")
        self.queue_oldest = self._gauge(
            "valetkey_queue_oldest_seconds", "For how long the oldest of a queue waits", "queue"
        )

    def _of_chains(self) -> None:
        self.calls = self._histogram(
            "valetkey_chain_call_seconds", "Time of a node for a call", FAR, "network", "method"
        )
        self.call_failures = self._counter(
            "valetkey_chain_failures", "Calls that a node did not answer, or refused", "network", "failure"
        )
        self.chain_up = self._gauge("valetkey_chain_up", "Whether the node answered lately", "network")
        self.head = self._gauge("valetkey_chain_head", "Number of the newest block", "network")
        self.head_age = self._gauge(
            "valetkey_chain_head_age_seconds", "How old the newest block of the node is", "network"
        )
        self.balance = self._gauge(
            "valetkey_relayer_balance",
            "What an account of the platform has for gas, in whole coins of the chain",
            "network",
            "account",
        )
        self.followed = self._counter("valetkey_followed", "What grants' contracts told", "outcome")
        self.relayed = self._counter("valetkey_relayed", "Steps of the relayer", "outcome")
        self.relaying = self._histogram("valetkey_relay_step_seconds", "Time of a step of the relayer", FAR)
        self.allotments = self._counter("valetkey_allotments", "What became of accounts on Solana", "outcome")
        self.lateness = self._histogram(
            "valetkey_revocation_lateness_seconds",
            "From the end of a session on Solana to the block that revoked it",
            (1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3_600),
        )

    def _of_the_background(self) -> None:
        self.webhooks = self._counter("valetkey_webhooks", "Tries to send a webhook, by outcome", "outcome")
        self.webhook_seconds = self._histogram(
            "valetkey_webhook_seconds", "Time of a receiver for a webhook", FAR
        )
        self.anchored = self._counter(
            "valetkey_audit_anchored", "Heads of trees that were written into owners' chains"
        )
        self.rounds = self._gauge(
            "valetkey_background_round_timestamp_seconds",
            "When a background task last looked at what there is to do",
            "task",
        )
        self.failures = self._counter(
            "valetkey_background_failures", "Background tasks that ended and began again", "task", "failure"
        )
        self.measured = self._gauge(
            "valetkey_measured_timestamp_seconds", "When queues, sessions, nodes and balances were looked at"
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def decided(self, decision: str, money: Money | None = None) -> None:
        """Count an answer of the gate, and the money that it allowed."""
        found = self._decided.get(decision)
        if found is None:
            found = self._decided[decision] = self.decisions.labels(decision)
        found.inc()
        if money is not None:
            asset = money.asset
            self.units.labels(asset.currency, self.network(asset.chain_id)).inc(money.units)

    def network(self, chain_id: int) -> str:
        """What a chain is called here; `other` when it is not served."""
        return self.networks.get(chain_id, "other")

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request. Looking up a counter by its labels takes longer than counting."""
        found = self._answered.get((route, method, status))
        if found is None:
            found = self.requests.labels(route, method, str(status)), self.seconds.labels(route)
            self._answered[route, method, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def page(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)


def always(gauge: Gauge, value: Callable[[], float]) -> None:
    """Ask for a gauge's value whenever the page is read: of what this process knows without asking anybody."""
    gauge.set_function(value)
