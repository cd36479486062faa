"""What an attacker would try on SessionAllowance, one test for each, by name."""

from dataclasses import replace
from typing import Any

import boa
import pytest

from contracts.tests.purse import HOUR, USDC, Purse, key, spend_values
from contracts.tests.world import (
    CONTRACTS,
    DAY,
    START,
    at,
    call,
    deployer,
    now,
    send,
)
from valetkey.core.grant import BUCKETS, Grant, unit_for
from valetkey.crypto.keys import keccak256
from valetkey.crypto.signatures import sign_digest
from valetkey.wire.grants import (
    FIRST,
    Domain,
    PayeeTree,
    Voucher,
    compact,
    grant_hash,
    grant_terms,
    only,
    spend_message,
    struct_hash,
)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def terms_of(grant: Grant, **changes: Any) -> tuple[Any, ...]:
    """Terms that our own Grant refuses to be: fields by name, straight into the contract's words."""
    names = (
        *("owner", "key", "token", "escrow", "amounts", "window", "times"),
        *("payees", "predecessor", "parent", "salt"),
    )
    return tuple((dict(zip(names, grant_terms(grant), strict=True)) | changes).values())


def hash_of(purse: Purse, terms: tuple[Any, ...]) -> bytes:
    hashed: bytes = call(purse.allowance, "namesOf", terms)[0]
    return hashed


def register(purse: Purse, terms: tuple[Any, ...]) -> str:
    """Why the contract does not register what its owner did sign."""
    signed = sign_digest(purse.owner, purse.domain.digest(hash_of(purse, terms)))
    return send(purse.stranger, purse.allowance, "register", terms, signed).reason


# Registration


def test_registration_replayed_after_spends_gives_nothing_back(purse: Purse) -> None:
    grant = purse.grant(cap=10 * USDC)
    assert purse.spend_first(grant, 10 * USDC).ok
    at(now() + 2 * HOUR)
    assert purse.register(grant).ok, "it changes nothing"
    assert purse.spend(grant, 1).reason == "above the cap"
    assert purse.spend_first(grant, 1).reason == "known already"
    assert purse.relay_first(grant, purse.wanted(1, nonce=FIRST)).reason == "known already"


def test_somebody_elses_signature_registers_nothing(purse: Purse) -> None:
    grant = purse.grant()
    assert purse.register(grant, purse.key).reason == "not signed by the owner"
    assert purse.spend_first(grant, 1, purse.key).reason == "not signed by the key"
    assert purse.spend(grant, 1).reason == "not registered"


def test_nobody_registers_for_the_zero_address(purse: Purse) -> None:
    """ecrecover answers zero for nonsense."""
    terms = terms_of(purse.grant(), owner="0x" + "0" * 40)
    for signature in (bytes(65), b"\1" * 32 + b"\1" * 32 + b"\x1d", b""):
        outcome = send(purse.stranger, purse.allowance, "register", terms, signature)
        assert outcome.reason == "owner or token is zero"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "0x" + "0" * 40}, "key is zero"),
        ({"key": key(0).address}, "key is the owner"),
        ({"token": "0x" + "0" * 40}, "owner or token is zero"),
        ({"window": 20 * USDC << 128}, "unit is zero"),
        ({"amounts": 2**42 << 128 | 1, "window": 1, "times": 1 << 128}, "cap exceeds its lane"),
        ({"window": (2**20 - 1) << 128 | 1}, "window cap exceeds its lane"),
        ({"times": 5 << 192 | 5 << 128}, "never valid"),
        ({"times": 2**64 - 1 << 128 | 31_622_401 << 64}, "window too long"),
        ({"times": 2**64 - 1 << 128}, "half a window"),
        ({"window": 1, "times": 2**64 - 1 << 128 | 60 << 64}, "half a window"),
    ],
)
def test_a_grant_that_cannot_be_kept_is_refused(purse: Purse, changes: Any, reason: str) -> None:
    assert register(purse, terms_of(purse.grant(), **changes)) == reason


