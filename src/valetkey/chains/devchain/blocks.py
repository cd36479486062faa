"""Which block a request means: a number, a tag or a hash."""

from typing import Any

from valetkey.chains.devchain.chain import Chain
from valetkey.chains.devchain.encoding import read_data, read_quantity
from valetkey.chains.devchain.machine import Header
from valetkey.chains.faults import refused

PENDING = "pending"
# Nothing is ever reorganised here but by evm_revert, so the head is safe and final.
_HEAD_TAGS = ("latest", "safe", "finalized")


def find_block(chain: Chain, which: Any) -> Header | None:
    """The header of a number, a tag, or EIP-1898's object; None when there is no such block."""
    if which is None or which in _HEAD_TAGS:
        return chain.head
    if which == PENDING:
        return chain.pending_header()
    if which == "earliest":
        return chain.header_at(0)
    if isinstance(which, dict):
        if which.get("blockHash") is not None:
            return chain.header_of(read_data(which["blockHash"], "blockHash", 32))
        return find_block(chain, which.get("blockNumber"))
    if isinstance(which, str) and len(which) == 66:
        return chain.header_of(read_data(which, "block hash", 32))
    return chain.header_at(read_quantity(which, "block number"))


def need_block(chain: Chain, which: Any) -> Header:
    """The same; raises RpcFault when there is no such block."""
    header = find_block(chain, which)
    if header is None:
        raise refused("header not found")
    return header
