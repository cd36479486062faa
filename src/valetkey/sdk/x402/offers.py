"""What a 402 offers (x402, versions 1 and 2), read strictly: an offer is exactly what it says, or none. No I/O.

Nothing that a seller wrote is quoted in a refusal: it may be meant for whoever reads it.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from valetkey.core.money import NATIVE
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.crypto.keys import checksum_address, is_address
from valetkey.sdk.x402.channel_offers import BATCH, ChannelTerms, channel_terms
from valetkey.sdk.x402.terms import Terms

REQUIRED_HEADER = "PAYMENT-REQUIRED"
HEADER_CHARS_MAX = 65_536
BODY_BYTES_MAX = 262_144
TIMEOUT_SECONDS_MAX = 3_600
NAME_CHARS_MAX = 200
DEPTH_MAX = 32

EXACT, UPTO = "exact", "upto"
TRANSFER_BY_SIGNATURE, THROUGH_PERMIT2 = "eip3009", "permit2"

_AMOUNT = re.compile(r"[1-9][0-9]{0,29}", re.ASCII)
# A text that does not end is one match, or each of its quotation marks would be a new beginning.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_CHAIN = re.compile(r"eip155:[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Required:
    """A 402 of x402: its version, and what it accepts as the JSON that it sent."""

    version: int
    accepts: tuple[Any, ...]
    resource: Any
    extensions: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to pay that fits. `units` are base units, all of it or, of the scheme `upto`, the most.

    `channel` is what it asks of a channel, of the scheme `batch-settlement` alone.

    `asset`, `payee` and `facilitator` are EIP-55; `name` and `domain_version` those of the token's EIP-712 domain;
    `seconds` for how long what is signed has to hold; `raw` is the JSON that was offered.
    """

    version: int
    scheme: str
    method: str
    chain_id: int
    asset: str
    units: int
    payee: str
    seconds: int
    name: str
    domain_version: str
    facilitator: str | None
    raw: Mapping[str, Any]
    channel: ChannelTerms | None = None

    @property
    def held_units(self) -> int:
        """What is asked of the gate: the amount, or the deposit of the channel that it is paid out of."""
        return self.units if self.channel is None else self.channel.deposit

    @property
    def text(self) -> bytes:
        """What was offered, in one spelling."""
        return msgspec.json.encode([self.version, self.raw], order="deterministic")


@dataclass(frozen=True, slots=True)
class Purse:
    """Who pays: the session's wallet, on one chain, in one token of known decimals. Addresses are EIP-55."""

    wallet: str
    chain_id: int
    network: str
    asset: str
    decimals: int
    is_funded: bool = True
    """Whether what the session spends is in its wallet; otherwise it draws on its owner's balance."""


def read_required(header: str | None, body: bytes) -> Required | Refused | None:
    """What a 402 asks for; None when it is none of x402. Version 2 speaks through its header, 1 through its body."""
    if header is not None:
        told = _json_of_header(header)
    else:
        told = _json(body)
        if not isinstance(told, dict) or "x402Version" not in told:
            return None
    if not isinstance(told, dict):
        return _unreadable("what the seller asks for cannot be read")
    version, accepts = told.get("x402Version"), told.get("accepts")
    if type(version) is not int or version not in (1, 2) or (header is None and version != 1):
        return _unreadable("the seller speaks a version of x402 that is not known here")
    if not isinstance(accepts, list) or not accepts:
        return _unreadable("the seller asks for money and names no way to pay it")
    return Required(version, tuple(accepts), told.get("resource"), told.get("extensions"))


def choose(required: Required, purse: Purse, terms: Terms) -> Offer | Refused:
    """The offer to take: the first that fits, a channel before `exact` before `upto`, a signature before Permit2.

    Where none fits, why the one that came nearest does not.
    """
    fitting: list[Offer] = []
    nearest: tuple[int, Refused] | None = None
    for raw in required.accepts:
        found = _read(required.version, raw, purse, terms)
        if isinstance(found, Offer):
            fitting.append(found)
        elif nearest is None or found[0] > nearest[0]:
            nearest = found
    if fitting:
        # Whoever lets a client open channels wants them used; without that none of them fits.
        order = (BATCH, EXACT, UPTO)
        return min(fitting, key=lambda one: (order.index(one.scheme), one.method != TRANSFER_BY_SIGNATURE))
    assert nearest is not None
    return nearest[1]


def resources_of(required: Required) -> Iterable[object]:
    """The URLs of what is sold, as the seller wrote them."""
    if isinstance(required.resource, Mapping):
        yield required.resource.get("url")
    for one in required.accepts:
        if required.version == 1 and isinstance(one, Mapping):
            yield one.get("resource")