def test_a_zero_key_never_spends(purse: Purse) -> None:
    terms = terms_of(purse.grant(), key="0x" + "0" * 40)
    wanted = purse.wanted(1)
    for r, vs in ((bytes(32), bytes(32)), (b"\1" * 32, b"\1" * 32)):
        arguments = (terms, spend_values(wanted), r, vs)
        assert not send(purse.stranger, purse.allowance, "spendSigned", *arguments).ok


# Limits


def test_ring_lane_overflow_with_18_decimals(purse: Purse) -> None:
    """36 tokens of 18 decimals once passed a window of 10, because a lane spilled into the next."""
    token = 10**18
    unit = unit_for(1_000 * token, 10 * token)
    grant = purse.known(
        token=str(purse.odd.address),
        cap=1_000 * token,
        per_spend=10 * token,
        window_cap=10 * token,
        unit=unit,
    )
    purse.must(purse.stranger, purse.odd, "mint", purse.owner.address, 2_000 * token)
    passed = sum(purse.spend(grant, token + 1).ok for _ in range(40))
    assert passed == 9, "each counts as a unit more than a token"
    spent = [purse.spend(grant, amount).ok for amount in (token // 2, unit, token)]
    assert purse.balance(purse.payee, purse.odd) <= 10 * token
    assert spent[2] is False


def test_the_fullest_lanes_do_not_spill(purse: Purse) -> None:
    grant = purse.known(
        cap=2**42 - 1, per_spend=2**42 - 1, window_cap=2**20 - 2, window_seconds=BUCKETS, unit=1
    )
    for _ in range(40):
        assert purse.spend(grant, 2**20 - 2).ok
        assert purse.spend(grant, 1).reason == "above the window's cap"
        at(now() + BUCKETS + 1)
    assert purse.spent_units(grant) == 40 * (2**20 - 2)


@pytest.mark.parametrize("seconds", [1, 7, 8, 9, 60, 61, HOUR, DAY])
def test_window_at_its_edge_never_lets_twice_through(purse: Purse, seconds: int) -> None:
    """Fill the window at every moment at which anything fits: no interval of its length holds more than its cap."""
    grant = purse.known(window_seconds=seconds, window_cap=10 * USDC, cap=10**12, per_spend=10 * USDC)
    step = max(1, seconds // 16)
    spends: list[tuple[int, int]] = []
    for _ in range(60):
        most, *_rest = call(purse.allowance, "remaining", grant_terms(grant))
        if most:
            amount = max(most // 3 // 100 * 100, 100) if most > 300 else most
            assert purse.spend(grant, amount).ok
            spends.append((now(), amount))
        at(now() + step)
    for begins, _ in spends:
        inside = sum(amount for moment, amount in spends if begins <= moment < begins + seconds)
        assert inside <= 10 * USDC
    assert sum(amount for _, amount in spends) > 10 * USDC, "it did slide"


def test_time_boundary_of_a_window_is_the_end_of_its_bucket(purse: Purse) -> None:
    grant = purse.known(window_seconds=8, window_cap=USDC)
    at(START + 1_000)
    assert purse.spend(grant, USDC).ok
    at(START + 1_008)
    assert purse.spend(grant, 1).reason == "above the window's cap"
    at(START + 1_009)
    assert purse.spend(grant, USDC).ok


# Signatures


def test_replay_on_another_chain_id(purse: Purse) -> None:
    grant, wanted = purse.known(), purse.wanted(USDC)
    elsewhere = Domain(purse.domain.chain_id + 1, purse.domain.contract)
    digest = elsewhere.digest(struct_hash("Spend", spend_message(grant_hash(grant), wanted)))
    signed = compact(sign_digest(purse.key, digest))
    assert purse.relay(grant, wanted, signed=signed).reason == "not signed by the key"


def test_replay_on_another_contract(purse: Purse) -> None:
    other = deployer(CONTRACTS / "SessionAllowance.vy").deploy()
    purse.must(purse.owner.address, purse.usdc, "approve", other.address, 2**256 - 1)
    grant = purse.known()
    assert not send(purse.stranger, other, "register", grant_terms(grant), purse.signature(grant)).ok
    there = replace_domain(purse, str(other.address))
    signature = sign_digest(purse.owner, there.digest(grant_hash(grant)))
    purse.must(purse.stranger, other, "register", grant_terms(grant), signature)
    wanted = purse.wanted(USDC)
    signed = purse.spend_signature(grant, wanted)
    arguments = (grant_terms(grant), spend_values(wanted), *signed)
    assert send(purse.relayer, other, "spendSigned", *arguments).reason == "not signed by the key"
    assert purse.relay(grant, wanted, signed=signed).ok


def replace_domain(purse: Purse, contract: str) -> Domain:
    return Domain(purse.domain.chain_id, contract)


def test_replay_on_another_grant_of_the_same_key(purse: Purse) -> None:
    one, other, wanted = purse.known(), purse.known(), purse.wanted(USDC)
    signed = purse.spend_signature(one, wanted)
    assert purse.relay(other, wanted, signed=signed).reason == "not signed by the key"


def test_replay_with_the_same_nonce_and_another_amount(purse: Purse) -> None:
    grant = purse.known()
    first, again = purse.wanted(USDC, nonce=5), purse.wanted(2 * USDC, nonce=5)
    assert purse.relay(grant, first).ok
    assert purse.relay(grant, again).reason == "nonce used"
    assert purse.relay(purse.known(), again).ok, "another grant has nonces of its own"


def test_malleable_signature(purse: Purse) -> None:
    grant, wanted = purse.known(), purse.wanted(USDC)
    r, vs = purse.spend_signature(grant, wanted)
    word = int.from_bytes(vs)
    s, parity = word & (2**255 - 1), word >> 255
    twin = (ORDER - s) | (1 - parity) << 255
    assert ORDER - s < 2**255 or True
    for other in {twin & (2**256 - 1), (ORDER - s) & (2**255 - 1) | (1 - parity) << 255}:
        assert not purse.relay(grant, wanted, signed=(r, other.to_bytes(32))).ok
    assert purse.relay(grant, wanted, signed=(r, vs)).ok


def test_a_spend_is_no_escrow_funding_and_no_voucher(purse: Purse) -> None:
    """Each kind of thing that a key signs is good for itself alone."""
    grant = purse.known(escrow=str(purse.puppet.address))
    wanted = purse.wanted(USDC, executor=str(purse.puppet.address))
    plain, funding = purse.spend_signature(grant, wanted), purse.spend_signature(grant, wanted, funding=True)
    act = purse.allowance.fundEscrow.prepare_calldata(grant_terms(grant), [], spend_values(wanted), *plain)
    assert not send(purse.stranger, purse.puppet, "act", purse.allowance.address, act).ok
    again = purse.allowance.spendSigned.prepare_calldata(grant_terms(grant), spend_values(wanted), *funding)
    assert not send(purse.stranger, purse.puppet, "act", purse.allowance.address, again).ok
    act = purse.allowance.fundEscrow.prepare_calldata(grant_terms(grant), [], spend_values(wanted), *funding)
    assert send(purse.stranger, purse.puppet, "act", purse.allowance.address, act).ok
    assert purse.balance(str(purse.puppet.address)) == USDC


# Escrows


def test_a_spend_run_ahead_of_its_escrow(purse: Purse) -> None:
    """What the key signed for an escrow moves money to that escrow, when it asks for it, and in no other way."""
    escrow = str(purse.puppet.address)
    grant = purse.known(escrow=escrow)
    wanted = purse.wanted(USDC, executor=escrow)
    signed = purse.spend_signature(grant, wanted, funding=True)
    arguments = (grant_terms(grant), [], spend_values(wanted), *signed)
    for sender in (purse.stranger, purse.payee, grant.key, purse.owner.address):
        outcome = send(str(sender), purse.allowance, "fundEscrow", *arguments)
        assert outcome.reason == "not the grant's escrow"
    assert not purse.relay(grant, wanted, sender=escrow, signed=signed).ok
    other = purse.wanted(USDC, executor=escrow, reference=keccak256(b"another escrow"), nonce=wanted.nonce)
    act = purse.allowance.fundEscrow.prepare_calldata(grant_terms(grant), [], spend_values(other), *signed)
    assert not send(purse.stranger, purse.puppet, "act", purse.allowance.address, act).ok


def test_an_escrow_takes_nothing_for_a_payee_who_is_not_allowed(purse: Purse) -> None:
    escrow = str(purse.puppet.address)
    grant = purse.known(escrow=escrow)
    wanted = purse.wanted(USDC, executor=escrow, payee=str(purse.other_payee))
    signed = purse.spend_signature(grant, wanted, funding=True)
    act = purse.allowance.fundEscrow.prepare_calldata(grant_terms(grant), [], spend_values(wanted), *signed)
    assert not send(purse.stranger, purse.puppet, "act", purse.allowance.address, act).ok


# Succession


def test_inheriting_another_owners_grant(purse: Purse) -> None:
    """Nobody takes over, or revokes, what is not theirs."""
    victim = purse.known()
    assert purse.spend(victim, USDC).ok
    mine = purse.grant(owner=purse.other_owner.address, predecessor=grant_hash(victim))
    signature = purse.signature(mine, purse.other_owner)
    arguments = (grant_terms(mine), grant_terms(victim), signature)
    outcome = send(purse.stranger, purse.allowance, "registerSuccessor", *arguments)
    assert outcome.reason == "another owner or token"
    assert purse.revoke(victim, purse.other_owner.address).ok, "it marks a word of the caller's own"
    assert purse.spend(victim, USDC).ok


def test_a_predecessor_is_inherited_once(purse: Purse) -> None:
    old = purse.known()
    assert purse.spend(old, USDC).ok
    one = purse.grant(predecessor=grant_hash(old))
    other = purse.grant(predecessor=grant_hash(old))
    assert purse.succeed(one, old).ok
    assert purse.succeed(other, old).reason == "succeeded already"
    assert purse.succeed(one, old).ok, "of a known one it changes nothing"
    assert purse.spent_units(one) == USDC // 100


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"unit": 1_000}, "another unit"),
        ({"window_seconds": 2 * HOUR}, "another window length"),
        ({"window_seconds": 0, "window_cap": 0}, "another window length"),
        ({"token": None}, "another owner or token"),
    ],
)
def test_a_successor_counts_as_its_predecessor_did(purse: Purse, changes: Any, reason: str) -> None:
    changes = {
        name: value or str(purse.odd.address) if name == "token" else value for name, value in changes.items()
    }
    old = purse.known()
    assert purse.succeed(purse.grant(predecessor=grant_hash(old), **changes), old).reason == reason


