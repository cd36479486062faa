"""Rate limits as a client meets them."""

from tests.integration.platform.conftest import Start


def test_429_says_how_long_in_whole_seconds(start: Start) -> None:
    server = start(VALETKEY_TEST_MODE="0", VALETKEY_REGISTRATION_USDC="0")
    owner = server.register()
    answers = [owner.ask("GET", "/services") for _ in range(12)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:10] == [200] * 10
    assert 429 in statuses
    refused = answers[statuses.index(429)]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["retry-after"].isdecimal()
    assert int(refused.headers["retry-after"]) >= 1
    assert server.register().ask("GET", "/services").status_code == 200


def test_guessing_keys_is_limited_by_where_it_comes_from(start: Start) -> None:
    server = start(VALETKEY_TEST_MODE="0", VALETKEY_REGISTRATION_USDC="0")
    statuses = [
        server.http.get("/api/v1/transactions", headers={"X-API-Key": f"aba_{number:064x}"}).status_code
        for number in range(130)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_an_operator_sets_the_rates(start: Start) -> None:
    server = start(VALETKEY_TEST_MODE="0", VALETKEY_REGISTRATION_USDC="0", VALETKEY_RATE_SEARCH="2")
    owner = server.register()
    assert [owner.ask("GET", "/services").status_code for _ in range(3)] == [200, 200, 429]
