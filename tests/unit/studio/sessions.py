"""Sessions as the platform tells them, for what turns them into words."""

from typing import Any

from valetkey.wire.network import Contracts, NetworkView
from valetkey.wire.sessions import SessionView

BASE = NetworkView(
    network="base",
    chain="base",
    chain_id=8453,
    rpc_url=None,
    contracts=Contracts(usdc="0x" + "1" * 40),
    confirmations=1,
    test_mode=False,
)
SEPOLIA = NetworkView(
    network="base-sepolia",
    chain="baseSepolia",
    chain_id=84532,
    rpc_url=None,
    contracts=Contracts(usdc="0x" + "2" * 40),
    confirmations=1,
    test_mode=True,
)
NETWORKS = {one.chain_id: one for one in (BASE, SEPOLIA)}
NOW = 1_795_600_800
"""Wednesday, 25 November 2026, 10:00 UTC."""

FRIDAY = NOW + 2 * 86_400 + 7 * 3_600
"""Friday 17:00 UTC, 18:00 in Berlin."""


def session(**members: Any) -> SessionView:
    """A session of a buyer with 5,000 USDC on Base until Friday, unless told otherwise."""
    usual: dict[str, Any] = {
        "session_id": "ses_" + "a" * 25,
        "agent_id": "agt_" + "b" * 25,
        "owner_wallet": "0x" + "3" * 40,
        "role": "buyer",
        "status": "active",
        "label": "Papers",
        "tree_id": "ses_" + "a" * 25,
        "depth": 0,
        "policy_version": 1,
        "budget_usdc": "5000",
        "remaining_usdc": "5000",
        "worst_case_loss_usdc": "5000",
        "held_usdc": "0",
        "spent_usdc": "0",
        "per_spend_usdc": None,
        "windows": [],
        "spends_max": None,
        "spends": 0,
        "allowed_service_ids": [],
        "allowed_chains": [8453],
        "not_before": 0,
        "expires_at": "2026-11-27T17:00:00.000Z",
        "expiry": FRIDAY,
        "session_wallet": None,
        "e2e_public_key": None,
        "funding_mode": "wallet",
        "network": BASE,
    }
    return SessionView(**usual | members)
