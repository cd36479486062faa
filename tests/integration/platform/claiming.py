"""Claims as a client without our SDK makes them: its own words, and nothing that opens."""

import hashlib
import secrets
import time
from typing import Any

from tests.integration.platform.serving import Agent

ACCESS = "ab" * 32
CIPHERTEXT = "Y2lwaGVydGV4dCBvZiBub2JvZHk="


def a_claim(session: Agent, **changes: Any) -> dict[str, Any]:
    """The body of a request that makes a claim of a session, of fifteen minutes."""
    return {
        "claimId": f"clm_{secrets.token_hex(13)}",
        "sessionId": session.session_id,
        "accessHash": hashlib.sha256(bytes.fromhex(ACCESS)).hexdigest(),
        "ciphertext": CIPHERTEXT,
        "expiresAt": int(time.time()) + 900,
        **changes,
    }


def opening(name: str = "01", **changes: Any) -> dict[str, Any]:
    """The body of a request that opens one; whose it is, is two hex digits."""
    return {"access": ACCESS, "claimant": name * 32, **changes}
