"""A session with its key as JSON, for another file of the same owner: never written but inside an age file."""

from dataclasses import fields
from typing import TypeVar

import msgspec

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import Policy
from valetkey.core.session import Pace, Session, Usage
from valetkey.core.windows import Window
from valetkey.ports.grants import SignedGrant
from valetkey.wire.granting import GrantBody, grant_body

VERSION = 1


class PolicyBody(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The rules of a session about one token of one chain. Amounts are base units as text, times unix seconds."""

    currency: str
    budget: str | None
    per_spend: str | None
    windows: list[tuple[int, str, int]]
    spends_max: int | None
    approval_above: str | None
    not_before: int
    expires_at: int
    assets: list[str] | None
    chains: list[int] | None
    payees: list[str] | None
    operations: list[str] | None = None


class SessionFile(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What an exported session is. `key`: 64 hex digits. rings: of each window, pairs of a bucket and base units."""

    version: int
    chain_id: int
    contract: str
    owner: str
    key: str
    label: str | None
    delegate: str | None
    sole: bool
    created_at: int
    policy: PolicyBody
    captured: str
    restored: str
    spends: int
    rings: list[list[tuple[int, str]]]
    grant: GrantBody
    signature: str
    revocation: str
    revoked: bool = False

    def __repr__(self) -> str:
        return f"<SessionFile of {self.owner}>"


def session_file(
    signed: SignedGrant,
    key: str,
    policy: Policy,
    usage: Usage,
    pace: Pace,
    *,
    label: str | None,
    delegate: str | None,
    sole: bool,
    created_at: int,
    revoked: bool,
) -> bytes:
    """The JSON of a session. Nothing may be held: what is under way is known to one file alone."""
    assert usage.held == 0, "what is held belongs to the file that holds it"
    told = SessionFile(
        version=VERSION,
        chain_id=signed.chain_id,
        contract=signed.contract,
        owner=signed.grant.owner,
        key=key,
        label=label,
        delegate=delegate,
        sole=sole,
        created_at=created_at,
        policy=_policy_body(policy),
        captured=str(usage.captured),
        restored=str(usage.restored),
        spends=pace.spends,
        rings=[[(bucket, str(units)) for bucket, units in ring] for ring in pace.rings],
        grant=grant_body(signed.grant),
        signature="0x" + signed.signature.hex(),
        revocation="0x" + signed.revocation.hex(),
        revoked=revoked,
    )
    return msgspec.json.encode(told)


class DelegationFile(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What an exported session on Solana is. `key`: the seed, 64 hex digits; mint and owner: base58.

    presigned: the end that its owner signed in advance, None where none is. counted: the signatures of the payments
    that the figures count.
    """

    version: int
    chain_id: int
    mint: str
    owner: str
    key: str
    label: str | None
    delegate: str | None
    sole: bool
    created_at: int
    policy: PolicyBody
    captured: str
    restored: str
    spends: int
    rings: list[list[tuple[int, str]]]
    presigned: str | None
    counted: list[str]
    revoked: bool = False

    def __repr__(self) -> str:
        return f"<DelegationFile of {self.owner}>"


def delegation_file(
    chain_id: int,
    mint: str,
    owner: str,
    key: str,
    session: Session,
    *,
    label: str | None,
    delegate: str | None,
    sole: bool,
    presigned: str | None,
    counted: list[str],
) -> bytes:
    """The JSON of a session on Solana. Nothing may be held, as above."""
    usage, pace = session.usage, session.pace
    assert usage.held == 0, "what is held belongs to the file that holds it"
    told = DelegationFile(
        version=VERSION,
        chain_id=chain_id,
        mint=mint,
        owner=owner,
        key=key,
        label=label,
        delegate=delegate,
        sole=sole,
        created_at=session.created_at,
        policy=_policy_body(session.policy),
        captured=str(usage.captured),
        restored=str(usage.restored),
        spends=pace.spends,
        rings=[[(bucket, str(units)) for bucket, units in ring] for ring in pace.rings],
        presigned=presigned,
        counted=counted,
        revoked=session.revoked_at is not None,
    )
    return msgspec.json.encode(told)


def read_delegation_file(content: bytes | bytearray) -> DelegationFile:
    """As read_session_file."""
    return _read(content, DelegationFile)


def read_session_file(content: bytes | bytearray) -> SessionFile:
    """Raises InvalidInput, which quotes nothing, for what is no such file or one of a newer version."""
    return _read(content, SessionFile)


T = TypeVar("T", SessionFile, DelegationFile)


def _read(content: bytes | bytearray, kind: type[T]) -> T:
    problem = "this is no exported session of a chain of this kind"
    try:
        told = msgspec.json.decode(content, type=kind)
        if told.version == VERSION:
            return told
        problem = f"this session was exported by a newer version ({told.version})"
    except msgspec.MsgspecError:
        pass
    raise InvalidInput(problem, field="content")


def policy_in(told: SessionFile | DelegationFile) -> Policy:
    """The rules. Raises InvalidInput for what cannot be meant."""
    body = told.policy
    return Policy(
        budget=_number(body.budget),
        expires_at=body.expires_at,
        not_before=body.not_before,
        currency=body.currency,
        per_spend=_number(body.per_spend),
        windows=tuple(Window(seconds, int(limit), buckets) for seconds, limit, buckets in body.windows),
        spends_max=body.spends_max,
        approval_above=_number(body.approval_above),
        allowed_assets=None if body.assets is None else frozenset(body.assets),
        allowed_chains=None if body.chains is None else frozenset(body.chains),
        allowed_payees=None if body.payees is None else frozenset(body.payees),
        allowed_operations=None if body.operations is None else frozenset(body.operations),
    )


def figures_in(told: SessionFile | DelegationFile) -> tuple[Usage, Pace]:
    """What was spent, in all and in its windows."""
    rings = tuple(tuple((bucket, int(units)) for bucket, units in ring) for ring in told.rings)
    return Usage(0, int(told.captured), int(told.restored)), Pace(told.spends, rings)


def _policy_body(policy: Policy) -> PolicyBody:
    plain = {one.name for one in fields(Policy)} - _TOLD
    assert not any(getattr(policy, name) for name in plain - {"unit"}), "the chain stands for this policy"
    return PolicyBody(
        currency=policy.currency,
        budget=_text(policy.budget),
        per_spend=_text(policy.per_spend),
        windows=[(one.seconds, str(one.limit), one.buckets) for one in policy.windows],
        spends_max=policy.spends_max,
        approval_above=_text(policy.approval_above),
        not_before=policy.not_before,
        expires_at=policy.expires_at,
        assets=_sorted(policy.allowed_assets),
        chains=None if policy.allowed_chains is None else sorted(policy.allowed_chains),
        payees=_sorted(policy.allowed_payees),
        operations=_sorted(policy.allowed_operations),
    )


_TOLD = {
    *(
        "currency",
        "budget",
        "per_spend",
        "windows",
        "spends_max",
        "approval_above",
        "not_before",
        "expires_at",
    ),
    *("allowed_assets", "allowed_chains", "allowed_payees", "allowed_operations"),
    *("main", "asks", "names_nothing"),
}


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _text(units: int | None) -> str | None:
    return None if units is None else str(units)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
