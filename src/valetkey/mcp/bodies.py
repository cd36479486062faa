"""What a stranger's server answered, as text that any JSON can carry: bounded in length and in time, whatever it is."""

import codecs
import re
import time
import zlib

import httpx

BYTES_MAX = 1_048_576
SHOWN_CHARS_MAX = 65_536
READ_SECONDS = 60
ENCODING_HEADER = "Content-Encoding"
CHARSET_CHARS_MAX = 40
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What is unpacked here, up to a bound, and how zlib is told of it."""

_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""Encodings of Python that no server means."""

_HALF = re.compile("[\ud800-\udfff]")


async def text_of(response: httpx.Response) -> tuple[str, bool]:
    """The text of an answer, and whether something of it is missing. Raises what httpx raises when it breaks off."""
    packed = response.headers.get(ENCODING_HEADER, "identity").strip().lower()
    if packed not in ("", "identity", *_PACKED):
        # It was not asked for, and is no reason to doubt that the server answered.
        return "", True
    body, is_whole, ends = b"", True, time.monotonic() + READ_SECONDS
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > BYTES_MAX or time.monotonic() > ends:
            is_whole = False
            break
    if packed in _PACKED:
        body, unpacked = _unpacked(body[:BYTES_MAX], _PACKED[packed])
        is_whole = is_whole and unpacked
    shown = decoded(body[:BYTES_MAX], response.charset_encoding)
    return shown[:SHOWN_CHARS_MAX], not is_whole or len(shown) > SHOWN_CHARS_MAX


def decoded(body: bytes, charset: str | None) -> str:
    """Bytes as text. What the encoding that a stranger names cannot read is replaced; no half character is left."""
    text = None
    if charset is not None and len(charset) <= CHARSET_CHARS_MAX:
        try:
            if codecs.lookup(charset).name.replace("_", "-") not in _NO_CHARSETS:
                text = body.decode(charset, "replace")
        except (LookupError, ValueError):
            # There is no such encoding, or it is none of texts.
            text = None
    if text is None:
        text = body.decode("utf-8", "replace")
    return _HALF.sub("\ufffd", text)


def _unpacked(body: bytes, how: int) -> tuple[bytes, bool]:
    """What was packed, its first mebibyte, and whether that is all of it."""
    unpacking = zlib.decompressobj(how)
    try:
        found = unpacking.decompress(body, BYTES_MAX)
    except zlib.error:
        return b"", False
    return found, unpacking.eof
