"""The policy of a session out of its config: what a manager takes, and what it says no to before anything is made."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from valetkey.core.addresses import canonical_address
from valetkey.core.chains import SOLANA_NAMESPACE, Chain, chain_of
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, Asset, format_units, parse_units
from valetkey.core.policy import Policy, check_lifetime
from valetkey.core.windows import Window
from valetkey.crypto import base58
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk.amounts import Amount, decimal_of
from valetkey.sdk.limits import names
from valetkey.sdk.session_config import Moment, SessionConfig, unix_seconds_of
from valetkey.wire.http import encode

DAY_SECONDS = 86_400
ZERO_ADDRESS = "0x" + "0" * 40
IDEMPOTENCY_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds that a session lives at least and at most, both included."""

    least: int
    most: int


def policy_of(config: SessionConfig, chain: Chain, asset: Asset, lifetimes: Lifetimes, now: int) -> Policy:
    """The policy of a new session on one chain, about one token. Raises InvalidInput, InvalidAmount."""
    check_chain(config.chain, chain)
    _check_possible(config)
    if config.allowed_tokens is not None:
        for token in names(config.allowed_tokens, "allowed_tokens"):
            check_token(token, asset)
    ends = unix_seconds_of(config.valid_until, now)
    begins = 0 if config.not_before is None else unix_seconds_of(config.not_before, now, "not_before")
    check_lifetime(ends - now, seconds_min=lifetimes.least, seconds_max=lifetimes.most)
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
    )


def fingerprint(config: SessionConfig) -> bytes:
    """What tells two configs apart, whenever they are asked for: 32 bytes."""

    def told(moment: Moment | None) -> str:
        return repr(moment)

    facts = {
        "label": config.label,
        "limit": _text(config.spending_limit),
        "until": told(config.valid_until),
        "from": told(config.not_before),
        "each": _text(config.per_transaction_limit),
        "day": _text(config.daily_limit),
        "windows": sorted([seconds, _text(limit)] for seconds, limit in config.windows.items()),
        "spends": config.spends_max,
        "payees": None if config.allowed_payees is None else sorted(config.allowed_payees),
        "above": _text(config.approval_above),
        "delegate": config.delegate,
        "role": config.role,
        "sole": config.sole_label,
    }
    return sha256(encode(facts)).digest()


def check_chain(given: str | int | None, chain: Chain) -> None:
    """Raise InvalidInput with the code `wrong_chain` for another chain: a session is for one, and so is a manager."""
    if given is not None and not is_chain(given, chain):
        raise InvalidInput(
            f"this manager is for chain {chain.name} ({chain.chain_id}): one session per chain,"
            " and a manager for each chain",
            code="wrong_chain",
            field="chain_id",
        )


def is_chain(given: str | int, chain: Chain) -> bool:
    """Whether a name or number is a chain's. Raises InvalidInput for a name that no chain has."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given == chain.chain_id
    return given == chain.name or chain_of(given).chain_id == chain.chain_id


def check_token(token: str, asset: Asset) -> None:
    """Raise InvalidInput unless a symbol or an address is the manager's token."""
    if token in (asset.currency, asset.address):
        return
    if isinstance(token, str) and token.startswith("0x"):
        address_of(token, "token")
        if token.lower() == asset.address.lower():
            return
    raise InvalidInput(
        f"a manager is about one token, here {asset.currency} at {asset.address}",
        code="unknown_token",
        field="token",
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
    units = parse_units(decimal_of(amount), asset.decimals)
    if units == 0:
        raise InvalidInput("nothing is no payment", code="invalid_amount", field="amount")
    return units


def check_idempotency(key: str | None) -> None:
    """Raise InvalidInput unless a key is 1 to 200 visible ASCII characters."""
    if key is None:
        return
    if not isinstance(key, str) or not 1 <= len(key) <= IDEMPOTENCY_CHARS_MAX or not key.isascii():
        raise InvalidInput(
            f"an idempotency key has 1 to {IDEMPOTENCY_CHARS_MAX} ASCII characters", field="idempotency_key"
        )


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


def _text(amount: Amount | None) -> str | None:
    """An amount so that 50, 50.0 and "50" are the same."""
    return None if amount is None else format(Decimal(str(amount)).normalize(), "f")
