"""SessionAllowance in its daily business: grants, spends by key and by signature, batches, vouchers, children, ends."""

import boa
import pytest

from contracts.tests.purse import HOUR, USDC, Purse, spend_values
from contracts.tests.world import DAY, START, at, call, events, now, send
from valetkey.core.errors import InvalidInput
from valetkey.core.grant import unit_for
from valetkey.crypto.keys import keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.grants import (
    FIRST,
    PayeeTree,
    Voucher,
    compact,
    grant_hash,
    grant_id,
    grant_message,
    grant_terms,
    struct_hash,
)


def test_a_grant_is_named_as_wallets_name_it(purse: Purse) -> None:
    """eth-account, the contract and our own encoder agree on every type that is signed."""
    from eth_account.messages import encode_typed_data

    grant = purse.grant()
    hashed, grant_id_ = call(purse.allowance, "namesOf", grant_terms(grant))
    assert (hashed, grant_id_) == (grant_hash(grant), grant_id(grant.owner, hashed))
    encoded = encode_typed_data(full_message=purse.domain.typed_data("Grant", grant_message(grant)))
    assert (encoded.header, encoded.body) == (purse.domain.hash(), hashed)


def test_the_first_spend_registers(purse: Purse) -> None:
    grant = purse.grant()
    outcome = purse.spend_first(grant, 2 * USDC)
    assert outcome.ok, outcome.reason
    name = grant_id(grant.owner, grant_hash(grant))
    assert events(purse.allowance, outcome) == [
        ("GrantRegistered", {"grant": name, "owner": purse.owner.address}),
        (
            "Spent",
            {"grant": name, "payee": str(purse.payee), "amount": 2 * USDC, "reference": b"\1" * 32},
        ),
    ]
    assert purse.balance(purse.payee) == 2 * USDC
    assert purse.spend(grant, USDC).ok
    assert purse.spent_units(grant) == 3 * USDC // 100


def test_nothing_is_ever_in_the_contract(purse: Purse) -> None:
    grant = purse.known()
    assert purse.spend(grant, USDC).ok
    assert purse.balance(str(purse.allowance.address)) == 0


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (10 * USDC, ""),
        (10 * USDC + 1, "above the per-spend limit"),
        (0, "nothing to spend"),
        (2**256 - 1, "above the per-spend limit"),
        (1, ""),
    ],
)
def test_amounts_at_their_edges(purse: Purse, amount: int, reason: str) -> None:
    outcome = purse.spend(purse.known(), amount)
    assert (outcome.ok, outcome.reason) == (not reason, reason)


def test_the_cap_is_for_life_and_counts_in_units_rounded_up(purse: Purse) -> None:
    grant = purse.known(cap=5 * USDC, window_cap=0, window_seconds=0, unit=USDC)
    for _ in range(5):
        assert purse.spend(grant, 1).ok, "one base unit counts as a whole one"
    assert purse.spend(grant, 1).reason == "above the cap"
    assert purse.balance(purse.payee) == 5


def test_boundaries_of_time_are_half_open(purse: Purse) -> None:
    grant = purse.known(valid_after=START + 10, valid_until=START + 20)
    for moment, reason in ((9, "not valid yet"), (10, ""), (19, ""), (20, "expired")):
        at(START + moment)
        outcome = purse.spend(grant, 1)
        assert (outcome.ok, outcome.reason) == (not reason, reason), moment


def test_only_the_key_spends_directly(purse: Purse) -> None:
    grant = purse.known()
    for sender in (purse.owner.address, str(purse.payee), purse.other_key.address):
        assert purse.spend(grant, 1, sender=sender).reason == "not the session key"


def test_a_payee_is_one_address_or_one_of_a_tree_or_anyone(purse: Purse) -> None:
    assert purse.spend(purse.known(), 1, str(purse.other_payee)).reason == "payee not allowed"
    assert purse.spend(purse.known(payees=bytes(32)), 1, str(purse.other_payee)).ok
    payees = [f"0x{number:040x}" for number in range(1, 8)]
    tree = PayeeTree([*payees, str(purse.payee)])
    grant = purse.known(payees=tree.root)
    for payee in [*payees, str(purse.payee)]:
        assert purse.spend(grant, 1, payee, proof=tree.proof(payee)).ok
    assert not purse.spend(grant, 1, str(purse.other_payee), proof=tree.proof(payees[0])).ok
    assert not purse.spend(grant, 1).ok
    with pytest.raises(InvalidInput):
        tree.proof(str(purse.other_payee))


