"""One session for each role: the treasury pays anybody, the swapper one payee, the monitor nothing at all.

python examples/veridex/roles.py 0x<router>
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from valetkey import Client, Refused, Transfer, sessions_per_role

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
router = sys.argv[1]
day = timedelta(days=1)

with Client(chain=os.environ.get("CHAIN", "base"), signer=owner_key) as client:
    sessions = sessions_per_role(
        client,
        {
            "treasury": {"spending_limit": 1000, "valid_until": day, "approval_above": 200},
            "swapper": {"spending_limit": 100, "valid_until": day, "allowed_payees": [router]},
            "monitor": {"spending_limit": 0, "valid_until": day},
        },
    )
    for role, session in sessions.items():
        for amount in (5, 250):
            try:
                client.execute(session, Transfer(to=router, amount=amount, token="USDC"))
                print(f"{role} pays {amount} USDC")
            except Refused as no:
                print(f"{role} does not pay {amount} USDC: {no.code}")
