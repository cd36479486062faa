"""A new budget every day. Run it whenever you like, from as many schedulers as you like: a day has one session.

python examples/veridex/daily_refresh.py 25 Europe/Berlin
"""

import os
import sys
from pathlib import Path

from valetkey import SessionKeyManager, refresh_daily_budget

owner_key = Path(os.environ["OWNER_KEY_FILE"]).read_text().strip()
limit, tz = sys.argv[1:]

with SessionKeyManager(
    owner_key, os.environ["CONTRACT_ADDRESS"], chain=os.environ.get("CHAIN", "base")
) as manager:
    today = refresh_daily_budget(manager, "daily-budget", limit, tz=tz)
    print(f"today's session {today.session_key_hash}")
    print(f"{today.remaining_limit} of {today.spending_limit} USDC left until {today.expires_at} ({tz})")
