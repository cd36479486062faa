"""A session that is made by a call, once: its bundle goes into the operator's folder; nothing secret is answered."""

from collections.abc import Awaitable, Callable

from valetkey.mcp.answers import Json, now_text
from valetkey.mcp.calls import DONE
from valetkey.mcp.desks import Desk
from valetkey.mcp.paying import REPEATED


async def made_once(
    desk: Desk, tool: str, asked: Json, make: Callable[[], Awaitable[tuple[str, str, Json]]]
) -> Json:
    """The answer of a call that makes a session: its id, and the name of the file with its bundle.

    make: gives the id, the bundle, and what else is told. Killed between the platform's answer and the file, the
    session is there and nobody has its keys: the next call makes another one.
    """
    calls = desk.calls
    key = calls.key(tool, asked)
    # Before anything is made that could not be kept.
    desk.bundles()
    async with calls.alone(key):
        kept = calls.read(key)
        if kept is not None and kept.state == DONE:
            return {**kept.answer, "repeated": True, "next_step": REPEATED.format(at=kept.at)}
        session_id, bundle, more = await make()
        told = {"session_id": session_id, "bundle_file": desk.keep_bundle(session_id, bundle), **more}
        calls.done(key, now_text(), told)
        return {**told, "repeated": False}
