"""A session takes the place of another one, whose key spends meanwhile."""

import pytest

from tests.fixtures_solana import TOKEN, TOKEN_2022, ClusterRpc
from tests.integration.solana.acting import BUDGET, WEALTH, Scene, act
from valetkey.chains.solana.moving import move
from valetkey.chains.solana.state import session_state
from valetkey.crypto.ed25519 import SigningKey

MOVED = 20_000_000


async def spend(scene: Scene, units: int) -> None:
    payee = scene.rpc.wallet()
    await scene.delegate.pay(
        await scene.delegate.sign(payee.address, units, name="race", create_account=True)
    )


async def moved(scene: Scene, key: SigningKey, units: int, *, seen: int) -> bool:
    new = scene.owner.accounts(key.address, scene.mint)
    return await move(
        scene.node, scene.owner_key, scene.session, new, scene.mint, units, seen=seen, wait_seconds=30
    )


@pytest.mark.parametrize("program", [TOKEN, TOKEN_2022], ids=["spl", "token-2022"])
@pytest.mark.parametrize("grown", [0, 7, -7])
def test_NO_OVERSPEND_what_the_old_key_took_since_the_look_is_not_given_again(
    cluster: ClusterRpc, program: str, grown: int
) -> None:
    async def story(scene: Scene) -> None:
        key = SigningKey.generate()
        # The units are counted, and then the old key is faster.
        await spend(scene, MOVED)
        assert await moved(scene, key, BUDGET + grown, seen=BUDGET)
        state = await session_state(scene.node, scene.owner.accounts(key.address, scene.mint))
        assert state.account is not None
        assert state.account.delegated == state.exposure == BUDGET + grown - MOVED
        assert scene.rpc.units(scene.home) == WEALTH - BUDGET - grown
        assert await moved(scene, key, BUDGET + grown, seen=BUDGET), "done before, it stays"

    act(cluster, story, program=program)


def test_NO_OVERSPEND_where_the_old_key_took_all_nothing_is_given(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        key = SigningKey.generate()
        await spend(scene, BUDGET)
        assert not await moved(scene, key, BUDGET, seen=BUDGET)
        state = await session_state(scene.node, scene.owner.accounts(key.address, scene.mint))
        assert state.account is None
        assert scene.rpc.units(scene.home) == WEALTH - BUDGET

    act(cluster, story)
