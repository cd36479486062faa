"""An account that the token's issuer froze: nothing moves while it is, and nothing has ended by it."""

import base64

import pytest

from tests.integration.manager.solana_world import USDC, SolanaWorld
from tests.integration.manager.world import HOUR
from valetkey import SessionKeyManager
from valetkey.crypto.ed25519 import SigningKey
from valetkey.sdk.errors import InsufficientFunds

STATE = 108
"""Where the program keeps whether an account is used, 1, or frozen, 2."""


def freeze(solana: SolanaWorld, account: str, *, frozen: bool) -> None:
    """As the mint's freeze authority would."""
    asked = {"encoding": "base64", "commitment": "processed"}
    found = solana.rpc("getAccountInfo", account, asked)["value"]
    data = bytearray(base64.b64decode(found["data"][0]))
    data[STATE] = 2 if frozen else 1
    changed = {**found, "data": [base64.b64encode(data).decode(), "base64"]}
    solana.rpc("valetkey_setAccount", account, changed)
    solana.rpc.settle()


def test_a_frozen_account_pays_again_when_it_is_thawed(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    payee = SigningKey.generate().address
    made = on_solana.create_session(label="frozen", spending_limit=10, valid_until=HOUR)
    key, account = made.session_key_hash, solana.session_account(made.wallet_address)
    freeze(solana, account, frozen=True)
    assert on_solana.restore_session(key).status == "active"
    with pytest.raises(InsufficientFunds, match="frozen"):
        on_solana.spend(key, to=payee, amount=1, idempotency_key="one")
    assert on_solana.settle()
    assert (on_solana.restore_session(key).status, on_solana.restore_session(key).held) == ("active", 0)
    freeze(solana, account, frozen=False)
    assert on_solana.spend(key, to=payee, amount=1, idempotency_key="one").state == "captured"
    assert solana.units(payee) == USDC


def test_REVOKED_IS_DEAD_a_frozen_account_is_ended_once_it_is_thawed(
    solana: SolanaWorld, on_solana: SessionKeyManager
) -> None:
    """The program refuses to revoke what is frozen: the key would live again after the thaw."""
    made = on_solana.create_session(label="frozen", spending_limit=10, valid_until=HOUR)
    key, account = made.session_key_hash, solana.session_account(made.wallet_address)
    freeze(solana, account, frozen=True)
    assert not on_solana.revoke_session(key, wait=False).on_chain
    on_solana.step()
    freeze(solana, account, frozen=False)
    assert on_solana.settle()
    assert on_solana.exposure(key) == 0
    assert on_solana.revoke_session(key).on_chain
