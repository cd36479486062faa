"""Labelled sessions without a platform, listed and filtered by status, label and chain."""

import os
from datetime import timedelta
from pathlib import Path

from valetkey import SessionKeyManager

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
chain = os.environ.get("CHAIN", "base")

with SessionKeyManager(owner_key, os.environ["CONTRACT_ADDRESS"], chain=chain) as manager:
    for label, limit in (("data-feed", "10"), ("api-calls", "25"), ("old-job", "5")):
        made = manager.create_session(label=label, spending_limit=limit, valid_until=timedelta(hours=8))
    manager.revoke_session(made.session_key_hash)

    print("active: ", ", ".join(str(one.label) for one in manager.list_sessions(status="active")))
    print("revoked:", ", ".join(str(one.label) for one in manager.list_sessions(status="revoked")))
    for one in manager.list_sessions(label="data-feed"):
        print(f"{one.label}: {one.remaining_limit} of {one.spending_limit} {one.token} on {one.chain}")
    print(f"on {chain}: {len(manager.list_sessions(chain=chain))}")
