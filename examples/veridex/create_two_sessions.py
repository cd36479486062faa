"""Two sessions of one owner, each with a label, a limit and an end of its own."""

import os
from datetime import timedelta
from pathlib import Path

from valetkey import Client

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()

with Client(chain=os.environ.get("CHAIN", "base"), signer=owner_key) as client:
    treasury = client.create_session(
        label="treasury-ops", spending_limit="1000", valid_until=timedelta(days=1)
    )
    swaps = client.create_session(label="swap-engine", spending_limit="500", valid_until=timedelta(hours=1))
    for session in (treasury, swaps):
        print(f"{session.label} may spend {session.spending_limit} USDC until {session.expires_at:%H:%M} UTC")
        print(f"  session key hash {session.session_key_hash}")
