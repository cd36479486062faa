"""Payments by authorization, settled late, cancelled, or never: the reconciler proves what became of them."""

import base64
import secrets
import time
from datetime import datetime
from typing import Any

import msgspec
import pytest
from web3 import Web3

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, eventually
from tests.integration.platform.serving import Agent, Server
from tests.integration.platform.test_unknowns import UNITS, look_again
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.authorizations import TransferAuthorization
from valetkey.wire.http import encode

PAYEE = Web3.to_checksum_address("0x" + "53" * 20)


@pytest.fixture(scope="module")
def live(start: Start, escrows: Chain) -> Server:
    """A platform on a real chain that looks every second, and believes three confirmations."""
    return start(escrows, confirmations=3, VALETKEY_RECONCILE_SECONDS="1")


class Authorized:
    """A session that holds 10 USDC for a payee, and what it signed for that."""

    def __init__(self, server: Server, chain: Chain, **changes: Any) -> None:
        self.chain, self.server = chain, server
        self.session: Agent = server.register().session(budgetUsdc=50)
        self.key: PrivateKey = self.session.key
        chain.supply(self.key.address, 100 * UNITS)
        held = self.session.data("POST", "/spends", {"amount": 10, "payee": PAYEE, "operation": "x402"})
        self.path = f"/spends/{held['spendId']}"
        self.signed = self.sign(**changes)

    def now(self) -> int:
        return int(self.chain.web3.eth.get_block("latest")["timestamp"])

    def sign(self, key: PrivateKey | None = None, **changes: Any) -> TransferAuthorization:
        asked: dict[str, Any] = {
            "chain_id": 84532,
            "token": self.chain.usdc,
            "name": "USDC",
            "version": "2",
            "payer": self.key.address,
            "payee": PAYEE,
            "amount": str(10 * UNITS),
            "valid_after": "0",
            "valid_before": str(self.now() + 600),
            "nonce": "0x" + secrets.token_hex(32),
            "signature": "0x" + "00" * 65,
        }
        unsigned = TransferAuthorization(**asked | changes)
        signature = sign_digest(key or self.key, unsigned.digest())
        return msgspec.structs.replace(unsigned, signature="0x" + signature.hex())

    def body(
        self, signed: TransferAuthorization | None = None, reference: str | None = None
    ) -> dict[str, str]:
        signed = signed or self.signed
        return {
            "payload": base64.b64encode(encode(signed)).decode(),
            "reference": reference or signed.reference,
        }

    def tell(self) -> "Authorized":
        assert self.session.data("POST", f"{self.path}/signed", self.body())["state"] == "unknown"
        return self

    def settle(self, blocks: int = 2) -> None:
        """A facilitator sends it, whoever that is."""
        one = self.signed
        call = Web3.keccak(
            text="transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
        )[:4] + self.chain.web3.codec.encode(
            ["address", "address", "uint256", "uint256", "uint256", "bytes32", "bytes"],
            [
                one.payer,
                one.payee,
                int(one.amount),
                int(one.valid_after),
                int(one.valid_before),
                bytes.fromhex(one.nonce[2:]),
                bytes.fromhex(one.signature[2:]),
            ],
        )
        self._send(call, blocks)

    def cancel(self, blocks: int = 2) -> None:
        kind = Web3.keccak(text="CancelAuthorization(address authorizer,bytes32 nonce)")
        domain = self.chain.web3.eth.call(
            {"to": self.chain.usdc, "data": "0x" + Web3.keccak(text="DOMAIN_SEPARATOR()")[:4].hex()}
        )
        nonce = bytes.fromhex(self.signed.nonce[2:])
        struct = Web3.keccak(kind + bytes.fromhex(self.key.address[2:]).rjust(32, b"\0") + nonce)
        signature = sign_digest(self.key, bytes(Web3.keccak(b"\x19\x01" + domain + struct)))
        call = Web3.keccak(text="cancelAuthorization(address,bytes32,bytes)")[
            :4
        ] + self.chain.web3.codec.encode(
            ["address", "bytes32", "bytes"], [self.key.address, nonce, signature]
        )
        self._send(call, blocks)

    def _send(self, data: bytes, blocks: int) -> None:
        sender = self.chain.web3.eth.accounts[0]
        sent = self.chain.web3.eth.send_transaction(
            {"from": sender, "to": self.chain.usdc, "data": "0x" + data.hex(), "gas": 300_000}
        )
        assert self.chain.web3.eth.wait_for_transaction_receipt(sent, 20)["status"] == 1
        self.chain.mine(blocks)

    def state(self) -> Any:
        view = self.session.data("GET", self.path)
        return view["state"], view.get("captured")

    def left(self) -> Any:
        return self.session.data("GET", "/agents/session/self")["remainingUsdc"]

    def stays_unknown(self) -> None:
        look_again(self.server)
        time.sleep(2.5)
        assert self.state() == ("unknown", None)
        assert self.left() == "40"


def test_one_that_is_settled_late_is_captured_when_it_is_final(live: Server, escrows: Chain) -> None:
    payment = Authorized(live, escrows).tell()
    payment.stays_unknown()
    payment.settle(blocks=1)
    payment.stays_unknown()
    escrows.mine(1)
    look_again(live)
    eventually(payment.state, ("captured", "10"))
    assert payment.left() == "40"


def test_one_that_its_payer_cancelled_gives_the_money_back(live: Server, escrows: Chain) -> None:
    payment = Authorized(live, escrows).tell()
    payment.cancel()
    look_again(live)
    eventually(payment.state, ("voided", None))
    assert payment.left() == "50"


def test_UNKNOWN_STAYS_HELD_until_nobody_can_settle_it_any_more(live: Server, escrows: Chain) -> None:
    payment = Authorized(live, escrows).tell()
    told = payment.session.data("GET", payment.path)["movableUntil"]
    assert datetime.fromisoformat(told).timestamp() == int(payment.signed.valid_before)
    payment.stays_unknown()
    escrows.web3.provider.make_request("evm_increaseTime", [700])  # type: ignore[arg-type]
    escrows.mine(3)
    look_again(live)
    eventually(payment.state, ("voided", None))
    assert "movableUntil" not in payment.session.data("GET", payment.path)
    assert payment.left() == "50"


def test_what_is_no_payment_of_the_spend_is_not_kept(live: Server, escrows: Chain) -> None:
    payment = Authorized(live, escrows)
    other = PrivateKey.generate()
    wrong = [
        payment.body(payment.sign(other)),
        payment.body(payment.sign(other, payer=other.address)),
        payment.body(payment.sign(amount=str(UNITS))),
        payment.body(payment.sign(payee=other.address)),
        payment.body(payment.sign(token=other.address)),
        payment.body(payment.sign(chain_id=1)),
        payment.body(msgspec.structs.replace(payment.signed, valid_before="1")),
        payment.body(reference=payment.sign().reference),
        payment.body(reference="eip3009:"),
        payment.body(reference="permit2:x"),
        {"payload": base64.b64encode(b"{}").decode(), "reference": payment.signed.reference},
    ]
    for body in wrong:
        answer = payment.session.ask("POST", f"{payment.path}/signed", body)
        assert answer.status_code == 400, body
        assert answer.json()["code"] == "invalid_signature"
    assert payment.state() == ("held", None)
    payment.tell()
