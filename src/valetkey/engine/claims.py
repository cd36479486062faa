"""Claims that nobody opened end by themselves, with their sessions; and what owners are told of claims."""

import asyncio
from collections.abc import Callable

from valetkey.core.claim import Claim, ClaimState, OnInterception
from valetkey.core.ids import Kind
from valetkey.crypto.credentials import new_id
from valetkey.ports.accounts import AccountStore
from valetkey.ports.claims import ClaimStore, Telling
from valetkey.ports.ledger import Event
from valetkey.ports.watching import begin_round
from valetkey.wire.claims import ClaimTold
from valetkey.wire.http import encode
from valetkey.wire.timestamps import iso_timestamp

BATCH = 50
NAMES = {
    ClaimState.CLAIMED: "claim.opened",
    ClaimState.INTERCEPTED: "claim.intercepted",
    ClaimState.EXPIRED: "claim.expired",
}

Observer = Callable[[str, Claim], None]
"""Told what became of a claim: `expired`, `erased`."""


def telling_of(url: str | None) -> Telling:
    """What the owner's URL is told of a claim that changed; nothing where there is none."""

    def tell(claim: Claim) -> tuple[Event, ...]:
        name = NAMES.get(claim.state)
        if url is None or name is None:
            return ()
        body = ClaimTold(event=name, session=_session(claim), **told(claim, claim.state))
        return (
            Event(
                id=new_id(Kind.WEBHOOK),
                agent_id=claim.owner_id,
                transaction_id=claim.id,
                name=name,
                url=url,
                body=encode(body),
            ),
        )

    return tell


def told(claim: Claim, status: ClaimState) -> dict[str, str]:
    """What a ClaimView says of a claim, as it is at a time."""
    times = ("claimed_at", "intercepted_at", "ended_at")
    facts = {name: iso_timestamp(at) for name in times if (at := getattr(claim, name)) is not None}
    places = {name: getattr(claim, name) for name in ("claimed_from", "intercepted_from")}
    return {
        "claim_id": claim.id,
        "session_id": claim.session_id,
        "status": str(status),
        "on_interception": str(claim.on_interception),
        "made_at": iso_timestamp(claim.made_at),
        "expires_at": iso_timestamp(claim.expires_at),
        **facts,
        **{name: place for name, place in places.items() if place is not None},
    }


def _session(claim: Claim) -> str:
    if claim.state is ClaimState.CLAIMED:
        return "active"
    pauses = claim.state is ClaimState.INTERCEPTED and claim.on_interception is OnInterception.PAUSE
    return "paused" if pauses else "revoked"


class ClaimKeeper:
    """Looks for claims whose time has come. Any number of them may: each claim ends once."""

    def __init__(self, claims: ClaimStore, accounts: AccountStore, observer: Observer) -> None:
        self._claims = claims
        self._accounts = accounts
        self._observer = observer

    async def run(self, interval_seconds: float) -> None:
        """Run until cancelled: at once, so that what was due while nobody ran ends, and then every so often."""
        while True:
            begin_round()
            if await self.step() < BATCH:
                await asyncio.sleep(interval_seconds)

    async def step(self) -> int:
        """End what is due, up to a batch; how many were."""
        due = await self._claims.claims_due(BATCH)
        for before in due:
            owner = await self._accounts.agent(before.owner_id)
            tell = telling_of(None if owner is None else owner.webhook_url)
            after = await self._claims.look_at_claim(before.id, tell)
            if after != before:
                self._observer("expired" if after.state is ClaimState.EXPIRED else "erased", after)
        return len(due)
