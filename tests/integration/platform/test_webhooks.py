"""Webhooks arrive signed, again until they are taken, and with the receiver's own secret when it has one."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, eventually
from tests.integration.platform.serving import Server
from tests.integration.platform.test_proof import Deal
from valetkey.crypto.secret import Secret
from valetkey.wire.proofs import payload_digest
from valetkey.wire.webhooks import verify_header


class Receiver:
    """A real receiver on loopback; `statuses` are its next answers, 200 when there are none left."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.statuses.pop(0) if outer.statuses else 200
                outer.seen.append((self.headers["X-Abbababa-Signature"], body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.seen]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def telling(start: Start, escrows: Chain) -> Server:
    return start(escrows, VALETKEY_RECONCILE_SECONDS="3600", VALETKEY_WEBHOOK_SECONDS="1")


def test_what_is_told_to_buyer_and_seller(telling: Server, escrows: Chain, receiver: Receiver) -> None:
    deal = Deal(telling, escrows)
    own_secret = deal.owner.data("POST", "/agents/webhook-secret")["webhookSecret"]
    deal.seller.data("PATCH", f"/services/{deal.service['id']}", {"endpointUrl": receiver.url})
    bought = deal.session.buy(deal.service, callbackUrl=receiver.url)
    deal.made = bought.json()["data"]
    deal.id = deal.made["transactionId"]
    deal.path = f"/transactions/{deal.id}"
    deal.funded().delivered()
    escrows.act(deal.session.key, "accept(bytes32)", deal.id)
    deal.session.data("POST", f"{deal.path}/confirm")
    eventually(lambda: sorted(receiver.events()), ["escrow.funded", "escrow.released", "service.delivered"])
    for header, body in receiver.seen:
        told = json.loads(body)
        mine = told["event"] == "service.delivered"
        secret = Secret(own_secret) if mine else telling.settings.webhook_secret
        verify_header(secret, header, body, int(time.time()))
        assert told["transactionId"] == deal.id
        if mine:
            assert told["responsePayload"] == {"summary": "ok"}
            assert told["deliveryProof"] == payload_digest(b'{"summary":"ok"}')
        else:
            assert (told["lockedAmount"], told["platformFee"], told["currency"]) == (
                "2500000",
                "50000",
                "USDC",
            )
            assert told["buyer"] == deal.session.key.address


def test_a_receiver_that_is_down_is_tried_again(telling: Server, escrows: Chain, receiver: Receiver) -> None:
    receiver.statuses = [500]
    deal = Deal(telling, escrows)
    deal.seller.data("PATCH", f"/services/{deal.service['id']}", {"endpointUrl": receiver.url})
    deal.funded()
    eventually(receiver.events, ["escrow.funded", "escrow.funded"])
    assert receiver.seen[0][1] == receiver.seen[1][1]
