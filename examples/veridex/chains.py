"""One session on Base (8453) and one on Ethereum (1), each with a limit and a key of its own.

The file that VALETKEY_CHAINS_FILE names says where the nodes are, and where the contract is.

    python examples/veridex/chains.py 0x<payee>
"""

import os
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from valetkey import NotFound, SessionKeyManager, sessions_per_chain

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
payee = sys.argv[1]

with ExitStack() as opened:
    managers = {
        number: opened.enter_context(SessionKeyManager(owner_key, chain=number)) for number in (8453, 1)
    }
    sessions = sessions_per_chain(managers, "app", {8453: "20", 1: "5"}, timedelta(hours=1))
    for number, session in sessions.items():
        paid = managers[number].spend(session.session_key_hash, to=payee, amount=2)
        print(f"{session.chain}: paid {paid.amount} {paid.token}, {paid.remaining} remaining")
    try:
        managers[1].spend(sessions[8453].session_key_hash, to=payee, amount=2)
    except NotFound as no:
        print(f"the key of Base on Ethereum: {no}")
