"""What a target is, and the words in which it says what must hold."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


class Broken(AssertionError):
    """Something that must hold of a parser does not. The text names the property, never the input."""


class _Refused:
    """Stands for an input that the parser refused as it may."""

    def __bool__(self) -> bool:
        return False


REFUSED = _Refused()


@dataclass(frozen=True, kw_only=True)
class Target:
    """One parser. `check` gets bytes, and raises whatever the parser may not, or Broken.

    `holds` are the properties as a reader of the report sees them, beside the three that the engines look at for every
    target: only the documented errors come out, time is linear, memory is bounded. `strategy` makes the same bytes in a
    structured way, `seeds` are what a corpus begins with, `words` is the vocabulary of the mutations.
    """

    name: str
    parser: str
    holds: tuple[str, ...]
    check: Callable[[bytes], object] = field(repr=False)
    strategy: Callable[[], SearchStrategy[bytes]] = field(repr=False)
    seeds: Callable[[], Iterable[bytes]] = field(repr=False)
    words: tuple[str, ...] = ()
    bytes_max: int = 8_192
    stretched_bytes: int = 65_536
    """So long a part of an input is repeated, to see that time does not grow faster than the input."""


def must(is_so: bool, what: str) -> None:
    """Say what holds."""
    if not is_so:
        raise Broken(what)


def outcome(call: Callable[[], T], *errors: type[BaseException], hides: Iterable[str] = ()) -> T | _Refused:
    """What a call answers, or REFUSED for one of the documented errors, none of which tells what it hides."""
    try:
        return call()
    except errors as error:
        told = "\n".join(_told(error))
        for secret in hides:
            must(len(secret) < HIDDEN_CHARS_MIN or secret not in told, "nothing secret is in an error")
        return REFUSED


HIDDEN_CHARS_MIN = 12
"""What is shorter may be in a message by chance."""


def _told(error: BaseException) -> Iterable[str]:
    """All that an error would tell a log, its causes too."""
    seen: set[int] = set()
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield str(one)
        yield repr(one)
        yield from (str(value) for value in getattr(one, "__dict__", {}).values())
        rest += [one.__cause__, None if one.__suppress_context__ else one.__context__]


def named() -> dict[str, str]:
    """The module of every target, by the target's name; nothing of ours is imported for that."""
    package = importlib.import_module("fuzz.targets")
    return {
        one.name.replace("_", "-"): f"fuzz.targets.{one.name}"
        for one in pkgutil.iter_modules(package.__path__)
    }


def load(name: str) -> Target:
    """A target by its name."""
    module: Any = importlib.import_module(named()[name])
    found: Target = module.TARGET
    assert found.name == name, f"{module.__name__} is called {found.name}"
    return found
