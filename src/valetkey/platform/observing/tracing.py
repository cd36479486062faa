"""Traces by OpenTelemetry, for a platform whose settings name a collector. Imported by nobody else.

A span is told what a step is told (ports/watching.py), and of a request its method, pattern and status: nothing that a
caller sent but its `traceparent`.
"""

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from valetkey.ports.watching import Step

PATH = "/v1/traces"
NAMES = {
    Step.GATE: "spend gate",
    Step.WRITE: "database commit",
    Step.CHAIN: "chain call",
    Step.WEBHOOK: "webhook",
    Step.RELAY: "relayer step",
}
KINDS = {Step.CHAIN: SpanKind.CLIENT, Step.WEBHOOK: SpanKind.CLIENT}
ROOTS = {Step.WEBHOOK, Step.RELAY}
"""What the background does that begins a trace; the rest is told within one."""

_W3C = TraceContextTextMapPropagator()


class Tracing:
    """The spans of one platform, on their way to a collector; whoever else traces in this process is left alone."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.provider = TracerProvider(
            resource=Resource.create({"service.name": "valetkey", "service.version": version("valetkey")}),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("valetkey")

    def request(self, traceparent: str | None) -> Any:
        """Begin the span of a request, below the caller's own when it has one."""
        given = {} if traceparent is None else {"traceparent": traceparent}
        parent = _W3C.extract(given, context=context.Context())
        return self._begun(self._tracer.start_span("request", parent, SpanKind.SERVER))

    def answered(self, span: Any, method: str, route: str, status: int) -> None:
        """The request was answered."""
        found, token = span
        found.update_name(f"{method} {route}")
        found.set_attributes(
            {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        )
        if status >= 500:
            found.set_status(Status(StatusCode.ERROR))
        found.end()
        context.detach(token)

    def step(self, step: Step, facts: Mapping[str, str | int]) -> Any:
        """See Spans in watch.py. Looking at queues and blocks all the time is no trace of its own."""
        if step not in ROOTS and not trace.get_current_span().get_span_context().is_valid:
            return None
        name = f"{NAMES[step]} {facts['method']}" if "method" in facts else NAMES[step]
        return self._begun(self._tracer.start_span(name, kind=KINDS.get(step, SpanKind.INTERNAL)))

    def end(self, span: Any, facts: Mapping[str, str | int], failure: str | None) -> None:
        """See Spans in watch.py."""
        if span is None:
            return
        found, token = span
        found.set_attributes({f"valetkey.{name}": value for name, value in facts.items()})
        if failure is not None:
            found.set_attribute("error.type", failure)
            found.set_status(Status(StatusCode.ERROR))
        found.end()
        context.detach(token)

    async def close(self) -> None:
        """Send what waits; a collector that is gone is not waited for long."""
        await asyncio.to_thread(self.provider.shutdown)

    @staticmethod
    def _begun(span: trace.Span) -> tuple[trace.Span, Any]:
        return span, context.attach(trace.set_span_in_context(span))


def trace_id() -> str:
    """The id of the trace that we are in, 32 hex digits; nothing outside of one."""
    found = trace.get_current_span().get_span_context()
    return format(found.trace_id, "032x") if found.is_valid else ""


def open_tracing(endpoint: str) -> Tracing:
    """Traces to the collector at an address, over HTTP. Its headers and certificates are OTEL_EXPORTER_OTLP_*."""
    return Tracing(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH, timeout=5))