def test_a_tree_of_one(purse: Purse) -> None:
    tree = PayeeTree([str(purse.payee)])
    assert purse.spend(purse.known(payees=tree.root), 1).ok


def test_signed_spends_go_out_in_any_order(purse: Purse) -> None:
    grant = purse.known()
    wanted = [purse.wanted(USDC, nonce=nonce) for nonce in (7, 3, 2**256 - 2, 256, 255)]
    for one in wanted:
        outcome = purse.relay(grant, one)
        assert outcome.ok, outcome.reason
    for one in wanted:
        assert purse.relay(grant, one).reason == "nonce used"
    assert purse.balance(purse.payee) == 5 * USDC


def test_a_signed_spend_may_be_the_first_and_then_never_again(purse: Purse) -> None:
    grant, wanted = purse.grant(), purse.wanted(USDC, nonce=FIRST)
    assert not purse.relay_first(grant, purse.wanted(USDC)).ok, "only with the nonce of a first one"
    assert purse.relay_first(grant, wanted).ok
    assert purse.relay_first(grant, wanted).reason == "known already"
    assert purse.relay(grant, wanted).reason == "only a first spend"
    assert purse.balance(purse.payee) == USDC
    known = purse.known()
    assert purse.relay_first(known, wanted).reason == "known already"


def test_a_signed_spend_names_who_may_submit_it_and_until_when(purse: Purse) -> None:
    grant = purse.known()
    wanted = purse.wanted(USDC, executor=str(purse.relayer), deadline=now() + 10)
    assert purse.relay(grant, wanted, sender=str(purse.stranger)).reason == "not signed by the key"
    at(now() + 10)
    assert purse.relay(grant, wanted).reason == "past its deadline"
    at(now() - 1)
    assert purse.relay(grant, wanted).ok


def test_a_key_takes_back_what_it_signed(purse: Purse) -> None:
    grant = purse.known()
    wanted = purse.wanted(USDC)
    assert not send(purse.stranger, purse.allowance, "cancel", grant_terms(grant), wanted.nonce).ok
    assert send(grant.key, purse.allowance, "cancel", grant_terms(grant), wanted.nonce).ok
    assert purse.relay(grant, wanted).reason == "nonce used"


def test_a_batch_is_all_or_nothing(purse: Purse) -> None:
    payees = [str(purse.payee), str(purse.other_payee)]
    tree = PayeeTree(payees)
    grant = purse.known(payees=tree.root)
    wanted = [purse.wanted(USDC, payee=payees[number % 2]) for number in range(6)]
    many = [
        (
            number % 2,
            *(one.amount, one.reference, one.nonce, one.deadline),
            *purse.spend_signature(grant, one),
        )
        for number, one in enumerate(wanted)
    ]
    shown = [(payee, tree.proof(payee)) for payee in payees]
    swapped = [(1 - many[0][0], *many[0][1:]), *many[1:]]
    for wrong in (swapped, [*many, many[0]], [(2, *many[0][1:])]):
        assert not send(purse.relayer, purse.allowance, "spendMany", grant_terms(grant), shown, wrong).ok
    assert purse.balance(purse.payee) == 0
    outcome = send(purse.relayer, purse.allowance, "spendMany", grant_terms(grant), shown, many)
    assert outcome.ok, outcome.reason
    assert [purse.balance(payee) for payee in payees] == [3 * USDC, 3 * USDC]
    assert purse.relay(grant, wanted[0], proof=tree.proof(payees[0])).reason == "nonce used"


def test_a_voucher_is_settled_up_to_its_total_and_never_twice(purse: Purse) -> None:
    grant = purse.known()
    first = Voucher(payee=str(purse.payee), total=3 * USDC, deadline=now() + DAY)
    later = Voucher(payee=str(purse.payee), total=5 * USDC, deadline=now() + DAY)
    assert purse.settle(grant, first, USDC).ok, "a part of it"
    assert purse.settle(grant, first, 2 * USDC + 1).reason == "more than is left"
    assert purse.settle(grant, first, 2 * USDC).ok
    assert purse.settle(grant, first, 1).reason == "settled already"
    assert purse.settle(grant, later, 2 * USDC).ok
    assert purse.balance(purse.payee) == 5 * USDC
    assert purse.spent_units(grant) == 5 * USDC // 100


