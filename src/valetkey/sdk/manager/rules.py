"""The policy of a session out of its config: what a manager takes, and what it says no to before anything is made."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from valetkey.core.addresses import canonical_address
from valetkey.core.chains import SOLANA_NAMESPACE, Chain, chain_of, is_solana
from valetkey.core.errors import InvalidAmount, InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, Asset, format_units, parse_units
from valetkey.core.policy import Policy, check_lifetime
from valetkey.core.windows import Window
from valetkey.crypto import base58
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk.amounts import Amount, decimal_of, named_units
from valetkey.sdk.config_checks import check_amounts
from valetkey.sdk.limits import names
from valetkey.sdk.session_config import Moment, SessionConfig, unix_seconds_of
from valetkey.sdk.x402.terms import OPERATION
from valetkey.wire.http import encode

PAYMENT = "payment"
"""What policies call a payment of `spend`; what is paid over HTTP has a word of its own."""

DAY_SECONDS = 86_400
ZERO_ADDRESS = "0x" + "0" * 40


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds that a session lives at least and at most, both included."""

    least: int
    most: int


def policy_of(config: SessionConfig, chain: Chain, asset: Asset, lifetimes: Lifetimes, now: int) -> Policy:
    """The policy of a new session on one chain, about one token. Raises InvalidInput, InvalidAmount."""
    check_chain(config.chain, chain)
    _check_possible(config)
    if config.funding == "allotment" and not is_solana(chain.chain_id):
        raise InvalidInput("an allotment is for a session on Solana", field="funding")
    check_amounts(config, asset.decimals)
    if config.allowed_tokens is not None:
        tokens = names(config.allowed_tokens, "allowed_tokens")
        if not tokens:
            raise InvalidInput("a session that may spend no token needs no grant", field="allowed_tokens")
        for token in tokens:
            check_token(token, asset, "allowed_tokens")
    ends = unix_seconds_of(config.valid_until, now)
    begins = 0 if config.not_before is None else unix_seconds_of(config.not_before, now, "not_before")
    check_ends(ends - now, lifetimes)
    if begins >= ends:
        raise InvalidInput("a session begins before it ends", field="not_before")
    return Policy(
        budget=_units(config.spending_limit, asset),
        expires_at=ends,
        not_before=begins,
        currency=asset.currency,
        per_spend=_units(config.per_transaction_limit, asset),
        windows=_windows(config, asset),
        spends_max=config.spends_max,
        approval_above=_units(config.approval_above, asset),
        allowed_assets=frozenset({asset.id}),
        allowed_chains=frozenset({chain.chain_id}),
        allowed_payees=_payees(config.allowed_payees, chain),
        allowed_operations=_operations(config.allowed_operations, chain),
        refunds_restore=config.refunds_restore,
    )


def check_ends(seconds: int, lifetimes: Lifetimes) -> None:
    """Raise InvalidInput unless a session may live so many seconds, both bounds included."""
    problem = None
    try:
        check_lifetime(seconds, seconds_min=lifetimes.least, seconds_max=lifetimes.most)
    except InvalidInput as error:
        problem = error
    if problem is not None:
        raise InvalidInput(str(problem), code=problem.code, field="valid_until")


def fingerprint(config: SessionConfig, chain: Chain, asset: Asset) -> bytes:
    """What tells two configs apart, whenever they are asked for: 32 bytes. Raises InvalidAmount, InvalidInput."""
    check_amounts(config, asset.decimals)

    def units(amount: Amount | None) -> str | None:
        # So that 50, 50.0 and "50" are the same, and no digit is rounded away.
        return None if amount is None else str(policy_units(amount, asset))

    def told(moment: Moment | None) -> str:
        return repr(moment)

    operations = _operations(config.allowed_operations, chain)
    facts = {
        "label": config.label,
        "limit": units(config.spending_limit),
        "until": told(config.valid_until),
        "from": told(config.not_before),
        "each": units(config.per_transaction_limit),
        "day": units(config.daily_limit),
        "windows": sorted([seconds, units(limit)] for seconds, limit in config.windows.items()),
        "spends": config.spends_max,
        "payees": _told_payees(config.allowed_payees, chain),
        "above": units(config.approval_above),
        "delegate": config.delegate,
        "role": config.role,
        "sole": config.sole_label,
        "operations": None if operations is None else sorted(operations),
        **({"refunds": True} if config.refunds_restore else {}),
    }
    return sha256(encode(facts)).digest()


def check_chain(given: str | int | None, chain: Chain) -> None:
    """Raise InvalidInput with the code `wrong_chain` for another chain: a session is for one, and so is a manager."""
    if given is not None and not is_chain(given, chain):
        raise InvalidInput(
            f"this manager is for chain {chain.name} ({chain.chain_id}): one session per chain,"
            " and a manager for each chain",
            code="wrong_chain",
            field="chain",
        )


