"""What an exception tells: nothing of it may hold a part of a secret."""

from traceback import format_exception

PART = 8
"""A secret is quoted when this many of its characters in a row are."""


def told(error: BaseException | None) -> str:
    """Everything that printing an exception and its traceback, with causes and contexts, shows."""
    shown: list[str] = []
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        shown += [str(one), repr(one), repr(one.args), repr(vars(one)), "".join(format_exception(one))]
        waiting += [one.__cause__, one.__context__]
    return "\n".join(shown)


def parts_told(error: BaseException, *secrets: str) -> list[str]:
    """The parts of secrets that an exception quotes."""
    text = told(error)
    return [
        secret[at : at + PART]
        for secret in secrets
        for at in range(len(secret) - PART + 1)
        if secret[at : at + PART] in text
    ]
