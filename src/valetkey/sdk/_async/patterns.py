"""Patterns of many sessions: one a day, one a chain, one a role, one a workload, and rotation without a gap.

Each works with a Client and with a SessionKeyManager, and says what holds in the moment in between.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.sdk.amounts import Amount
from valetkey.sdk.days import Day, day_at
from valetkey.sdk.errors import Conflict, IdempotencyMismatch, LabelTaken
from valetkey.sdk.session_config import Moment, SessionConfig, config_of

PAGE = 100

OF_THE_DAY = frozenset({"not_before", "valid_until", "sole_label", "idempotency_key"})
"""What `refresh_daily_budget` itself says of a session."""


class AnySession(Protocol):
    """What a pattern asks of a session."""

    @property
    def label(self) -> str | None: ...
    @property
    def status(self) -> str: ...
    @property
    def session_key_hash(self) -> str: ...
    @property
    def not_before(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...


K = TypeVar("K", bound=str | int)
S_co = TypeVar("S_co", bound=AnySession, covariant=True)
S = TypeVar("S", bound=AnySession)


class AsyncSessionHost(Protocol[S_co]):
    """Where sessions live: a Client, or a SessionKeyManager."""

    async def create_session(self, config: SessionConfig | None = None, **rules: Any) -> S_co: ...

    async def list_sessions(
        self, *, label: str | None = None, limit: int = PAGE, offset: int = 0
    ) -> Sequence[S_co]: ...

    async def revoke_session(self, session: str, /) -> Any: ...

    async def rotate(self, session: str, /, *, grace_seconds: int = 60) -> S_co: ...


async def async_refresh_daily_budget(
    host: AsyncSessionHost[S],
    label: str,
    spending_limit: Amount | None,
    *,
    tz: str = "UTC",
    at: float | None = None,
    **rules: Any,
) -> S:
    """Today's session of a label, made when there is none: a new budget every day, whoever asks and however often.

    It begins and ends with the day in the time zone `tz`, so yesterday's is over when today's begins, and there are
    never two active ones. Any number of schedulers may call it at once: the first makes the session, the others find
    it. One that was revoked is found too, and not made anew: a stop stays a stop until tomorrow. `rules` are further
    members of SessionConfig; they count when the session is made. `at` is the moment that is meant, unix seconds, now
    unless given: in the evening before, tomorrow's can be made with it. What yesterday's session did not spend is not
    carried over. Raises LabelTaken while a session of another kind has this label, and InvalidInput in the last
    minute of a day that has none yet.
    """
    told = sorted(OF_THE_DAY & rules.keys())
    if told:
        raise InvalidInput(f"the day says what {told[0]} is", field=told[0])
    day = day_at(time.time() if at is None else at, tz)
    config = config_of(
        None,
        {
            **rules,
            "label": label,
            "spending_limit": spending_limit,
            "not_before": day.begins,
            "valid_until": day.ends,
            "sole_label": True,
            "idempotency_key": _key_of(day, label),
        },
    )
    found = await _of_day(host, label, day.begins, day.ends)
    if found is not None:
        return found
    first: ValetkeyError | None = None
    try:
        return await host.create_session(config)
    except (LabelTaken, IdempotencyMismatch, Conflict, InvalidInput) as error:
        # Somebody else was first: the label is taken, or the key was used under other rules.
        first = error
    found = await _of_day(host, label, day.begins, day.ends)
    if found is None:
        raise first
    return found


async def async_rotate_session(host: AsyncSessionHost[S], session: str, *, grace_seconds: int = 60) -> S:
    """Put a session with new keys in the place of one, without a gap: the new one is active before the old one dies.

    The old one goes on for `grace_seconds`, and both together never spend more than the one budget: what either
    spends counts in both.
    """
    return await host.rotate(session, grace_seconds=grace_seconds)


async def async_sessions_per_chain(
    hosts: Mapping[K, AsyncSessionHost[S]] | AsyncSessionHost[S],
    label: str,
    spending_limits: Mapping[K, Amount | None],
    valid_until: Moment,
    **rules: Any,
) -> dict[K, S]:
    """One session for each chain, a name or a number; each has a limit, a key and a label (`label-chain`) of its own.

    `hosts` is a Client for all of them, or a host for each chain. A key signs for its own chain only. When one cannot
    be made, those that were made here are revoked, and its error is raised.
    """
    configs = {
        chain: config_of(
            None,
            {
                **rules,
                "label": f"{label}-{chain}",
                "spending_limit": limit,
                "valid_until": valid_until,
                "chain": chain,
            },
        )
        for chain, limit in spending_limits.items()
    }
    return await _all_or_none(_hosts(hosts, configs), configs)


async def async_sessions_per_role(
    host: AsyncSessionHost[S], roles: Mapping[str, SessionConfig | Mapping[str, Any]]
) -> dict[str, S]:
    """One session for each role, such as treasury, swapper and monitor; its label is the role unless one is given.

    When one cannot be made, those that were made here are revoked, and its error is raised.
    """
    configs = {role: _named(role, rules, role=role) for role, rules in roles.items()}
    return await _all_or_none(_hosts(host, configs), configs)


async def async_isolated_workloads(
    hosts: Mapping[str, AsyncSessionHost[S]] | AsyncSessionHost[S],
    workloads: Mapping[str, SessionConfig | Mapping[str, Any]],
) -> dict[str, S]:
    """A session for each workload, such as production and staging, that share neither keys nor budgets nor a label.

    Each is the only active one with its label, so that a second deployment is refused (LabelTaken) instead of doubling
    the budget. `hosts`: one for all, or one for each workload, such as managers with files of their own.
    """
    configs = {name: replace(_named(name, rules), sole_label=True) for name, rules in workloads.items()}
    labels = [one.label for one in configs.values()]
    if len(set(labels)) != len(labels):
        raise InvalidInput("workloads that share a label are not isolated", field="label")
    return await _all_or_none(_hosts(hosts, configs), configs)


# Inside


def _key_of(day: Day, label: str) -> str:
    """A label has any letters, and as many as a key has alone: its digest stands for it."""
    if not isinstance(label, str):
        raise InvalidInput("a label is a text", field="label")
    digest = sha256(label.encode("utf-8", "replace")).hexdigest()[:32]
    return f"daily {day.begins} {day.ends} {digest}"


def _named(name: str, rules: SessionConfig | Mapping[str, Any], **more: Any) -> SessionConfig:
    if isinstance(rules, SessionConfig):
        return rules
    return config_of(None, {"label": name, **more, **rules})


def _hosts(
    hosts: Mapping[K, AsyncSessionHost[S]] | AsyncSessionHost[S], configs: Mapping[K, SessionConfig]
) -> dict[K, AsyncSessionHost[S]]:
    if not isinstance(hosts, Mapping):
        return dict.fromkeys(configs, hosts)
    missing = [one for one in configs if one not in hosts]
    if missing:
        raise InvalidInput(f"there is no host for {missing[0]}", field="hosts")
    return dict(hosts)


async def _all_or_none(
    hosts: Mapping[K, AsyncSessionHost[S]], configs: Mapping[K, SessionConfig]
) -> dict[K, S]:
    made: dict[K, S] = {}
    try:
        for name, config in configs.items():
            made[name] = await hosts[name].create_session(config)
    except ValetkeyError:
        for name, session in made.items():
            # The first error is the one to be told; a session that stays behind is in the list, and ends by itself.
            with suppress(ValetkeyError):
                await hosts[name].revoke_session(session.session_key_hash)
        raise
    return made


async def _of_day(host: AsyncSessionHost[S], label: str, begins: int, ends: int) -> S | None:
    """The session of a label with exactly this day's life, whatever became of it; the newest, where it was rotated."""
    life = datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC)
    page: Sequence[S] = ()
    offset = 0
    while offset == 0 or len(page) == PAGE:
        page = await host.list_sessions(label=label, limit=PAGE, offset=offset)
        for one in page:
            if (one.not_before, one.expires_at) == life:
                return one
        offset += PAGE
    return None
