"""Every deed of this process, by its id: a second click finds the first one's. And which kinds there are."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from valetkey.core.errors import InvalidInput
from valetkey.studio.deeds import funding, granting, narrowing, reclaiming, rotating
from valetkey.studio.deeds.asking import Fields
from valetkey.studio.deeds.deed import FUND, GRANT, NARROW, RECLAIM, ROTATE, Deed
from valetkey.studio.deeds.doing import Doing, Place
from valetkey.studio.deeds.facts import Facts
from valetkey.studio.owners import Owner
from valetkey.wire.sessions import SessionView


class Kind(NamedTuple):
    """One kind: what it is called, what its form holds at first, what it will do, in words, and who does it.

    `said` says what can be said, and then raises InvalidInput, with the field of the form, for what cannot be meant.
    """

    title: str
    verb: str
    drawn: str
    work: type[Doing]
    defaults: Callable[[Facts], dict[str, str]]
    said: Callable[[Fields, Facts], Iterator[str]]


KINDS: Mapping[str, Kind] = {
    GRANT: Kind(
        "Sign its grant", "Sign the grant", "check", granting.Granting, granting.defaults, granting.said
    ),
    ROTATE: Kind("Rotate", "Rotate", "rotate", rotating.Rotating, rotating.defaults, rotating.said),
    NARROW: Kind(
        "Narrow", "Make the narrower one", "narrow", narrowing.Narrowing, narrowing.defaults, narrowing.said
    ),
    FUND: Kind("Fund", "Send the money", "fund", funding.Funding, funding.defaults, funding.said),
    RECLAIM: Kind(
        "Reclaim", "Bring it home", "home", reclaiming.Reclaiming, reclaiming.defaults, reclaiming.said
    ),
}


class Deeds:
    """All of them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        place.kept.sweep(int(time.time()))
        self._open: dict[str, Doing] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, deed: Deed) -> Doing | None:
        """The one that is being done, or was."""
        return self._open.get(deed.id)

    def unfinished(self, owner: Owner, session_id: str) -> list[Deed]:
        """What was begun with a session and is not over, here or by a studio that is gone."""
        found = (self.place.kept.last(owner, kind, session_id) for kind in KINDS)
        return [one for one in found if one is not None and one.is_begun and not one.is_over]

    def begin(self, deed: Deed, view: SessionView, owner: Owner) -> Doing:
        """Begin, go on after a failure, or find what is going on."""
        doing = self._open.get(deed.id)
        if doing is not None and not doing.deed.is_begun:
            # Nothing came of it, and it is meant otherwise now.
            self.end(doing)
            doing = None
        if doing is not None and not (doing.is_over and doing.failed is not None):
            return doing
        if doing is None:
            doing = self._open[deed.id] = KINDS[deed.kind].work(deed, view, owner, self.place)
        task = asyncio.create_task(doing.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return doing

    def fix(self, deed: Deed, fields: Fields, owner: Owner) -> Deed:
        """From here on it is this deed and no other, whoever clicks again: what was begun before is found instead.

        Raises InvalidInput where it was done meanwhile, in another window.
        """
        last = self.place.kept.open(owner, deed.kind, deed.session_id)
        if last.id != deed.id:
            raise InvalidInput("This was done meanwhile, in another window.")
        if not last.is_begun:
            last.fields, last.fixed_at = dict(fields), int(time.time())
            self.place.kept.keep(last)
        return last

    def handed(self, doing: Doing) -> None:
        """Nothing is shown any more; durable when this returns."""
        deed = doing.deed
        deed.is_over = True
        self.place.kept.keep(deed)
        if deed.kind == ROTATE:
            doing._owner.agent.forget_keys(deed.key)
        if deed.kind == NARROW:
            narrowing.forget_child(self.place.kept, deed)
        self.end(doing)

    def end(self, doing: Doing) -> None:
        """Forget one: what is of it is on the disk."""
        doing.forget()
        if self._open.get(doing.deed.id) is doing:
            del self._open[doing.deed.id]
