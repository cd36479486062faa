"""Patterns with a manager on an EVM chain and one on Solana: all or none, and one budget through a rotation."""

import time
from decimal import Decimal

import pytest

from tests.integration.manager.solana_world import MONEY, SolanaWorld
from tests.integration.manager.world import HOUR, PAYEE, USDC, World
from valetkey import (
    BudgetExceeded,
    NotFound,
    SessionKeyManager,
    isolated_workloads,
    refresh_daily_budget,
    rotate_session,
    sessions_per_chain,
)
from valetkey.core.errors import InvalidInput
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.days import day_at
from valetkey.sdk.errors import InsufficientFunds, LabelTaken

EVM, SOLANA = "baseSepolia", "solanaLocal"
TWO = {EVM: "20", SOLANA: "10"}


def test_NO_OVERSPEND_a_chain_each_and_a_rotation_on_both(
    world: World, solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    # Both worlds are in one folder: each manager has a file of its own.
    with world.manager(path=world.folder / "evm.db") as on_evm:
        hosts = {EVM: on_evm, SOLANA: on_solana}
        payees = {EVM: PAYEE, SOLANA: SigningKey.generate().address}
        made = sessions_per_chain(hosts, "app", TWO, HOUR)
        assert {chain: (one.label, one.chain, one.status) for chain, one in made.items()} == {
            EVM: ("app-baseSepolia", EVM, "active"),
            SOLANA: ("app-solanaLocal", SOLANA, "active"),
        }
        for chain, other in ((EVM, SOLANA), (SOLANA, EVM)):
            host, old = hosts[chain], made[chain].session_key_hash
            with pytest.raises(NotFound):
                hosts[other].spend(old, to=payees[other], amount=1)
            host.spend(old, to=payees[chain], amount=4)
            new = rotate_session(host, old, grace_seconds=600)
            assert new.remaining_limit == Decimal(TWO[chain]) - 4
            assert {one.status for one in host.list_sessions(label=f"app-{chain}")} == {"active"}
            host.spend(old, to=payees[chain], amount=1)
            with pytest.raises(BudgetExceeded):
                host.spend(new.session_key_hash, to=payees[chain], amount=int(TWO[chain]) - 4)
            host.spend(new.session_key_hash, to=payees[chain], amount=int(TWO[chain]) - 5)
        assert world.units() == 20 * USDC
        assert solana.units(payees[SOLANA]) == 10 * USDC
        assert solana.rpc.units(solana.home) == MONEY - 10 * USDC


def test_when_solana_says_no_nothing_stays_on_the_other_chain(
    world: World, solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    with world.manager(path=world.folder / "evm.db") as on_evm:
        hosts = {EVM: on_evm, SOLANA: on_solana}
        with pytest.raises(InsufficientFunds):
            sessions_per_chain(hosts, "rich", {EVM: "20", SOLANA: "1001"}, HOUR)
        with pytest.raises(InvalidInput):
            sessions_per_chain({EVM: on_evm, SOLANA: on_evm}, "lost", TWO, HOUR)
        for label in ("rich", "lost"):
            assert [one.status for one in on_evm.list_sessions(label=f"{label}-{EVM}")] == ["revoked"]
        assert solana.rpc.units(solana.home) == MONEY


def test_a_day_and_a_workload_are_made_once_on_solana(on_solana: SessionKeyManager) -> None:
    rules = {"spending_limit": 5, "valid_until": HOUR}
    # Tomorrow, so that no day ends while this runs.
    at = day_at(time.time()).ends + 1
    first, second = (refresh_daily_budget(on_solana, "daily", 5, at=at) for _ in range(2))
    assert (first.status, second.session_key_hash) == ("pending", first.session_key_hash)
    assert len(on_solana.list_sessions(label="daily")) == 1
    isolated_workloads(on_solana, {"production": rules})
    with pytest.raises(LabelTaken):
        isolated_workloads(on_solana, {"canary": rules, "production": rules})
    assert [one.status for one in on_solana.list_sessions(label="canary")] == ["revoked"]
