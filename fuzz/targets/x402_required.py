"""PAYMENT-REQUIRED, and the body of a 402 of version 1: what a hostile seller asks of a payer."""

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import httpx
from hypothesis import strategies as st

from fuzz.making import VALUES, changed_object, changed_text
from fuzz.target import Target, must, outcome
from valetkey.core.refusal import Refused
from valetkey.crypto.keys import PrivateKey, checksum_address
from valetkey.sdk.errors import Refused as RefusedError
from valetkey.sdk.x402.channel_demands import charged_by, refused_again
from valetkey.sdk.x402.offers import BODY_BYTES_MAX, Offer, Purse, Required, choose, read_required
from valetkey.sdk.x402.requests import demand_of, problem_of
from valetkey.sdk.x402.terms import Terms

USDC = checksum_address("0x036cbd53842c5426634e7929541ec2318f3dcf7e")
PAYEE = PrivateKey(b"\x22" * 32).address
PURSE = Purse(PrivateKey(b"\x11" * 32).address, 84_532, "base-sepolia", USDC, 6)
TERMS = (
    Terms(units_max=5_000_000),
    Terms(hosts=("api.example.com",), units_max=1_000_000, deposit_max=2_000_000),
)
ASKED = httpx.Request("GET", "https://api.example.com/paid?q=1")
AS_HEADER, AS_JSON_IN_HEADER, AS_BODY = range(3)


def check(data: bytes) -> None:
    """The first byte says whether the rest is a header, the JSON in one, or a body."""
    if not data:
        return
    mode, rest = data[0] % 3, data[1:]
    header, body = None, b""
    if mode == AS_HEADER:
        header = rest.decode("latin-1")
    elif mode == AS_JSON_IN_HEADER:
        header = base64.b64encode(rest).decode()
    else:
        body = rest[:BODY_BYTES_MAX]
    required = read_required(header, body)
    must(
        required is None or isinstance(required, (Refused, Required)),
        "a 402 is read, refused, or none of x402",
    )
    _through_httpx(header, body, required)
    if not isinstance(required, Required):
        return
    must(len(required.accepts) > 0 and required.version in (1, 2), "what is asked for can be chosen from")
    for terms in TERMS:
        problem = problem_of(ASKED, "api.example.com", required, terms)
        must(problem is None or isinstance(problem, Refused), "a request may be paid for, or why not is told")
        found = choose(required, PURSE, terms)
        if isinstance(found, Refused):
            _quotes_nothing(found, required)
            continue
        _fits(found, terms)
        charged = charged_by(required, found, "0x" + "00" * 32)
        must(charged is None or charged >= 0, "what is charged is no debt of the seller's")
        refused_again(required, found, "spd_1")


def _through_httpx(header: str | None, body: bytes, required: object) -> None:
    """The same as an answer of httpx: what a client really sees."""
    headers = {} if header is None else {"PAYMENT-REQUIRED": header}
    try:
        answer = httpx.Response(402, headers=headers)
    except UnicodeEncodeError:
        return
    told = outcome(lambda: demand_of(answer, body), RefusedError)
    if header is None or header.isascii():
        must(told == required or repr(told) == repr(required), "a client sees what was read")


def _fits(offer: Offer, terms: Terms) -> None:
    most = terms.units_max
    must(
        offer.units > 0 and (most is None or offer.units <= most),
        "no more is paid than the client's terms say",
    )
    must(
        offer.asset == USDC and offer.chain_id == PURSE.chain_id,
        "what is paid is this session's token and chain",
    )
    must(offer.payee not in (PURSE.wallet, USDC), "neither the payer nor the token is paid")
    must(checksum_address(offer.payee) == offer.payee, "a payee is an address with its checksum")
    must(1 <= offer.seconds <= 3_600, "a payment holds for an hour at most")
    if offer.channel is not None:
        must(
            offer.units <= offer.channel.deposit <= (terms.deposit_max or 0), "a deposit is within the terms"
        )
    again = {**dict(reversed(offer.raw.items())), "extra": dict(reversed(offer.raw["extra"].items()))}
    must(
        replace(offer, raw=again).text == offer.text,
        "an offer has one spelling, whatever the order of its members",
    )


