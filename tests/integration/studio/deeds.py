"""Deeds of the studio without a browser, as pages begin them; and a studio that is killed where a test says."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk._sync.connection import Connection
from valetkey.sdk.state import StateFolder
from valetkey.studio.deeds.deed import Deed
from valetkey.studio.deeds.deeds import KINDS, Deeds
from valetkey.studio.deeds.doing import Doing, Place
from valetkey.studio.owners import Owners
from valetkey.studio.plan import Plan
from valetkey.studio.wizard.operator import Operator


class Killed(BaseException):
    """The studio is gone."""


class Site:
    """An owner, and the folder of a studio that has the key of its wallet."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.key = stack.wallet(1_000 * USDC)
        self.agent = BuyerAgent.register(
            self.key, f"deeds-{self.key.address[2:14]}", base_url=stack.base_url, state_dir=folder / "owner"
        )
        self.agent.init_eoa_wallet(self.key)
        assert self.agent.api_key is not None
        self.api_key = self.agent.api_key

    def do(
        self,
        kind: str,
        session_id: str,
        *,
        times: int = 1,
        key: PrivateKey | None = None,
        api_key: Secret | None = None,
        hand_over: bool = False,
        **fields: str,
    ) -> Doing:
        """In a studio that just began: click so many times, and wait. What was begun before goes on."""
        assert kind in KINDS

        async def done() -> Doing:
            home = self.folder / "studio"
            owners = Owners(Plan(base_url=self.stack.base_url, state_dir=home), lambda _: None)
            owner = await owners.enter(api_key or self.api_key)
            try:
                deeds = Deeds(Place(self.stack.base_url, home, Operator(key=key or self.key)))
                view = await owner.agent.get_session(session_id)
                seen = deeds.place.kept.open(owner, kind, session_id)
                begun = []
                for _ in range(times):
                    deed = deeds.fix(seen, {"signing": "operator", **fields}, owner)
                    begun.append(deeds.begin(deed, view, owner))
                    await asyncio.sleep(0)
                await asyncio.gather(*deeds._tasks)
                assert len(set(map(id, begun))) == 1
                if hand_over and begun[0].failed is None:
                    deeds.handed(begun[0])
                return begun[0]
            finally:
                await owners.leave(owner)

        return asyncio.run(done())

    def fund_twice(self, session_id: str, first: str, then: str) -> Doing:
        """In one studio: what failed before anything came of it, and is meant otherwise then."""

        async def done() -> Doing:
            home = self.folder / "studio"
            owners = Owners(Plan(base_url=self.stack.base_url, state_dir=home), lambda _: None)
            owner = await owners.enter(self.api_key)
            try:
                place = Place(self.stack.base_url, home, Operator(key=PrivateKey.generate()))
                deeds, view = Deeds(place), await owner.agent.get_session(session_id)
                for amount in (first, then):
                    seen = place.kept.open(owner, "fund", session_id)
                    deed = deeds.fix(seen, {"signing": "operator", "amount": amount}, owner)
                    doing = deeds.begin(deed, view, owner)
                    await asyncio.gather(*deeds._tasks)
                    place.operator = Operator(key=self.key)
                return doing
            finally:
                await owners.leave(owner)

        return asyncio.run(done())

    def deed(self, kind: str, session_id: str) -> Deed | None:
        """As it is kept."""

        class Named:
            wallet, name = self.key.address, b""

        return Place("", self.folder / "studio", Operator()).kept.last(Named(), kind, session_id)  # type: ignore[arg-type]

    def units(self, address: str | None) -> int:
        assert address is not None
        return self.stack.units(address)


@contextmanager
def killed_at(moment: int) -> Iterator[list[int]]:
    """Kill the studio before or after the so-manieth thing that it keeps or asks for; what it counted is given.

    Even moments are before, odd ones after.
    """
    count = [0]
    send, write = Connection.send, StateFolder.write

    def at(work, *args, **named):  # type: ignore[no-untyped-def]
        count[0] += 1
        if count[0] == moment // 2 and moment % 2 == 0:
            raise Killed
        found = work(*args, **named)
        if count[0] == moment // 2 and moment % 2:
            raise Killed
        return found

    with (
        patch.object(StateFolder, "write", lambda *args: at(write, *args)),
        patch.object(Connection, "send", lambda *args, **named: at(send, *args, **named)),
    ):
        yield count
