"""Spends that nobody comes back for: the chain proves what their payments did, and lapsed holds free their money."""

import base64
import re
import time
from typing import Any

import pytest
from web3 import Web3

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, calldata, eventually
from tests.integration.platform.serving import Agent, Server
from valetkey.crypto.keys import PrivateKey

PAYEE = "0x" + "52" * 20
UNITS = 1_000_000


@pytest.fixture(scope="module")
def live(start: Start, escrows: Chain) -> Server:
    """A platform on a real chain that looks every second, and believes three confirmations."""
    return start(escrows, confirmations=3, VALETKEY_RECONCILE_SECONDS="1")


class Payment:
    """A funded session that holds 10 USDC for a payee, and says what it signed before it sends it."""

    def __init__(self, server: Server, chain: Chain) -> None:
        self.chain = chain
        self.owner = server.register()
        self.session: Agent = self.owner.session(budgetUsdc=50)
        chain.supply(self.session.key.address, 100 * UNITS)
        held = self.session.data("POST", "/spends", {"amount": 10, "payee": Web3.to_checksum_address(PAYEE)})
        self.path = f"/spends/{held['spendId']}"

    def signed(
        self, units: int, *, payee: str = PAYEE, gas: int = 200_000, key: PrivateKey | None = None
    ) -> bytes:
        key = key or self.session.key
        address = Web3.to_checksum_address(key.address)
        return bytes(
            self.chain.web3.eth.account.sign_transaction(
                {
                    "to": self.chain.usdc,
                    "data": calldata("transfer(address,uint256)", payee, units),
                    "value": 0,
                    "gas": gas,
                    "nonce": self.chain.web3.eth.get_transaction_count(address),
                    "chainId": 84532,
                    "maxFeePerGas": 5 * 10**9,
                    "maxPriorityFeePerGas": 10**9,
                    "type": 2,
                },
                key.secret(),
            ).raw_transaction
        )

    def told(self, raw: bytes, payload: bytes | None = None) -> None:
        """The platform keeps what was signed; the session never says what became of it."""
        body = {
            "payload": base64.b64encode(raw if payload is None else payload).decode(),
            "reference": "0x" + Web3.keccak(raw).hex(),
        }
        assert self.session.data("POST", f"{self.path}/signed", body)["state"] == "unknown"

    def sent(self, raw: bytes, blocks: int = 2) -> "Payment":
        tx_hash = self.chain.web3.eth.send_raw_transaction(raw)
        self.chain.web3.eth.wait_for_transaction_receipt(tx_hash, 20)
        self.chain.mine(blocks)
        return self

    def state(self) -> Any:
        view = self.session.data("GET", self.path)
        return view["state"], view.get("captured")

    def left(self) -> Any:
        return self.session.data("GET", "/agents/session/self")["remainingUsdc"]

    def stays_unknown(self) -> None:
        look_again(self.session.server)
        time.sleep(2.5)
        assert self.state() == ("unknown", None)
        assert self.left() == "40"


def look_again(server: Server) -> None:
    """What was looked at is leased for half a minute; here time is short."""
    import apsw

    db = apsw.Connection(str(server.settings.database))
    db.set_busy_timeout(30_000)
    db.execute("UPDATE holds SET look_at = 0 WHERE look_at IS NOT NULL").fetchall()
    db.close()


@pytest.mark.parametrize(("units", "captured", "left"), [(10, "10", "40"), (4, "4", "46"), (12, "12", "38")])
def test_a_payment_that_nobody_tells_of_is_captured(
    live: Server, escrows: Chain, units: int, captured: str, left: str
) -> None:
    payment = Payment(live, escrows)
    raw = payment.signed(units * UNITS)
    payment.told(raw)
    payment.sent(raw)
    look_again(live)
    eventually(payment.state, ("captured", captured))
    assert payment.left() == left


