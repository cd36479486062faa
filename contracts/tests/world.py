"""The contracts on a chain in memory, the parties around them, and calls whose failure is a value."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import boa
from boa.contracts.event_decoder import RawLogEntry
from boa.util.abi import Address, abi_decode

CONTRACTS = Path(__file__).resolve().parents[1]
DOUBLES = CONTRACTS / "tests" / "doubles"

# Selectors of Error(string) and Panic(uint256), as reverts carry them.
ERROR = bytes.fromhex("08c379a0")

DAY = 86_400
START = 1_800_000_000
FORTUNE = 10**15
PLENTY_OF_GAS = 20_000_000

# Statuses and outcomes, as the contract numbers them.
UNUSED, FUNDED, DELIVERED, RELEASED, REFUNDED, DISPUTED, RESOLVED, ABANDONED = range(8)
BUYER_REFUND, SELLER_PAID, SPLIT = 1, 2, 3

# Modes of OddToken.
PLAIN, QUIET, LYING, REFUSING, TAXING, SCOLDING, BABBLING, GREEDY = range(8)

_ids = count(1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transaction did: whether it went through, why not, what it returned, how much gas it took."""

    ok: bool
    reason: str
    output: bytes
    gas_used: int
    computation: Any


def deployer(path: Path) -> Any:
    """The compiled source, compiled once per process."""
    return _deployer(path)


@cache
def _deployer(path: Path) -> Any:
    return boa.load_partial(str(path))


def send(sender: str, contract: Any, function: str, *arguments: Any, gas: int = PLENTY_OF_GAS) -> Outcome:
    """One transaction to a function of a contract; a revert is an outcome, not an exception."""
    return send_raw(
        sender, contract.address, getattr(contract, function).prepare_calldata(*arguments), gas=gas
    )


def send_raw(sender: str, to: str, data: bytes, *, gas: int = PLENTY_OF_GAS) -> Outcome:
    """One transaction with calldata as it is."""
    # For every revert boa prints all storage that was ever written: quadratic, so it is told to forget.
    boa.env.sstore_trace.clear()
    computation = boa.env.execute_code(to_address=Address(to), sender=Address(sender), data=data, gas=gas)
    output = bytes(computation.output)
    reason = ""
    if computation.is_error:
        reason = (
            abi_decode("(string)", output[4:])[0] if output[:4] == ERROR else type(computation.error).__name__
        )
    return Outcome(not computation.is_error, reason, output, computation.get_gas_used(), computation)


def call(contract: Any, function: str, *arguments: Any) -> Any:
    """What a view answers; a revert raises."""
    return getattr(contract, function)(*arguments)


def now() -> int:
    """Block time, unix seconds."""
    return int(boa.env.timestamp)


def at(timestamp: int) -> None:
    """Set block time."""
    boa.env.timestamp = timestamp


def events(contract: Any, outcome: Outcome) -> list[tuple[str, dict[str, Any]]]:
    """The contract's own events of a transaction, in order: name and fields."""
    found = []
    for log in outcome.computation.get_raw_log_entries():
        entry = RawLogEntry(*log)
        if entry.address == contract.address.canonical_address:
            event = contract.decode_log(entry)
            fields = event._asdict()
            del fields["address"]
            found.append((type(event).__name__, fields))
    return found


def fresh_id() -> bytes:
    """An escrow id that no test used before."""
    return next(_ids).to_bytes(32, "big")


def names(*wanted: str) -> Iterator[str]:
    for name in wanted:
        yield boa.env.generate_address(name)


class World:
    """Escrow, score, a dollar, an odd token, and everybody who deals with them."""

    def __init__(self) -> None:
        at(START)
        self.owner, self.treasury, self.resolver, self.stranger = names(
            "owner", "treasury", "resolver", "stranger"
        )
        self.buyer, self.other_buyer, self.seller, self.other_seller, self.key = names(
            "buyer", "other buyer", "seller", "other seller", "key"
        )
        self.score = deployer(CONTRACTS / "Score.vy").deploy(self.owner)
        self.usdc = deployer(CONTRACTS / "TestUSDC.vy").deploy()
        self.odd = deployer(DOUBLES / "OddToken.vy").deploy()
        self.puppet = deployer(DOUBLES / "Puppet.vy").deploy()
        self.escrow = deployer(CONTRACTS / "Escrow.vy").deploy(
            self.owner,
            self.treasury,
            self.resolver,
            self.score.address,
            [self.usdc.address, self.odd.address],
        )
        self.must(self.owner, self.score, "setRecorder", self.escrow.address, True)
        for token in (self.usdc, self.odd):
            for rich in (self.buyer, self.other_buyer, self.puppet.address, self.seller):
                self.must(self.owner, token, "mint", rich, FORTUNE)
            for payer in (self.buyer, self.other_buyer, self.seller):
                self.must(payer, token, "approve", self.escrow.address, 2**256 - 1)

    def must(self, sender: str, contract: Any, function: str, *arguments: Any) -> Outcome:
        """A transaction that the test needs to go through."""
        outcome = send(sender, contract, function, *arguments)
        assert outcome.ok, f"{function}: {outcome.reason}"
        return outcome

    def create(self, **changes: Any) -> Outcome:
        """createEscrow with ordinary arguments, except for `changes`; `sender` is the buyer's address."""
        asked: dict[str, Any] = {
            "sender": self.buyer,
            "escrow_id": fresh_id(),
            "seller": self.seller,
            "amount": 1_020_000,
            "token": self.usdc.address,
            "deadline": now() + DAY,
            "dispute_window": 0,
            "abandonment_grace": 0,
            "criteria_hash": bytes(32),
        } | changes
        sender = asked.pop("sender")
        return send(sender, self.escrow, "createEscrow", *asked.values())

    def funded(self, **changes: Any) -> bytes:
        """The id of a new escrow."""
        escrow_id: bytes = changes.setdefault("escrow_id", fresh_id())
        outcome = self.create(**changes)
        assert outcome.ok, outcome.reason
        return escrow_id

    def delivered(self, **changes: Any) -> bytes:
        """The id of a new escrow whose seller delivered at once."""
        escrow_id = self.funded(**changes)
        seller = changes.get("seller", self.seller)
        self.must(seller, self.escrow, "submitDelivery", escrow_id, b"\x01" * 32)
        return escrow_id

    def disputed(self, **changes: Any) -> bytes:
        """The id of a new escrow that its buyer disputes."""
        escrow_id = self.delivered(**changes)
        self.must(changes.get("sender", self.buyer), self.escrow, "dispute", escrow_id)
        return escrow_id

    def status(self, escrow_id: bytes) -> int:
        return int(call(self.escrow, "getEscrow", escrow_id)[5])

    def balances(self, token: Any, *holders: str) -> list[int]:
        """Base units of each holder."""
        return [int(call(token, "balanceOf", holder)) for holder in holders]
