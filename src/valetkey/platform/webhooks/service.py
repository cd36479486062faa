"""Webhook secrets: an agent's own, sealed in the database, or the platform's."""

from contextlib import suppress
from dataclasses import dataclass

from valetkey.crypto.credentials import new_webhook_secret
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.crypto.secret import Secret
from valetkey.platform.context import Platform
from valetkey.platform.refusing import OverCapacity
from valetkey.platform.settings import Settings
from valetkey.ports.accounts import AccountStore
from valetkey.wire.agents import WebhookSecret

PURPOSE = "webhook secrets v1"
RETRY_SECONDS = 30
PAGE = 200


def check_room(platform: Platform, agent_id: str, url: str | None) -> None:
    """Raise OverCapacity when an event for this URL of an agent would have to wait behind too many.

    Before anything is held: what is promised has to be sent, so a receiver that takes nothing stops what makes events.
    """
    if url is not None and agent_id in platform.crowded:
        raise OverCapacity("too many webhooks wait for a receiver that does not take them", RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class Resealed:
    """Agents with a webhook secret of their own; of how many it was sealed anew, and of how many nobody can open it."""

    agents: int
    resealed: int
    unreadable: int


class WebhookSecrets:
    """Makes and opens webhook secrets. The sealing key comes from the settings and is never in the database."""

    def __init__(self, settings: Settings, accounts: AccountStore) -> None:
        self._keys = [derive_key(one.reveal().encode(), PURPOSE) for one in settings.master_secrets]
        self._default = settings.webhook_secret
        self._accounts = accounts

    async def renew(self, agent_id: str) -> WebhookSecret:
        """A new secret for the agent's webhooks; the one before signs nothing more."""
        secret = new_webhook_secret()
        sealed = seal(self._keys[0], secret.reveal().encode(), agent_id.encode())
        await self._accounts.set_webhook_secret(agent_id, sealed)
        return WebhookSecret(webhook_secret=secret.reveal())

    async def of(self, agent_id: str) -> Secret:
        """The secret that signs an agent's webhooks."""
        sealed = await self._accounts.webhook_secret(agent_id)
        if sealed is None:
            return self._default
        return Secret(self._opened(agent_id, sealed)[0].decode())

    async def reseal(self) -> Resealed:
        """Seal every agent's secret under the first master secret that was sealed under the other one.

        Secrets stay what they are. After a kill do it again: what is done is done. Whoever renews a secret meanwhile
        has its new one kept.
        """
        agents = resealed = unreadable = 0
        page = await self._accounts.sealed_webhook_secrets("", PAGE)
        while page:
            agents += len(page)
            for agent_id, sealed in page:
                try:
                    secret, key = self._opened(agent_id, sealed)
                except DecryptionFailed:
                    unreadable += 1
                    continue
                if key is not self._keys[0]:
                    anew = seal(self._keys[0], secret, agent_id.encode())
                    resealed += await self._accounts.reseal_webhook_secret(agent_id, sealed, anew)
            page = await self._accounts.sealed_webhook_secrets(page[-1][0], PAGE)
        return Resealed(agents, resealed, unreadable)

    def _opened(self, agent_id: str, sealed: bytes) -> tuple[bytes, bytes]:
        """A secret, and the key that it was sealed under. Raises DecryptionFailed when it is none of them."""
        *newer, last = self._keys
        for key in newer:
            # While one master secret takes another's place, either may have sealed it.
            with suppress(DecryptionFailed):
                return unseal(key, sealed, agent_id.encode()), key
        return unseal(last, sealed, agent_id.encode()), last
