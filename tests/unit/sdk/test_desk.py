"""The desk against a chain made of a list: signed bytes are stored first, and sent once or as they are."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from valetkey.chains.evm.errors import NotAccepted
from valetkey.ports.wallet import Call, Mined, SignedTransaction
from valetkey.sdk._sync.desk import Desk
from valetkey.sdk.errors import InsufficientFunds, TransactionReverted
from valetkey.sdk.journal import Journal
from valetkey.sdk.state import StateFolder

ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
CALL = Call("0x1Aed68edafC24cc936cFabEcF88012CdF5DA0601", b"\x01")


class Crash(Exception):
    """The process ended here."""


@dataclass
class Ledgered:
    """A wallet on a chain that puts what it takes into a block at once."""

    wei: int = 10**18
    used: int = 0
    signed: int = 0
    reverts: bool = False
    crash_before_send: bool = False
    crash_after_send: bool = False
    refuse: int = 0
    lag: int = 0
    blocks: dict[str, Mined] = field(default_factory=dict)
    sent: list[SignedTransaction] = field(default_factory=list)
    address: str = ADDRESS

    def native_balance(self, address: str) -> int:
        return self.wei

    def nonce(self) -> int:
        return self.used

    def sign(self, call: Call, **more: Any) -> SignedTransaction:
        self.signed += 1
        return SignedTransaction(bytes([self.signed]), f"0x{self.signed:064x}", self.used, 10**15)

    def send(self, signed: SignedTransaction) -> None:
        if self.crash_before_send:
            raise Crash
        if self.refuse:
            self.refuse -= 1
            self.used += 1
            raise NotAccepted("nonce too low")
        if signed.nonce != self.used:
            raise NotAccepted("nonce too low")
        self.sent.append(signed)
        self.used += 1
        self.blocks[signed.tx_hash] = Mined(signed.tx_hash, not self.reverts, 1)
        if self.crash_after_send:
            raise Crash

    def mined(self, tx_hash: str) -> Mined | None:
        if self.lag and tx_hash in self.blocks:
            self.lag -= 1
            return None
        return self.blocks.get(tx_hash)

    def wait(self, tx_hash: str, seconds: float) -> Mined:
        return self.blocks[tx_hash]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("valetkey.sdk._sync.desk.sleep", lambda seconds: None)


@pytest.fixture
def chain() -> Ledgered:
    return Ledgered()


@pytest.fixture
def desk(chain: Ledgered, tmp_path: Path) -> Desk:
    return Desk(chain, Journal(StateFolder(tmp_path), 84532, ADDRESS))  # type: ignore[arg-type]


def test_a_step_is_taken_once_and_leaves_nothing(desk: Desk, chain: Ledgered, tmp_path: Path) -> None:
    assert desk.perform("pay txn", CALL).succeeded
    assert len(chain.sent) == 1
    assert not list((tmp_path / "signed").iterdir())


@pytest.mark.parametrize("moment", ["crash_before_send", "crash_after_send"])
def test_an_interrupted_step_goes_on_with_the_same_bytes(desk: Desk, chain: Ledgered, moment: str) -> None:
    setattr(chain, moment, True)
    with pytest.raises(Crash):
        desk.perform("pay txn", CALL)
    setattr(chain, moment, False)
    assert desk.perform("pay txn", CALL).tx_hash == f"0x{1:064x}"
    assert chain.signed == 1
    assert [one.raw for one in chain.sent] == [b"\x01"]


def test_the_bytes_are_stored_before_anybody_hears_of_them(desk: Desk, chain: Ledgered) -> None:
    def announce(signed: SignedTransaction) -> None:
        entry = desk.unfinished("pay txn")
        assert entry is not None
        assert entry.signed == signed
        assert not chain.sent
        raise Crash

    with pytest.raises(Crash):
        desk.carry_through("pay txn", CALL, announce)
    assert not chain.sent


def test_what_cannot_be_afforded_is_not_stored(desk: Desk, chain: Ledgered) -> None:
    chain.wei = 10**15 - 1
    with pytest.raises(InsufficientFunds):
        desk.perform("pay txn", CALL)
    assert desk.unfinished("pay txn") is None
    assert not chain.sent


def test_a_reverted_step_is_forgotten_and_may_be_tried_again(desk: Desk, chain: Ledgered) -> None:
    chain.reverts = True
    with pytest.raises(TransactionReverted) as caught:
        desk.perform("pay txn", CALL)
    assert caught.value.tx_hash == f"0x{1:064x}"
    chain.reverts = False
    assert desk.perform("pay txn", CALL).tx_hash == f"0x{2:064x}"


def test_bytes_whose_nonce_another_folder_used_are_replaced(desk: Desk, chain: Ledgered) -> None:
    chain.refuse = 2
    assert desk.perform("pay txn", CALL).tx_hash == f"0x{3:064x}"
    assert len(chain.sent) == 1


def test_a_node_that_takes_nothing_ends_the_tries(desk: Desk, chain: Ledgered) -> None:
    chain.refuse = 100
    with pytest.raises(NotAccepted):
        desk.perform("pay txn", CALL)
    assert chain.signed < 10


def test_a_node_that_lags_is_asked_twice_before_bytes_count_as_replaced(desk: Desk, chain: Ledgered) -> None:
    chain.crash_after_send = True
    with pytest.raises(Crash):
        desk.perform("fund", CALL)
    chain.crash_after_send = False
    chain.lag = 1
    assert desk.perform("fund", CALL).tx_hash == f"0x{1:064x}"
    assert len(chain.sent) == 1, "nothing is sent twice"


def test_two_desks_of_one_wallet_take_turns(desk: Desk, chain: Ledgered, tmp_path: Path) -> None:
    other = Journal(StateFolder(tmp_path), 84532, ADDRESS.lower())
    with desk.alone():
        assert other.try_lock() is None
    lock = other.try_lock()
    assert lock is not None
    other.unlock(lock)