def test_predecessor_cycles(purse: Purse) -> None:
    """A grant names its predecessor by a hash that covers it: a circle would be a collision. What comes near fails."""
    first = purse.known()
    second = purse.grant(predecessor=grant_hash(first))
    assert purse.succeed(second, first).ok
    back = replace(first, predecessor=grant_hash(second))
    assert grant_hash(back) != grant_hash(first)
    assert purse.succeed(back, second).ok, "it is a third one"
    assert purse.succeed(second, first).ok
    assert purse.spend(second, 1).reason == "revoked"
    assert purse.spend(first, 1).reason == "revoked"
    assert purse.succeed(purse.grant(predecessor=grant_hash(first)), first).reason == "succeeded already"


def test_a_successor_of_a_revoked_grant_still_counts_what_it_spent(purse: Purse) -> None:
    old = purse.known()
    assert purse.spend(old, 5 * USDC).ok
    assert purse.revoke(old).ok
    new = purse.grant(predecessor=grant_hash(old), cap=6 * USDC)
    assert purse.succeed(new, old).ok
    assert purse.spend(new, 2 * USDC).reason == "above the cap"


# Children


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cap": 100 * USDC + 1}, "wider than its parent"),
        ({"per_spend": 10 * USDC + 1}, "wider than its parent"),
        ({"valid_until": START + 31 * DAY}, "outlives its parent"),
        ({"valid_after": START - 1}, "outlives its parent"),
        ({"payees": bytes(32)}, "other payees"),
        ({"payees": b"\1" * 32}, "other payees"),
        ({"epoch": 1}, "another epoch"),
        ({"unit": 1_000}, "another unit"),
        ({"owner": key(4).address}, "another owner or token"),
        ({"token": "0x" + "1" * 40}, "another owner or token"),
        ({"escrow": "0x" + "1" * 40}, "another escrow"),
        ({"predecessor": b"\1" * 32}, "a child has no predecessor"),
    ],
)
def test_child_wider_than_parent(purse: Purse, changes: Any, reason: str) -> None:
    parent = purse.known()
    child = purse.child_grant(parent, **changes)
    assert purse.register_child(child, parent).reason == reason


