"""The owner takes a session back, and with it all that is left in its wallet: without the bundle.

python examples/abba_baba/reclaim.py <session id>
"""

import os
import sys
from pathlib import Path

from valetkey import BuyerAgent

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()

with BuyerAgent(os.environ["VALETKEY_API_KEY"]) as buyer:
    buyer.init_eoa_wallet(owner_key)
    buyer.revoke_session(sys.argv[1])
    print(f"swept in {buyer.reclaim_session(buyer.wallet_address, session=sys.argv[1])}")
    print(f"the session is {buyer.get_session(sys.argv[1]).status}")
