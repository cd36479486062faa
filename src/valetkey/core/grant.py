"""A grant: the part of a policy that a chain enforces, as its owner signs it. contracts/SessionAllowance.vy keeps it.

Its rules are a policy's like any other's (`enforced`), so that what decides here and what decides there can be held
against each other (CHAIN_AGREES_WITH_CORE).
"""

from dataclasses import dataclass

from valetkey.core.errors import InvalidInput
from valetkey.core.money import NATIVE, Asset, rescale
from valetkey.core.policy import Policy
from valetkey.core.windows import WINDOW_SECONDS_MAX, Window

NOBODY = "0x" + "0" * 40
NOTHING = bytes(32)
"""Of payees: anyone. Of a predecessor or a parent: none."""

BUCKETS = 8
"""Into how many parts the contract cuts a window: a spend counts for at most an eighth longer."""

CAP_UNITS_MAX = 2**42 - 1
WINDOW_UNITS_MAX = 2**20 - 2
"""What the lanes of the contract's word hold, in units."""

EPOCH_MAX = 2**64 - 1
AMOUNT_MAX = 2**128 - 1
TIME_MAX = 2**40
"""Generations below the grant that the owner signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an owner allows a session key to draw from its own balance, enforced by the contract of one chain.

    owner, key, token, escrow: addresses; `escrow` is the contract that may lock the money for a payee, NOBODY for none.
    cap, per_spend, window_cap: base units of the token, over the whole life, at once, and in any `window_seconds`
    seconds; no window when both are 0. unit: amounts count in so many base units, rounded up.
    valid_after, valid_until: unix seconds, half open.
    payees: 32 bytes; NOTHING for anyone, an address left-padded for that one, else the root of a tree of addresses.
    predecessor, parent: struct hashes of other grants, NOTHING for none. epoch: the owner's, which grows by one when
    the owner revokes all. Raises InvalidInput for what the contract would never register.
    """

    owner: str
    key: str
    token: str
    cap: int
    per_spend: int
    valid_after: int
    valid_until: int
    salt: bytes
    window_cap: int = 0
    window_seconds: int = 0
    escrow: str = NOBODY
    payees: bytes = NOTHING
    predecessor: bytes = NOTHING
    parent: bytes = NOTHING
    epoch: int = 0
    unit: int = 1

    def __post_init__(self) -> None:
        for name in ("owner", "key", "token"):
            if int(getattr(self, name), 16) == 0:
                raise InvalidInput(f"a grant's {name} is not zero", field=name)
        if self.key.lower() == self.owner.lower():
            raise InvalidInput("a session key is not its owner's", field="key")
        for name in ("payees", "predecessor", "parent", "salt"):
            if len(getattr(self, name)) != 32:
                raise InvalidInput(f"a grant's {name} has 32 bytes", field=name)
        for name, most in _BOUNDS.items():
            number = getattr(self, name)
            if type(number) is not int or not 0 <= number <= most:
                raise InvalidInput(f"a grant's {name} is an integer from 0 to {most}", field=name)
        if self.unit == 0:
            raise InvalidInput("a grant counts in at least one base unit", field="unit")
        if self.valid_after >= self.valid_until:
            raise InvalidInput("a grant ends after it begins", field="valid_until")
        if (self.window_cap == 0) != (self.window_seconds == 0):
            raise InvalidInput("a grant has a window with a cap and a length, or none", field="window_cap")
        if self.cap // self.unit > CAP_UNITS_MAX or self.window_cap // self.unit > WINDOW_UNITS_MAX:
            raise InvalidInput(
                f"in units of {self.unit}, a grant's cap is at most {CAP_UNITS_MAX}, its window's {WINDOW_UNITS_MAX}",
                field="unit",
            )

    @property
    def payee(self) -> str | None:
        """The only address that may be paid, in lower case; None when it is not one."""
        if self.payees == NOTHING or any(self.payees[:12]):
            return None
        return "0x" + self.payees[12:].hex()


_BOUNDS = {
    "cap": AMOUNT_MAX,
    "per_spend": AMOUNT_MAX,
    "window_cap": AMOUNT_MAX,
    "window_seconds": WINDOW_SECONDS_MAX,
    "valid_after": TIME_MAX,
    "valid_until": TIME_MAX,
    "epoch": EPOCH_MAX,
    "unit": AMOUNT_MAX,
}


def unit_for(cap: int, window_cap: int = 0) -> int:
    """The least power of ten in which both fit the contract's word: what amounts are rounded up to."""
    unit = 1
    while cap // unit > CAP_UNITS_MAX or window_cap // unit > WINDOW_UNITS_MAX:
        unit *= 10
    return unit


def granted(
    policy: Policy,
    asset: Asset,
    *,
    owner: str,
    key: str,
    escrow: str,
    payees: bytes,
    epoch: int,
    salt: bytes,
    predecessor: bytes = NOTHING,
) -> Grant:
    """The part of a policy that the chain of `asset` can enforce, as the owner shall sign it; see Grant.

    Of several windows the one is taken that lets the least out over the session's life. What is not in it (services,
    operations, number of spends, the other windows) is the platform's to enforce. Raises InvalidInput for a policy that
    no grant can stand for: without a budget, or with limits for another currency, such as a chain's own coin.
    """
    if asset.address == NATIVE or policy.others or policy.currency != asset.currency:
        raise InvalidInput(
            "a grant is about one ERC-20: a chain's own coin cannot be approved. Wrap it, or fund a session wallet",
            field="limits",
        )
    if policy.budget is None:
        raise InvalidInput("a grant has a cap: give the session a budget", field="budget")

    def units(amount: int) -> int:
        return rescale(amount, policy.decimals, asset.decimals, up=False)

    window = min(policy.windows, key=lambda one: (_lets_out(one, policy), one.seconds), default=None)
    cap = units(policy.budget)
    window_cap = 0 if window is None else min(units(window.limit), cap)
    if window is not None and window_cap == 0:
        raise InvalidInput("a window that lets nothing out is no grant", field="windows")
    return Grant(
        owner=owner,
        key=key,
        token=asset.address,
        escrow=escrow,
        cap=cap,
        per_spend=cap if policy.per_spend is None else min(units(policy.per_spend), cap),
        window_cap=window_cap,
        window_seconds=0 if window is None else window.seconds,
        valid_after=policy.not_before,
        valid_until=policy.expires_at,
        payees=payees,
        epoch=epoch,
        unit=unit_for(cap, window_cap),
        salt=salt,
        predecessor=predecessor,
    )


def _lets_out(window: Window, policy: Policy) -> int:
    """What a window lets out at most until the session ends, counted from its beginning."""
    life = max(policy.expires_at - policy.not_before, 1)
    return -(-life // window.seconds) * window.limit


def enforced(grant: Grant, asset: Asset) -> Policy:
    """The policy that the contract keeps. A tree of payees is not in it: only who has the tree knows them.

    `asset` is the grant's token, whose decimals are those of its currency.
    """
    if asset.address == NATIVE or asset.address.lower() != grant.token.lower():
        raise InvalidInput("a grant is about its own token", field="token")
    window = Window(grant.window_seconds, grant.window_cap, BUCKETS) if grant.window_seconds else None
    return Policy(
        budget=grant.cap,
        per_spend=grant.per_spend,
        windows=() if window is None else (window,),
        not_before=grant.valid_after,
        expires_at=grant.valid_until,
        currency=asset.currency,
        unit=grant.unit,
        allowed_assets=frozenset({asset.id}),
        allowed_chains=frozenset({asset.chain_id}),
        allowed_payees=None if grant.payee is None else frozenset({grant.payee}),
    )