def test_UNKNOWN_STAYS_HELD_until_the_payment_is_final(live: Server, escrows: Chain) -> None:
    payment = Payment(live, escrows)
    raw = payment.signed(10 * UNITS)
    payment.told(raw)
    payment.stays_unknown()
    payment.sent(raw, blocks=1).stays_unknown()
    escrows.mine()
    look_again(live)
    eventually(payment.state, ("captured", "10"))


def test_a_payment_that_reverted_gives_the_money_back(live: Server, escrows: Chain) -> None:
    payment = Payment(live, escrows)
    raw = payment.signed(1_000 * UNITS)
    payment.told(raw)
    payment.sent(raw)
    look_again(live)
    eventually(payment.state, ("voided", None))
    assert payment.left() == "50"


def test_UNKNOWN_STAYS_HELD_though_some_other_transaction_reverted(live: Server, escrows: Chain) -> None:
    """A hostile session names a transaction that reverted, and sends the real payment beside it."""
    stranger = PrivateKey.generate()
    escrows.supply(stranger.address)
    payment = Payment(live, escrows)
    reverts = payment.signed(UNITS, key=stranger)
    payment.told(reverts)
    payment.sent(reverts).stays_unknown()
    own = Payment(live, escrows)
    reverts = own.signed(1_000 * UNITS)
    own.told(reverts, payload=b"the payment that was really signed")
    own.sent(reverts).stays_unknown()


def test_UNKNOWN_STAYS_HELD_though_some_other_payment_was_made(live: Server, escrows: Chain) -> None:
    stranger = PrivateKey.generate()
    escrows.supply(stranger.address, 100 * UNITS)
    # Somebody else's payment to the same payee, one's own to another, and a small one beside the real one.
    for key, payee, units, payload in [
        (stranger, PAYEE, 10, None),
        (None, "0x" + "53" * 20, 10, None),
        (None, PAYEE, 1, b"the payment that was really signed"),
    ]:
        payment = Payment(live, escrows)
        raw = payment.signed(units * UNITS, key=key, payee=payee)
        payment.told(raw, payload)
        payment.sent(raw).stays_unknown()


def test_an_unknown_spend_without_a_reference_is_seen_for_ever(live: Server, escrows: Chain) -> None:
    payment = Payment(live, escrows)
    payment.session.data("POST", f"{payment.path}/signed", {"payload": "c2lnbmVk"})
    payment.stays_unknown()
    assert payment.owner.data("GET", "/spends?state=unknown")["total"] == 1

    def age() -> bool:
        page = live.http.get("/metrics").text
        found = re.search(r"^valetkey_oldest_unknown_seconds (\S+)$", page, re.MULTILINE)
        return found is not None and float(found[1]) > 0

    eventually(age, True)
    assert payment.owner.data("POST", f"{payment.path}/void", {"proven": True})["state"] == "voided"


def test_a_hold_that_nothing_was_signed_for_lapses_by_itself(live: Server) -> None:
    session = live.register().session(budgetUsdc=10)
    held = session.data("POST", "/spends", {"amount": 10, "seconds": 1})
    assert session.ask("POST", "/spends", {"amount": 1}).status_code == 403
    path = f"/spends/{held['spendId']}"
    eventually(lambda: session.data("GET", path)["state"], "expired")
    assert session.ask("POST", "/spends", {"amount": 10}).status_code == 201
    assert "valetkey_holds_lapsed_total" in live.http.get("/metrics").text


def test_a_spend_that_waits_too_long_for_its_owner_lapses(start: Start) -> None:
    server = start(VALETKEY_APPROVAL_SECONDS="1")
    owner = server.register()
    session = owner.session(budgetUsdc=10, approvalAboveUsdc=5)
    asked = session.data("POST", "/spends", {"amount": 9})
    assert asked["state"] == "pending_approval"
    eventually(lambda: session.data("GET", f"/spends/{asked['spendId']}")["state"], "expired")
    assert session.data("GET", "/agents/session/self")["remainingUsdc"] == "10"