def is_chain(given: str | int, chain: Chain) -> bool:
    """Whether a name or number is a chain's. Raises InvalidInput for a name that no chain has."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given == chain.chain_id
    if given == chain.name:
        return True
    problem = None
    try:
        return chain_of(given).chain_id == chain.chain_id
    except InvalidInput as error:
        problem = error
    raise InvalidInput(str(problem), code=problem.code, field="chain")


def check_token(token: str, asset: Asset, field: str = "token") -> None:
    """Raise InvalidInput unless a symbol or an address is the manager's token."""
    if token in (asset.currency, asset.address):
        return
    if isinstance(token, str) and token.startswith("0x"):
        address_of(token, field)
        if token.lower() == asset.address.lower():
            return
    raise InvalidInput(
        f"a manager is about one token, here {asset.currency} at {asset.address}",
        code="unknown_token",
        field=field,
    )


def address_in(chain: Chain, text: str, field: str) -> str:
    """An address of a chain as people write it: EIP-55, or base58 on Solana. Raises InvalidInput."""
    if chain.namespace != SOLANA_NAMESPACE:
        return address_of(text, field)
    if not isinstance(text, str) or not base58.is_solana_address(text) or set(text) == {"1"}:
        raise InvalidInput("an address of Solana is 32 bytes in base58", code="invalid_address", field=field)
    return text


def address_of(text: str, field: str) -> str:
    """An address, EIP-55. Raises InvalidInput for a wrong checksum and for the zero address."""
    if not is_address(text):
        raise InvalidInput(
            "an address is 0x and 40 hex digits, with a right checksum or none",
            code="invalid_address",
            field=field,
        )
    address = checksum_address(text)
    if address == ZERO_ADDRESS:
        raise InvalidInput("nobody has the zero address", code="invalid_address", field=field)
    return address


def units_of(amount: Amount, asset: Asset) -> int:
    """Base units to be paid. Raises InvalidAmount, also for nothing."""
    units = named_units(amount, asset.decimals, "amount")
    if units == 0:
        raise InvalidAmount("amount: nothing is no payment", field="amount")
    return units


def policy_units(amount: Amount, asset: Asset) -> int:
    """Base units of a limit. Raises InvalidAmount."""
    return parse_units(decimal_of(amount), asset.decimals)


def decimal_units(units: int, asset: Asset) -> Decimal:
    """Base units as the decimal that people read, negative where more moved than was granted."""
    # Written without zeros at the end, as the platform writes it.
    whole = Decimal(format_units(abs(units), CURRENCY_DECIMALS[asset.currency]))
    return -whole if units < 0 else whole


def _check_possible(config: SessionConfig) -> None:
    if config.funding == "wallet":
        raise InvalidInput(
            "a manager's sessions pay out of the owner's balance by grants; wallets are filled by a platform's owner",
            field="funding",
        )
    if config.allowed_services is not None or config.sells:
        raise InvalidInput(
            "services are a platform's: without one nothing is bought there, or sold",
            field="sells" if config.sells else "allowed_services",
        )
    if config.limits:
        raise InvalidInput("a grant is about one token: other currencies have no limits here", field="limits")
    if config.allowed_contracts or tuple(config.allowed_routers):
        raise InvalidInput(
            "a grant pays and calls nothing: contracts and routers are for sessions with a wallet",
            field="allowed_contracts",
        )


def _units(amount: Amount | None, asset: Asset) -> int | None:
    return None if amount is None else policy_units(amount, asset)


def _windows(config: SessionConfig, asset: Asset) -> tuple[Window, ...]:
    wanted = dict(config.windows)
    if config.daily_limit is not None:
        if DAY_SECONDS in wanted:
            raise InvalidInput(
                "daily_limit is the window of 86400 seconds: give one of them", field="windows"
            )
        wanted[DAY_SECONDS] = config.daily_limit
    return tuple(sorted(Window(seconds, policy_units(limit, asset)) for seconds, limit in wanted.items()))


def _payees(given: Iterable[str] | None, chain: Chain) -> frozenset[str] | None:
    if given is None:
        return None
    payees = frozenset(
        canonical_address(address_in(chain, one, "allowed_payees")) for one in names(given, "allowed_payees")
    )
    if not payees:
        raise InvalidInput("a session that may pay nobody needs no grant", field="allowed_payees")
    return payees


def _operations(given: Iterable[str] | None, chain: Chain) -> frozenset[str] | None:
    if given is None:
        return None
    known = [PAYMENT, OPERATION] if chain.namespace != SOLANA_NAMESPACE else [PAYMENT]
    named = frozenset(names(given, "allowed_operations"))
    if not named or not named <= set(known):
        raise InvalidInput(
            f"the operations of a manager's session here are {' and '.join(known)}: name one of them",
            field="allowed_operations",
        )
    return named


def _told_payees(given: Iterable[str] | None, chain: Chain) -> list[str] | None:
    """Payees as one tells them apart: in any order, in any spelling of their addresses."""
    payees = _payees(given, chain)
    return None if payees is None else sorted(payees)
