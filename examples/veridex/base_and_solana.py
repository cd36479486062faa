"""One session on Base and one on Solana, made by one call: each pays once, then both are taken back.

The file that VALETKEY_CHAINS_FILE names says where the nodes are, where the contract is on Base, and which mint
is USDC on Solana. OWNER_KEY_FILE is the owner's key on Base, SOLANA_KEYPAIR_FILE the one on Solana, as Solana's
command line writes it. It needs valetkey[solana].

    python examples/veridex/base_and_solana.py 0x<payee> <payee on Solana>
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from valetkey import NotFound, SessionKeyManager, sessions_per_chain

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
owner_keypair = Path(os.environ["SOLANA_KEYPAIR_FILE"])
cluster = os.environ.get("SOLANA_CHAIN", "solana")
payees = {"base": sys.argv[1], cluster: sys.argv[2]}

with (
    SessionKeyManager(owner_key, chain="base") as base,
    SessionKeyManager(owner_keypair, chain=cluster) as solana,
):
    managers = {"base": base, cluster: solana}
    sessions = sessions_per_chain(managers, "app", {"base": "20", cluster: "10"}, timedelta(hours=1))
    for chain, session in sessions.items():
        paid = managers[chain].spend(session.session_key_hash, to=payees[chain], amount=3)
        print(f"{chain}: paid {paid.amount} {paid.token}, {paid.remaining} remaining")
    try:
        solana.spend(sessions["base"].session_key_hash, to=payees[cluster], amount=3)
    except NotFound as no:
        print(f"the key of Base on Solana: {no}")

    for chain, manager in managers.items():
        for one in manager.list_sessions(label=f"app-{chain}", status="active"):
            revoked = manager.revoke_session(one.session_key_hash)
            proof = "the chain shows it" if revoked.on_chain else "the chain does not show it yet"
            print(f"{one.label}: {one.spent} of {one.spending_limit} {one.token} spent, revoked, {proof}")
    # On Base the money never left the owner. On Solana it is in the session's account until it is fetched.
    back = solana.reclaim(sessions[cluster].session_key_hash)
    print(f"back from Solana: {back.amount} {sessions[cluster].token}")
