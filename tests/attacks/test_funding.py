"""Claims of payment against a real chain: other contracts, tokens, wallets and purchases, and reorganisations."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.attacks.conftest import Rows
from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, calldata, eventually
from tests.integration.platform.serving import Server
from tests.integration.platform.test_proof import PRICE, Deal, code
from valetkey.chains.evm.contracts import event_topic
from valetkey.crypto.keys import PrivateKey, keccak256
from valetkey.wire.proofs import escrow_id

CREATE = "createEscrow(bytes32,address,uint256,address,uint256,uint256,uint256,bytes32)"


@pytest.fixture(scope="module")
def live(start: Start, escrows: Chain) -> Server:
    """A platform on a real chain whose reconciler comes by rarely."""
    return start(escrows, VALETKEY_RECONCILE_SECONDS="3600")


@pytest.fixture(scope="module")
def followed(start: Start, escrows: Chain) -> Server:
    """A platform whose reconciler comes by every second, and whose checkouts last two."""
    return start(escrows, VALETKEY_RECONCILE_SECONDS="1", VALETKEY_CHECKOUT_SECONDS="2")


@pytest.fixture
def moment(escrows: Chain) -> Iterator[str]:
    """The chain as it is now; afterwards it is again."""
    known = escrows.rpc("evm_snapshot")
    yield known
    escrows.rpc("evm_revert", known)


def logging_contract(topics: list[bytes], data: bytes = b"") -> str:
    """Init code that logs like another contract when it is deployed, and leaves nothing."""
    code = bytearray()
    for at in range(0, len(data), 32):
        code += b"\x7f" + data[at : at + 32].ljust(32, b"\0") + b"\x61" + at.to_bytes(2, "big") + b"\x52"
    for topic in reversed(topics):
        code += b"\x7f" + topic.rjust(32, b"\0")
    code += b"\x61" + len(data).to_bytes(2, "big") + b"\x60\x00" + bytes([0xA0 + len(topics)]) + b"\x00"
    return "0x" + bytes(code).hex()


def deploy(chain: Chain, key: PrivateKey, init_code: str) -> str:
    """Send a transaction without a receiver; its hash."""
    raw = chain.web3.eth.account.sign_transaction(
        {
            "data": init_code,
            "value": 0,
            "gas": 1_000_000,
            "nonce": chain.web3.eth.get_transaction_count(key.address),
            "chainId": 84532,
            "maxFeePerGas": 5 * 10**9,
            "maxPriorityFeePerGas": 10**9,
            "type": 2,
        },
        key.secret(),
    )
    sent = chain.web3.eth.send_raw_transaction(raw.raw_transaction)
    receipt = chain.web3.eth.wait_for_transaction_receipt(sent, 20)
    assert (receipt["status"], len(receipt["logs"])) == (1, 1)
    return "0x" + bytes(receipt["transactionHash"]).hex()


def word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def test_another_contract_may_log_what_it_likes(live: Server, escrows: Chain) -> None:
    """The same event with the right id, buyer, seller, token and amount, from a contract of the thief."""
    deal = Deal(live, escrows)
    topics = [event_topic("Escrow", "EscrowCreated"), escrow_id(deal.id)]
    parties = [word(deal.session.key.address), word(deal.seller.key.address)]
    data = word(escrows.usdc) + PRICE.to_bytes(32, "big") * 4
    for init_code in (
        logging_contract(topics, data),
        logging_contract([*topics, *parties], data),
        logging_contract([escrow_id(deal.id)]),
    ):
        answer = deal.fund(deploy(escrows, deal.session.key, init_code))
        assert code(answer) == (400, "funding_mismatch"), answer.text
    assert (deal.status(), deal.usage()) == ("pending", ("2.55", "0"))


def test_a_token_that_looks_alike_is_not_taken(live: Server, escrows: Chain) -> None:
    """The escrow contract refuses it, so there is only a reverted transaction to claim."""
    deal = Deal(live, escrows)
    alike = PrivateKey.generate().address
    deadline = int(escrows.web3.eth.get_block("latest")["timestamp"]) + 3_600
    arguments = (escrow_id(deal.id), deal.seller.key.address, PRICE, alike, deadline, 0, 0, bytes(32))
    receipt = escrows.send(deal.session.key, escrows.escrow, calldata(CREATE, *arguments))
    assert receipt["status"] == 0
    answer = deal.fund("0x" + bytes(receipt["transactionHash"]).hex())
    assert code(answer) == (400, "funding_reverted")


def test_an_escrow_is_made_once(live: Server, escrows: Chain) -> None:
    """The second one reverts on chain and proves nothing; the first proves itself, also afterwards."""
    deal = Deal(live, escrows)
    first = deal.pay()
    escrows.send(deal.session.key, escrows.usdc, calldata("approve(address,uint256)", escrows.escrow, PRICE))
    deadline = int(escrows.web3.eth.get_block("latest")["timestamp"]) + 3_600
    arguments = (escrow_id(deal.id), deal.seller.key.address, PRICE, escrows.usdc, deadline, 0, 0, bytes(32))
    again = escrows.send(deal.session.key, escrows.escrow, calldata(CREATE, *arguments))
    assert again["status"] == 0
    assert code(deal.fund("0x" + bytes(again["transactionHash"]).hex())) == (400, "funding_reverted")
    assert deal.fund(first).status_code == 200
    assert deal.usage() == ("0", "2.55")


def test_one_hash_for_two_purchases_many_times_at_once(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    other = deal.buy()["transactionId"]
    tx_hash = deal.pay()

    def claim(number: int) -> tuple[bool, int, str]:
        mine = number % 2 == 0
        of = deal.id if mine else other
        written = tx_hash if number % 3 else "0x" + tx_hash[2:].upper()
        return mine, *code(deal.session.ask("POST", f"/transactions/{of}/fund", {"txHash": written}))

    with ThreadPoolExecutor(16) as pool:
        seen = Counter(pool.map(claim, range(50)))
    assert seen == {(True, 200, ""): 25, (False, 409, "funding_replayed"): 25}
    assert deal.usage() == ("2.55", "2.55")


def test_a_claim_races_the_reconciler(followed: Server, escrows: Chain, rows: Rows) -> None:
    """Whoever is first: one capture, one event, the same answers."""
    for _ in range(3):
        deal = Deal(followed, escrows)
        deal.seller.data("PATCH", f"/services/{deal.service['id']}", {"endpointUrl": "http://127.0.0.1:1/"})
        tx_hash = deal.pay()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: deal.fund(tx_hash), range(24)))  # noqa: B023
        assert {one.status_code for one in answers} == {200}
        assert len({one.text for one in answers}) == 1
        assert deal.usage() == ("0", "2.55")
        told = rows(followed, "SELECT name FROM events WHERE transaction_id = ?", deal.id)
        assert told == [("escrow.funded",)]


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_a_payment_in_time_counts_though_the_session_ended_before_it_was_told(
    live: Server, escrows: Chain, ended: str
) -> None:
    deal = Deal(live, escrows, **({"expiry": 4} if ended == "expired" else {}))
    tx_hash = deal.pay()
    if ended == "revoked":
        deal.owner.data("DELETE", f"/agents/session/{deal.session.session_id}")
    else:
        eventually(lambda: deal.session.ask("GET", "/agents/session/self").status_code, 401)
    answer = deal.fund(tx_hash)
    assert code(answer) == (401, f"session_{ended}")
    assert deal.session.buy(deal.service).status_code == 401
    assert deal.fund(tx_hash, deal.owner).status_code == 200
    assert deal.usage() == ("0", "2.55")


def test_a_squatter_cannot_keep_the_budget_or_take_the_money(followed: Server, escrows: Chain) -> None:
    """A stranger makes the escrow first, for a base unit: the buyer cannot pay, and gets its budget back."""
    deal = Deal(followed, escrows)
    squatter = PrivateKey.generate()
    escrows.supply(squatter.address, PRICE)
    squatted = escrows.pay(squatter, deal.made, totalWithFee="51")
    assert code(deal.fund(squatted)) == (400, "funding_mismatch")
    deal.session.data("POST", f"{deal.path}/signed", {"txHash": "0x" + "12" * 32})

    def mined() -> str:
        escrows.mine()
        return deal.status()

    eventually(mined, "abandoned")
    assert deal.usage() == ("0", "0")
    assert code(deal.fund(squatted)) == (400, "funding_mismatch")
    assert deal.buy()["transactionId"] != deal.id


def test_what_a_reorganisation_takes_back_was_not_proven_before_its_confirmations(
    start: Start, escrows: Chain, moment: str
) -> None:
    server = start(escrows, confirmations=3, VALETKEY_RECONCILE_SECONDS="1")
    deal = Deal(server, escrows)
    before = escrows.rpc("evm_snapshot")
    tx_hash = deal.pay()
    assert code(deal.fund(tx_hash)) == (409, "funding_unconfirmed")
    escrows.rpc("evm_revert", before)
    escrows.mine(5)
    assert code(deal.fund(tx_hash)) == (409, "funding_not_found")
    assert (deal.status(), deal.usage()) == ("pending", ("2.55", "0"))
    # It is mined again elsewhere.
    again = deal.pay()
    escrows.mine(3)
    assert deal.fund(again).status_code == 200
    assert deal.usage() == ("0", "2.55")


def test_hashes_are_hashes(live: Server, escrows: Chain) -> None:
    deal = Deal(live, escrows)
    for text in (
        "",
        "0x",
        "0x" + "0" * 63,
        "0x" + "g" * 64,
        "0X" + "0" * 64,
        "0x" + "0" * 64 + "\n",
        " 0x" + "0" * 64,
        None,
        1,
    ):
        for step in ("fund", "signed"):
            answer = deal.session.ask("POST", f"{deal.path}/{step}", {"txHash": text})
            assert answer.status_code == 400, text


def test_delivery_and_dispute_at_once_leave_one_story(live: Server, escrows: Chain, rows: Rows) -> None:
    deal = Deal(live, escrows).funded()
    escrows.act(deal.seller.key, "submitDelivery(bytes32,bytes32)", deal.id, keccak256(b"proof"))
    escrows.act(deal.session.key, "dispute(bytes32)", deal.id)

    def step(number: int) -> tuple[str, httpx.Response]:
        if number % 2:
            return "dispute", deal.session.ask("POST", f"{deal.path}/dispute", {"reason": f"reason {number}"})
        body: dict[str, Any] = {"responsePayload": {"delivery": number}}
        return "deliver", deal.seller.ask("POST", f"{deal.path}/deliver", body)

    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(step, range(24)))
    taken = [answer for what, answer in seen if what == "deliver" and answer.status_code == 200]
    assert len(taken) <= 1
    assert {code(answer)[0] for what, answer in seen if what == "deliver"} <= {200, 409}
    assert {answer.status_code for what, answer in seen if what == "dispute"} == {200}
    reasons = {answer.json()["data"]["disputeReason"] for what, answer in seen if what == "dispute"}
    assert len(reasons) == 1
    assert deal.status() == "disputed"
    kept = deal.seller.data("GET", deal.path).get("responsePayload")
    assert kept == (taken[0].json()["data"]["responsePayload"] if taken else None)
    assert deal.usage() == ("0", "2.55")
