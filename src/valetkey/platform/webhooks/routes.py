"""Route of webhook secrets."""

from valetkey.platform.http import Access, Call, Endpoint
from valetkey.platform.webhooks.service import WebhookSecrets
from valetkey.wire.agents import WebhookSecret
from valetkey.wire.http import API_PREFIX


async def renew(call: Call) -> WebhookSecret:
    secrets = WebhookSecrets(call.platform.settings, call.platform.store)
    return await secrets.renew(call.caller.agent.id)


ENDPOINTS = [
    Endpoint(
        method="POST",
        path=f"{API_PREFIX}/agents/webhook-secret",
        handler=renew,
        summary="A new secret that signs the caller's webhooks; shown once",
        gives=WebhookSecret,
        access=Access.OWNER,
        status=201,
        secret=True,
    ),
]
