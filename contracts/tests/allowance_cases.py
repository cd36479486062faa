"""Calls of SessionAllowance whose gas is measured: every rule on, random salt and reference, a payee with a history."""

from collections.abc import Callable
from typing import Any

import boa
from eth_abi import encode

from contracts.tests.purse import USDC, Purse, key, spend_values
from contracts.tests.stall import Stall
from contracts.tests.world import DAY, World, names, now
from valetkey.core.grant import NOBODY, Grant
from valetkey.crypto.keys import keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.grants import (
    ACCEPT,
    ESCROW_NAME,
    FIRST,
    Domain,
    GrantSpend,
    PayeeTree,
    Voucher,
    compact,
    grant_hash,
    grant_terms,
    step_message,
    struct_hash,
)

AMOUNT = 3 * USDC // 2
MANY, PAYEES = 100, 20
REFERENCE = keccak256(b"a payment")
NONCE = 0x6B8B4567327B23C6 << 8
"""Of a word that was chosen at random, in 64 bits."""

Step = tuple[str, Any, str, tuple[Any, ...]]


class Daily(Purse):
    """A purse in its daily business: payee and relayer have a history."""

    def __init__(self) -> None:
        super().__init__()
        for payee in (self.payee, self.other_payee):
            self.must(self.stranger, self.usdc, "mint", payee, 1)

    def spent(self, **changes: Any) -> Grant:
        """A grant that was spent from, by its key and by a signature."""
        grant = self.known(**changes)
        assert self.spend(grant, USDC).ok
        assert self.relay(grant, self.bound(NONCE)).ok
        return grant

    def bound(self, nonce: int) -> GrantSpend:
        return self.wanted(AMOUNT, reference=REFERENCE, executor=str(self.relayer), nonce=nonce)

    def direct(self, function: str, grant: Grant, *first: bytes) -> Step:
        return (
            *(grant.key, self.allowance, function),
            (grant_terms(grant), *first, self.payee, AMOUNT, REFERENCE),
        )

    def relayed(self, function: str, grant: Grant, nonce: int, *first: bytes) -> Step:
        wanted = self.bound(nonce)
        arguments = (
            grant_terms(grant),
            *first,
            spend_values(wanted),
            *self.spend_signature(grant, wanted),
        )
        return str(self.relayer), self.allowance, function, arguments

    def batch(self, *, tree: bool) -> Step:
        """A hundred signed spends to twenty payees."""
        payees = [str(one) for one in names(*(f"payee {number}" for number in range(PAYEES)))]
        for payee in payees:
            self.must(self.stranger, self.usdc, "mint", payee, 1)
        shown = PayeeTree(payees)
        grant = self.known(
            payees=shown.root if tree else bytes(32), cap=10**9, window_cap=10**8, per_spend=10**8
        )
        proofs = [shown.proof(payee) if tree else [] for payee in payees]
        assert self.spend(grant, USDC, payees[0], proof=proofs[0]).ok
        spends = []
        for number in range(MANY):
            wanted = self.wanted(
                AMOUNT // 10,
                payee=payees[number % PAYEES],
                reference=keccak256(b"%d" % number),
                executor=str(self.relayer),
                nonce=NONCE + number,
            )
            fields = (wanted.amount, wanted.reference, wanted.nonce, wanted.deadline)
            spends.append((number % PAYEES, *fields, *self.spend_signature(grant, wanted)))
        arguments = (grant_terms(grant), list(zip(payees, proofs, strict=True)), spends, True)
        return str(self.relayer), self.allowance, "spendMany", arguments

    def voucher(self, *, later: bool) -> Step:
        """A hundred payments to one payee, settled by one transaction."""
        grant = self.known()
        assert self.spend(grant, USDC).ok
        total = 100 * 15_000
        if later:
            first = Voucher(payee=str(self.payee), total=total, deadline=now() + DAY)
            assert self.settle(grant, first, total).ok
            total *= 2
        last = Voucher(payee=str(self.payee), total=total, deadline=now() + DAY)
        arguments = (
            grant_terms(grant),
            (last.payee, last.total, last.executor != NOBODY, last.deadline),
            100 * 15_000,
            REFERENCE,
            *self.voucher_signature(grant, last),
        )
        return str(self.payee), self.allowance, "settle", arguments

    def as_child(self) -> Step:
        root = self.known()
        child = self.child(root)
        assert self.spend_as_child(child, [root], USDC).ok
        arguments = (grant_terms(child), [grant_terms(root)], self.payee, AMOUNT, REFERENCE)
        return child.key, self.allowance, "spendWithProof", arguments

    def ending(self, grant: Grant) -> Step:
        return grant.owner, self.allowance, "revoke", (grant_hash(grant),)

    def rotation(self) -> Step:
        old = self.spent()
        new = self.grant(key=key(9).address, predecessor=grant_hash(old))
        arguments = (grant_terms(new), grant_terms(old), self.signature(new))
        return str(self.relayer), self.allowance, "registerSuccessor", arguments


