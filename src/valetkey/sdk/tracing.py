"""The trace of whoever calls us, passed on: to the platform, whose spans are then below the caller's own."""

import sys


def trace_headers() -> dict[str, str]:
    """`traceparent` and what goes with it when the program has a tracer and is in a span; nothing otherwise.

    Nothing is imported for it: a program with a tracer has imported OpenTelemetry itself.
    """
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(found)
    return {"traceparent": found["traceparent"]} if "traceparent" in found else {}