def _read(version: int, raw: Any, purse: Purse, terms: Terms) -> Offer | tuple[int, Refused]:
    """An offer, or how far it came and what is wrong with it."""
    if not isinstance(raw, dict):
        return 0, _unreadable("an offer is an object")
    scheme, network = raw.get("scheme"), raw.get("network")
    if scheme not in (EXACT, UPTO, BATCH) or (scheme != EXACT and version == 1):
        return 1, refuse(Code.OFFER_SCHEME_UNKNOWN, "scheme", "the seller's scheme is not known here")
    known = purse.network if version == 1 else f"eip155:{purse.chain_id}"
    if network != known:
        is_chain = isinstance(network, str) and _CHAIN.fullmatch(network)
        what = f"the chain {network}" if is_chain else "another network"
        return 2, refuse(
            Code.OFFER_NETWORK_UNKNOWN,
            "network",
            f"the seller wants to be paid on {what}",
            hint=f"this session pays on eip155:{purse.chain_id}",
        )
    extra = raw.get("extra")
    domain = extra if isinstance(extra, dict) else {}
    if wrong := _asset_problem(raw.get("asset"), domain, purse):
        return 3, wrong
    if wrong := _extra_problem(extra, scheme, purse):
        return 4, wrong
    units = _units(raw.get("amount" if version == 2 else "maxAmountRequired"))
    if units is None:
        return 5, _unreadable("an amount of an offer is a positive integer in decimal text", rule="amount")
    seconds = raw.get("maxTimeoutSeconds")
    if type(seconds) is not int or not 1 <= seconds <= TIMEOUT_SECONDS_MAX:
        return 6, refuse(
            Code.OFFER_TIMES_REFUSED,
            "maxTimeoutSeconds",
            "the offer wants an authorization for no time or for too long",
            hint=f"at most {TIMEOUT_SECONDS_MAX} s are signed for",
        )
    payee = raw.get("payTo")
    if wrong := _payee_problem(payee, purse):
        return 7, wrong
    if wrong := terms.too_much(units, purse.decimals):
        return 8, wrong
    channel = None
    if scheme == BATCH:
        found = channel_terms(domain, units, purse.decimals, terms, is_funded=purse.is_funded)
        if isinstance(found, Refused):
            # What this client opens no channel for came no nearer than what it does not know.
            return (1 if terms.deposit_max is None else 9), found
        channel = found
    facilitator = domain.get("facilitatorAddress") if scheme == UPTO else None
    return Offer(
        version=version,
        scheme=scheme,
        method=_method(domain, scheme),
        chain_id=purse.chain_id,
        asset=purse.asset,
        units=units,
        payee=checksum_address(str(payee)),
        seconds=seconds,
        name=domain["name"],
        domain_version=domain["version"],
        facilitator=None if facilitator is None else checksum_address(facilitator),
        raw=raw,
        channel=channel,
    )


def _method(extra: Mapping[str, Any], scheme: str) -> str:
    through = scheme == UPTO or extra.get("assetTransferMethod") == THROUGH_PERMIT2
    return THROUGH_PERMIT2 if through else TRANSFER_BY_SIGNATURE


def _asset_problem(asset: Any, extra: Mapping[str, Any], purse: Purse) -> Refused | None:
    fits = isinstance(asset, str) and is_address(asset) and checksum_address(asset) == purse.asset
    decimals = extra.get("decimals", purse.decimals)
    if fits and type(decimals) is int and decimals == purse.decimals:
        return None
    return refuse(
        Code.OFFER_ASSET_UNKNOWN,
        "asset",
        "the seller wants to be paid in a token that this session does not pay with",
        hint=f"this session pays with {purse.asset}, which has {purse.decimals} decimals",
    )


def _extra_problem(extra: Any, scheme: str, purse: Purse) -> Refused | None:
    """What is wrong with how the offer says to sign; whether name and version are the token's is asked on chain."""
    if not isinstance(extra, dict):
        return _mismatch("the offer does not name the token's signing domain")
    for name in ("name", "version"):
        text = extra.get(name)
        if not isinstance(text, str) or not text or len(text) > NAME_CHARS_MAX:
            return _mismatch("the offer does not name the token's signing domain")
    contract, chain_id = extra.get("verifyingContract", purse.asset), extra.get("chainId", purse.chain_id)
    if not isinstance(contract, str) or contract.lower() != purse.asset.lower() or chain_id != purse.chain_id:
        return _mismatch("the offer names the signing domain of another contract or chain")
    if extra.get("paymentFlow", "authorization") != "authorization":
        return refuse(
            Code.OFFER_SCHEME_UNKNOWN, "paymentFlow", "the seller's way of payment is not known here"
        )
    if extra.get("assetTransferMethod", TRANSFER_BY_SIGNATURE) not in (
        TRANSFER_BY_SIGNATURE,
        THROUGH_PERMIT2,
    ):
        return refuse(
            Code.OFFER_SCHEME_UNKNOWN, "assetTransferMethod", "the token would move by unknown means"
        )
    settler = extra.get("facilitatorAddress")
    if scheme == UPTO and not (isinstance(settler, str) and is_address(settler) and settler != NATIVE):
        return refuse(
            Code.OFFER_SCHEME_UNKNOWN, "facilitatorAddress", "an offer of upto names who may settle it"
        )
    return None


def _payee_problem(payee: Any, purse: Purse) -> Refused | None:
    if not isinstance(payee, str) or not is_address(payee):
        return _unreadable("the payee of an offer is an address with a right checksum", rule="payTo")
    if checksum_address(payee) in (checksum_address(NATIVE), purse.asset, purse.wallet):
        return refuse(
            Code.OFFER_PAYEE_REFUSED,
            "payTo",
            "the payee of the offer cannot be meant: nobody, the token itself, or the payer",
        )
    return None


def _units(amount: Any) -> int | None:
    return int(amount) if isinstance(amount, str) and _AMOUNT.fullmatch(amount) else None


def _json_of_header(header: str) -> Any:
    if len(header) > HEADER_CHARS_MAX or not header.isascii():
        return None
    try:
        return _json(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError):
        return None


def _json(text: bytes) -> Any:
    if is_deep(text):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None


def is_deep(text: bytes) -> bool:
    """Whether JSON is nested deeper than any offer: a parser may run out of stack, which no exception tells."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MAX:
            return True
    return False


def _unreadable(message: str, *, rule: str = "offer") -> Refused:
    return refuse(Code.OFFER_UNREADABLE, rule, message)


def _mismatch(message: str) -> Refused:
    return refuse(Code.OFFER_DOMAIN_MISMATCH, "extra", message)
