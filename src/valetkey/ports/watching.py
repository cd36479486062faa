"""What is watched while it happens: how long a step took and how it ended, told to whoever looks after the process.

Nobody watches unless somebody asked for it; then a step costs a look at a context variable. What is told of a step is
names and numbers of ours: never a body, a URL, a key, or the text of an error.
"""

from contextvars import ContextVar, Token
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit


class Step(StrEnum):
    """What is watched."""

    GATE = "gate"
    """The spend gate decides. Ends with `decision`."""
    WRITE = "write"
    """A transaction of the database, from when it was asked for until it is durable."""
    CHAIN = "chain"
    """A call of a node: `chain_id`, `method`, `host`."""
    WEBHOOK = "webhook"
    """A try to send a webhook. Ends with `outcome`."""
    RELAY = "relay"
    """The relayer brings one transaction a step further: `chain_id`."""


class Watching(Protocol):
    """One step that is under way."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, **facts: str | int) -> None:
        """How it ended, as the kind of step says."""
        ...


class Watch(Protocol):
    """Whoever looks after the process."""

    def step(self, step: Step, facts: dict[str, str | int]) -> Watching: ...

    def begin_round(self) -> None:
        """A background task looks again at what there is to do."""
        ...


class _Unwatched:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def tell(self, **_: str | int) -> None:
        return


_UNWATCHED = _Unwatched()
_watch: ContextVar[Watch | None] = ContextVar("valetkey.watch", default=None)


def watch_with(watch: Watch) -> Token[Watch | None]:
    """From here on, in this task and in those that it starts, steps are told to this one."""
    return _watch.set(watch)


def unwatch(token: Token[Watch | None]) -> None:
    """As it was before `watch_with`."""
    _watch.reset(token)


def watched(step: Step, **facts: str | int) -> Watching:
    """Around a step: `with watched(Step.GATE) as step`."""
    watch = _watch.get()
    return _UNWATCHED if watch is None else watch.step(step, facts)


def begin_round() -> None:
    """A background task begins another round of its work."""
    watch = _watch.get()
    if watch is not None:
        watch.begin_round()


def host_of(url: str) -> str:
    """What may be told of a URL: its path and its user may be a key. Empty for a text that is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        # Whoever asks there finds out, and says so without quoting it.
        return ""
