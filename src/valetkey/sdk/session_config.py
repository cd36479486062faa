"""What a session shall be, as its owner writes it for a Client or a SessionKeyManager."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from valetkey.core.errors import InvalidInput
from valetkey.sdk.amounts import Amount
from valetkey.sdk.config_checks import check_config, check_text
from valetkey.sdk.limits import Limit, Windows

SECONDS = (946_684_800, 7_258_118_400)
"""Unix seconds of the years 2000 and 2200: what lies between is a time in seconds."""

Moment = datetime | timedelta | int | float
"""A datetime with a time zone, unix seconds, unix milliseconds, or a timedelta from now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """The rules of a session. Amounts are decimals of USDC where no currency is named; None is unlimited, 0 nothing.

    label: what people call it, 1 to 200 characters. spending_limit: all that it may spend. valid_until: its end, see
    unix_seconds_of. chain: a name or a number; one session is for one chain. allowed_tokens: names such as USDC, or
    addresses. per_transaction_limit: for each spend; daily_limit: for any 24 hours; windows: for any interval of so
    many seconds. limits: of other currencies, which it can otherwise not spend. allowed_services: ids of services
    that it may buy, None is every one. sells: it delivers for its owner, and has a limit of 0. allowed_payees:
    addresses that may be paid. allowed_operations: words of the gate, beside what its contracts are for. Of a
    client's session None is `transfer` alone; `purchase` is buying at the market, `payment` and `x402` paying
    elsewhere. Of a SessionKeyManager's session `payment` and `x402`, None both; where payees are named, what is paid
    over HTTP has to be named too. allowed_contracts: contracts that `approve` and `contract_call` may name, each with
    the functions that may be called, `transfer(address,uint256)`. allowed_routers: contracts that `swap` may use.
    None is every payee; of contracts and routers none is allowed that is not named. approval_above: what is above
    waits for the owner. not_before: its beginning, now unless given. delegate, role: who holds it and what for, in
    the owner's words. funding: "grant" pays out of the owner's balance, "wallet" out of a wallet that is filled for
    it, "allotment" out of the session's account on Solana; what the host of the session does by itself when None.
    refunds_restore: what a payee gives back may be spent again. sole_label: refuse it while another active session of
    the owner has this label. idempotency_key: asking again with the same key answers the same session.
    """

    label: str
    spending_limit: Amount | None
    valid_until: Moment
    chain: str | int | None = None
    allowed_tokens: Iterable[str] | None = None
    per_transaction_limit: Amount | None = None
    daily_limit: Amount | None = None
    windows: Windows = field(default_factory=dict)
    limits: Mapping[str, Limit | Amount | None] = field(default_factory=dict)
    spends_max: int | None = None
    allowed_services: Iterable[str] | None = None
    sells: bool = False
    allowed_payees: Iterable[str] | None = None
    allowed_contracts: Mapping[str, Iterable[str]] = field(default_factory=dict)
    allowed_routers: Iterable[str] = ()
    allowed_operations: Iterable[str] | None = None
    approval_above: Amount | None = None
    not_before: Moment | None = None
    delegate: str | None = None
    role: str | None = None
    funding: Literal["wallet", "grant", "allotment"] | None = None
    refunds_restore: bool = False
    sole_label: bool = False
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        check_config(self)
        # What can be read once only is read here; a text is no list, and is refused where lists are looked at.
        for name in (
            "allowed_services",
            "allowed_tokens",
            "allowed_payees",
            "allowed_routers",
            "allowed_operations",
        ):
            given = getattr(self, name)
            if given is None or isinstance(given, (str, bytes)):
                continue
            if not isinstance(given, Iterable):
                raise InvalidInput(f"{name} is a list", field=name)
            object.__setattr__(self, name, tuple(given))
        if isinstance(self.allowed_contracts, Mapping):
            read = dict[str, Iterable[str]]()
            for contract, functions in self.allowed_contracts.items():
                if not isinstance(functions, Iterable):
                    raise InvalidInput("the functions of a contract are a list", field="allowed_contracts")
                read[contract] = functions if isinstance(functions, str) else tuple(functions)
            object.__setattr__(self, "allowed_contracts", read)


def config_of(config: SessionConfig | None, given: Mapping[str, Any]) -> SessionConfig:
    """A config, or one made of keywords; `chain_id` is another word for `chain`. Raises InvalidInput."""
    if config is not None:
        if given:
            raise InvalidInput("give a SessionConfig or keywords, not both")
        return config
    named = dict(given)
    if "chain_id" in named:
        if named.get("chain") is not None:
            raise InvalidInput("chain and chain_id are the same thing: give one", field="chain_id")
        named["chain"] = named.pop("chain_id")
    unknown = sorted(named.keys() - {one.name for one in fields(SessionConfig)})
    if unknown:
        raise InvalidInput(f"a session has no {unknown[0]}", field=unknown[0])
    for needed in ("label", "spending_limit", "valid_until"):
        if needed not in named:
            raise InvalidInput(f"a session needs {needed}", field=needed)
    return SessionConfig(**named)


def check_label(label: str) -> None:
    """Raise InvalidInput unless people can read it: 1 to 200 characters, none of them invisible control."""
    check_text(label, "label", "a label")


def unix_seconds_of(moment: Moment, now: int, name: str = "valid_until") -> int:
    """Unix seconds of a time: a datetime, a timedelta from `now`, unix seconds, or JavaScript's milliseconds.

    Numbers are told apart by what they can mean: seconds of the years 2000 to 2200, or milliseconds of those. Raises
    InvalidInput for everything else, such as a number of seconds from now, which is no time.
    """
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidInput(f"{name} without a time zone can mean many times: give it one", field=name)
        try:
            return math.floor(moment.astimezone(UTC).timestamp())
        except OverflowError:
            raise InvalidInput(f"{name} is no time that a session could live to see", field=name) from None
    if isinstance(moment, timedelta):
        return now + math.floor(moment.total_seconds())
    if isinstance(moment, bool) or not isinstance(moment, (int, float)):
        raise InvalidInput(
            f"{name} is a datetime, a timedelta, unix seconds or milliseconds, not {type(moment).__name__}",
            field=name,
        )
    if isinstance(moment, float) and not math.isfinite(moment):
        raise InvalidInput(f"{name} is a finite number", field=name)
    least, most = SECONDS
    if least <= moment < most:
        return math.floor(moment)
    if least * 1_000 <= moment < most * 1_000:
        return math.floor(moment / 1_000) if isinstance(moment, float) else moment // 1_000
    raise InvalidInput(
        f"{name} is neither a time in seconds nor one in milliseconds; for so long from now, give a timedelta",
        code="ambiguous_time",
        field=name,
    )
