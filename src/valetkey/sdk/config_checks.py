"""What a SessionConfig may say whatever its chain and tokens are: told by the field, before anything is made of it."""

import secrets
from collections.abc import Mapping
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.core.policy import SPENDS_MAX
from valetkey.core.windows import WINDOW_SECONDS_MAX
from valetkey.sdk.amounts import named_units

TEXT_CHARS_MAX = 200
DECIMALS_MAX = 18
"""Of any currency: which one a limit is of, and how many it has, is known later."""

AMOUNTS = ("spending_limit", "per_transaction_limit", "daily_limit", "approval_above")
WORDS = ("delegate", "role")


def check_config(config: Any) -> None:
    """Raise InvalidInput, InvalidAmount for what no session can have; a SessionConfig checks itself by this."""
    check_text(config.label, "label", "a label")
    for name in WORDS:
        if getattr(config, name) is not None:
            check_text(getattr(config, name), name, f"a {name}")
    check_key(config.idempotency_key)
    check_amounts(config, DECIMALS_MAX)
    most = config.spends_max
    if most is not None and (type(most) is not int or not 0 <= most <= SPENDS_MAX):
        raise InvalidInput(f"spends_max is None or a number from 0 to {SPENDS_MAX}", field="spends_max")
    if type(config.sole_label) is not bool:
        raise InvalidInput("sole_label is True or False", field="sole_label")
    if type(config.refunds_restore) is not bool:
        raise InvalidInput("refunds_restore is True or False", field="refunds_restore")
    if config.funding not in (None, "grant", "wallet", "allotment"):
        raise InvalidInput("funding is grant, wallet or allotment", field="funding")
    if type(config.sells) is not bool:
        raise InvalidInput("sells is True or False", field="sells")
    if config.sells and (
        config.spending_limit is None or named_units(config.spending_limit, 6, "spending_limit")
    ):
        raise InvalidInput("who sells spends nothing: its limit is 0", field="spending_limit")
    if config.sells and config.funding == "grant":
        raise InvalidInput("who sells pays nothing: it needs no grant", field="funding")
    if config.chain is not None and type(config.chain) not in (str, int):
        raise InvalidInput("a chain is a name or a number", code="unknown_chain", field="chain")


def check_amounts(config: Any, decimals: int) -> None:
    """Raise InvalidAmount unless every limit is an exact amount of a currency with so many decimals."""
    for name in AMOUNTS:
        if getattr(config, name) is not None:
            named_units(getattr(config, name), decimals, name)
    if not isinstance(config.windows, Mapping):
        raise InvalidInput("windows are seconds with their limits, {3600: 20}", field="windows")
    for seconds, limit in config.windows.items():
        if type(seconds) is not int or not 1 <= seconds <= WINDOW_SECONDS_MAX:
            raise InvalidInput(f"a window is 1 to {WINDOW_SECONDS_MAX} whole seconds long", field="windows")
        named_units(limit, decimals, "windows")


def check_text(text: object, field: str, what: str) -> None:
    """Raise InvalidInput unless people can read it: 1 to 200 characters, none of them invisible control."""
    if not isinstance(text, str) or not text.strip() or len(text) > TEXT_CHARS_MAX:
        raise InvalidInput(f"{what} has 1 to {TEXT_CHARS_MAX} characters", field=field)
    if text != text.strip() or not all(one.isprintable() for one in text):
        raise InvalidInput(f"{what} has no control characters and no blanks around it", field=field)


def check_page(limit: object, offset: object, limit_max: int) -> None:
    """Raise InvalidInput unless these are the whole numbers of a page."""
    if type(limit) is not int or not 1 <= limit <= limit_max:
        raise InvalidInput(f"a page has 1 to {limit_max} entries", field="limit")
    if type(offset) is not int or offset < 0:
        raise InvalidInput("a page begins at 0 or a whole number above", field="offset")


def check_key(key: object) -> None:
    """Raise InvalidInput unless an idempotency key is none, or 1 to 200 visible ASCII characters."""
    if key is None:
        return
    if not isinstance(key, str) or not 1 <= len(key) <= TEXT_CHARS_MAX or not _is_visible(key):
        raise InvalidInput(
            f"an idempotency key has 1 to {TEXT_CHARS_MAX} visible ASCII characters", field="idempotency_key"
        )


def chosen_key(key: str | None) -> str:
    """The caller's idempotency key, or a new one. Raises InvalidInput for an empty one: it would change each time."""
    if key is None:
        return secrets.token_hex(16)
    if not isinstance(key, str) or not key:
        raise InvalidInput("an idempotency key is a text that is not empty", field="idempotency_key")
    return key


def _is_visible(text: str) -> bool:
    return text.isascii() and text.isprintable()
