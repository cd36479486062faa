"""A call that pays, once: asked for, remembered, paid, told. Once money may have moved, no error is answered."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from valetkey.core.errors import ValetkeyError
from valetkey.core.spend import HoldState
from valetkey.mcp.answers import Json, failure, now_text, with_facts
from valetkey.mcp.calls import DONE, Calls, Kept
from valetkey.sdk.errors import HoldEnded, TransactionReverted
from valetkey.sdk.state import StateUnusable

T = TypeVar("T")

PAID, UNKNOWN = "paid", "unknown"
SIGNED = frozenset({HoldState.UNKNOWN, HoldState.CAPTURED})
REPEATED = (
    "This very call was made before, at {at}, and nothing was paid now. If the user wants it once more, call it again"
    " with `again` one higher."
)
WAIT = (
    "It may have been paid: its money stays off the budget until the chain shows what happened. Call this tool again"
    " with the very same arguments: it goes on where it was, and never pays twice."
)

_log = logging.getLogger("valetkey.mcp")


async def paid_once(
    calls: Calls,
    key: str,
    ask: Callable[[], Awaitable[T]],
    pay: Callable[[T], Awaitable[Json]],
    moved: Callable[[T], Awaitable[bool]],
    facts: Callable[[T], Json],
) -> Json:
    """The answer of a call that pays.

    ask: has the gate decide, and signs nothing. pay: pays, and gives the answer; what it raises is an error only when
    `moved` knows that nothing was signed. facts: what can be said of what was asked for. The same call again is
    answered as it was, with `repeated`.
    """
    async with calls.alone(key):
        kept = calls.read(key)
        if kept is not None and kept.state == DONE:
            return {**kept.answer, "repeated": True, "next_step": REPEATED.format(at=kept.at)}
        at = now_text() if kept is None else kept.at
        problem: Exception | None = None
        try:
            asked = await ask()
        except Exception as error:  # noqa: BLE001 - a call that was made before may have paid, whatever fails now
            problem = error
        if problem is not None:
            return _not_asked(calls, key, kept, problem)
        if kept is None:
            calls.begin(key, at)
        told = await _carried(asked, pay, moved, facts)
        if isinstance(told, ValetkeyError):
            _kept_if_possible(lambda: calls.forget(key))
            raise told
        if told["state"] == PAID:
            _kept_if_possible(lambda: calls.done(key, at, told))
        elif told["state"] != UNKNOWN:
            # It cost nothing: the next one is another call.
            _kept_if_possible(lambda: calls.forget(key))
        return {**told, "repeated": kept is not None}


def _kept_if_possible(write: Callable[[], None]) -> None:
    """A state folder that fails now must not turn a payment into an error: the call is begun there, and found again."""
    try:
        write()
    except StateUnusable:
        _log.error("the state folder does not take what a call ended with")


def _not_asked(calls: Calls, key: str, kept: Kept | None, problem: Exception) -> Json:
    """A call whose first step failed. When it was made before, it may have paid then."""
    if kept is None:
        raise problem
    if isinstance(problem, HoldEnded):
        # Its money was given back, which is done only where nothing was signed.
        calls.forget(key)
        raise with_facts(
            problem, hint="nothing was paid by it; if it is still wanted, call again with `again` one higher"
        )
    if not isinstance(problem, ValetkeyError):
        _log.error("a call that was made before failed: %s", type(problem).__name__)
    return _unknown({"repeated": True}, problem)


def _unknown(facts: Json, problem: Exception) -> Json:
    told: Json = {"state": UNKNOWN, **facts, "next_step": WAIT}
    return told | ({"problem": failure(problem)} if isinstance(problem, ValetkeyError) else {})


async def _carried(
    asked: T,
    pay: Callable[[T], Awaitable[Json]],
    moved: Callable[[T], Awaitable[bool]],
    facts: Callable[[T], Json],
) -> Json | ValetkeyError:
    """The answer; an error where nothing was paid."""
    problem: Exception
    try:
        return await pay(asked)
    except TransactionReverted as error:
        # The chain itself says that nothing moved.
        return error
    except ValetkeyError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - whatever it is, money may have moved
        # A bug of ours, between a payment and its answer.
        _log.error("a payment ended in a way that nobody expects: %s", type(error).__name__)
        problem = error
    may_have_moved = True
    try:
        may_have_moved = await moved(asked)
    except Exception as error:  # noqa: BLE001 - nobody can say: then it may
        _log.warning("whether a payment was made is not known: %s", type(error).__name__)
        may_have_moved = True
    if not may_have_moved and isinstance(problem, ValetkeyError):
        return problem
    return _unknown(facts(asked), problem)
