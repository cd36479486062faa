"""A session that is made by a call, once: its bundle goes into the operator's folder; nothing secret is answered.

Whatever would be lost with this process is on the disk before the platform is told: killed anywhere, the same call goes
on with the same session and its keys.
"""

from collections.abc import Awaitable, Callable

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.mcp.answers import Json, now_text
from valetkey.mcp.calls import DONE, Kept
from valetkey.mcp.desks import DelegateDesk, OwnerDesk
from valetkey.mcp.paying import REPEATED
from valetkey.sdk._async.buyer import AsyncBuyerAgent
from valetkey.sdk._async.seller import AsyncSellerAgent
from valetkey.sdk.errors import PlatformAnswer, TryLater, Unauthenticated
from valetkey.sdk.session_info import SessionInfo, info_of
from valetkey.wire.child_bundle import parse_child

Agent = AsyncBuyerAgent | AsyncSellerAgent
CHILD = "session_id"


async def made_once(
    desk: OwnerDesk, tool: str, asked: Json, make: Callable[[str], Awaitable[tuple[SessionInfo, Json]]]
) -> Json:
    """The answer of a call that makes a session of an owner: its id, and the name of the file with its bundle.

    make: makes it under the idempotency key that it is given, and gives what else is told. The SDK keeps its keys under
    that key, until they are in the file.
    """
    calls = desk.calls
    key = calls.key(tool, asked)
    # Before anything is made that could not be kept.
    desk.bundles()
    async with calls.alone(key):
        kept = calls.read(key)
        if kept is not None and kept.state == DONE:
            desk.owner.forget_keys(key)
            return _again(kept)
        made, more = await make(key)
        told = {
            "session_id": made.session_id,
            "bundle_file": desk.keep_bundle(made.session_id, made.serialize()),
            **more,
        }
        calls.done(key, now_text(), told)
        desk.owner.forget_keys(key)
        return {**told, "repeated": False}


async def child_made_once(
    desk: DelegateDesk, asked: Json, make: Callable[[Agent], tuple[SessionInfo, Json]]
) -> Json:
    """The answer of a call that makes a session out of the one that is held.

    make: makes it, by keys alone, and gives what else is told. Which one it is is written down first, then its bundle,
    and then the platform is told.
    """
    calls = desk.calls
    key = calls.key("attenuate_session", asked)
    desk.bundles()
    async with calls.alone(key):
        kept = calls.read(key)
        if kept is not None and kept.state == DONE:
            return _again(kept)
        agent = await desk.holder()
        child = _begun(desk, kept)
        if child is None and kept is not None and await _is_known(desk, agent, kept):
            # The platform was told of it, so its file was there: somebody took it already.
            return _done(desk, key, kept.answer)
        if child is None or kept is None:
            if kept is not None:
                # Its bundle never got its name, so nobody was told of it: another one takes its place.
                desk.drop_parts(kept.answer[CHILD])
            child, more = make(agent)
            told = {CHILD: child.session_id, "bundle_file": desk.bundle_path(child.session_id).name, **more}
            calls.begin(key, now_text(), told)
            desk.keep_bundle(child.session_id, child.serialize())
        else:
            told = kept.answer
        problem: PlatformAnswer | InvalidInput | None = None
        try:
            await agent.register_child(child)
        except (PlatformAnswer, InvalidInput) as error:
            problem = error
        if problem is not None:
            # With the session that is held, all that were made out of it are dead.
            is_over = isinstance(problem, Unauthenticated)
            if is_over or (
                not isinstance(problem, TryLater) and await _is_gone(desk, agent, child.session_id)
            ):
                desk.bundle_path(child.session_id).unlink(missing_ok=True)
                calls.forget(key)
            raise problem
        return _done(desk, key, told)


def _again(kept: Kept) -> Json:
    return {**kept.answer, "repeated": True, "next_step": REPEATED.format(at=kept.at)}


def _done(desk: DelegateDesk, key: str, told: Json) -> Json:
    desk.calls.done(key, now_text(), told)
    return {**told, "repeated": False}


def _begun(desk: DelegateDesk, kept: Kept | None) -> SessionInfo | None:
    """The child that a call before this one made, out of its file."""
    text = None if kept is None else desk.kept_bundle(kept.answer[CHILD])
    if kept is None or text is None:
        return None
    bundle, narrowings = parse_child(text, None)
    return info_of(kept.answer[CHILD], bundle, None, narrowings)


async def _is_known(desk: DelegateDesk, agent: Agent, kept: Kept) -> bool:
    session_id = (await desk.session()).session_id
    return any(one.session_id == kept.answer[CHILD] for one in await agent.tree(session_id))


async def _is_gone(desk: DelegateDesk, agent: Agent, child_id: str) -> bool:
    """Whether the platform has no such session, after it said no."""
    try:
        session_id = (await desk.session()).session_id
        return all(one.session_id != child_id for one in await agent.tree(session_id))
    except ValetkeyError:
        # Nobody can say: the next call asks again.
        return False
