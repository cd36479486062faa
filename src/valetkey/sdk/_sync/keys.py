# Generated from src/valetkey/sdk/_async/keys.py by scripts/generate_sync.py: edit that file instead.
"""What an owner does with API keys: make narrower ones, list them, revoke them."""

import secrets
import time
from collections.abc import Iterable

from valetkey.core.api_key import Scope
from valetkey.crypto.secret import Secret
from valetkey.sdk._sync.agent import Agent, segment
from valetkey.sdk.api_keys import NewApiKey, scopes_of
from valetkey.wire.http import IDEMPOTENCY_HEADER
from valetkey.wire.keys import CreatedKey, CreateKeyRequest, KeyPage, KeyView
from valetkey.wire.timestamps import iso_timestamp

PAGE = 100


class Keys(Agent):
    """The part of an owner that looks after its API keys."""

    def create_api_key(
        self, name: str, *, scopes: Iterable[Scope | str], expires_in: int | None = None
    ) -> NewApiKey:
        """Another API key of the owner, which may do no more than the one in use, and lives no longer.

        `scopes`: such as "read" and "spends:approve"; `expires_in` is seconds from now, None for no end. The secret
        is told once. Raises NotNarrower, KeysFull, ScopeMissing, InvalidInput.
        """
        asked = CreateKeyRequest(
            name=name,
            scopes=scopes_of(scopes),
            expires_at=None if expires_in is None else iso_timestamp(int(time.time()) + expires_in),
        )
        headers = {IDEMPOTENCY_HEADER: secrets.token_hex(16)}
        made = self._client.send("POST", "/agents/keys", CreatedKey, asked, headers=headers, repeat=True)
        return NewApiKey(Secret(made.api_key), made.key)

    def api_keys(self) -> list[KeyView]:
        """Every API key of the owner, newest first, ended ones too. No secret is among it."""
        found: list[KeyView] = []
        while True:
            page = self._client.get("/agents/keys", KeyPage, {"limit": PAGE, "offset": len(found)})
            found += page.keys
            if not page.keys or len(found) >= page.total:
                return found

    def revoke_api_key(self, key_id: str) -> KeyView:
        """End an API key for ever, by its id: when this returns, it opens nothing any more. Raises NotFound."""
        return self._client.send("DELETE", f"/agents/keys/{segment(key_id)}", KeyView, repeat=True)
