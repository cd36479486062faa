"""A session for keys that its delegate made for itself: there is nothing to hand over."""

import time
from collections.abc import Callable
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import session_key_hash
from valetkey.sdk._sync.client import Client
from valetkey.sdk._sync.seller import SellerAgent
from valetkey.sdk.errors import EnrollmentMismatch
from valetkey.sdk.limits import Rules
from valetkey.sdk.session_rules import lifetime_of, rules_of
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.meaning import config_of
from valetkey.wire.network import NetworkView

Do = Callable[[str, Callable[[], str | None]], None]


def make_enrolled(
    draft: Draft, client: Client, network: NetworkView, do: Do, *, approve: Callable[[Client], str]
) -> None:
    """Make it, or find that it was made; a code is good for one session. Raises what the SDK raises."""
    with client:
        do("made", lambda: _made(draft, client, network))
        if not draft.template.sells:
            do("approved", lambda: approve(client))


def _made(draft: Draft, client: Client, network: NetworkView) -> str:
    owner = client.owner
    now = int(time.time())
    config = config_of(draft, now)
    rules = rules_of(config, network)
    since, until = lifetime_of(config, now)
    keys = owner.enrollment(draft["code"])
    name = "0x" + session_key_hash(keys.session).hex()
    found = owner.list_sessions(key_hash=name, limit=1).sessions
    if found:
        view = found[0]
        if view.session_wallet != keys.wallet:
            raise EnrollmentMismatch("the platform names another key than the delegate's: no grant is signed")
        draft.session_id = view.session_id
        if view.role == "buyer":
            owner.grant_session(view.session_id, approve=False)
        return view.session_id
    told: dict[str, Any] = {
        "expiry": until - now,
        "label": config.label,
        "sole_label": config.sole_label,
        "enrollment": keys.code,
    }
    services = list(rules.services)
    if config.sells:
        if since is not None:
            raise InvalidInput("a seller's session begins now", field="not_before")
        with SellerAgent(owner.api_key, base_url=owner._base_url, state_dir=owner._state.home) as seller:
            made = seller.create_session(allowed_service_ids=services, **told)
    else:
        made = owner.create_session(
            allowed_service_ids=services,
            **_buyer(rules),
            **told,
            delegate=config.delegate,
            not_before=since,
            funding="grant",
            approve=False,
        )
    draft.session_id = made.session_id
    return made.session_id


def _buyer(rules: Rules) -> dict[str, Any]:
    """Rules as `create_session` of a BuyerAgent names them."""
    return {
        "budget_usdc": rules.budget,
        "per_spend_usdc": rules.per_spend,
        "windows": rules.windows,
        "spends_max": rules.spends_max,
        "approval_above_usdc": rules.approval_above,
        "limits": rules.limits,
        "allowed_assets": rules.assets,
        "allowed_chains": rules.chains,
        "allowed_payees": rules.payees,
        "allowed_operations": rules.operations,
    }
