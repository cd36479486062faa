"""Production and staging share neither keys nor budgets, and a second deployment of one is refused."""

import os
from datetime import timedelta
from pathlib import Path

from valetkey import LabelTaken, SessionKeyManager, isolated_workloads

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
day = timedelta(days=1)

with SessionKeyManager(
    owner_key, os.environ["CONTRACT_ADDRESS"], chain=os.environ.get("CHAIN", "base")
) as manager:
    sessions = isolated_workloads(
        manager,
        {
            "production": {"spending_limit": 500, "valid_until": day},
            "staging": {"spending_limit": 5, "valid_until": day},
        },
    )
    for name, session in sessions.items():
        print(f"{name}: {session.spending_limit} USDC, key {session.session_key_hash[:12]}...")
    try:
        isolated_workloads(manager, {"production": {"spending_limit": 500, "valid_until": day}})
    except LabelTaken as no:
        print(f"production again: {no.code}")
