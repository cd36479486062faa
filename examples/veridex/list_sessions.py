"""What every session has left."""

import os

from valetkey import Client

with Client(chain=os.environ.get("CHAIN", "base")) as client:
    for session in client.list_sessions():
        left = "unlimited" if session.remaining_limit is None else f"{session.remaining_limit} USDC"
        print(f"{session.label}: {session.status} - {left} remaining")
