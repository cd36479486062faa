"""Register the owner's wallet with the platform, and say how the other programs learn of it.

eval "$(python examples/set_up.py acme-treasury)"
"""

import os
import sys
from pathlib import Path

from valetkey import BuyerAgent

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()

with BuyerAgent.register(owner_key, sys.argv[1]) as owner:
    api_key = owner.api_key
    assert api_key is not None, "whoever registers gets a key"
    # It is shown once, to the owner who made it.
    print(f"export VALETKEY_API_KEY={api_key.reveal()}")
