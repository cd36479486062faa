"""What happens to sessions, followed: a live table on a terminal, a line for each change elsewhere."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from valetkey.cli.printing import colours_wanted, note, safe
from valetkey.cli.sessions_shown import amount, data_of, table_of
from valetkey.cli.told import local, plain
from valetkey.core.errors import EnvironmentFailure
from valetkey.sdk.errors import TryLater

if TYPE_CHECKING:
    from valetkey import BuyerAgent
    from valetkey.cli.place import Place
    from valetkey.wire.sessions import SessionView

ENDED = ("revoked", "expired")
WATCHED = ("status", "spent_usdc", "held_usdc", "remaining_usdc", "budget_usdc", "expires_at", "label")
"""What a change is a change of."""

SETTLE_SECONDS = 0.1
"""Events come in bunches: one look answers all of them."""


def run_events(place: "Place", cursor: str | None, count: int | None) -> None:
    """Print events until there were so many of them, or for ever."""
    owner = place.owner()
    if not place.as_json:
        note("waiting for events; Ctrl-C ends it")
    for event in islice(owner.events(cursor=cursor), count):
        if place.as_json:
            print(json.dumps(plain(event)), flush=True)
            continue
        told = " ".join(
            f"{name}={value}" for name, value in event.facts.items() if not isinstance(value, (dict, list))
        )
        print(
            safe(f"{local(event.at)}  {event.kind:<20} {event.session or event.chain}  {told}").rstrip(),
            flush=True,
        )


def run_watch(place: "Place", session_ids: Sequence[str], every: int, lasts: int | None) -> None:
    """Look at sessions whenever something is told of them, and every so many seconds in any case."""
    owner = place.owner()
    ends = None if lasts is None else time.monotonic() + lasts
    bell = _Bell(place.owner())
    looks = _looks(owner, session_ids, bell, every, ends)
    try:
        if place.as_json:
            _as_lines(looks, lambda change: print(json.dumps(change), flush=True))
        elif sys.stdout.isatty():
            _live(looks, bell)
        else:
            _as_lines(looks, lambda change: print(_sentence(change), flush=True))
    finally:
        bell.stop()


class _Bell:
    """Rings when the platform tells of an event. A daemon thread: the stream has no end of its own."""

    def __init__(self, owner: "BuyerAgent") -> None:
        self.problem: str | None = None
        self._rung, self._stopped, self._owner = threading.Event(), False, owner
        threading.Thread(target=self._listen, daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Until it rings, or so many seconds are over."""
        if self._rung.wait(seconds):
            time.sleep(SETTLE_SECONDS)
            self._rung.clear()

    def stop(self) -> None:
        """Its connection is closed with the agent's."""
        self._stopped = True

    def _listen(self) -> None:
        while not self._stopped:
            try:
                # Also where the stream begins: what was looked at before then may have changed meanwhile.
                for _ in self._owner.events(reached=lambda _: self._rung.set()):
                    self._rung.set()
            except EnvironmentFailure as error:
                # The sessions are looked at all the same, which says when it does not pass.
                self.problem = str(error)
            except Exception as error:  # noqa: BLE001 - a closed connection raises what it likes; a dead key is met by the next look
                self.problem = str(error)
                return


def _looks(
    owner: "BuyerAgent", session_ids: Sequence[str], bell: _Bell, every: int, ends: float | None
) -> "Iterator[list[SessionView]]":
    """The sessions, again and again. An outage of the platform is waited out."""
    while True:
        with suppress(TryLater):
            found = (
                [owner.get_session(one) for one in session_ids]
                if session_ids
                else [one for one in owner.iter_sessions() if one.status not in ENDED]
            )
            yield found
            if session_ids and all(one.status in ENDED for one in found):
                return
        left = every if ends is None else min(every, ends - time.monotonic())
        if left <= 0:
            return
        bell.wait(left)


def _as_lines(looks: "Iterator[list[SessionView]]", tell: Any) -> None:
    """What changed from one look to the next."""
    known: dict[str, dict[str, Any]] = {}
    for found in looks:
        seen = {one.session_id: data_of(one) for one in found}
        for session_id, data in seen.items():
            before = known.get(session_id)
            changed = [name for name in WATCHED if before is None or before[name] != data[name]]
            if changed:
                tell(_change(data, changed if before is not None else []))
        for session_id in known.keys() - seen.keys():
            # It is no longer among the living ones.
            tell(_change(known[session_id] | {"status": "ended"}, ["status"]))
        known = seen


def _change(data: dict[str, Any], changed: list[str]) -> dict[str, Any]:
    """One line: `changed` is empty for a session that is seen for the first time."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {name: data[name] for name in ("session_id", *WATCHED)}
    return {"at": at, **told, "changed": changed}


def _sentence(change: dict[str, Any]) -> str:
    left = amount(change["remaining_usdc"])
    text = (
        f"{local(change['at'])}  {change['session_id']}  {change['status']:<9}"
        f"  spent {change['spent_usdc']}  held {change['held_usdc']}  left {left}  {change['label'] or ''}"
    )
    return safe(text).rstrip()


def _live(looks: "Iterator[list[SessionView]]", bell: _Bell) -> None:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from valetkey.cli import printing

    console = Console(no_color=not colours_wanted(sys.stdout), highlight=False)
    with Live(Text("looking at the sessions", style="dim"), console=console, refresh_per_second=4) as live:
        for found in looks:
            shown = table_of(found)
            table = printing.table_of(shown) if shown.rows else Text("no living sessions")
            foot = f"{local(int(time.time()))}   Ctrl-C ends it" + (
                f"   {safe(bell.problem)}" if bell.problem else ""
            )
            live.update(Group(table, Text(foot, style="dim")))  # type: ignore[arg-type]  # what rich prints
