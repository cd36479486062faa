"""The log: one JSON object a line. Patterns of paths, ids and codes are told; bodies, headers and query strings never.

What is done for a request has its `request_id`; what a background task does has the task's name and the `round` of its
work.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import Processor

from valetkey.platform.settings import LOG_LEVELS

Log = structlog.typing.FilteringBoundLogger

FLUSH_SECONDS = 0.2
"""How long the line of a request may wait for others, to be written with them."""


class Lines:
    """A stream whose lines may wait for each other: a system call for every request is a tenth of its cost.

    Whatever is printed and flushed is written at once, after what waited before it, so the order stays.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, text: str) -> int:
        """Write when it is flushed."""
        self._waiting.append(text)
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        text = "".join(self._waiting)
        self._waiting.clear()
        self._stream.write(text)
        self._stream.flush()

    def later(self, text: str) -> None:
        """Write within FLUSH_SECONDS. Called in an event loop."""
        self._waiting.append(text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)


WORRYING_STATUS = 500
"""From here on the line of a request is a warning."""


def request_line(
    request_id: str,
    method: str,
    route: str,
    status: int,
    seconds: float,
    *,
    owner: str = "",
    session: str = "",
    trace: str = "",
) -> str:
    """The log's line of a request, as structlog writes the others. No part of it needs escaping."""
    known = f'"owner":"{owner}",' if owner else ""
    if session:
        known += f'"session":"{session}",'
    if trace:
        known += f'"trace_id":"{trace}",'
    level = "warning" if status >= WORRYING_STATUS else "info"
    return (
        f'{{"request_id":"{request_id}","method":"{method}","route":"{route}","status":{status},'
        f'"ms":{seconds * 1_000:.1f},{known}"event":"request","level":"{level}","timestamp":"{_now_iso()}"}}\n'
    )


def _now_iso() -> str:
    second, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second_iso(second)}.{nanoseconds // 1_000:06d}Z"


@lru_cache(2)
def _second_iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def make_log(lines: Lines | None = None, level: str = "info", also: Sequence[Processor] = ()) -> Log:
    """A logger that writes one JSON object per line, to standard error unless told otherwise.

    `also`: what else adds to a line.
    """
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(lines or Lines(sys.stderr)),  # type: ignore[arg-type]  # it writes and flushes
        processors=[
            structlog.contextvars.merge_contextvars,
            *also,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LOG_LEVELS[level]),
    )
    return log


TEXT_CHARS_MAX = 500
OURS = ("uvicorn", "py.warnings")
"""Whose words are told whole. Others are told by their pattern alone: what they put into it may be anybody's."""


class OthersToJson(logging.Handler):
    """What libraries log, as lines like ours: uvicorn above all. Of exceptions the place is told, not the text."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as a line."""
        is_ours = record.name.startswith(OURS)
        text = record.getMessage() if is_ours else str(record.msg)
        facts: dict[str, object] = {
            "logger": record.name,
            # A traceback as text quotes whatever the exception did.
            "message": text.partition("Traceback (most recent call last)")[0].strip()[:TEXT_CHARS_MAX],
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            facts |= broken(error)
        self._log.log(min(record.levelno, logging.ERROR), "library", **facts)


def take_over_logging(level: str) -> None:
    """From here on everything that this process logs through Python's logging is a line of JSON on standard error."""
    root = logging.getLogger()
    # Lines of its own: libraries log from threads.
    root.handlers[:] = [OthersToJson(make_log(Lines(sys.stderr), level))]
    root.setLevel(max(LOG_LEVELS[level], logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(LOG_LEVELS[level])
    logging.captureWarnings(True)


def where_it_broke(error: BaseException) -> str:
    """The type of an exception and the innermost lines of code it came from; not its text, which may quote input."""
    places = [
        f"{one.tb_frame.f_code.co_filename.rpartition('/')[2]}:{one.tb_lineno} {one.tb_frame.f_code.co_name}"
        for one in _frames(error)
    ]
    return f"{type(error).__name__} at " + " < ".join(reversed(places[-4:]))


FRAMES_MAX = 40


def broken(error: BaseException) -> dict[str, object]:
    """`where` an exception broke, and its whole `traceback`: a line for each frame, outermost first, then what it came
    from. Files, lines and names of functions; no value and no text, which may quote input."""
    lines: list[str] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(lines) < FRAMES_MAX:
        seen.add(id(following))
        lines.append(type(following).__name__ if following is error else f"from {type(following).__name__}")
        lines += [_place(one) for one in _frames(following)]
        is_hidden = following.__suppress_context__ and following.__cause__ is None
        following = following.__cause__ or (None if is_hidden else following.__context__)
    return {"where": where_it_broke(error), "traceback": lines[:FRAMES_MAX]}


def _frames(error: BaseException) -> list[TracebackType]:
    found: list[TracebackType] = []
    trace = error.__traceback__
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def _place(trace: TracebackType) -> str:
    code = trace.tb_frame.f_code
    parts = code.co_filename.split("/")
    return f"{'/'.join(parts[-3:])}:{trace.tb_lineno} {code.co_name}"
