"""Signing in with a wallet through the SDK: a key that ends soon, and that signing out ends at once."""

import asyncio

import pytest

from tests.e2e.proxy import Cut, Proxy
from tests.integration.sdk.world import World, only
from valetkey import AsyncBuyerAgent, BuyerAgent, InvalidInput, NotFound, Unauthenticated
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import Conflict, ScopeMissing


def key_of(owner: BuyerAgent) -> PrivateKey:
    return owner._need_crypto()


def test_a_wallet_signs_in_does_what_it_asked_for_and_signs_out(world: World) -> None:
    owner = world.owner()
    place = {"base_url": world.stack.base_url, "state_dir": world.folder()}
    with BuyerAgent.sign_in(key_of(owner), scopes=["read"], expires_in=600, **place) as reader:
        assert reader.agent_id == owner.agent_id
        assert reader.sessions() == []
        with pytest.raises(ScopeMissing):
            reader.freeze()
        newest = owner.api_keys()[0]
        assert (newest.name, newest.scopes, newest.status) == ("wallet sign-in", ["read"], "active")
        ended = reader.sign_out()
        assert ended is not None
        assert (ended.id, ended.status) == (newest.id, "revoked")
        with pytest.raises(Unauthenticated):
            reader.sessions()
        assert reader.sign_out() is None, "a second time does nothing"
    with pytest.raises(Conflict) as told:
        owner.sign_out()
    assert told.value.code == "not_a_sign_in"
    assert owner.sessions() == []


def test_a_wallet_that_is_elsewhere_signs_what_it_is_shown(world: World) -> None:
    async def run() -> None:
        owner = key_of(world.owner())
        agent = AsyncBuyerAgent(base_url=world.stack.base_url, state_dir=world.folder())
        try:
            text = await agent.sign_in_message(
                owner.address.lower(), scopes=["read", "sessions:write"], domain="127.0.0.1:8789", chain_id=1
            )
            assert f"\nURI: {world.stack.base_url}/api/v1/agents/sign-in\n" in text
            assert f"\nChain ID: {world.stack.chain_id}\n" in text
            info = await agent.sign_in_with(text, LocalSigner(owner).sign_message(text.encode()))
            assert info.wallet_address == owner.address
            assert info.key.scopes == ["read", "sessions:write"]
            assert await agent.sessions() == []
        finally:
            await agent.close()

    asyncio.run(run())


def test_what_cannot_be_meant_is_told(world: World) -> None:
    place = {"base_url": world.stack.base_url, "state_dir": world.folder()}
    stranger = PrivateKey.generate()
    with pytest.raises(NotFound) as told:
        BuyerAgent.sign_in(stranger, scopes=["read"], **place)
    assert told.value.code == "sign_in_no_account"
    owner = key_of(world.owner())
    with pytest.raises(Unauthenticated) as wrong:
        BuyerAgent.sign_in(owner, scopes=["read"], domain="evil.example", **place)
    assert wrong.value.code == "sign_in_wrong_domain"
    for asked in (
        {"scopes": []},
        {"scopes": "read"},
        {"scopes": ["all"]},
        {"scopes": ["read"], "expires_in": 0},
    ):
        with pytest.raises(InvalidInput):
            BuyerAgent.sign_in(owner, **asked, **place)
    with pytest.raises(InvalidInput):
        BuyerAgent.sign_in(owner, scopes=["read"], expires_in=43_201, **place)


def test_IDEMPOTENT_a_lost_answer_leaves_no_key_that_nobody_knows(world: World) -> None:
    owner = world.owner()
    wallet = LocalSigner(key_of(owner))

    def lose(count: int) -> None:
        if count == 1:
            raise Cut

    with (
        Proxy(world.stack.base_url) as proxy,
        BuyerAgent(base_url=proxy.url, state_dir=world.folder()) as agent,
    ):
        # Its URI is where the platform is; the proxy is the net between.
        text = agent.sign_in_message(wallet.address, scopes=["read"]).replace(proxy.url, world.stack.base_url)
        proxy.after = only("POST /api/v1/agents/sign-in", lose)
        info = agent.sign_in_with(text, wallet.sign_message(text.encode()))
        assert agent.sessions() == []
        assert [one.id for one in owner.api_keys()][:1] == [info.key.id]
        assert len(owner.api_keys()) == 2
        with (
            BuyerAgent(base_url=world.stack.base_url, state_dir=world.folder()) as other,
            pytest.raises(Conflict) as told,
        ):
            other.sign_in_with(text, wallet.sign_message(text.encode()))
        assert told.value.code == "sign_in_replayed"
