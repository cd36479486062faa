"""The methods that send: signed bytes from anybody, and plain requests of the well-known accounts."""

from collections.abc import Callable
from typing import Any

from valetkey.chains.devchain.accounts import DEV_ADDRESSES, dev_private_key
from valetkey.chains.devchain.chain import PRIORITY_FEE_WEI, Chain
from valetkey.chains.devchain.encoding import data, read_address, read_call, read_data, read_quantity
from valetkey.chains.devchain.machine import CallRequest
from valetkey.chains.faults import refused

_UNLOCKED = {bytes.fromhex(address[2:]): index for index, address in enumerate(DEV_ADDRESSES)}


class Sending:
    """Transactions in."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def methods(self) -> dict[str, Callable[..., Any]]:
        return {"eth_sendRawTransaction": self.send_raw, "eth_sendTransaction": self.send}

    def send_raw(self, raw: Any) -> str:
        return data(self._chain.send(read_data(raw, "transaction")))

    def send(self, request: Any) -> str:
        """Fill in what is missing, sign with the account's well-known key, and send."""
        call = read_call(request)
        if request.get("from") is None:
            call = _from(call, read_address(DEV_ADDRESSES[0]))
        index = _UNLOCKED.get(call.sender)
        if index is None:
            raise refused("unknown account")
        chain = self._chain
        head = chain.head
        nonce = request.get("nonce")
        nonce = (
            chain.nonce(call.sender, head, pending=True) if nonce is None else read_quantity(nonce, "nonce")
        )
        gas = chain.estimate(head, call) if call.gas is None else call.gas
        tip = request.get("maxPriorityFeePerGas")
        if call.gas_price:
            price, priority = call.gas_price, call.gas_price
        else:
            # Twice the base fee, as clients do: the fee may rise until the transaction is mined.
            price, priority = 2 * chain.pending_header().base_fee_per_gas + PRIORITY_FEE_WEI, PRIORITY_FEE_WEI
        if tip is not None:
            priority = read_quantity(tip, "maxPriorityFeePerGas")
            price = max(price, priority) if request.get("maxFeePerGas") is None else price
        legacy = request.get("gasPrice") is not None and request.get("maxFeePerGas") is None
        raw = chain.machine.sign(
            dev_private_key(index),
            call,
            nonce=nonce,
            gas=gas,
            max_fee=price,
            priority_fee=priority,
            legacy=legacy,
        )
        return data(chain.send(raw))


def _from(call: CallRequest, sender: bytes) -> CallRequest:
    return CallRequest(sender, call.to, call.data, call.value, call.gas, call.gas_price, call.access_list)