def test_limits_count_when_a_voucher_is_settled(purse: Purse) -> None:
    grant = purse.known()
    voucher = Voucher(payee=str(purse.payee), total=50 * USDC, deadline=now() + DAY)
    assert purse.settle(grant, voucher, 11 * USDC).reason == "above the per-spend limit"
    assert purse.settle(grant, voucher, 10 * USDC).ok
    assert purse.settle(grant, voucher, 10 * USDC).ok
    assert purse.settle(grant, voucher, 1).reason == "above the window's cap"
    assert purse.revoke(grant).ok
    at(now() + 2 * HOUR)
    assert purse.settle(grant, voucher, 1).reason == "revoked", "what is not settled dies with its grant"


def test_a_stranger_settles_all_or_nothing(purse: Purse) -> None:
    """Every settlement rounds up to a unit: crumbs would eat the cap."""
    grant = purse.known()
    voucher = Voucher(payee=str(purse.payee), total=USDC, deadline=now() + 10)
    assert purse.settle(grant, voucher, 1, sender=str(purse.stranger)).reason == "only all of it"
    at(now() + 10)
    assert purse.settle(grant, voucher, USDC).reason == "past its deadline"
    at(now() - 1)
    assert purse.settle(grant, voucher, USDC, sender=str(purse.stranger)).ok
    bound = Voucher(payee=str(purse.payee), total=2 * USDC, deadline=now() + 10, executor=str(purse.relayer))
    assert purse.settle(grant, bound, USDC).reason == "not signed by the key"
    assert purse.settle(grant, bound, USDC // 2, sender=str(purse.relayer)).ok


def test_a_child_spends_out_of_all_its_ancestors(purse: Purse) -> None:
    root = purse.known(cap=3 * USDC)
    child = purse.child(root, cap=3 * USDC)
    grandchild = purse.child(child, purse.child_key, key=purse.other_key.address, cap=2 * USDC)
    outcome = purse.spend_as_child(grandchild, [child, root], USDC)
    assert outcome.ok, outcome.reason
    assert [purse.spent_units(one) for one in (root, child, grandchild)] == [10_000] * 3
    assert purse.spend_as_child(child, [root], USDC).ok
    assert purse.spend(root, USDC).ok
    assert purse.spend_as_child(grandchild, [child, root], 1).reason == "above the cap", "the root's"
    for parents in ([], [root], [child], [root, child]):
        assert not purse.spend_as_child(grandchild, parents, 1).ok


def test_a_childs_key_signs_too(purse: Purse) -> None:
    root = purse.known()
    child = purse.child(root)
    wanted = purse.wanted(USDC)
    signed = purse.spend_signature(child, wanted, purse.child_key)
    arguments = (grant_terms(child), [grant_terms(root)], spend_values(wanted), *signed)
    assert send(purse.relayer, purse.allowance, "spendSignedWithProof", *arguments).ok
    assert send(purse.relayer, purse.allowance, "spendSignedWithProof", *arguments).reason == "nonce used"
    assert purse.relay(child, wanted, signed=signed).reason == "a child spends with its parents"


def test_an_owner_ends_a_grant_and_so_does_its_key(purse: Purse) -> None:
    grants = [purse.known() for _ in range(4)]
    assert purse.revoke(grants[0]).ok
    assert send(grants[1].key, purse.allowance, "renounce", grant_terms(grants[1])).ok
    assert send(
        purse.stranger,
        purse.allowance,
        "revokeSigned",
        purse.owner.address,
        grant_hash(grants[2]),
        purse.revoke_signature(grants[2]),
    ).ok
    child = purse.child(grants[3])
    arguments = (grant_terms(child), grant_terms(grants[3]))
    assert not send(purse.stranger, purse.allowance, "revokeChild", *arguments).ok
    assert send(grants[3].key, purse.allowance, "revokeChild", *arguments).ok
    for grant in grants[:3]:
        assert purse.spend(grant, 1).reason == "revoked"
    assert purse.spend_as_child(child, [grants[3]], 1).reason == "revoked"
    assert purse.spend(grants[3], 1).ok


def test_revoking_all_ends_an_epoch_and_a_freeze_stays(purse: Purse) -> None:
    grant, next_one = purse.known(), purse.grant(epoch=1)
    purse.must(purse.owner.address, purse.allowance, "freeze")
    assert purse.spend(grant, 1).reason == "frozen"
    purse.must(purse.owner.address, purse.allowance, "revokeAll")
    assert purse.register(next_one).ok
    assert purse.spend(next_one, 1).reason == "frozen"
    purse.must(purse.owner.address, purse.allowance, "thaw")
    assert purse.spend(grant, 1).reason == "another epoch"
    assert purse.spend(next_one, 1).ok
    assert call(purse.allowance, "standings", purse.owner.address) == 2


def test_a_successor_takes_over_what_was_spent(purse: Purse) -> None:
    old = purse.known()
    assert purse.spend(old, 10 * USDC).ok
    new = purse.grant(key=purse.other_key.address, predecessor=grant_hash(old), cap=25 * USDC)
    assert purse.register(new).reason == "show its predecessor"
    assert purse.spend(old, USDC).ok, "the grace lasts until the first use"
    outcome = purse.succeed(new, old)
    assert outcome.ok, outcome.reason
    assert purse.spend(old, 1).reason == "revoked"
    assert purse.spend(new, 9 * USDC).ok
    assert purse.spend(new, 1).reason == "above the window's cap", "also what was spent in the window"
    at(now() + 2 * HOUR)
    assert purse.spend(new, 5 * USDC).ok
    assert purse.spend(new, 1).reason == "above the cap"


def test_what_is_left_and_when_it_grows(purse: Purse) -> None:
    grant = purse.grant()

    def remaining() -> tuple[int, ...]:
        return tuple(call(purse.allowance, "remaining", grant_terms(grant)))

    assert remaining() == (0, 0, 0, 0), "not known"
    assert call(purse.allowance, "worstLoss", grant_terms(grant)) == 100 * USDC
    assert purse.register(grant).ok
    assert remaining() == (10 * USDC, 100 * USDC, 20 * USDC, 0)
    assert purse.spend(grant, 10 * USDC).ok
    assert purse.spend(grant, 8 * USDC).ok
    now_, left, inside, releases = remaining()
    assert (now_, left, inside) == (2 * USDC, 82 * USDC, 2 * USDC)
    at(releases - 1)
    assert remaining()[2] == 2 * USDC
    at(releases)
    assert remaining()[1:] == (82 * USDC, 20 * USDC, 0)
    purse.must(purse.owner.address, purse.allowance, "freeze")
    assert remaining() == (0, 0, 0, 0)
    assert call(purse.allowance, "worstLoss", grant_terms(grant)) == 82 * USDC, "it may be thawed"
    at(grant.valid_until - HOUR)
    assert call(purse.allowance, "worstLoss", grant_terms(grant)) == 20 * USDC, "one more window"
    purse.must(purse.owner.address, purse.allowance, "revokeAll")
    assert call(purse.allowance, "worstLoss", grant_terms(grant)) == 0


def test_an_owner_may_be_a_contract(purse: Purse) -> None:
    wallet = str(purse.puppet.address)
    purse.must(purse.stranger, purse.usdc, "mint", wallet, USDC)
    approve = purse.usdc.approve.prepare_calldata(purse.allowance.address, 2**256 - 1)
    purse.must(purse.stranger, purse.puppet, "act", purse.usdc.address, approve)
    grant = purse.grant(owner=wallet)
    digest = purse.domain.digest(grant_hash(grant))
    assert not send(purse.stranger, purse.allowance, "register", grant_terms(grant), b"x" * 200).ok
    purse.must(purse.stranger, purse.puppet, "sign", digest)
    assert send(purse.stranger, purse.allowance, "register", grant_terms(grant), b"x" * 200).ok
    assert purse.spend(grant, USDC).ok


def test_a_delegated_account_signs_with_its_key(purse: Purse) -> None:
    """EIP-7702: code at the owner's address does not stop its key from signing."""
    grant = purse.grant()
    boa.env.set_code(purse.owner.address, boa.env.get_code(purse.puppet.address))
    assert purse.register(grant).ok
    signed = sign_digest(
        purse.owner, purse.domain.digest(struct_hash("Revoke", {"grant": grant_hash(grant)}))
    )
    assert send(purse.stranger, purse.allowance, "revokeSigned", grant.owner, grant_hash(grant), signed).ok


def test_units_fit_the_word(purse: Purse) -> None:
    for cap, window in ((100 * USDC, 20 * USDC), (10**24, 0), (10**24, 10**21), (2**42 - 1, 2**20 - 2)):
        unit = unit_for(cap, window)
        seconds = HOUR if window else 0
        grant = purse.grant(cap=cap, window_cap=window, window_seconds=seconds, unit=unit)
        assert purse.register(grant).ok
        if unit > 1:
            with pytest.raises(InvalidInput):
                purse.grant(cap=cap, window_cap=window, window_seconds=seconds, unit=unit // 10)


def test_compact_signatures_are_of_low_s() -> None:
    with pytest.raises(InvalidInput):
        compact(b"\1" * 32 + b"\xff" * 32 + b"\x1b")
    with pytest.raises(InvalidInput):
        compact(keccak256(b"") + bytes(32))
