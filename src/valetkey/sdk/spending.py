"""What a spend asks for, as JSON; and the refusals that the SDK itself makes out of how a spend stands."""

import re

from valetkey.core.addresses import EVM_ADDRESS, SOLANA_ADDRESS
from valetkey.core.chains import chain_of
from valetkey.core.errors import InvalidInput
from valetkey.core.refusal import Code
from valetkey.sdk.amounts import Amount
from valetkey.sdk.errors import ApprovalRequired, HoldEnded
from valetkey.sdk.limits import amount_of
from valetkey.wire.errors import CODES
from valetkey.wire.spends import SpendBody, SpendView

_ASSET = re.compile(rf"eip155:([0-9]{{1,18}})/(?:erc20:({EVM_ADDRESS})|slip44:(?:60|966))", re.ASCII)
_SOLANA_ASSET = re.compile(rf"(solana:[^/]{{32}})/(?:token:({SOLANA_ADDRESS})|slip44:501)", re.ASCII)


def spend_body(
    amount: Amount,
    currency: str,
    asset: str | None,
    payee: str | None,
    operation: str,
    service_id: str | None,
    note: str | None,
    seconds: int,
) -> SpendBody:
    """A spend on the wire. `asset` is a CAIP-19 id, None for the platform's own. Raises InvalidAmount, InvalidInput."""
    chain_id, token = (None, None) if asset is None else _chain_and_token(asset)
    return SpendBody(
        amount=amount_of(amount, currency),
        currency=currency,
        chain_id=chain_id,
        token=token,
        payee=payee,
        operation=operation,
        service_id=service_id,
        note=note,
        seconds=seconds,
    )


def approval_required(view: SpendView) -> ApprovalRequired:
    """What is raised for a spend that waits for its owner."""
    code = Code.APPROVAL_REQUIRED
    message = f"{view.amount} {view.currency} wait for the owner's approval until {view.expires_at}"
    reason = {
        "code": str(code),
        "rule": "approval_above",
        "message": message,
        "asked": view.amount,
        "hint": "wait for the approval, or repeat the request when the owner has given it",
        "currency": view.currency,
        "approvable": True,
        "approvalId": view.spend_id,
        "sessionId": view.session_id,
    }
    return ApprovalRequired(
        message, code=str(code), status=CODES[code].http_status, details={**reason, "reasons": [reason]}
    )


def hold_ended(view: SpendView) -> HoldEnded:
    """What is raised for a spend that nothing may be paid from any more: rejected, voided, over, or paid."""
    code = Code.HOLD_ENDED
    message = f"this spend is {view.state}: nothing is paid from it any more"
    return HoldEnded(message, code=str(code), status=CODES[code].http_status)


def chain_of_asset(asset: str) -> int:
    """The chain of an asset, by its CAIP-19 id."""
    return _chain_and_token(asset)[0]


def _chain_and_token(asset: str) -> tuple[int, str | None]:
    if solana := _SOLANA_ASSET.fullmatch(asset):
        return chain_of(solana[1]).chain_id, solana[2]
    found = _ASSET.fullmatch(asset)
    if found is None:
        raise InvalidInput("an asset is a CAIP-19 id, such as eip155:84532/erc20:0x036c...", field="asset")
    return int(found[1]), found[2]
