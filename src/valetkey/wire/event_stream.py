"""Server-sent events as a reader takes them apart: bytes in, messages out. Source: the HTML standard, section 9.2."""

from dataclasses import dataclass

LINE_BYTES_MAX = 4 * 1_048_576
"""A line that is longer is no event of ours; a reader need not hold more."""


class StreamBroken(ValueError):
    """Something else than server-sent events came."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `id` is where to go on after it, `data` is empty for one that says only that."""

    id: str
    event: str
    data: str


class EventStream:
    """Puts pieces of a stream together, wherever they were cut."""

    def __init__(self, last_id: str = "") -> None:
        self._rest = b""
        self._id = last_id
        self._event = ""
        self._data: list[str] = []

    def take(self, piece: bytes) -> list[Message]:
        """The messages that this piece completed. Raises StreamBroken."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            raise StreamBroken("a line of the stream is too long")
        found: list[Message] = []
        for line in lines:
            try:
                text = line.removesuffix(b"\r").decode("utf-8")
            except UnicodeDecodeError:
                raise StreamBroken("the stream is not UTF-8") from None
            if text:
                self._member(text)
                continue
            found.append(Message(self._id, self._event, "\n".join(self._data)))
            self._event, self._data = "", []
        return found

    def _member(self, text: str) -> None:
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            self._id = value
        elif name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
