"""The owner makes a session of 50 USDC for an hour, funds it, and writes the bundle for the delegate.

python examples/abba_baba/create_session.py bundle.txt svc_...
"""

import os
import sys
from pathlib import Path

from valetkey import BuyerAgent

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
bundle_file, service_id = sys.argv[1:]

with BuyerAgent(os.environ["VALETKEY_API_KEY"]) as buyer:
    buyer.init_eoa_wallet(owner_key)
    session = buyer.create_session(budget_usdc=50, expiry=3600, allowed_service_ids=[service_id])
    buyer.fund_session(session)  # USDC and gas; a recovery copy of the keys is stored first
    print(f"session {session.session_id}")
    print(f"wallet  {session.wallet_address}")
    print(f"E2E key {session.e2e_public_key}")

    # The bundle holds private keys: for the eyes of the delegate alone.
    with open(os.open(bundle_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(session.serialize())
