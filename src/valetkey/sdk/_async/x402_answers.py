"""Answers of a seller as they come: a 402 read no further than it may be, and a body whose end is told."""

import time
from collections.abc import AsyncIterator, Callable

import httpx

from valetkey.core.refusal import Code, refuse
from valetkey.sdk.errors import refused_error
from valetkey.sdk.x402.offers import BODY_BYTES_MAX

READ_SECONDS = 8.0
"""For how long a 402 may come piece by piece."""


class AsyncTold(httpx.AsyncByteStream):
    """The body of an answer to a payment. `done` is called once, with whether the connection held to the end."""

    def __init__(self, stream: httpx.AsyncByteStream, done: Callable[[bool], None]) -> None:
        self._stream = stream
        self._done: Callable[[bool], None] | None = done
        self._broken = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        try:
            async for piece in self._stream:
                yield piece
        except GeneratorExit:
            # The caller has read enough.
            raise
        except BaseException:
            self._broken = True
            raise

    async def aclose(self) -> None:
        """Close the connection, and tell how it went."""
        done, self._done = self._done, None
        try:
            await self._stream.aclose()
        finally:
            if done is not None:
                done(not self._broken)


async def async_read_demand(response: httpx.Response) -> bytes:
    """The body of a 402, closed. Raises OfferUnreadable for one that is too long, or takes too long."""
    ends = time.monotonic() + READ_SECONDS
    body = b""
    try:
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > BODY_BYTES_MAX or time.monotonic() > ends:
                raise refused_error(
                    refuse(Code.OFFER_UNREADABLE, "body", "the seller's demand is too long, or does not end")
                )
    finally:
        await response.aclose()
    return body
