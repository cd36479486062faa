"""Logs by what they say, and the filters that clients poll."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from valetkey.chains.devchain.archive import LogRow
from valetkey.chains.devchain.blocks import find_block, need_block
from valetkey.chains.devchain.chain import Chain
from valetkey.chains.devchain.encoding import (
    data,
    log_answer,
    quantity,
    read_address,
    read_data,
    read_quantity,
)
from valetkey.chains.faults import invalid_params, refused

FILTERS_MAX = 10_000
TOPICS_MAX = 4
OPEN_ENDED = (None, "latest", "pending", "safe", "finalized")


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What a log must say: one of the addresses (none: any), and per position one of the topics (none: any)."""

    addresses: frozenset[bytes]
    topics: tuple[frozenset[bytes], ...]

    def matches(self, row: LogRow) -> bool:
        if self.addresses and row.address not in self.addresses:
            return False
        if len(self.topics) > len(row.topics):
            return False
        return all(not wanted or row.topics[i] in wanted for i, wanted in enumerate(self.topics))


@dataclass(slots=True)
class _Filter:
    """`seen` is the last block that was told; without a query the filter tells block hashes."""

    query: LogQuery | None
    request: dict[str, Any]
    seen: int
    last: int | None


class Filters:
    """eth_getLogs, and filters by number. Filters live as long as the process."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._filters: dict[int, _Filter] = {}
        self._count = 0

    def methods(self) -> dict[str, Callable[..., Any]]:
        return {
            "eth_getLogs": self.logs,
            "eth_newFilter": self.new_filter,
            "eth_newBlockFilter": self.new_block_filter,
            "eth_getFilterChanges": self.changes,
            "eth_getFilterLogs": self.filter_logs,
            "eth_uninstallFilter": self.uninstall,
        }

    def logs(self, request: Any) -> list[dict[str, Any]]:
        query = _read_query(request)
        if request.get("blockHash") is not None:
            if request.get("fromBlock") is not None or request.get("toBlock") is not None:
                raise invalid_params("cannot specify both blockHash and fromBlock/toBlock")
            header = find_block(self._chain, {"blockHash": request["blockHash"]})
            if header is None:
                raise refused("unknown block")
            return self._between(header.block_number, header.block_number, query)
        first = self._number(request.get("fromBlock"))
        last = self._number(request.get("toBlock"))
        if first > last:
            raise refused("invalid block range params")
        return self._between(first, last, query)

    def new_filter(self, request: Any) -> str:
        query = _read_query(request)
        until = request.get("toBlock")
        last = None if until in OPEN_ENDED else self._number(until)
        start = request.get("fromBlock")
        seen = self._chain.head_number if start in OPEN_ENDED else self._number(start) - 1
        return self._keep(_Filter(query, request, seen, last))

    def new_block_filter(self) -> str:
        return self._keep(_Filter(None, {}, self._chain.head_number, None))

    def changes(self, number: Any) -> list[Any]:
        found = self._find(number)
        head = self._chain.head_number
        # A chain that went back to a snapshot tells its new blocks from there.
        first = min(found.seen, head) + 1
        last = head if found.last is None else min(head, found.last)
        found.seen = head
        if found.query is None:
            return [data(self._chain.header(n).hash) for n in range(first, last + 1)]
        return self._between(first, last, found.query)

    def filter_logs(self, number: Any) -> list[dict[str, Any]]:
        found = self._find(number)
        if found.query is None:
            raise refused("filter not found")
        return self.logs(found.request)

    def uninstall(self, number: Any) -> bool:
        return self._filters.pop(read_quantity(number, "filter id"), None) is not None

    def _keep(self, made: _Filter) -> str:
        if len(self._filters) >= FILTERS_MAX:
            # Clients forget to uninstall; the oldest goes first.
            del self._filters[next(iter(self._filters))]
        self._count += 1
        self._filters[self._count] = made
        return quantity(self._count)

    def _find(self, number: Any) -> _Filter:
        found = self._filters.get(read_quantity(number, "filter id"))
        if found is None:
            raise refused("filter not found")
        return found

    def _number(self, which: Any) -> int:
        if (isinstance(which, str) and which.startswith("0x")) or isinstance(which, int):
            return read_quantity(which, "block number")
        return min(int(need_block(self._chain, which).block_number), self._chain.head_number)

    def _between(self, first: int, last: int, query: LogQuery) -> list[dict[str, Any]]:
        answer = []
        hashes: dict[int, list[bytes]] = {}
        for row in self._chain.archive.logs(first, min(last, self._chain.head_number)):
            if not query.matches(row):
                continue
            if row.number not in hashes:
                hashes[row.number] = self._chain.archive.transaction_hashes_of(row.number)
            header = self._chain.header(row.number)
            answer.append(log_answer(row, header, hashes[row.number][row.position]))
        return answer


def _read_query(request: Any) -> LogQuery:
    if not isinstance(request, dict):
        raise invalid_params("the filter must be an object")
    addresses = request.get("address")
    if addresses is None:
        addresses = []
    elif not isinstance(addresses, list):
        addresses = [addresses]
    topics = request.get("topics")
    if topics is None:
        topics = []
    if not isinstance(topics, list) or len(topics) > TOPICS_MAX:
        raise invalid_params(f"topics must be a list of at most {TOPICS_MAX}")
    return LogQuery(
        frozenset(read_address(address) for address in addresses),
        tuple(_read_topic(topic) for topic in topics),
    )


def _read_topic(topic: Any) -> frozenset[bytes]:
    """One position: null is any; a list is any of its members; a null among them is any, too."""
    if topic is None:
        return frozenset()
    choices = topic if isinstance(topic, list) else [topic]
    if None in choices:
        return frozenset()
    return frozenset(read_data(choice, "topic", 32) for choice in choices)
