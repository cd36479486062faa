"""New keys without downtime: the new session is active before the old one ends, and both share one budget.

python examples/veridex/rotate.py 0x<payee>
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from valetkey import BudgetExceeded, SessionKeyManager, rotate_session

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
payee = sys.argv[1]

with SessionKeyManager(
    owner_key, os.environ["CONTRACT_ADDRESS"], chain=os.environ.get("CHAIN", "base")
) as manager:
    old = manager.create_session(label="bot", spending_limit=10, valid_until=timedelta(hours=8))
    manager.spend(old.session_key_hash, to=payee, amount=4)

    new = rotate_session(manager, old.session_key_hash, grace_seconds=300)
    before = manager.restore_session(old.session_key_hash)
    print(
        f"old {before.status}, new {new.status}: {new.remaining_limit} of {new.spending_limit} left for both"
    )

    manager.spend(old.session_key_hash, to=payee, amount=1)  # what is under way goes on
    manager.spend(
        new.session_key_hash, to=payee, amount=5
    )  # the first payment of the new key ends the old one
    try:
        manager.spend(new.session_key_hash, to=payee, amount=1)
    except BudgetExceeded as no:
        print(f"refused: {no.code}, {no.remaining} remaining")
