"""What an offer of `batch-settlement` asks of a channel, and whether this client would open such a one. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from valetkey.core.money import NATIVE
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk.x402.terms import Terms
from valetkey.wire.channels import DELAY_SECONDS_MAX, DELAY_SECONDS_MIN

BATCH = "batch-settlement"
DEPOSIT_REQUESTS = 10
"""For so many requests a channel is opened when the seller does not say."""

HINT_MEMBERS = ("channelState", "voucherState", "minDeposit")
"""What of an offer's `extra` changes from one 402 to the next, and is no part of its terms."""

_UNITS = re.compile(r"[1-9][0-9]{0,29}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """Who signs for the receiver (EIP-55), how long the payer's withdrawal takes (s), and the deposit (base units)."""

    authorizer: str
    delay: int
    deposit: int


def channel_terms(
    extra: Mapping[str, Any], units: int, decimals: int, terms: Terms, *, is_funded: bool
) -> ChannelTerms | Refused:
    """The channel that an offer wants, or why none is opened. `is_funded`: the session has a wallet of its own."""
    if terms.deposit_max is None:
        return refuse(
            Code.OFFER_SCHEME_UNKNOWN,
            "scheme",
            "the seller is paid through a channel, and this client opens none",
            hint="say how much one may hold: http(max_deposit=...)",
        )
    if not is_funded:
        return _refused(
            "scheme",
            "a session that draws on its owner's balance opens no channel: what comes back is not its own",
        )
    if extra.get("assetTransferMethod", "eip3009") != "eip3009":
        return _refused("assetTransferMethod", "a channel is opened by a signature of EIP-3009 alone")
    authorizer, delay = extra.get("receiverAuthorizer"), extra.get("withdrawDelay")
    if not isinstance(authorizer, str) or not is_address(authorizer) or authorizer.lower() == NATIVE:
        return _refused(
            "receiverAuthorizer", "nobody is named who signs for the seller's side of the channel"
        )
    if type(delay) is not int or not DELAY_SECONDS_MIN <= delay <= DELAY_SECONDS_MAX:
        return _refused(
            "withdrawDelay",
            "money would come back out of the channel sooner or later than its contract allows",
            hint=f"{DELAY_SECONDS_MIN} to {DELAY_SECONDS_MAX} s",
        )
    least = extra.get("minDeposit")
    if least is not None and not (isinstance(least, str) and _UNITS.fullmatch(least)):
        return refuse(Code.OFFER_UNREADABLE, "minDeposit", "a deposit is a positive integer in decimal text")
    wanted = units if least is None else max(int(least), units)
    if wrong := terms.too_deep(wanted, decimals):
        return wrong
    if least is None:
        wanted = max(units, min(terms.deposit_units(decimals), units * DEPOSIT_REQUESTS))
    return ChannelTerms(checksum_address(authorizer), delay, wanted)


def without_hints(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of an offer, without what its seller changes from one 402 to the next."""
    extra = raw.get("extra")
    kept = extra if isinstance(extra, Mapping) else {}
    return {**raw, "extra": {name: value for name, value in kept.items() if name not in HINT_MEMBERS}}


def _refused(rule: str, message: str, *, hint: str | None = None) -> Refused:
    return refuse(Code.OFFER_CHANNEL_REFUSED, rule, message, hint=hint)
