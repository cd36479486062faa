"""The end of a session, signed in advance over a durable nonce, and submitted by somebody else."""

import asyncio

import pytest
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from tests.fixtures_solana import SOL, TOKEN, TOKEN_2022, ClusterRpc
from tests.integration.solana.acting import BUDGET, Scene, act, use_nonce_up
from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import read_nonce
from valetkey.chains.solana.errors import NotAccepted, RevocationDead, SessionClosed, TransactionRefused
from valetkey.chains.solana.expiring import Revocation, read_revocation, submit
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.state import accounts, session_state
from valetkey.chains.solana.submitting import lapsed
from valetkey.chains.solana.transactions import read_transaction, sign, signed_bytes
from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.solana import SolanaPayment, payment_of, read_payment

HOUR = 3_600


def now(scene: Scene) -> int:
    found: int = scene.rpc("getBlockTime", scene.rpc("getSlot", {"commitment": "processed"}))
    return found


async def is_alive(node: SolanaNode, revocation: Revocation) -> bool:
    """Whether it could still be executed: its nonce is as it was when it was signed."""
    _, (nonce,) = await accounts(node, [revocation.nonce])
    found = read_nonce(nonce)
    return found is not None and found.value == revocation.nonce_value


def signed_by_all(unsigned: bytes, signer: SigningKey) -> bytes:
    """A transaction of one signer, signed."""
    transaction = read_transaction(unsigned)
    signature = Signature(signer.sign(signed_bytes(transaction)))
    return bytes(VersionedTransaction.populate(transaction.message, [signature]))


async def by_a_stranger(scene: Scene, payload: bytes, expires_at: int) -> object:
    """Only what was stored: no key, and a connection of its own."""
    node = SolanaNode(scene.rpc.chain_id, scene.rpc.rpc_url)
    try:
        return await submit(node, read_revocation(read_payment(payload)), expires_at)
    finally:
        await node.close()


@pytest.mark.parametrize("program", [TOKEN, TOKEN_2022], ids=["spl", "token-2022"])
def test_a_stranger_ends_the_session_when_its_time_has_come(cluster: ClusterRpc, program: str) -> None:
    async def story(scene: Scene) -> None:
        revocation = await scene.owner.presign_revocation(scene.session)
        payload, expires_at = revocation.payment.encode(), now(scene) + HOUR
        # Long after any blockhash: the session spends meanwhile, and the revocation stays good.
        scene.rpc("valetkey_advanceTime", HOUR + 30)
        await scene.delegate.pay(await scene.delegate.sign(scene.owner_key.address, 5, name="hold_1"))
        assert await is_alive(scene.node, revocation)
        early = await scene.delegate.sign(scene.owner_key.address, 6, name="hold_2")

        revoked = await by_a_stranger(scene, payload, expires_at)
        assert revoked.signature == revocation.payment.signature  # type: ignore[attr-defined]
        assert 30 <= revoked.lateness_seconds < 60  # type: ignore[attr-defined]
        assert revoked.at - expires_at == revoked.lateness_seconds  # type: ignore[attr-defined]
        with pytest.raises(TransactionRefused) as refused:
            await scene.delegate.pay(early)
        assert refused.value.custom == programs.OWNER_MISMATCH
        assert (await session_state(scene.node, scene.session, "finalized")).exposure == 0
        assert scene.held() == BUDGET - 5

    act(cluster, story, program=program)


