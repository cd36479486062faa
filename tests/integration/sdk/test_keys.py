"""API keys through the SDK: both kinds of agents, against a real platform."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.sdk.world import World
from valetkey import AsyncBuyerAgent, BuyerAgent, InvalidInput, NotFound, Unauthenticated
from valetkey.core.api_key import KEYS_MAX, Scope
from valetkey.sdk.errors import KeysFull, NotNarrower, ScopeMissing


def test_a_key_does_what_it_may_until_it_is_revoked(world: World) -> None:
    owner = world.owner()
    made = owner.create_api_key("reader", scopes=[Scope.READ, "spends:approve"], expires_in=600)
    assert made.secret.reveal().startswith("aba_")
    assert made.secret.reveal() not in repr(made)
    assert next(key.id for key in owner.api_keys()) == made.id
    with BuyerAgent(made.secret, base_url=world.stack.base_url, state_dir=world.folder()) as reader:
        assert reader.sessions() == []
        with pytest.raises(ScopeMissing) as caught:
            reader.freeze()
        assert (caught.value.code, caught.value.rule) == ("scope_missing", "scopes")
        assert caught.value.hint == "use a key that has sessions:write or full"
        with pytest.raises(ScopeMissing):
            reader.revoke_api_key(made.id)
        assert owner.revoke_api_key(made.id).status == "revoked"
        with pytest.raises(Unauthenticated):
            reader.sessions()
    with pytest.raises(NotFound):
        owner.revoke_api_key("key_nothing")


def test_a_key_makes_no_more_than_it_is(world: World) -> None:
    maker = world.owner().create_api_key("maker", scopes=["keys", "read"], expires_in=600)
    with BuyerAgent(maker.secret, base_url=world.stack.base_url, state_dir=world.folder()) as agent:
        for scopes, expires_in in ((["full"], 60), (["read"], 6_000), (["read"], None)):
            with pytest.raises(NotNarrower):
                agent.create_api_key("more", scopes=scopes, expires_in=expires_in)
        assert agent.create_api_key("less", scopes=["audit:read"], expires_in=60).info.status == "active"
        for wrong in ([], ["everything"], "read"):
            with pytest.raises(InvalidInput):
                agent.create_api_key("wrong", scopes=wrong, expires_in=60)


def test_the_wallet_takes_every_key_back(world: World) -> None:
    owner = world.owner()
    signer = owner._need_signer()
    for number in range(KEYS_MAX - 1):
        owner.create_api_key(f"key {number}", scopes=["read"])
    with pytest.raises(KeysFull):
        owner.create_api_key("one more", scopes=["read"])
    places = {"base_url": world.stack.base_url, "state_dir": world.folder()}
    with BuyerAgent.register(signer, "the same wallet", revoke_others=True, **places) as again:
        assert again.agent_id == owner.agent_id
        states = [key.status for key in again.api_keys()]
        assert (states.count("active"), states.count("revoked")) == (1, KEYS_MAX)
    with pytest.raises(Unauthenticated):
        owner.sessions()


def test_the_async_twin_does_the_same(world: World, tmp_path: Path) -> None:
    owner = world.owner()

    async def live() -> list[str]:
        async with AsyncBuyerAgent(
            owner.api_key, base_url=world.stack.base_url, state_dir=tmp_path / "async"
        ) as agent:
            made = await agent.create_api_key("async", scopes={"market"})
            await agent.revoke_api_key(made.id)
            return [key.status for key in await agent.api_keys()]

    assert asyncio.run(live()) == ["revoked", "active"]
