"""A wallet registers when it holds a little money; nothing is taken."""

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain
from tests.integration.platform.serving import registration
from valetkey.crypto.keys import PrivateKey


def test_an_empty_wallet_is_told_what_it_needs(start: Start, escrows: Chain) -> None:
    server = start(escrows, VALETKEY_TEST_MODE="0")
    key = PrivateKey.generate()
    answer = server.http.post("/api/v1/agents/register", json=registration(key))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (403, "insufficient_wallet_balance")
    assert body["error"] == "Insufficient wallet balance"
    assert body["required"].keys() == {"usdc", "eth", "recommended"}
    assert body["faucets"].keys() == {"usdc", "eth"}
    assert body["usdcContract"]["address"] == escrows.usdc
    assert body["current"]["wallet"] == key.address
    escrows.supply(key.address, 999_999)
    assert server.http.post("/api/v1/agents/register", json=registration(key)).status_code == 403
    escrows.supply(key.address, 1)
    again = server.http.post("/api/v1/agents/register", json=registration(key))
    assert again.status_code == 201


def test_the_rpc_url_stays_private_in_earnest(start: Start, escrows: Chain) -> None:
    server = start(escrows, VALETKEY_TEST_MODE="0")
    assert server.http.get("/api/v1/network").json()["data"]["rpcUrl"] is None
    assert server.http.get("/readyz").status_code == 200
