"""The load of a benchmark: a process that asks one path over kept connections. Its orders come on standard input.

Order: {"host", "port", "path", "body", "tokens", "count", "connections"}; answer: {"seconds", "waits", "statuses"}.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any


async def flood(order: Any) -> Any:
    body = json.dumps(order["body"]).encode()
    asked = [
        (
            f"POST {order['path']} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        + body
        for token in order["tokens"]
    ]
    numbers = iter(range(order["count"]))
    waits: list[float] = []
    statuses: Counter[int] = Counter()
    lines = [await asyncio.open_connection(order["host"], order["port"]) for _ in range(order["connections"])]
    began = time.perf_counter()
    await asyncio.gather(*(_talk(line, numbers, asked, waits, statuses) for line in lines))
    seconds = time.perf_counter() - began
    for _, writer in lines:
        writer.close()
    return {"seconds": seconds, "waits": waits, "statuses": statuses}


async def _talk(
    line: Any, numbers: Iterator[int], asked: list[bytes], waits: list[float], statuses: Any
) -> None:
    reader, writer = line
    for number in numbers:
        began = time.perf_counter()
        writer.write(asked[number % len(asked)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - began)
        statuses[int(head[9:12])] += 1


def main() -> None:
    """One flood for each line of standard input."""
    import uvloop

    # A buffered stream, which goes on after a short write; with PYTHONUNBUFFERED standard output drops the rest.
    with os.fdopen(os.dup(1), "w") as answers:
        for line in sys.stdin:
            print(json.dumps(uvloop.run(flood(json.loads(line)))), file=answers, flush=True)


if __name__ == "__main__":
    main()