def test_a_child_of_another_payee_is_stopped_by_its_parent(purse: Purse) -> None:
    parent = purse.known()
    child = purse.child(parent, payees=only(str(purse.other_payee)))
    assert not purse.spend_as_child(child, [parent], 1, str(purse.other_payee)).ok
    assert not purse.spend_as_child(child, [parent], 1).ok


def test_a_child_dies_with_its_parent(purse: Purse) -> None:
    ends = {
        "revoke": lambda parent: purse.revoke(parent),
        "rotate": lambda parent: purse.succeed(purse.grant(predecessor=grant_hash(parent)), parent),
        "renounce": lambda parent: send(parent.key, purse.allowance, "renounce", grant_terms(parent)),
        "revoke all": lambda _: send(purse.owner.address, purse.allowance, "revokeAll"),
    }
    for name, end in ends.items():
        with boa.env.anchor():
            parent = purse.known()
            child = purse.child(parent)
            assert purse.spend_as_child(child, [parent], 1).ok
            assert end(parent).ok, name
            assert not purse.spend_as_child(child, [parent], 1).ok, name


def test_a_child_under_a_parent_that_its_owner_never_signed(purse: Purse) -> None:
    """Anybody can write a grant that names a victim, and sign children of it."""
    forged = purse.grant(key=purse.other_key.address)
    child = purse.child(forged, purse.other_key)
    assert purse.spend_as_child(child, [forged], 1).reason == "not registered"


