"""Spends and policies about Solana at the platform's door: base58 is kept as it is, and families do not mix."""

from typing import Any

import pytest

from tests.integration.platform.serving import Agent, Server
from valetkey.core.chains import SOLANA

MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
ASSET = f"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:{MINT}"
PAYEE = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"
OTHER = "9wzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"
"""The same letters, one of them in another case: another account."""

EVM = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"


@pytest.fixture
def session(server: Server) -> Agent:
    return server.register().session(
        allowedPayees=[PAYEE, EVM], allowedAssets=[ASSET], limits=[{"currency": "SOL", "budget": "2"}]
    )


def spend(session: Agent, **fields: Any) -> Any:
    return session.ask(
        "POST", "/spends", {"amount": "1.5", "chainId": SOLANA, "token": MINT, "payee": PAYEE, **fields}
    )


def test_assets_and_payees_keep_their_letters(session: Agent) -> None:
    view = session.data("GET", "/agents/session/self")
    assert view["allowedPayees"] == sorted([PAYEE, EVM.lower()])
    assert view["allowedAssets"] == [ASSET]
    answer = spend(session)
    assert answer.status_code == 201, answer.text
    held = answer.json()["data"]
    assert (held["asset"], held["payee"], held["amount"]) == (ASSET, PAYEE, "1.5")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"payee": OTHER}, "payee_not_allowed"),
        ({"payee": None}, "payee_not_allowed"),
        ({"token": "4zMMC9srt5Ri5X14GAgXhaHii3GnPAERYPJgZJDncDU"}, "asset_not_allowed"),
        ({"token": None, "currency": "SOL"}, "asset_not_allowed"),
        ({"chainId": SOLANA + 1}, "asset_not_allowed"),
    ],
)
def test_what_is_not_allowed(session: Agent, fields: dict[str, Any], code: str) -> None:
    answer = spend(session, **fields)
    assert (answer.status_code, answer.json()["code"]) == (403, code)


@pytest.mark.parametrize(
    "fields",
    [
        {"payee": EVM},
        {"token": EVM},
        {"token": None},
        {"token": MINT, "currency": "SOL"},
        {"payee": "1" * 44},
        {"payee": PAYEE[:-1] + "0"},
        {"payee": PAYEE + "1"},
        {"chainId": 84532, "token": None},
        {"chainId": 84532, "token": MINT, "payee": EVM},
        {"amount": "1.1234567"},
    ],
)
def test_what_cannot_be_meant(session: Agent, fields: dict[str, Any]) -> None:
    assert spend(session, **fields).status_code == 400
