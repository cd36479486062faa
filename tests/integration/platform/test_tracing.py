"""Traces: what a request does, below its caller's own span, sent to a real receiver; and none unless asked for."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.e2e.searching import leaks
from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain
from tests.integration.platform.test_observing import lines
from tests.integration.platform.test_proof import Deal
from valetkey import BuyerAgent
from valetkey.core.errors import ChainUnavailable
from valetkey.platform.observing.metrics import Metrics
from valetkey.platform.observing.tracing import Tracing
from valetkey.platform.observing.watch import Watcher
from valetkey.platform.variables import SettingsError
from valetkey.ports.watching import Step, unwatch, watch_with, watched
from valetkey.sdk.tracing import trace_headers


class Collector:
    """A receiver of OTLP over HTTP: what it was sent, decoded."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.raw: list[tuple[str, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.raw.append((self.path, body))
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    outer.spans += [one for scope in resource.scope_spans for one in scope.spans]
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def facts_of(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_purchase_is_one_trace_below_the_callers_span(
    start: Start, escrows: Chain, collector: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    server = start(escrows, VALETKEY_OTEL_ENDPOINT=collector.url)
    deal = Deal(server, escrows)
    deal.funded()
    tracer = TracerProvider().get_tracer("the caller's")
    with (
        tracer.start_as_current_span("agent works") as mine,
        BuyerAgent(deal.owner.credential, base_url=server.base_url) as buyer,
    ):
        buyer.list_sessions()
    secrets = {
        "key": deal.owner.credential,
        "token": deal.session.credential,
        "wallet": deal.session.key.to_hex(),
    }
    server.stop()
    assert {path for path, _ in collector.raw} == {"/v1/traces"}
    names = {one.name for one in collector.spans}
    assert names >= {"spend gate", "database commit", "chain call eth_getTransactionReceipt"}
    (bought,) = (one for one in collector.spans if one.name == "POST /api/v1/checkout")
    (gate,) = (one for one in collector.spans if one.name == "spend gate")
    assert (gate.trace_id, gate.parent_span_id) == (bought.trace_id, bought.span_id)
    assert facts_of(gate) == {"valetkey.decision": "allowed"}
    assert facts_of(bought) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/checkout",
        "http.response.status_code": 201,
    }
    (call, *_) = (one for one in collector.spans if one.name.startswith("chain call"))
    assert facts_of(call)["valetkey.host"] == "127.0.0.1"
    assert all(one.parent_span_id for one in collector.spans if one.name.startswith("chain call"))
    (listed,) = (one for one in collector.spans if one.name == "GET /api/v1/agents/sessions")
    context = mine.get_span_context()
    assert (listed.trace_id.hex(), listed.parent_span_id.hex()) == (
        format(context.trace_id, "032x"),
        format(context.span_id, "016x"),
    )
    (line,) = (one for one in lines(capfd.readouterr().err) if one.get("trace_id") == listed.trace_id.hex())
    assert line["route"] == "/api/v1/agents/sessions"
    assert leaks(secrets, collector.raw) == []


def test_a_step_that_fails_is_an_error_without_its_words() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter)
    watching = watch_with(Watcher(Metrics({}), tracing))
    request = tracing.request("no traceparent at all; " + "s3cr3t")
    with (
        pytest.raises(ChainUnavailable),
        watched(Step.CHAIN, chain_id=1, method="eth_call", host="node.example"),
    ):
        raise ChainUnavailable("of s3cr3t")
    tracing.answered(request, "GET", "/x", 503)
    with watched(Step.CHAIN, chain_id=1, method="eth_blockNumber", host="node.example"):
        assert not trace.get_current_span().get_span_context().is_valid
    with watched(Step.WEBHOOK) as step:
        step.tell(status=204)
    unwatch(watching)
    tracing.provider.force_flush()
    call, answered, webhook = exporter.get_finished_spans()
    assert dict(call.attributes or {}) == {
        "valetkey.chain_id": 1,
        "valetkey.method": "eth_call",
        "valetkey.host": "node.example",
        "error.type": "ChainUnavailable",
    }
    assert call.parent is not None
    assert call.parent.span_id == answered.context.span_id
    assert (webhook.parent, dict(webhook.attributes or {})) == (None, {"valetkey.status": 204})
    assert "s3cr3t" not in "".join(one.to_json() for one in (call, answered, webhook))
    assert not trace.get_current_span().get_span_context().is_valid
    tracing.provider.shutdown()


def test_nothing_is_imported_and_nothing_sent_unless_asked_for() -> None:
    code = (
        "import sys; import valetkey.platform.app, valetkey; from valetkey.sdk.tracing import trace_headers;"
        " assert trace_headers() == {}; print(any(one.startswith('opentelemetry') for one in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "False"
    assert trace_headers() == {}, "no span is open here"


def test_an_address_that_is_none(start: Start) -> None:
    with pytest.raises(SettingsError, match="VALETKEY_OTEL_ENDPOINT is an address") as told:
        start(VALETKEY_OTEL_ENDPOINT="s3cr3t:4318")
    assert "s3cr3t" not in str(told.value)
