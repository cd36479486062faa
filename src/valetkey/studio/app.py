"""The studio's composition root: who is signed in, the door, the pages, and the gate around all of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from nicegui import Client, core, ui
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from valetkey.studio import once
from valetkey.studio.assets import asset_text, serve_asset
from valetkey.studio.deeds.deeds import Deeds
from valetkey.studio.deeds.doing import Place
from valetkey.studio.gate import SIGN_IN, Gate
from valetkey.studio.owners import Owner, Owners
from valetkey.studio.page import Page
from valetkey.studio.pages import alerts, approvals, inventory, missing, overview
from valetkey.studio.pages.deed import DeedPages
from valetkey.studio.pages.new_session import Wizard
from valetkey.studio.plan import Plan
from valetkey.studio.sign_in_address import OneTime
from valetkey.studio.signing_in import Door
from valetkey.studio.sittings import Sitting, Sittings
from valetkey.studio.wallet_door import WalletDoor
from valetkey.studio.wizard.making import Makings
from valetkey.studio.wizard.operator import Operator

SWEEP_SECONDS = 2.0
FAREWELL_SECONDS = 0.5
"""How long a browser has to hear that it is signed out."""

PAGE_SECONDS = 20.0
"""How long the platform may take for the first look."""

RECONNECT_SECONDS = 3.0


Build = Callable[..., Awaitable[None]]


class Studio:
    """Everything that lives as long as the process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sittings = Sittings(plan.idle_seconds, plan.sitting_seconds)
        self.owners = Owners(plan, self._gone)
        self._ending: set[asyncio.Task[None]] = set()

    def page(self, address: str) -> Callable[[Build], None]:
        """Serve a page: what builds it gets a Page, and what its address holds."""

        def registered(build: Build) -> None:
            served = ui.page(address, response_timeout=PAGE_SECONDS, reconnect_timeout=RECONNECT_SECONDS)
            served(self.shown(build))

        return registered

    def shown(self, build: Build) -> Callable[[Request], Awaitable[None]]:
        """What NiceGUI calls for a page."""

        async def shown(request: Request) -> None:
            page = Page(request, ui.context.client, self.end)
            await build(page, **request.path_params)

        return shown

    async def end(self, sitting: Sitting, why: str) -> None:
        """Sign out: every page of the sitting goes to the door, and answers nothing any more."""
        if not self.sittings.end(sitting):
            return
        clients = [one for one in sitting.clients if not one.is_deleted]
        place = json.dumps(f"{SIGN_IN}?ended={why}")
        for client in clients:
            client.run_javascript(f"location.replace({place})")
        # First: leaving may ask the platform, and no page waits for that to be deaf.
        self._later(_forget(clients))
        await self.owners.leave(sitting.owner)

    def _gone(self, owner: Owner) -> None:
        for sitting in self.sittings:
            if sitting.owner is owner:
                self._later(self.end(sitting, "key"))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Sweep while it runs; at the end every owner's connections are closed."""
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            sittings = list(self.sittings)
            for sitting in sittings:
                self.sittings.end(sitting)
            leaving = [self.owners.leave(one.owner) for one in sittings]
            await asyncio.gather(sweeping, *leaving, *self._ending, return_exceptions=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for sitting in self.sittings:
                if self.sittings.is_over(sitting):
                    # Beside: ending a key asks the platform, which may take its time.
                    self._later(self.end(sitting, "idle"))


def create_app(plan: Plan, operator: Operator) -> Gate:
    """The ASGI application. NiceGUI's pages are the process's own: there is one studio in a process."""
    studio = Studio(plan)
    wizard = Wizard(Makings(plan.base_url, plan.state_dir, operator))
    deeds = DeedPages(Deeds(Place(plan.base_url, plan.state_dir, operator)))
    door = Door(plan, studio.owners, studio.sittings, studio.end)
    wallet_door = WalletDoor(door, OneTime(operator))
    app = FastAPI(
        openapi_url=None,
        lifespan=studio.lifespan,
        routes=[
            *door.routes(),
            *wallet_door.routes(),
            *wizard.routes(),
            *once.routes(),
            Route("/assets/{digest}/{name}", serve_asset),
            Route("/here", _here, methods=["POST"]),
            Route("/healthz", _health),
        ],
    )
    studio.page("/")(overview.show)
    studio.page("/alerts")(alerts.show)
    studio.page("/approvals")(approvals.show)
    studio.page("/sessions")(inventory.show)
    studio.page("/new/{draft_id}/{step}")(wizard.show)
    studio.page("/sessions/{session_id}")(deeds.session)
    studio.page("/sessions/{session_id}/{kind}")(deeds.form)
    studio.page("/sessions/{session_id}/{kind}/{deed_id}")(deeds.progress)
    # A page needs no fallback to long polling, and the gate would refuse it.
    core.app.config.socket_io_js_transports = ["websocket"]
    core.app.config.quasar_config = {"loadingBar": {"skipHijack": True}}
    ui.run_with(
        app,
        root=studio.shown(missing.show),
        title="Valetkey Studio",
        favicon=asset_text("icon.svg"),
        dark=None,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_SECONDS,
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    return Gate(app, plan, studio.sittings)


async def _here(_request: Request) -> Response:
    """A hand at a page: the gate has noted it."""
    return Response(status_code=204)


async def _health(_request: Request) -> Response:
    return Response("ok", media_type="text/plain")


async def _forget(clients: list[Client]) -> None:
    await asyncio.sleep(FAREWELL_SECONDS)
    for client in clients:
        if not client.is_deleted:
            client.delete()