def first(daily: Daily, function: str) -> Step:
    """The spend that makes a grant known."""
    grant = daily.grant()
    signed = compact(daily.signature(grant))
    if function == "spendFirst":
        return daily.direct(function, grant, *signed)
    return daily.relayed(function, grant, FIRST, *signed)


def stall(daily: Daily) -> Stall:
    """An escrow that takes the purse's money; escrow and treasury have held some before."""
    market = World()
    market.must(market.owner, market.escrow, "setTokenSupported", daily.usdc.address, True)
    market.must(market.owner, market.escrow, "setAllowance", daily.allowance.address)
    for holder in (str(market.escrow.address), market.treasury):
        daily.must(daily.stranger, daily.usdc, "mint", holder, 1)
    return Stall(market, daily)


def signed_accept(daily: Daily) -> Step:
    """accept as a session key signed it, by whoever submits it; owner and seller have traded before."""
    here = stall(daily)
    market, escrow = here.world, here.world.escrow
    _, earlier = here.funded()
    market.must(market.seller, escrow, "submitDelivery", earlier, keccak256(b"proof"))
    market.must(daily.owner.address, escrow, "accept", earlier)
    grant, deal = here.grant(), here.deal(escrow_id=keccak256(b"purchase"))
    assert here.create(here.arguments(grant, deal)).ok
    market.must(market.seller, escrow, "submitDelivery", deal["escrow_id"], keccak256(b"proof"))
    until = now() + 300
    domain = Domain(boa.env.evm.patch.chain_id, str(escrow.address), ESCROW_NAME)
    digest = domain.digest(struct_hash("BuyerStep", step_message(deal["escrow_id"], ACCEPT, until)))
    signed = compact(sign_digest(daily.key, digest))
    return str(daily.relayer), escrow, "stepSigned", (deal["escrow_id"], ACCEPT, until, *signed)


def from_grant(daily: Daily) -> Step:
    """An escrow that a session makes with its owner's money, by whoever submits it."""
    market = stall(daily).world
    escrow = market.escrow
    grant = daily.spent(escrow=str(escrow.address), payees=bytes(32))
    fields = (keccak256(b"purchase"), str(market.seller), AMOUNT, now() + DAY, 0, 0, bytes(32))
    kinds = ["bytes32", "address", "uint256", "address", *["uint256"] * 3, "bytes32"]
    wanted = GrantSpend(
        payee=fields[1],
        amount=AMOUNT,
        reference=keccak256(encode(kinds, [*fields[:3], grant.token, *fields[3:]])),
        nonce=NONCE + 1,
        deadline=now() + DAY,
        executor=str(escrow.address),
    )
    signed = daily.spend_signature(grant, wanted, funding=True)
    arguments = (*fields, grant_terms(grant), [], wanted.nonce, wanted.deadline, *signed)
    return str(daily.relayer), escrow, "createEscrowWithSession", arguments


CASES: dict[str, Callable[[Daily], Step]] = {
    "spend_direct": lambda d: d.direct("spend", d.spent()),
    "spend_relayed": lambda d: d.relayed("spendSigned", d.spent(), NONCE + 1),
    "spend_relayed, first of 256 nonces": lambda d: d.relayed("spendSigned", d.spent(), NONCE << 8),
    "first_direct": lambda d: first(d, "spendFirst"),
    "first_relayed": lambda d: first(d, "spendSignedFirst"),
    "spend_direct, by a child": Daily.as_child,
    "batch_100_each": lambda d: d.batch(tree=True),
    "batch_100_each, to anyone": lambda d: d.batch(tree=False),
    "voucher_100_each": lambda d: d.voucher(later=False),
    "voucher_100_each, later": lambda d: d.voucher(later=True),
    "registerSuccessor": Daily.rotation,
    "createEscrowWithSession": from_grant,
    "stepSigned, accept": signed_accept,
    "revoke": lambda d: d.ending(d.spent()),
    "revoke, unused": lambda d: d.ending(d.grant()),
}
MOST = {
    "spend_direct": 55_000,
    "spend_relayed": 66_000,
    "first_direct": 80_000,
    "first_relayed": 106_000,
    "batch_100_each": 20_000,
    "voucher_100_each": 850,
    "revoke": 28_000,
}
"""Whole transactions; of the last but two, what each of a hundred has to bear."""
OPENZEPPELIN_MORE = dict.fromkeys(MOST, 610) | {"voucher_100_each": 7, "revoke": 0}
"""What each costs more with a token of OpenZeppelin 5.0.2 (solc 0.8.24, 200 runs) in place of TestUSDC, as measured."""
