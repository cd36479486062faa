"""After a restart a session is there again, by its key hash: without it, this makes one and says how to go on.

python examples/veridex/restore.py
python examples/veridex/restore.py 0x<session key hash>
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from valetkey import SessionKeyManager

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
chain = os.environ.get("CHAIN", "base")

with SessionKeyManager(owner_key, os.environ["CONTRACT_ADDRESS"], chain=chain) as manager:
    if len(sys.argv) == 1:
        made = manager.create_session(label="night-job", spending_limit=10, valid_until=timedelta(hours=8))
        print(made.session_key_hash)
    else:
        session = manager.restore_session(sys.argv[1])
        print(f"restored {session.label}: {session.status}, {session.remaining_limit} remaining")
        signature = manager.sign(session.session_key_hash, "ready for work")
        print(f"signed with its key: 0x{signature.hex()[:16]}...")
