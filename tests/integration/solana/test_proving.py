"""What becomes of signed bytes: sent again they move money once; when their time is over, nothing moved: proven."""

import asyncio
from dataclasses import replace

import pytest

from tests.fixtures_solana import ClusterRpc
from tests.integration.solana.acting import BUDGET, Scene, act
from valetkey.chains.solana.errors import Lapsed, StillPending
from valetkey.chains.solana.submitting import lapsed, send, settle, status
from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.solana import SolanaPayment, payment_of, read_payment, signature_of


def test_a_retry_sends_the_same_bytes_and_moves_money_once(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(SigningKey.generate().address, 1_000, name="hold_1")
        stored = payment.encode()
        await send(scene.node, payment)
        # The process ended here; another one has what was stored.
        again = read_payment(stored)
        assert again == payment
        done = await asyncio.gather(*(scene.delegate.pay(again) for _ in range(4)))
        assert {one.signature for one in done} == {payment.signature}
        await send(scene.node, again)
        assert scene.held() == BUDGET - 1_000

    act(cluster, story)


def test_sent_too_late_it_is_proven_that_nothing_moved(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(SigningKey.generate().address, 1_000, name="hold_1")
        assert not await lapsed(scene.node, payment)
        scene.rpc("valetkey_warpSlots", 140)
        assert not await lapsed(scene.node, payment)
        scene.rpc("valetkey_warpSlots", 20)
        assert await lapsed(scene.node, payment)
        assert await scene.reader.lapsed(payment.encode())
        with pytest.raises(Lapsed):
            await scene.delegate.pay(payment)
        assert scene.held() == BUDGET
        assert await scene.reader.execution(payment.signature) is None

    act(cluster, story)


def test_what_landed_never_lapses(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(SigningKey.generate().address, 1_000, name="hold_1")
        await scene.delegate.pay(payment)
        scene.rpc("valetkey_warpSlots", 400)
        assert not await lapsed(scene.node, payment)
        landed = await scene.delegate.pay(payment, commitment="finalized")
        assert landed.commitment == "finalized"
        assert scene.held() == BUDGET - 1_000

    act(cluster, story)


def test_a_stored_height_that_is_a_lie_proves_nothing(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(SigningKey.generate().address, 1_000, name="hold_1")
        scene.rpc.settle()
        lie = SolanaPayment(payment.transaction, 1, payment.signed_slot)
        assert not await lapsed(scene.node, lie)
        # Bytes that nobody signed are nobody's payment.
        raw = payment.raw
        forged = payment_of(raw[:1] + bytes(range(1, 65)) + raw[65:], 1, payment.signed_slot)
        scene.rpc("valetkey_warpSlots", 400)
        assert not await lapsed(scene.node, forged)
        # A node whose memory begins after the bytes were signed cannot know.
        old = SolanaPayment(payment.transaction, payment.last_valid_height, 3)
        assert not await lapsed(scene.node, old)
        assert await lapsed(scene.node, payment)

    act(cluster, story)


def test_a_transaction_that_is_not_final_in_time_is_pending(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(SigningKey.generate().address, 1, name="hold_1")
        with pytest.raises(StillPending):
            await settle(scene.node, payment, commitment="finalized", wait_seconds=0)
        slot, found = await status(scene.node, payment.signature)
        assert found is not None
        assert slot >= found.slot
        await settle(scene.node, payment, commitment="finalized")

    act(cluster, story)


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0", b"\1" + bytes(64) + b"x", b"\1" * 65, b"\x80" * 80, b"\1" * 1_300],
    ids=["empty", "no signature", "not signed", "too short", "too many", "too long"],
)
def test_bytes_that_are_no_signed_transaction(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        signature_of(raw)


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{}", b"null", b"[1]", b'{"transaction":"?","lastValidHeight":1,"signedSlot":1}'),
        b'{"transaction":"AAAA","lastValidHeight":1,"signedSlot":1}',
        b'{"transaction":"AAAA","lastValidHeight":1,"signedSlot":1,"more":1}',
    ],
)
def test_payloads_that_are_none(payload: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_payment(payload)


def test_the_mint_must_have_the_decimals_that_are_meant(cluster: ClusterRpc) -> None:
    from valetkey.chains.solana.errors import TokenMismatch

    async def story(scene: Scene) -> None:
        with pytest.raises(TokenMismatch) as wrong:
            await scene.owner.mint(str(scene.mint.address), 9)
        assert wrong.value.code == "token_mismatch"
        for address in (scene.home, scene.owner_key.address, SigningKey.generate().address):
            with pytest.raises(TokenMismatch):
                await scene.owner.mint(address, 6)
        with pytest.raises(InvalidInput):
            await scene.owner.mint("0x" + "a" * 40, 6)
        # A delegate that was told other decimals is refused by the token program.
        liar = replace(scene.mint, decimals=5)
        from valetkey.chains.solana.delegate import SolanaDelegate
        from valetkey.chains.solana.errors import TransactionRefused

        delegate = SolanaDelegate(scene.node, scene.key, scene.owner_key.address, liar)
        payment = await delegate.sign(SigningKey.generate().address, 1, name="hold_1")
        with pytest.raises(TransactionRefused) as refused:
            await delegate.pay(payment)
        assert refused.value.custom == 18

    act(cluster, story)