def test_a_child_is_no_root(purse: Purse) -> None:
    parent = purse.known()
    child = purse.child_grant(parent)
    assert purse.register(child).reason == "a child is signed by its parent"
    assert purse.spend_first(child, 1).reason == "a child is signed by its parent"
    assert purse.register_child(child, parent).ok
    assert purse.spend(child, 1).reason == "a child spends with its parents"
    voucher = Voucher(payee=str(purse.payee), total=USDC, deadline=now() + DAY)
    signed = purse.voucher_signature(child, voucher, purse.child_key)
    assert purse.settle(child, voucher, USDC, signed=signed).reason == "a child spends with its parents"


def test_three_generations_below_the_root_are_too_many(purse: Purse) -> None:
    keys = [key(number) for number in range(20, 23)]
    root = purse.known()
    one = purse.child(root, key=keys[0].address)
    two = purse.child(one, keys[0], key=keys[1].address)
    three = purse.child(two, keys[1], key=keys[2].address)
    assert purse.spend_as_child(two, [one, root], 1).ok
    assert not purse.spend_as_child(three, [two, one], 1).ok


# Revocation


def test_revoked_and_re_signed_grant_stays_dead(purse: Purse) -> None:
    grant = purse.known()
    assert purse.revoke(grant).ok
    assert purse.spend(grant, 1).reason == "revoked"
    assert purse.register(grant).ok, "known, and dead"
    assert purse.spend_first(grant, 1).reason == "known already"
    assert purse.spend(grant, 1).reason == "revoked"


def test_revoke_works_before_registration(purse: Purse) -> None:
    for end in ("revoke", "renounce", "signed"):
        grant = purse.grant()
        if end == "revoke":
            assert purse.revoke(grant).ok
        elif end == "renounce":
            assert send(grant.key, purse.allowance, "renounce", grant_terms(grant)).ok
        else:
            arguments = (grant.owner, grant_hash(grant), purse.revoke_signature(grant))
            assert send(purse.stranger, purse.allowance, "revokeSigned", *arguments).ok
        assert purse.register(grant).reason == "revoked"
        assert purse.spend_first(grant, 1).reason == "revoked"
        assert purse.relay_first(grant, purse.wanted(1, nonce=FIRST)).reason == "revoked"