def _quotes_nothing(refused: Refused, required: Required) -> None:
    """What a seller wrote may be meant for whoever reads the refusal."""
    told = " ".join(f"{one.message} {one.hint}" for one in refused.reasons)
    for text in _texts(required.accepts, 0):
        must(
            len(text) < 24 or text.lower() in KNOWN or text not in told,
            "a refusal quotes nothing of the seller's",
        )


KNOWN = {USDC.lower(), PURSE.wallet.lower(), "eip155:84532"}


def _texts(value: Any, depth: int) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from _texts(one, depth + 1)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one, depth + 1)


def _offer(version: int = 2, scheme: str = "exact", **more: Any) -> dict[str, Any]:
    amount = "amount" if version == 2 else "maxAmountRequired"
    return {
        "scheme": scheme,
        "network": "eip155:84532" if version == 2 else "base-sepolia",
        "asset": USDC,
        amount: "10000",
        "payTo": PAYEE,
        "maxTimeoutSeconds": 60,
        "resource": "https://api.example.com/paid",
        "extra": {"name": "USDC", "version": "2", **more},
    }


def _required(version: int = 2) -> dict[str, Any]:
    if version == 1:
        return {"x402Version": 1, "error": "pay", "accepts": [_offer(1)]}
    channel = _offer(2, "batch-settlement", receiverAuthorizer=PAYEE, withdrawDelay=900, minDeposit="20000")
    channel["extra"]["channelState"] = {"channelId": "0x" + "00" * 32, "chargedCumulativeAmount": "1"}
    upto = _offer(2, "upto", facilitatorAddress=PAYEE)
    return {
        "x402Version": 2,
        "error": "pay",
        "resource": {
            "url": "https://api.example.com/paid",
            "description": "d",
            "mimeType": "application/json",
        },
        "accepts": [_offer(), upto, channel, _offer(assetTransferMethod="permit2")],
        "extensions": {},
    }


def strategy() -> st.SearchStrategy[bytes]:
    """Demands of both versions in which something is wrong."""
    first = changed_object(lambda: _required(1)).map(lambda one: bytes([AS_BODY]) + _json(one))
    second = changed_object(_required).map(lambda one: bytes([AS_JSON_IN_HEADER]) + _json(one))
    header = changed_text(base64.b64encode(_json(_required())).decode()).map(
        lambda one: bytes([AS_HEADER]) + one.encode("utf-8", "surrogatepass")
    )
    return st.one_of(first, second, second, header, VALUES.map(lambda one: bytes([AS_BODY]) + _json(one)))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def seeds() -> Iterable[bytes]:
    """Demands of every scheme."""
    yield bytes([AS_JSON_IN_HEADER]) + _json(_required())
    yield bytes([AS_HEADER]) + base64.b64encode(_json(_required()))
    yield bytes([AS_BODY]) + _json(_required(1))
    yield bytes([AS_BODY]) + b"[" * 40
    for one in _required()["accepts"]:
        yield bytes([AS_JSON_IN_HEADER]) + _json({**_required(), "accepts": [one]})


TARGET = Target(
    name="x402-required",
    parser="sdk/x402/offers.py read_required, choose; requests.py, channel_offers.py, channel_demands.py",
    holds=(
        "nothing is raised: a demand is read, refused, or none of x402",
        "an offer that is taken is in the session's token, within the client's terms, to neither payer nor token",
        "a refusal quotes nothing that the seller wrote",
        "a client of httpx sees what was read",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        '"x402Version":',
        '"accepts":[',
        '"scheme":"',
        "exact",
        "upto",
        "batch-settlement",
        '"network":"',
        "eip155:84532",
        "base-sepolia",
        '"asset":"',
        '"amount":"',
        '"maxAmountRequired":"',
        '"payTo":"',
        '"maxTimeoutSeconds":',
        '"extra":{',
        "eip3009",
        "permit2",
        '"minDeposit":"',
        '"withdrawDelay":',
        '"resource":',
        '"channelState":',
        '\\"',
    ),
    stretched_bytes=196_608,
)
