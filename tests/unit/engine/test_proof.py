"""Proof of payment by a transaction's hash: each way in which the chain does not show it."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from tests.unit.engine.purchase import AGREED, OTHER, PAID
from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.refusal import Code, Refused
from valetkey.engine.funding import prove
from valetkey.ports.chain import Block, ChainReader, Receipt
from valetkey.wire.proofs import escrow_id

TX_HASH = "0x" + "ab" * 32
OURS = escrow_id(AGREED.id)
RECEIPT = Receipt(TX_HASH, succeeded=True, block_number=77, escrows_created=frozenset({OURS}))


class Chain:
    """A node that shows one receipt and one escrow; its newest final block is `final_number`."""

    def __init__(self, receipt: Receipt | None, escrow: Escrow | None, final_number: int = 77) -> None:
        self.shown, self.held, self.final_number = receipt, escrow, final_number

    async def receipt(self, tx_hash: str) -> Receipt | None:
        assert tx_hash == TX_HASH
        return self.shown

    async def final(self) -> Block:
        return Block(self.final_number, 0)

    async def escrow(self, transaction_id: str, *, at_block: int | None = None) -> Escrow | None:
        assert transaction_id == AGREED.id
        return self.held

    def escrow_id(self, transaction_id: str) -> bytes:
        return escrow_id(transaction_id)


def proved(chain: Chain) -> Escrow | Refused:
    return asyncio.run(prove(cast(ChainReader, chain), AGREED, TX_HASH))


@pytest.mark.parametrize("status", [status for status in EscrowStatus if status is not EscrowStatus.NONE])
def test_the_escrow_that_this_hash_made_proves_the_payment(status: EscrowStatus) -> None:
    escrow = replace(PAID, status=status)
    assert proved(Chain(RECEIPT, escrow)) == escrow
    both = replace(RECEIPT, escrows_created=frozenset({OURS, bytes(32)}))
    assert proved(Chain(both, escrow, final_number=78)) == escrow


@pytest.mark.parametrize(
    ("chain", "code", "rule"),
    [
        (Chain(None, PAID), Code.FUNDING_NOT_FOUND, "receipt"),
        (Chain(replace(RECEIPT, succeeded=False), PAID), Code.FUNDING_REVERTED, "receipt"),
        (Chain(replace(RECEIPT, escrows_created=frozenset()), PAID), Code.FUNDING_MISMATCH, "escrow"),
        (
            Chain(replace(RECEIPT, escrows_created=frozenset({bytes(32)})), PAID),
            Code.FUNDING_REPLAYED,
            "tx_hash",
        ),
        (Chain(RECEIPT, PAID, final_number=76), Code.FUNDING_UNCONFIRMED, "confirmations"),
        (Chain(RECEIPT, None), Code.FUNDING_NOT_FOUND, "escrow"),
        (Chain(RECEIPT, replace(PAID, status=EscrowStatus.NONE)), Code.FUNDING_NOT_FOUND, "escrow"),
        (Chain(RECEIPT, replace(PAID, buyer=OTHER)), Code.FUNDING_MISMATCH, "buyer"),
        (Chain(RECEIPT, replace(PAID, locked_amount=1)), Code.FUNDING_MISMATCH, "amount"),
    ],
)
def test_anything_less_proves_nothing(chain: Chain, code: Code, rule: str) -> None:
    refused = proved(chain)
    assert isinstance(refused, Refused)
    assert (refused.first.code, refused.first.rule) == (code, rule)


def test_how_many_blocks_are_missing_is_told() -> None:
    refused = proved(Chain(RECEIPT, PAID, final_number=74))
    assert isinstance(refused, Refused)
    assert refused.first.message == "the payment needs 3 more blocks on top of it"
