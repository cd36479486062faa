"""Who serves: the holder of one session, or an owner. Opened at the first call: so a dead session can be told of."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio

from valetkey.core.errors import InvalidInput
from valetkey.crypto.secret import Secret
from valetkey.mcp.calls import Calls
from valetkey.mcp.holding import held_by, secrets_of
from valetkey.mcp.plan import Plan, read_secret
from valetkey.mcp.withholding import Withholding
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk._async.seller import AsyncSellerAgent
from valetkey.sdk.errors import NotConfigured, NotFound
from valetkey.sdk.part_file import PartFile
from valetkey.sdk.state import StateFolder
from valetkey.wire.child_bundle import parse_child
from valetkey.wire.sessions import SessionView

SELLER = "seller"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


class Desk:
    """What both have: where new bundles go, which secrets are withheld, and the calls that were made."""

    def __init__(self, plan: Plan, whose: str, secrets: Iterable[Secret]) -> None:
        self.plan = plan
        self.whose = whose
        """A name of the session, or of the owner, that is no secret."""
        self.withholding = Withholding(secrets)
        self._folder = StateFolder(plan.home())
        self._lock = anyio.Lock()

    @property
    def calls(self) -> Calls:
        """The calls of whoever this is."""
        return Calls(self._folder, self.whose)

    def keep_bundle(self, session_id: str, bundle: str) -> str:
        """Write a bundle into the operator's folder, mode 0600; the file's name. Nothing of it is answered."""
        self.withhold(bundle)
        path = self.bundle_path(session_id)
        with PartFile(path) as file:
            file.write(f"{bundle}\n".encode())
        self.drop_parts(session_id)
        return path.name

    def drop_parts(self, session_id: str) -> None:
        """Remove what is left of a bundle's file by one who was killed while it wrote. Raises NotConfigured."""
        path = self.bundle_path(session_id)
        for part in path.parent.glob(f".{path.name}.*.part"):
            part.unlink(missing_ok=True)

    def kept_bundle(self, session_id: str) -> str | None:
        """The bundle that was written for a session; None when there is no such file. Raises NotConfigured."""
        path = self.bundle_path(session_id)
        if not path.exists():
            return None
        bundle = read_secret(path, "a bundle")
        self.withhold(bundle)
        return bundle

    def bundle_path(self, session_id: str) -> Path:
        """Where the bundle of a session goes. Raises NotConfigured."""
        # What a platform calls a session must not lead out of the folder.
        plain = (
            session_id if _PLAIN.fullmatch(session_id) else hashlib.sha256(session_id.encode()).hexdigest()
        )
        return self.bundles() / f"{plain}.bundle"

    def withhold(self, bundle: str) -> None:
        """Know a bundle's secrets, so that none is ever told."""
        self.withholding.add([Secret(bundle), *secrets_of(parse_child(bundle, None)[0])])

    def bundles(self) -> Path:
        """The folder for new bundles, its owner's alone. Raises NotConfigured."""
        folder = self.plan.bundles
        if folder is None:
            raise NotConfigured("the operator of this server allowed no new sessions")
        problem = ""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = error.strerror or "it cannot be made"
        if problem:
            raise NotConfigured(f"the folder for bundles cannot be used: {problem}")
        return folder

    async def close(self) -> None:
        """Close every connection."""


class DelegateDesk(Desk):
    """The holder of a session."""

    def __init__(self, plan: Plan) -> None:
        self._held = held_by(plan)
        # A bundle that is handed over again after an extension is another text of the same session.
        super().__init__(plan, self._held.wallet.lower(), self._held.secrets)
        self._opened: AsyncBuyerAgent | AsyncSellerAgent | None = None

    async def holder(self) -> AsyncBuyerAgent | AsyncSellerAgent:
        """The agent that holds the session: a seller's for one that sells. Raises what `init_with_session` raises."""
        async with self._lock:
            if self._opened is None:
                self._opened = await self._open()
            return self._opened

    async def session(self) -> SessionView:
        """The session as the platform told of it at the first call."""
        view = (await self.holder()).session
        if view is None:
            raise NotConfigured("this session has no token: it is not one of the platform's")
        return view

    async def buyer(self) -> AsyncBuyerAgent:
        """The agent, when its session buys. Raises InvalidInput."""
        agent = await self.holder()
        if not isinstance(agent, AsyncBuyerAgent):
            raise InvalidInput("this session sells: it has nothing to spend", code="wrong_party")
        return agent

    async def seller(self) -> AsyncSellerAgent:
        """The agent, when its session sells. Raises InvalidInput."""
        agent = await self.holder()
        if not isinstance(agent, AsyncSellerAgent):
            raise InvalidInput("this session buys: it has nothing to deliver", code="wrong_party")
        return agent

    @property
    def role(self) -> str | None:
        """buyer or seller; None while nobody has asked the platform."""
        return None if self._opened is None or self._opened.session is None else self._opened.session.role

    @property
    def proves(self) -> bool:
        """Whether every request of the session is signed, as far as anybody has asked the platform."""
        opened = self._opened
        return opened is not None and opened.session is not None and opened.session.proof is not None

    async def close(self) -> None:
        """Close every connection."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()

    async def _open(self) -> AsyncBuyerAgent | AsyncSellerAgent:
        where = dict(self.plan.where())
        agent: AsyncBuyerAgent | AsyncSellerAgent = await self._held.become(AsyncBuyerAgent, where)
        if agent.session is not None and agent.session.role == SELLER:
            await agent.close()
            agent = await self._held.become(AsyncSellerAgent, where)
        self.withholding.add(self._held.secrets)
        return agent


class OwnerDesk(Desk):
    """An owner, by its API key."""

    def __init__(self, plan: Plan) -> None:
        self._api_key = plan.api_key()
        whose = hashlib.sha256(self._api_key.reveal().encode("utf-8", "replace")).hexdigest()
        super().__init__(plan, whose, [self._api_key])
        where: dict[str, Any] = dict(plan.where())
        self.owner = AsyncBuyerAgent(self._api_key, **where)

    async def named(self, label: str) -> SessionView:
        """The living session of a label, the newest. Raises NotFound."""
        for one in await self.owner.sessions(label=label):
            if one.status not in ("revoked", "expired"):
                return one
        raise NotFound("no living session has this label", code="not_found")

    async def close(self) -> None:
        """Close every connection."""
        await self.owner.close()