def test_submitted_twice_and_by_many_it_is_one_revocation(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        revocation = await scene.owner.presign_revocation(scene.session)
        payload, ends = revocation.payment.encode(), now(scene)
        before = scene.rpc.lamports(scene.owner_key.address)
        found = await asyncio.gather(*(by_a_stranger(scene, payload, ends) for _ in range(4)))
        again = await by_a_stranger(scene, payload, ends)
        assert {one.slot for one in [*found, again] if one.signature} == {again.slot}  # type: ignore[attr-defined]
        assert before - scene.rpc.lamports(scene.owner_key.address) == 5_000
        assert not await is_alive(scene.node, revocation)

    act(cluster, story)


def test_after_the_nonce_advanced_it_is_dead_and_says_so(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        old = await scene.owner.presign_revocation(scene.session)
        await use_nonce_up(scene.node, scene.owner_key, scene.session)
        assert not await is_alive(scene.node, old)
        with pytest.raises(RevocationDead):
            await submit(scene.node, old, now(scene))
        # Nobody's node takes it either.
        with pytest.raises(AssertionError):
            scene.rpc("sendTransaction", old.payment.transaction, {"encoding": "base64"})
        assert await scene.owner.exposure(scene.session) == BUDGET
        # The owner extends the session by signing another end.
        scene.rpc.settle()
        new = await scene.owner.presign_revocation(scene.session)
        assert new.nonce_value != old.nonce_value
        await submit(scene.node, new, now(scene))
        assert await scene.owner.exposure(scene.session) == 0

    act(cluster, story)


def test_when_the_owner_was_faster_nothing_is_sent(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        revocation = await scene.owner.presign_revocation(scene.session)
        await scene.owner.reclaim(scene.session)
        before = scene.rpc.lamports(scene.owner_key.address)
        revoked = await submit(scene.node, revocation, 0)
        assert revoked.signature is None
        assert scene.rpc.lamports(scene.owner_key.address) == before
        with pytest.raises(SessionClosed):
            await scene.owner.presign_revocation(scene.session)

    act(cluster, story)


def test_a_revocation_that_failed_in_a_block_is_dead(cluster: ClusterRpc) -> None:
    """A validator advances the nonce of a transaction that failed too."""

    async def story(scene: Scene) -> None:
        revocation = await scene.owner.presign_revocation(scene.session)
        wrong = sign(
            [
                programs.advance_nonce(scene.session.nonce, scene.session.owner),
                programs.revoke(scene.session.program, scene.session.mint, scene.session.owner),
            ],
            scene.session.owner,
            revocation.nonce_value,
            [scene.owner_key],
        )
        text = payment_of(wrong, None, 0).transaction
        scene.rpc("sendTransaction", text, {"encoding": "base64", "skipPreflight": True})
        scene.rpc.settle()
        assert not await is_alive(scene.node, revocation)
        with pytest.raises(RevocationDead):
            await submit(scene.node, revocation, 0)

    act(cluster, story)


def test_the_platform_may_pay_by_signing_too(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        platform = scene.rpc.wallet(SOL)
        revocation = await scene.owner.presign_revocation(scene.session, payer=platform)
        assert str(revocation.payer) == platform.address
        before = scene.rpc.lamports(scene.owner_key.address)
        await submit(scene.node, revocation, 0)
        assert scene.rpc.lamports(scene.owner_key.address) == before
        assert scene.rpc.lamports(platform.address) == SOL - 10_000

    act(cluster, story)


def test_a_payer_without_lamports_is_told_and_nothing_is_used_up(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        poor = SigningKey.generate()
        revocation = await scene.owner.presign_revocation(scene.session, payer=poor)
        with pytest.raises(NotAccepted):
            await submit(scene.node, revocation, 0, wait_seconds=1)
        assert await is_alive(scene.node, revocation)
        scene.rpc("requestAirdrop", poor.address, SOL)
        await submit(scene.node, revocation, 0)

    act(cluster, story)


def test_bytes_of_a_durable_nonce_never_lapse(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        revocation = await scene.owner.presign_revocation(scene.session)
        scene.rpc("valetkey_warpSlots", 1_000)
        assert not await lapsed(scene.node, revocation.payment)
        # Also when whoever stored it says that its blockhash is an ordinary one.
        lie = SolanaPayment(revocation.payment.transaction, 1, revocation.payment.signed_slot)
        assert not await lapsed(scene.node, lie)

    act(cluster, story)


def test_nothing_else_is_submitted_as_a_revocation(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        session, owner = scene.session, scene.session.owner
        good = await scene.owner.presign_revocation(session)
        advance = programs.advance_nonce(session.nonce, owner)
        revoke = programs.revoke(session.program, session.account, owner)
        thief = scene.rpc.wallet()
        move = programs.transfer_checked(
            *(session.program, session.account, session.mint, session.home, owner, 1, 6)
        )
        nonce = good.nonce_value
        unsigned = sign([advance, revoke], owner, nonce, [])
        wrong = [
            sign([advance, move], owner, nonce, [scene.owner_key]),
            sign([advance, revoke, move], owner, nonce, [scene.owner_key]),
            sign([revoke, advance], owner, nonce, [scene.owner_key]),
            sign([revoke], owner, nonce, [scene.owner_key]),
            sign(
                [advance, programs.close_account(session.program, session.account, owner, owner)],
                *(owner, nonce, [scene.owner_key]),
            ),
            sign(
                [programs.advance_nonce(session.nonce, programs.Pubkey(thief.public_key)), revoke],
                *(owner, nonce, [scene.owner_key, thief]),
            ),
        ]
        for raw in wrong:
            with pytest.raises(InvalidInput):
                read_revocation(payment_of(raw, None, 0))
        with pytest.raises(InvalidInput):
            payment_of(unsigned, None, 0)
        raw = good.payment.raw
        with pytest.raises(InvalidInput):
            read_revocation(payment_of(raw[:1] + bytes(range(64)) + raw[65:], None, 0))
        with pytest.raises(InvalidInput):
            read_revocation(SolanaPayment(good.payment.transaction, 5, 0))
        assert isinstance(
            read_revocation(payment_of(signed_by_all(unsigned, scene.owner_key), None, 0)), Revocation
        )

    act(cluster, story)
