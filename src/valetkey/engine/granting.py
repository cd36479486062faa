"""Whether a grant that an owner signed is one that its session can use: asked before it is kept."""

from dataclasses import dataclass

from valetkey.core.grant import NOBODY, NOTHING, Grant
from valetkey.core.money import Asset
from valetkey.core.policy import Policy
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.crypto.errors import InvalidSignature
from valetkey.crypto.keys import address_of
from valetkey.crypto.signatures import recover_digest
from valetkey.engine.funding import same_address
from valetkey.ports.chain import ChainReader
from valetkey.ports.signer import Signer
from valetkey.wire import grant_calls
from valetkey.wire.grants import (
    Domain,
    grant_hash,
    grant_id,
    grant_message,
    payees_of,
    revoke_message,
    struct_hash,
)

REVOKED_BIT = 254
SPENT_SHIFT, SPENT_BITS = 180, 42
"""Of the contract's word of a grant; see contracts/modules/grant_words.vy."""

_KEY_SIGNATURE_BYTES = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a grant has to say to be of use to a session: addresses, EIP-55. `owner`: whose money it is."""

    owner: str
    key: str | None
    asset: Asset
    escrow: str
    contract: str
    policy: Policy


def unfit(grant: Grant, contract: str, expected: Expected) -> Refused | None:
    """How a grant differs from what its session needs; None when it fits. Raises InvalidInput for no payees at all."""
    for name, given, wanted in (
        ("owner", grant.owner, expected.owner),
        ("key", grant.key, expected.key or NOBODY),
        ("token", grant.token, expected.asset.address),
        ("contract", contract, expected.contract),
    ):
        if not same_address(given, wanted):
            return _mismatch(name, f"the grant's {name} is another one than this session's")
    if not same_address(grant.escrow, NOBODY) and not same_address(grant.escrow, expected.escrow):
        return _mismatch("escrow", "the grant names another escrow contract than this network's")
    if grant.parent != NOTHING:
        return _mismatch("parent", "a session's own grant is signed by its owner, and has no parent")
    wanted_payees = payees_of(expected.policy.allowed_payees)
    named = wanted_payees != NOTHING or (grant.payees != NOTHING and grant.payee is None)
    if named and grant.payees != wanted_payees:
        return _mismatch("payees", "the grant pays others than the session's policy allows")
    return None


async def unsigned(
    reader: ChainReader, domain: Domain, grant: Grant, signature: bytes, revocation: bytes
) -> Refused | None:
    """Why the owner's two signatures do not hold; None when they do. An owner with code is asked itself (ERC-1271)."""
    hashed = grant_hash(grant)
    for name, digest, given in (
        ("signature", domain.digest(hashed), signature),
        ("revocation", domain.digest(struct_hash("Revoke", revoke_message(hashed))), revocation),
    ):
        if is_signed(digest, given, grant.owner):
            continue
        answer = await reader.view(grant_calls.is_valid_signature(grant.owner, digest, given))
        if not grant_calls.says_valid(answer):
            return _mismatch(name, f"the grant's {name} is not its owner's")
    return None


async def unusable(reader: ChainReader, domain: Domain, grant: Grant) -> Refused | None:
    """Why the chain would not let a new grant be used from its beginning; None when it would."""
    identity = grant_id(grant.owner, grant_hash(grant))
    word = grant_calls.number(await reader.view(grant_calls.words(domain.contract, identity)))
    standing = grant_calls.number(await reader.view(grant_calls.standings(domain.contract, grant.owner)))
    if word >> REVOKED_BIT:
        return _mismatch("revoked", "this grant is revoked on chain, for ever: sign a new one")
    if grant.predecessor == NOTHING and word >> SPENT_SHIFT & (2**SPENT_BITS - 1):
        return _mismatch("spent", "this grant was spent from before it was given: sign a new one")
    if standing >> 1 != grant.epoch:
        return _mismatch(
            "epoch", f"the owner's epoch on chain is {standing >> 1}", hint="sign it with that epoch"
        )
    return None


def signed_by(signer: Signer, domain: Domain, grant: Grant) -> tuple[bytes, bytes]:
    """The owner's signatures of a grant and of its revocation, which anybody may submit later."""
    revoke = revoke_message(grant_hash(grant))
    return (
        signer.sign_typed_data(domain.typed_data("Grant", grant_message(grant))),
        signer.sign_typed_data(domain.typed_data("Revoke", revoke)),
    )


def is_signed(digest: bytes, signature: bytes, by: str) -> bool:
    """Whether 65 bytes are an account's own signature of a digest."""
    if len(signature) != _KEY_SIGNATURE_BYTES:
        return False
    try:
        return same_address(address_of(recover_digest(digest, signature)), by)
    except InvalidSignature:
        return False


def _mismatch(rule: str, message: str, *, hint: str | None = None) -> Refused:
    return refuse(Code.GRANT_MISMATCH, rule, message, hint=hint)
