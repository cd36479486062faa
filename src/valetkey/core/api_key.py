"""API keys of an owner: what each may do, until when, and what a key may make of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind, is_id
from valetkey.core.refusal import Code, Refused, refuse

KEYS_MAX = 50
"""How many living keys an owner has at once."""

SIGN_INS_MAX = 10
"""How many of them sign-ins may have given: one more ends the oldest, so that nobody is kept out by forgotten ones."""

KEY_NAME_CHARS_MAX = 64


class Scope(StrEnum):
    """What a key may do. Every endpoint for owners asks for exactly one of these."""

    FULL = "full"
    READ = "read"
    SESSIONS_READ = "sessions:read"
    SESSIONS_WRITE = "sessions:write"
    SPENDS_READ = "spends:read"
    SPENDS_WRITE = "spends:write"
    SPENDS_APPROVE = "spends:approve"
    MARKET_READ = "market:read"
    MARKET = "market"
    AUDIT_READ = "audit:read"
    KEYS_READ = "keys:read"
    KEYS = "keys"


INCLUDES: Mapping[Scope, frozenset[Scope]] = {
    Scope.FULL: frozenset(Scope),
    Scope.READ: frozenset(scope for scope in Scope if scope.endswith(":read")),
    Scope.SESSIONS_WRITE: frozenset({Scope.SESSIONS_READ}),
    Scope.SPENDS_WRITE: frozenset({Scope.SPENDS_READ}),
    Scope.SPENDS_APPROVE: frozenset({Scope.SPENDS_READ}),
    Scope.MARKET: frozenset({Scope.MARKET_READ}),
    Scope.KEYS: frozenset({Scope.KEYS_READ}),
}
"""What a scope brings along beside itself."""


class KeyStatus(StrEnum):
    """What is left of a key. One that is revoked stays so, whatever its end."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of an owner, without its secret. Times are unix seconds; `expires_at` None is no end.

    `last_used_at` is minutes coarse. Raises InvalidInput for a name or scopes that cannot be meant.
    """

    id: str
    owner_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= KEY_NAME_CHARS_MAX or not self.name.isprintable():
            raise InvalidInput(
                f"the name of a key has 1 to {KEY_NAME_CHARS_MAX} printable characters", field="name"
            )
        if not self.scopes:
            raise InvalidInput("a key has one scope at least", field="scopes")

    @property
    def is_sign_in(self) -> bool:
        """Whether a wallet's sign-in gave it: signing out ends such a key, and no other one."""
        return is_id(Kind.SIGN_IN, self.id)

    @property
    def actor(self) -> str:
        """How the audit log names this key when it acted."""
        return f"key:{self.id}"


def status(key: ApiKey, now: int) -> KeyStatus:
    """What is left of a key at `now`; its end is half open."""
    if key.revoked_at is not None:
        return KeyStatus.REVOKED
    if key.expires_at is not None and now >= key.expires_at:
        return KeyStatus.EXPIRED
    return KeyStatus.ACTIVE


def granted(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """These scopes and all that they include."""
    return scopes.union(*(INCLUDES.get(scope, frozenset()) for scope in scopes))


def check_makes(maker: ApiKey, key: ApiKey, living: int, now: int) -> Refused | None:
    """Why `maker` may not make `key`, when its owner has so many living keys; None when it may.

    A key neither exceeds nor outlives the one that makes it. Raises InvalidInput for an end that has passed.
    """
    if status(maker, now) is not KeyStatus.ACTIVE:
        return _wider("status", "a key that has ended makes none")
    if key.expires_at is not None and key.expires_at <= now:
        raise InvalidInput("the key would have ended already", field="expiresAt")
    beyond = key.scopes - granted(maker.scopes)
    if beyond:
        return _wider("scopes", f"it lacks {', '.join(sorted(beyond))}")
    if maker.expires_at is not None and (key.expires_at is None or key.expires_at > maker.expires_at):
        return _wider("expires_at", f"it ends at {maker.expires_at}", hint="name an end that is no later")
    return check_room(living)


def check_room(living: int) -> Refused | None:
    """Why an owner with so many living keys gets no other one; None when it does."""
    if living < KEYS_MAX:
        return None
    return refuse(
        Code.KEYS_FULL,
        "keys",
        f"an owner has {KEYS_MAX} living keys at most",
        hint="revoke one that is not used, or register with revokeOthers",
    )


def _wider(rule: str, message: str, hint: str | None = None) -> Refused:
    return refuse(
        Code.NOT_NARROWER, rule, f"a key may not do more than the one that makes it: {message}", hint=hint
    )
