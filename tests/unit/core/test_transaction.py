"""Transactions: who may take which step from which status, for all of them."""

from itertools import product

import pytest

from valetkey.core.refusal import Code, Refused
from valetkey.core.transaction import (
    STEPS,
    Party,
    PaymentStatus,
    Step,
    Transaction,
    TransactionStatus,
    take,
)

S = TransactionStatus

# Parties can act on chain without telling the platform: what the chain shows is followed from all of these.
UNDISPUTED = ("escrowed", "processing", "delivered")

# step: who may ask, {status before: status after}
RULES: dict[Step, tuple[str, dict[str, str]]] = {
    Step.FUND: ("buyer platform", {"pending": "escrowed", "abandoned": "escrowed"}),
    Step.DELIVER: ("seller", {"escrowed": "delivered", "processing": "delivered"}),
    Step.CONFIRM: (
        "buyer platform",
        {"escrowed": "completed", "processing": "completed", "delivered": "completed"},
    ),
    Step.DISPUTE: ("buyer platform", dict.fromkeys(UNDISPUTED, "disputed")),
    Step.EXPLAIN_DISPUTE: ("buyer", {"disputed": "disputed"}),
    Step.SUBMIT_EVIDENCE: ("buyer seller", {"disputed": "disputed"}),
    Step.RESOLVE_BUYER: ("platform", dict.fromkeys((*UNDISPUTED, "disputed"), "refunded")),
    Step.RESOLVE_SELLER: ("platform", dict.fromkeys((*UNDISPUTED, "disputed"), "completed")),
    Step.ABANDON: ("buyer platform", dict.fromkeys(UNDISPUTED, "abandoned")),
    Step.NAME_PAYMENT: ("buyer", {str(one): str(one) for one in S if one is not S.PENDING}),
    Step.EXPIRE: ("platform", {"pending": "abandoned"}),
    Step.DEBIT: ("platform", {"abandoned": "abandoned"}),
}


@pytest.mark.parametrize(("step", "before", "party"), list(product(Step, TransactionStatus, Party)), ids=str)
def test_every_step_from_every_status_by_every_party(
    step: Step, before: TransactionStatus, party: Party
) -> None:
    parties, statuses = RULES[step]
    after = take(step, before, party)
    if party not in parties.split():
        assert isinstance(after, Refused)
        assert after.first.code is Code.WRONG_PARTY
        assert after.first.rule == "party"
        who = " or ".join(parties.split())
        assert after.first.message == f"only the {who} can {step} this transaction"
    elif before not in statuses:
        assert isinstance(after, Refused)
        assert after.first.code is Code.WRONG_STATUS
        assert after.first.rule == "status"
        assert after.first.message == f"cannot {step} a transaction that is {before}"
        assert after.first.hint == f"it must be {' or '.join(sorted(statuses))}"
    else:
        assert after == statuses[before]


def test_no_step_lacks_a_rule() -> None:
    assert set(STEPS) == set(RULES) == set(Step)


def test_money_that_left_the_escrow_stays_where_it_went() -> None:
    for step, (_, before, after) in STEPS.items():
        if after is None:
            continue
        assert not before & {S.COMPLETED, S.REFUNDED}, step
        # Only a payment revives a checkout that had ended.
        if S.ABANDONED in before:
            assert (step, after) == (Step.FUND, S.ESCROWED)


def test_every_status_can_be_reached_but_processing_is_the_seller_s_word() -> None:
    reached = {after for _, _, after in STEPS.values() if after is not None}
    assert set(TransactionStatus) - reached == {S.PENDING, S.PROCESSING}


def test_a_new_transaction_waits_for_its_payment() -> None:
    defaults = {
        field.name: field.default
        for field in Transaction.__dataclass_fields__.values()
        if field.name in {"status", "payment_status", "escrow_tx_hash", "dispute_window", "abandonment_grace"}
    }
    assert defaults == {
        "status": S.PENDING,
        "payment_status": PaymentStatus.PENDING,
        "escrow_tx_hash": None,
        "dispute_window": 0,
        "abandonment_grace": 0,
    }
