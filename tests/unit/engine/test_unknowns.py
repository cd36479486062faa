"""UNKNOWN_STAYS_HELD: what a transaction proves about a spend, and that anything less leaves the money held."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from valetkey.core.commands import Capture, Command, Void
from valetkey.core.errors import ChainUnavailable, Contradiction
from valetkey.core.money import NATIVE, Asset, Money
from valetkey.core.refusal import Code, refuse
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.crypto.keys import keccak256
from valetkey.engine.unknowns import BATCH, LEASE_SECONDS, Unknowns, proven
from valetkey.ports.accounts import AccountStore
from valetkey.ports.chain import Block, ChainReader, Execution, Transfer
from valetkey.ports.ledger import LedgerStore, Payment, SpendRecord

TOKEN, PAYEE = "0x" + "12" * 20, "0x" + "34" * 20
SESSION, OWNER, STRANGER = "0x" + "aB" * 20, "0x" + "cD" * 20, "0x" + "eF" * 20
USDC = Asset("USDC", 84532, TOKEN, 6)
PAYLOAD = b"a signed transaction"
STORED = "0x" + keccak256(PAYLOAD).hex()
OTHER = "0x" + "77" * 32
HELD = 5_000_000
HOLD = Hold(
    "hld_1",
    "ses_1",
    SpendRequest(Money(HELD, USDC), None, PAYEE, "payment"),
    HELD,
    HoldState.UNKNOWN,
    1_000,
    1_300,
)
RECORD = SpendRecord(HOLD, "agt_1", payment=Payment(PAYLOAD, OTHER))
BLOCK = Block(50, 1_005)


def paid(units: int = HELD, payer: str = SESSION, payee: str = PAYEE, token: str = TOKEN) -> Transfer:
    return Transfer(token, payer, payee, units)


def mined(*transfers: Transfer, **changes: Any) -> Execution:
    return replace(Execution(OTHER, SESSION, True, BLOCK, transfers), **changes)


REVERTED = Execution(STORED, SESSION, False, BLOCK)


@pytest.mark.parametrize(
    ("done", "command"),
    [
        (mined(paid()), Capture(HELD)),
        (mined(paid(HELD + 1)), Capture(HELD + 1)),
        (mined(paid(2_000_000), paid(3_000_000)), Capture(HELD)),
        (mined(paid(payer=SESSION.upper().replace("X", "x"), payee=PAYEE)), Capture(HELD)),
        # A relayer or a facilitator sent it.
        (mined(paid(), sender=STRANGER), Capture(HELD)),
        # The owner's money, drawn by the session.
        (mined(paid(payer=OWNER)), Capture(HELD)),
        # Less gives something back, so it has to be what was stored.
        (mined(paid(HELD - 1)), None),
        (mined(paid(HELD - 1), tx_hash=STORED), Capture(HELD - 1)),
        (mined(paid(HELD - 1), tx_hash=STORED, sender=STRANGER), None),
        # Nothing of this spend.
        (mined(), None),
        (mined(tx_hash=STORED), None),
        (mined(paid(payer=OWNER), sender=STRANGER), None),
        (mined(paid(payer=STRANGER)), None),
        (mined(paid(payee=STRANGER)), None),
        (mined(paid(token=STRANGER)), None),
        (mined(paid(token=NATIVE)), None),
        (mined(paid(10**12, payer=STRANGER), paid()), Capture(HELD)),
        # Older than the hold.
        (mined(paid(), block=Block(50, 939)), None),
        (mined(paid(), block=Block(50, 940)), Capture(HELD)),
        # Reverted: only the very bytes that were stored.
        (REVERTED, Void(proven=True)),
        (replace(REVERTED, tx_hash=STORED.upper().replace("X", "x")), Void(proven=True)),
        (replace(REVERTED, tx_hash=OTHER), None),
        (replace(REVERTED, sender=STRANGER), None),
        (replace(REVERTED, sender=OWNER), None),
        (replace(REVERTED, block=Block(50, 900)), None),
    ],
)
def test_UNKNOWN_STAYS_HELD_without_proof(done: Execution, command: Command | None) -> None:
    assert proven(RECORD, done, (SESSION, OWNER)) == command


def test_UNKNOWN_STAYS_HELD_when_nobody_knows_the_session_s_wallet() -> None:
    assert proven(RECORD, mined(paid()), (None, OWNER)) is None
    assert proven(RECORD, REVERTED, (None, OWNER)) is None
    assert proven(RECORD, mined(paid(payer=OWNER)), (SESSION, None)) is None


def test_a_payee_that_is_not_known_is_anybody_but_oneself() -> None:
    to_anyone = replace(RECORD, hold=replace(HOLD, request=replace(HOLD.request, payee=None)))
    assert proven(to_anyone, mined(paid(payee=STRANGER)), (SESSION, OWNER)) == Capture(HELD)
    assert proven(to_anyone, mined(paid(payee=SESSION)), (SESSION, OWNER)) is None


def test_the_precision_of_the_token_is_rounded_against_the_spender() -> None:
    asset = replace(USDC, decimals=18)
    finer = replace(
        RECORD, hold=replace(HOLD, request=replace(HOLD.request, amount=Money(HELD * 10**12, asset)))
    )
    assert proven(finer, mined(paid(HELD * 10**12 + 1)), (SESSION, OWNER)) == Capture(HELD + 1)
    coin = Asset("ETH", 84532, NATIVE, 18)
    ether = replace(RECORD, hold=replace(HOLD, request=replace(HOLD.request, amount=Money(HELD, coin))))
    assert proven(ether, mined(paid(token=NATIVE)), (SESSION, OWNER)) == Capture(HELD)


class Store:
    """Spends that are due, wallets, and what was settled."""

    def __init__(self, *records: SpendRecord) -> None:
        self.records = list(records)
        self.settled: list[tuple[str, Command, str]] = []
        self.answer: Any = None

    async def unproven(self, limit: int, lease_seconds: int) -> list[SpendRecord]:
        assert lease_seconds == LEASE_SECONDS == 30
        return self.records[:limit]

    async def settle(self, hold_id: str, command: Command, *, by: str) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.settled.append((hold_id, command, by))
        return self.answer or RECORD

    async def session(self, session_id: str) -> Any:
        return cast(Any, type("Record", (), {"wallet_address": SESSION}))

    async def agent(self, agent_id: str) -> Any:
        return cast(Any, type("Agent", (), {"wallet_address": OWNER}))


class Chain:
    """A node that shows one transaction for every hash."""

    def __init__(self, done: Execution | None, final: int = 50) -> None:
        self.done, self.number = done, final
        self.asked: list[str] = []
        self.gone = self.forgetful = False

    async def final(self) -> Block:
        if self.gone:
            raise ChainUnavailable("no node answered")
        return Block(self.number, 2_000)

    async def execution(self, tx_hash: str) -> Execution | None:
        self.asked.append(tx_hash)
        if self.forgetful:
            raise ChainUnavailable("no node answered")
        return self.done


def step(store: Store, chain: Chain) -> tuple[list[str], bool]:
    told: list[str] = []
    unknowns = Unknowns(
        cast(LedgerStore, store),
        cast(AccountStore, store),
        {84532: cast(ChainReader, chain)},
        observer=lambda outcome, record: told.append(outcome),
    )
    return told, asyncio.run(unknowns.step())


def test_what_is_proven_is_settled() -> None:
    store = Store(RECORD)
    assert step(store, Chain(mined(paid()))) == (["captured"], False)
    assert store.settled == [("hld_1", Capture(HELD), "platform")]
    store = Store(RECORD)
    assert step(store, Chain(REVERTED)) == (["voided"], False)
    assert store.settled == [("hld_1", Void(proven=True), "platform")]


@pytest.mark.parametrize(
    ("done", "final", "told"),
    [(None, 50, []), (mined(paid()), 49, []), (REVERTED, 49, []), (mined(), 50, ["unlike"])],
    ids=["pending", "paid, not final", "reverted, not final", "another"],
)
def test_UNKNOWN_STAYS_HELD_until_a_final_block(done: Execution | None, final: int, told: list[str]) -> None:
    store = Store(RECORD)
    assert step(store, Chain(done, final)) == (told, False)
    assert store.settled == []


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, payment=None),
        replace(RECORD, payment=Payment(PAYLOAD)),
        replace(RECORD, payment=Payment(PAYLOAD, "order 17")),
        replace(RECORD, payment=Payment(PAYLOAD, OTHER + "\n")),
        replace(
            RECORD,
            hold=replace(HOLD, request=replace(HOLD.request, amount=Money(HELD, replace(USDC, chain_id=1)))),
        ),
    ],
    ids=["no payment", "no reference", "no hash", "a hash and more", "another chain"],
)
def test_UNKNOWN_STAYS_HELD_for_ever_without_a_transaction_to_look_up(record: SpendRecord) -> None:
    store, chain = Store(record), Chain(mined(paid()))
    assert step(store, chain) == ([], False)
    assert (store.settled, chain.asked) == ([], [])


def test_a_node_that_is_away_leaves_everything_as_it_is() -> None:
    for name in ("gone", "forgetful"):
        store, chain = Store(RECORD), Chain(mined(paid()))
        setattr(chain, name, True)
        assert step(store, chain) == (["unavailable"], False)
        assert store.settled == []


@pytest.mark.parametrize(
    "answer", [Contradiction("voided"), refuse(Code.HOLD_ENDED, "expires_at", "over")], ids=["raised", "said"]
)
def test_somebody_else_settled_it_meanwhile(answer: Any) -> None:
    store = Store(RECORD, RECORD)
    store.answer = answer
    assert step(store, Chain(mined(paid())))[0] == ["raced", "raced"]


def test_a_full_batch_says_that_there_may_be_more() -> None:
    assert step(Store(*[RECORD] * (BATCH + 1)), Chain(None))[1] is True
