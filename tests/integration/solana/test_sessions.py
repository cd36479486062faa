"""A session's life on the embedded cluster: opened, spent from, revoked, reclaimed; what the token program refuses."""

import asyncio

import pytest

from tests.fixtures_solana import SOL, TOKEN, TOKEN_2022, ClusterRpc
from tests.integration.solana.acting import BUDGET, FEES, WEALTH, Scene, act
from valetkey.chains.solana import programs
from valetkey.chains.solana.addresses import reference_of
from valetkey.chains.solana.delegate import SolanaDelegate
from valetkey.chains.solana.errors import NotAccepted, SessionClosed, TransactionRefused
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.chains.solana.state import session_state
from valetkey.chains.solana.submitting import blockhash, send, settle
from valetkey.chains.solana.transactions import sign
from valetkey.core.money import NATIVE
from valetkey.crypto.ed25519 import SigningKey
from valetkey.wire.solana import SolanaPayment, payment_of

PROGRAMS = pytest.mark.parametrize("program", [TOKEN, TOKEN_2022], ids=["spl", "token-2022"])


@PROGRAMS
def test_a_session_is_opened_spent_from_revoked_and_reclaimed(cluster: ClusterRpc, program: str) -> None:
    async def story(scene: Scene) -> None:
        payee = SigningKey.generate()
        assert scene.held() == BUDGET
        assert scene.rpc.units(scene.home) == WEALTH - BUDGET
        assert scene.rpc.lamports(scene.key.address) == FEES
        assert await scene.owner.exposure(scene.session) == BUDGET

        payment = await scene.delegate.sign(payee.address, 2_500_000, name="hold_1")
        landed = await scene.delegate.pay(payment, commitment="finalized")
        assert landed.signature == payment.signature
        assert scene.held() == BUDGET - 2_500_000
        assert await scene.delegate.exposure() == BUDGET - 2_500_000

        assert await scene.owner.revoke(scene.session) is True
        assert await scene.owner.revoke(scene.session) is False
        assert await scene.owner.exposure(scene.session) == 0
        back = await scene.owner.reclaim(scene.session, commitment="finalized")
        assert back.units == BUDGET - 2_500_000
        assert scene.rpc.units(scene.home) == WEALTH - 2_500_000
        for gone in (scene.session.account, scene.session.nonce):
            assert scene.rpc("getAccountInfo", str(gone), {"commitment": "processed"})["value"] is None
        assert (await scene.owner.reclaim(scene.session)).units == 0
        # What the story cost the owner is fees alone: rents came back.
        spent = 10 * SOL - scene.rpc.lamports(scene.owner_key.address)
        assert spent == FEES + 5_000 * 3

    act(cluster, story, program=program)


@PROGRAMS
def test_more_than_was_approved_is_refused_by_the_token_program_itself(
    cluster: ClusterRpc, program: str
) -> None:
    async def story(scene: Scene) -> None:
        payee = SigningKey.generate()
        payment = await scene.delegate.sign(payee.address, BUDGET + 1, name="hold_1")
        with pytest.raises(TransactionRefused) as refused:
            await scene.delegate.pay(payment)
        assert refused.value.custom == programs.INSUFFICIENT_FUNDS
        assert refused.value.landed is False
        # Also when more is there than was approved.
        scene.rpc("valetkey_giveTokens", scene.owner_key.address, str(scene.mint.address), 0)
        await _top_up(scene, BUDGET)
        assert scene.held() == 2 * BUDGET
        payment = await scene.delegate.sign(payee.address, BUDGET + 1, name="hold_2")
        with pytest.raises(TransactionRefused) as refused:
            await scene.delegate.pay(payment)
        assert refused.value.custom == programs.INSUFFICIENT_FUNDS
        assert scene.held() == 2 * BUDGET
        assert await scene.owner.exposure(scene.session) == BUDGET

    act(cluster, story, program=program)


