"""Pay with one session, named by its key hash; the same invoice is never paid twice.

python examples/veridex/execute.py 0x... 25 invoice-7
"""

import os
import sys
from pathlib import Path

from valetkey import Client

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
to, amount, invoice = sys.argv[1:]

with Client(chain=os.environ.get("CHAIN", "base"), signer=owner_key) as client:
    (treasury,) = client.list_sessions(label="treasury-ops", status="active")
    done = client.execute(
        session=treasury.session_key_hash,
        action={"type": "transfer", "to": to, "amount": amount, "token": "USDC"},
        idempotency_key=invoice,
    )
    print(f"paid {done.amount} {done.token} in {done.tx_hash}; {done.remaining_limit} remaining")
