"""What a seller says to a payment out of a channel that it did not take; none of it is believed as it is. No I/O."""

import re
from collections.abc import Mapping
from typing import Any

from valetkey.core.refusal import Code, Refused, refuse
from valetkey.sdk.x402.channel_offers import without_hints
from valetkey.sdk.x402.channels import Channel
from valetkey.sdk.x402.offers import Offer, Required

_TOTAL = re.compile(r"0|[1-9][0-9]{0,29}", re.ASCII)


def charged_by(demand: Required | Refused | None, offer: Offer, channel_id: str) -> int | None:
    """What the seller says that it charged in all, base units; None where it says nothing of this channel.

    The word of a seller: it is used where that costs no more than what was asked for.
    """
    for raw in _same(demand, offer):
        state = raw["extra"].get("channelState")
        if not isinstance(state, Mapping) or str(state.get("channelId", "")).lower() != channel_id.lower():
            continue
        charged = state.get("chargedCumulativeAmount")
        if isinstance(charged, str) and _TOTAL.fullmatch(charged):
            return int(charged)
    return None


def refused_again(demand: Required | Refused | None, offer: Offer, spend_id: str) -> Refused:
    """Why an answer to a payment that asks for money is not paid again."""
    hint = f"the deposit is spend {spend_id}; the same request presents the same payment"
    if not isinstance(demand, Required) or any(True for _ in _same(demand, offer)):
        return refuse(
            Code.PAYMENT_NOT_ACCEPTED,
            "payment",
            "the seller was sent a payment and asks for one again",
            hint=hint,
        )
    return refuse(
        Code.OFFER_CHANGED,
        "payment",
        "the seller was sent a payment for its offer and made another one",
        hint=hint,
    )


def wants_another(offer: Offer, channel: Channel) -> bool:
    """Whether an offer is for another channel than this one of its seller's."""
    config, terms = channel.config, offer.channel
    assert terms is not None
    return (config.receiver, config.token, config.receiver_authorizer, config.withdraw_delay) != (
        offer.payee,
        offer.asset,
        terms.authorizer,
        terms.delay,
    )


def _same(demand: Required | Refused | None, offer: Offer) -> list[dict[str, Any]]:
    """The offers of a demand that are still this one."""
    if not isinstance(demand, Required):
        return []
    wanted = without_hints(offer.raw)
    return [raw for raw in demand.accepts if isinstance(raw, dict) and without_hints(raw) == wanted]
