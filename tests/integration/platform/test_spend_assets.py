"""Which asset a spend is of: chains that are served and others, symbols, addresses, and what only looks like one."""

import json

import pytest

from tests.integration.platform.conftest import ADDRESS, NOBODY, Start
from tests.integration.platform.serving import Agent
from valetkey.core.tokens import token_of

POLYGON = 137
EVERYTHING = [{"currency": one, "budget": None} for one in ("ETH", "POL", "USDT", "WETH", "DAI")]
UNKNOWN = "0x" + "77" * 20


@pytest.fixture(scope="module")
def session(start: Start) -> Agent:
    """A session that may spend everything, on a platform that serves two chains whose nodes do not answer."""
    networks = [
        {"network": "base-sepolia", "rpcUrl": NOBODY, "escrow": ADDRESS, "score": ADDRESS, "usdc": ADDRESS},
        {"network": "polygon", "rpcUrl": NOBODY, "usdc": ADDRESS},
    ]
    return start(VALETKEY_NETWORKS=json.dumps(networks)).register().session(limits=EVERYTHING)


def erc20(chain_id: int, currency: str) -> str:
    return token_of(chain_id, currency).id


@pytest.mark.parametrize(
    ("asked", "asset"),
    [
        ({}, f"eip155:84532/erc20:{ADDRESS.lower()}"),
        ({"chainId": 84532}, f"eip155:84532/erc20:{ADDRESS.lower()}"),
        ({"chainId": 84532, "token": ADDRESS}, f"eip155:84532/erc20:{ADDRESS.lower()}"),
        ({"chainId": POLYGON}, f"eip155:137/erc20:{ADDRESS.lower()}"),
        ({"chainId": POLYGON, "token": ADDRESS.lower()}, f"eip155:137/erc20:{ADDRESS.lower()}"),
        ({"currency": "ETH"}, "eip155:84532/slip44:60"),
        ({"currency": "POL", "chainId": POLYGON}, "eip155:137/slip44:966"),
        ({"chainId": 1}, erc20(1, "USDC")),
        ({"chainId": 1, "currency": "WETH"}, erc20(1, "WETH")),
        ({"chainId": 1, "currency": "DAI", "token": token_of(1, "DAI").address}, erc20(1, "DAI")),
        ({"chainId": 1, "token": UNKNOWN}, f"eip155:1/erc20:{UNKNOWN}"),
        ({"chainId": 5, "token": UNKNOWN}, f"eip155:5/erc20:{UNKNOWN}"),
        ({"chainId": 5, "currency": "ETH"}, "eip155:5/slip44:60"),
    ],
)
def test_the_asset_that_is_meant_is_held(session: Agent, asked: dict[str, object], asset: str) -> None:
    assert session.data("POST", "/spends", {"amount": "0.01", **asked})["asset"] == asset


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"chainId": 5}, 400, "unknown_token"),
        ({"chainId": 5, "currency": "POL"}, 400, "unknown_token"),
        ({"chainId": POLYGON, "currency": "ETH"}, 400, "unknown_token"),
        ({"currency": "POL"}, 400, "unknown_token"),
        ({"currency": "DAI"}, 400, "unknown_token"),
        ({"token": "0x" + "0" * 40}, 400, "invalid_address"),
        ({"token": "0x" + ADDRESS[2:].swapcase()}, 400, "invalid_address"),
        ({"currency": "ETH", "token": ADDRESS}, 400, "token_mismatch"),
        ({"currency": "WETH", "chainId": 1, "token": token_of(1, "USDC").address}, 400, "token_mismatch"),
        ({"chainId": 1, "token": token_of(1, "WETH").address}, 400, "token_mismatch"),
        # What its chain would have to tell, and cannot now.
        ({"token": UNKNOWN}, 503, "chain_unavailable"),
        ({"currency": "WETH"}, 503, "chain_unavailable"),
        ({"chainId": POLYGON, "currency": "USDT"}, 503, "chain_unavailable"),
    ],
)
def test_an_asset_that_is_none_is_refused(
    session: Agent, asked: dict[str, object], status: int, code: str
) -> None:
    before = session.data("GET", "/agents/session/self")["heldUsdc"]
    answer = session.ask("POST", "/spends", {"amount": "0.01", **asked})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert session.data("GET", "/agents/session/self")["heldUsdc"] == before