def test_an_over_spend_that_skips_the_trial_lands_and_moves_nothing(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(scene.owner_key.address, BUDGET + 1, name="hold_1")
        scene.rpc("sendTransaction", payment.transaction, {"encoding": "base64", "skipPreflight": True})
        with pytest.raises(TransactionRefused) as refused:
            await settle(scene.node, payment)
        assert refused.value.landed is True
        assert refused.value.custom == programs.INSUFFICIENT_FUNDS
        assert scene.held() == BUDGET
        done = await scene.reader.execution(payment.signature)
        assert done is not None
        assert (done.succeeded, done.transfers, done.sender) == (False, (), scene.key.address)

    act(cluster, story)


async def _top_up(scene: Scene, units: int) -> None:
    session = scene.session
    move = programs.transfer_checked(
        *(session.program, session.home, session.mint, session.account, session.owner, units, 6)
    )
    recent = await blockhash(scene.node)
    raw = sign([move], session.owner, recent.value, [scene.owner_key])
    await settle(scene.node, payment_of(raw, recent.last_valid_height, recent.slot))


@PROGRAMS
def test_after_the_revocation_the_token_program_refuses_the_key(cluster: ClusterRpc, program: str) -> None:
    async def story(scene: Scene) -> None:
        early = await scene.delegate.sign(scene.owner_key.address, 1, name="hold_1")
        await scene.owner.revoke(scene.session)
        with pytest.raises(TransactionRefused) as refused:
            await scene.delegate.pay(early)
        assert refused.value.custom == programs.OWNER_MISMATCH
        with pytest.raises(SessionClosed):
            await scene.delegate.sign(scene.owner_key.address, 1, name="hold_2")
        assert scene.held() == BUDGET

    act(cluster, story, program=program)


def test_another_key_cannot_spend(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        thief = scene.rpc.wallet()
        session, payee = scene.session, scene.session.home
        move = programs.transfer_checked(
            *(session.program, session.account, session.mint, payee, programs.Pubkey(thief.public_key), 1, 6)
        )
        recent = await blockhash(scene.node)
        raw = sign([move], programs.Pubkey(thief.public_key), recent.value, [thief])
        with pytest.raises(TransactionRefused) as refused:
            await settle(scene.node, payment_of(raw, recent.last_valid_height, recent.slot))
        assert refused.value.custom == programs.OWNER_MISMATCH

    act(cluster, story)


def test_the_token_program_does_not_care_whom_the_key_pays(cluster: ClusterRpc) -> None:
    """Said in the documents: payee, window and end are the gate's to enforce, the amount is the program's."""

    async def story(scene: Scene) -> None:
        anybody = SigningKey.generate()
        await scene.delegate.pay(await scene.delegate.sign(anybody.address, BUDGET, name="hold_1"))
        assert scene.held() == 0

    act(cluster, story)


def test_opening_again_funds_nothing_twice(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        again = await scene.owner.open(scene.key.address, scene.mint, BUDGET, fee_lamports=FEES)
        assert again == scene.session
        await scene.delegate.pay(await scene.delegate.sign(scene.owner_key.address, 1_000, name="hold_1"))
        await scene.owner.open(scene.key.address, scene.mint, BUDGET, fee_lamports=FEES)
        assert scene.held() == BUDGET - 1_000
        await scene.owner.reclaim(scene.session)
        with pytest.raises(SessionClosed):
            await scene.owner.open(scene.key.address, scene.mint, BUDGET)
        assert scene.rpc.units(scene.home) == WEALTH

    act(cluster, story)


def test_many_who_open_the_same_session_open_it_once(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        found = await asyncio.gather(
            *(scene.owner.open(scene.key.address, scene.mint, BUDGET, fee_lamports=FEES) for _ in range(5))
        )
        assert len(set(found)) == 1
        assert scene.held() == BUDGET
        assert scene.rpc.units(scene.home) == WEALTH - BUDGET
        assert scene.rpc.lamports(scene.key.address) == FEES

    act(cluster, story, is_open=False)


class Killed(BaseException):
    """The process ends here."""


def test_killed_between_signing_and_sending_it_is_opened_by_the_next_run(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        stored: list[SolanaPayment] = []

        async def die(payment: SolanaPayment) -> None:
            stored.append(payment)
            raise Killed

        with pytest.raises(Killed):
            await scene.owner.open(scene.key.address, scene.mint, BUDGET, store=die)
        assert (await session_state(scene.node, scene.session)).account is None
        # The next run knows nothing but owner, key and mint; the first one's bytes may still be sent by anybody.
        scene.rpc.settle()
        await scene.owner.open(scene.key.address, scene.mint, BUDGET)
        with pytest.raises(TransactionRefused):
            await send(scene.node, stored[0])
        assert scene.held() == BUDGET
        assert scene.rpc.units(scene.home) == WEALTH - BUDGET

    act(cluster, story, is_open=False)


def test_killed_after_sending_the_next_run_finds_it_open(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        async def send_and_die(payment: SolanaPayment) -> None:
            await send(scene.node, payment)
            raise Killed

        with pytest.raises(Killed):
            await scene.owner.open(scene.key.address, scene.mint, BUDGET, store=send_and_die)
        scene.rpc.settle()
        other = SolanaOwner(scene.node, SigningKey(scene.owner_key.secret()))
        assert await other.open(scene.key.address, scene.mint, BUDGET) == scene.session
        assert scene.held() == BUDGET

    act(cluster, story, is_open=False)


def test_lamports_that_somebody_sent_there_before_do_not_stop_it(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        scene.rpc("requestAirdrop", scene.account, 1_000_000)
        scene.rpc("requestAirdrop", str(scene.session.nonce), 10 * SOL)
        scene.rpc.settle()
        await scene.owner.open(scene.key.address, scene.mint, BUDGET)
        back = await scene.owner.reclaim(scene.session)
        assert back.units == BUDGET
        assert back.lamports > 10 * SOL

    act(cluster, story, is_open=False)


def test_what_arrives_while_it_is_reclaimed_comes_home_too(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        await scene.owner.revoke(scene.session)
        look = scene.node.value
        looks = 0

        async def look_and_pay(method: str, *params: object) -> tuple[int, object]:
            nonlocal looks
            answer = await look(method, *params)
            if method == "getTokenAccountBalance":
                looks += 1
                if looks == 1:
                    scene.node.value = look  # type: ignore[method-assign]
                    await _top_up(scene, 7)
            return answer

        scene.node.value = look_and_pay  # type: ignore[method-assign]
        back = await scene.owner.reclaim(scene.session)
        assert looks == 1
        assert back.units == BUDGET + 7
        assert scene.rpc.units(scene.home) == WEALTH

    act(cluster, story)


def test_a_sponsor_pays_for_a_key_that_has_nothing(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payee, sponsor = SigningKey.generate(), scene.rpc.wallet(SOL)
        with pytest.raises(NotAccepted):
            await scene.delegate.pay(
                await scene.delegate.sign(payee.address, 5, name="hold_1"), wait_seconds=1
            )
        delegate = SolanaDelegate(scene.node, scene.key, scene.owner_key.address, scene.mint, sponsor=sponsor)
        payment = await delegate.sign(payee.address, 5, name="hold_2")
        await delegate.pay(payment, commitment="finalized")
        done = await scene.reader.execution(payment.signature)
        assert done is not None
        assert done.sender == sponsor.address
        assert set(done.signers) == {sponsor.address, scene.key.address}
        (moved,) = [one for one in done.transfers if one.token == str(scene.mint.address)]
        assert (moved.payer, moved.payee, moved.units) == (scene.owner_key.address, payee.address, 5)
        assert moved.authority == scene.key.address

    act(cluster, story, fees=0)


def test_a_payment_is_found_by_the_name_of_its_hold(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payee = SigningKey.generate()
        payment = await scene.delegate.sign(payee.address, 9, name="hold_77")
        await scene.delegate.pay(payment, commitment="finalized")
        assert await scene.reader.payments("hold_77") == [payment.signature]
        assert await scene.reader.payments("hold_78") == []
        assert reference_of("hold_77") != reference_of("hold_78")
        done = await scene.reader.execution(payment.signature)
        final = await scene.reader.final()
        assert done is not None
        assert done.block.number <= final.number
        assert done.succeeded
        rents = [one for one in done.transfers if one.token == NATIVE]
        assert [one.payer for one in rents] == [scene.key.address]
        account = programs.associated_account(
            programs.Pubkey(payee.public_key), scene.mint.address, scene.mint.program
        )
        assert await scene.reader.token_balance(str(account)) == 9
        assert await scene.reader.token_balance(payee.address) == 0
        assert await scene.reader.native_balance(payee.address) == 0

    act(cluster, story)


def test_what_the_key_burns_is_seen(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        session = scene.session
        burn = programs.Instruction(
            session.program,
            bytes([programs.BURN_CHECKED]) + (5).to_bytes(8, "little") + b"\6",
            [
                programs.AccountMeta(session.account, False, True),
                programs.AccountMeta(session.mint, False, True),
                programs.AccountMeta(session.key, True, False),
            ],
        )
        recent = await blockhash(scene.node)
        raw = sign([burn], session.key, recent.value, [scene.key])
        landed = await settle(scene.node, payment_of(raw, recent.last_valid_height, recent.slot))
        done = await scene.reader.execution(landed.signature)
        assert done is not None
        (moved,) = done.transfers
        assert (moved.payee, moved.units, moved.authority) == (str(session.mint), 5, scene.key.address)

    act(cluster, story)


def test_two_processes_of_one_owner_see_one_session(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        node = SolanaNode(cluster.chain_id, cluster.rpc_url)
        other = SolanaOwner(node, scene.owner_key)
        done = await asyncio.gather(other.revoke(scene.session), scene.owner.revoke(scene.session))
        assert any(done)
        await asyncio.gather(other.reclaim(scene.session), scene.owner.reclaim(scene.session))
        await node.close()
        assert scene.rpc.units(scene.home) == WEALTH

    act(cluster, story)
