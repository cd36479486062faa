"""A caller's own idempotency key is sent as it is; an empty one, which would be another key each time, is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sdk.canned import Canned
from valetkey import BuyerAgent
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.config_checks import chosen_key

KEY = "vk_0123456789abcdefghijklmnopqrstuv"
CALLS: dict[str, Callable[[BuyerAgent, Any], object]] = {
    "spend": lambda agent, key: agent.spend("1", idempotency_key=key),
    "purchase": lambda agent, key: agent.purchase("svc_1", idempotency_key=key),
    "create_session": lambda agent, key: agent.create_session(
        budget_usdc=1, expiry=3600, idempotency_key=key
    ),
}


def test_one_is_made_for_each_call_that_names_none() -> None:
    assert len({chosen_key(None) for _ in range(100)}) == 100
    assert chosen_key("invoice 7") == "invoice 7"


@pytest.mark.parametrize("key", ["", 7, b"x", False])
@pytest.mark.parametrize("call", CALLS)
def test_IDEMPOTENT_an_empty_key_is_told_and_nothing_is_asked(tmp_path: Path, call: str, key: Any) -> None:
    with (
        Canned() as platform,
        BuyerAgent(KEY, base_url=platform.url, state_dir=tmp_path / "home") as agent,
    ):
        with pytest.raises(InvalidInput) as caught:
            CALLS[call](agent, key)
        assert caught.value.field == "idempotency_key"
        assert platform.asked == []
        assert not list((tmp_path / "home").rglob("making/*"))


def test_a_private_key_is_no_idempotency_key_that_is_quoted() -> None:
    with pytest.raises(InvalidInput) as caught:
        chosen_key(PrivateKey.generate())  # type: ignore[arg-type]
    assert "PrivateKey" not in str(caught.value)