def test_a_signed_revocation_is_of_its_owner_and_its_grant(purse: Purse) -> None:
    grant, other = purse.known(), purse.known()
    wrong = [
        (grant.owner, grant_hash(grant), purse.revoke_signature(other)),
        (grant.owner, grant_hash(grant), purse.revoke_signature(grant, purse.key)),
        (purse.other_owner.address, grant_hash(grant), purse.revoke_signature(grant)),
    ]
    for arguments in wrong:
        assert not send(purse.stranger, purse.allowance, "revokeSigned", *arguments).ok
    assert purse.spend(grant, 1).ok


def test_ERC1271_owner_that_changes_its_mind(purse: Purse) -> None:
    """A grant that was registered lives until it is revoked, whatever its owner's contract says later."""
    wallet = str(purse.puppet.address)
    purse.must(purse.stranger, purse.usdc, "mint", wallet, USDC)
    approve = purse.usdc.approve.prepare_calldata(purse.allowance.address, 2**256 - 1)
    purse.must(purse.stranger, purse.puppet, "act", purse.usdc.address, approve)
    grant, later = purse.grant(owner=wallet), purse.grant(owner=wallet)
    purse.must(purse.stranger, purse.puppet, "sign", purse.domain.digest(grant_hash(grant)))
    purse.must(purse.stranger, purse.allowance, "register", grant_terms(grant), b"x" * 200)
    refused = send(purse.stranger, purse.allowance, "register", grant_terms(grant), b"y" * 199)
    assert refused.ok, "known: no signature is looked at"
    assert not send(purse.stranger, purse.allowance, "register", grant_terms(later), b"y" * 199).ok
    assert purse.spend(grant, 1).ok
    revoke = purse.allowance.revoke.prepare_calldata(grant_hash(grant))
    purse.must(purse.stranger, purse.puppet, "act", purse.allowance.address, revoke)
    assert purse.spend(grant, 1).reason == "revoked"


def test_a_session_key_with_code_opens_no_other_door(purse: Purse) -> None:
    """Keys sign as EOAs: what a contract at a key's address says is not asked."""
    grant = purse.known(key=str(purse.puppet.address))
    wanted = purse.wanted(1)
    digest = purse.digest("Spend", spend_message(grant_hash(grant), wanted))
    purse.must(purse.stranger, purse.puppet, "sign", digest)
    assert purse.relay(grant, wanted, signed=(b"\1" * 32, b"\1" * 32)).reason == "not signed by the key"


# Payees


def test_payee_not_in_the_tree_and_second_preimage(purse: Purse) -> None:
    payees = [f"0x{number:040x}" for number in range(10, 14)]
    tree = PayeeTree(payees)
    grant = purse.known(payees=tree.root)
    leaves = [keccak256(keccak256(bytes(12) + bytes.fromhex(one[2:]))) for one in payees]
    inner = keccak256(b"".join(sorted(leaves[:2])))
    outside = str(purse.payee)
    for proof in ([], tree.proof(payees[0]), [tree.root], [leaves[0]], [inner], leaves):
        assert purse.spend(grant, 1, outside, proof=proof).reason == "payee not allowed"
    # An inner node, cut down to an address, is no payee either.
    cut = "0x" + inner[12:].hex()
    assert (
        purse.spend(grant, 1, cut, proof=[keccak256(b"".join(sorted(leaves[2:])))]).reason
        == "payee not allowed"
    )


def test_money_is_not_sent_where_it_is_lost(purse: Purse) -> None:
    grant = purse.known(payees=bytes(32))
    for lost in (str(purse.allowance.address), str(purse.usdc.address)):
        assert purse.spend(grant, 1, lost).reason == "money there is lost"
    assert not purse.spend(grant, 1, "0x" + "0" * 40).ok
