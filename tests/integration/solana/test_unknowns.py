"""UNKNOWN_STAYS_HELD on Solana: the engine proves spends by what the real reader reads of the embedded cluster."""

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.fixtures_solana import ClusterRpc
from tests.integration.solana.acting import BUDGET, Scene, act
from valetkey.core.commands import Capture, Command, Void
from valetkey.core.money import Asset, Money
from valetkey.core.spend import Hold, HoldState, SpendRequest
from valetkey.crypto.ed25519 import SigningKey
from valetkey.engine.unknowns import Unknowns
from valetkey.ports.accounts import AccountStore
from valetkey.ports.chain import LapsingReader
from valetkey.ports.ledger import LedgerStore, Payment, SpendRecord
from valetkey.wire.solana import SolanaPayment

HELD = 2_000_000


class Store:
    """One spend that is due, the wallets of its session and owner, and what was settled."""

    def __init__(self, scene: Scene, record: SpendRecord) -> None:
        self._scene = scene
        self._record = record
        self.settled: list[Command] = []

    async def unproven(self, limit: int, lease_seconds: int) -> list[SpendRecord]:
        return [self._record]

    async def settle(self, hold_id: str, command: Command, *, by: str) -> SpendRecord:
        self.settled.append(command)
        return self._record

    async def session(self, session_id: str) -> Any:
        return cast(Any, type("Record", (), {"wallet_address": self._scene.key.address}))

    async def agent(self, agent_id: str) -> Any:
        return cast(Any, type("Agent", (), {"wallet_address": self._scene.owner_key.address}))


def spend(scene: Scene, payee: str, payment: SolanaPayment, **changes: Any) -> SpendRecord:
    asset = Asset("USDC", scene.rpc.chain_id, str(scene.mint.address), 6)
    request = SpendRequest(Money(HELD, asset), None, payee, "payment")
    now = scene.rpc("getBlockTime", scene.rpc("getSlot", {"commitment": "processed"}))
    hold = Hold("hld_1", "ses_1", request, HELD, HoldState.UNKNOWN, now, now + 300)
    stored = Payment(payment.encode(), payment.signature)
    return replace(SpendRecord(replace(hold, **changes), "agt_1", payment=stored))


async def settled(scene: Scene, record: SpendRecord) -> list[Command]:
    store = Store(scene, record)
    readers = {scene.rpc.chain_id: scene.reader}
    unknowns = Unknowns(
        cast(LedgerStore, store), cast(AccountStore, store), readers, observer=lambda outcome, one: None
    )
    await unknowns.step()
    return store.settled


def test_what_was_paid_is_captured_when_it_is_final(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        assert isinstance(scene.reader, LapsingReader)
        payee = SigningKey.generate().address
        payment = await scene.delegate.sign(payee, HELD, name="hld_1")
        record = spend(scene, payee, payment)
        assert await settled(scene, record) == []
        await scene.delegate.pay(payment, commitment="finalized")
        assert await settled(scene, record) == [Capture(HELD)]
        # Another payee than the one that was held for, another case of it, another mint: no proof.
        for other in (SigningKey.generate().address, payee.swapcase()):
            assert await settled(scene, spend(scene, other, payment)) == []

    act(cluster, story)


def test_a_payment_of_another_session_proves_nothing(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payee = SigningKey.generate().address
        payment = await scene.delegate.sign(payee, HELD, name="hld_1")
        await scene.delegate.pay(payment, commitment="finalized")
        scene.key = SigningKey.generate()
        scene.owner_key = SigningKey.generate()
        assert await settled(scene, spend(scene, payee, payment)) == []

    act(cluster, story)


def test_what_landed_and_failed_is_given_back(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payee = SigningKey.generate().address
        payment = await scene.delegate.sign(payee, BUDGET + 1, name="hld_1")
        scene.rpc("sendTransaction", payment.transaction, {"encoding": "base64", "skipPreflight": True})
        scene.rpc.settle()
        assert await settled(scene, spend(scene, payee, payment)) == [Void(proven=True)]

    act(cluster, story)


def test_what_lapsed_is_given_back_and_not_before(cluster: ClusterRpc) -> None:
    async def story(scene: Scene) -> None:
        payee = SigningKey.generate().address
        payment = await scene.delegate.sign(payee, HELD, name="hld_1")
        record = spend(scene, payee, payment)
        scene.rpc("valetkey_warpSlots", 170)
        # Proven, but the bytes may have been stored, and signed, until the hold's end.
        assert await settled(scene, record) == []
        scene.rpc("valetkey_advanceTime", 370)
        assert await settled(scene, record) == [Void(proven=True)]
        # A reference that is not the name of what was stored proves nothing about it.
        other = await scene.delegate.sign(payee, HELD, name="hld_2")
        strange = replace(record, payment=Payment(payment.encode(), other.signature))
        assert await settled(scene, strange) == []

    act(cluster, story)


@pytest.mark.parametrize("reference", [None, "0x" + "77" * 32, "hold", "1" * 40])
def test_UNKNOWN_STAYS_HELD_when_no_transaction_of_solana_is_named(
    cluster: ClusterRpc, reference: str | None
) -> None:
    async def story(scene: Scene) -> None:
        payment = await scene.delegate.sign(scene.owner_key.address, HELD, name="hld_1")
        record = spend(scene, scene.owner_key.address, payment)
        record = replace(record, payment=Payment(payment.encode(), reference))
        assert await settled(scene, record) == []

    act(cluster, story)
