"""Processes that share a manager's file on Solana, some of which are killed."""

from collections import Counter

from tests.integration.manager.processes import Process, processes
from tests.integration.manager.solana_world import MONEY, USDC, SolanaWorld
from tests.integration.manager.world import HOUR
from valetkey import SessionKeyManager
from valetkey.crypto.ed25519 import SigningKey


def test_NO_OVERSPEND_by_eight_processes_of_one_file(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    payee = SigningKey.generate().address
    made = on_solana.create_session(label="shared", spending_limit=10, valid_until=HOUR)
    key = made.session_key_hash
    with processes(solana, 8) as all_of_them:
        # Sixteen want one each, and the budget is ten; four of them are one and the same payment.
        for number, one in enumerate(all_of_them):
            wanted = {"key": key, "to": payee, "amount": "1"}
            one.begin("spend", **wanted, idempotency_key="same" if number < 4 else f"own {number}")
        first = [one.end() for one in all_of_them]
        for one in all_of_them:
            one.begin("spend", key=key, to=payee, amount="1")
        second = [one.end() for one in all_of_them]
    paid = {said["is"][0]: said["is"][2] for said in [*first, *second] if "is" in said}
    refused = Counter(said["error"] for said in [*first, *second] if "error" in said)
    assert len(paid) == 10, (first, second)
    assert len(set(paid.values())) == 10, "each is a transaction of its own"
    assert len({said["is"][2] for said in first[:4]}) == 1, "one payment, whoever asked"
    assert refused == {"budget_exceeded": 3}
    assert on_solana.settle()
    assert solana.units(payee) == 10 * USDC
    assert on_solana.restore_session(key).spent == 10
    assert solana.rpc.units(solana.home) == MONEY - 10 * USDC


def test_sessions_are_restored_in_another_process_after_the_first_was_killed(solana: SolanaWorld) -> None:
    payee = SigningKey.generate().address
    first = Process(solana)
    first.ready()
    made = [first.ask("create", label=f"n{number}", limit="2") for number in range(5)]
    first.begin("spend", key=made[0], to=payee, amount="1", idempotency_key="interrupted")
    first.kill()
    with processes(solana, 2) as (second, third):
        assert set(second.ask("list")) == set(made)
        assert [second.ask("restore", key=one) for one in made] == ["active"] * 5
        paid = second.ask("spend", key=made[0], to=payee, amount="1", idempotency_key="interrupted")
        assert paid == third.ask("spend", key=made[0], to=payee, amount="1", idempotency_key="interrupted")
        for one in made[1:]:
            assert second.ask("spend", key=one, to=payee, amount="1")[1] == "captured"
        assert [third.ask("revoke", key=one) for one in made[:2]] == [True, True]
        assert second.refused("spend", key=made[0], to=payee, amount="1") == "session_revoked"
        assert second.refused("sign", key=made[1], message="x") == "session_revoked"
        assert second.ask("spend", key=made[2], to=payee, amount="1")[1] == "captured"
    assert solana.units(payee) == 6 * USDC
