"""Take one session back, and see that it can do nothing more while the other one still can."""

import os
from pathlib import Path

from valetkey import Client, SessionRevoked, Transfer

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()

with Client(chain=os.environ.get("CHAIN", "base"), signer=owner_key) as client:
    (swaps,) = client.list_sessions(label="swap-engine", status="active")
    client.revoke_session(swaps.session_key_hash)
    try:
        client.execute(swaps.session_key_hash, Transfer(to="0x" + "5e" * 20, amount=1, token="USDC"))
    except SessionRevoked as no:
        print(f"swap-engine is refused: {no}")
    for session in client.list_sessions(status="active"):
        print(f"{session.label} goes on")
