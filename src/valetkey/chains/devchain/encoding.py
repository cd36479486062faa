"""JSON-RPC's ways of writing numbers, bytes, blocks, transactions and receipts, and of reading parameters."""

from typing import Any

from valetkey.chains.devchain.archive import LogRow, TransactionRow
from valetkey.chains.devchain.machine import CallRequest, Change, effective_gas_price, max_gas_price
from valetkey.chains.faults import invalid_params

QUANTITY_MAX = 2**256

# Writing


def quantity(number: int) -> str:
    return hex(number)


def data(value: bytes) -> str:
    return "0x" + value.hex()


def block_answer(header: Any, transactions: list[Any], *, pending: bool = False) -> dict[str, Any]:
    """A block as eth_getBlockByNumber answers it; `transactions` are hashes or whole transactions."""
    return {
        "number": quantity(header.block_number),
        "hash": None if pending else data(header.hash),
        "parentHash": data(header.parent_hash),
        "nonce": None if pending else data(header.nonce),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": data(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": data(header.coinbase),
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": data(header.extra_data),
        "size": quantity(1024),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "transactions": transactions,
        "uncles": [],
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "mixHash": data(header.mix_hash),
        "withdrawals": [],
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        "requestsHash": data(header.requests_hash),
    }


def transaction_answer(transaction: Any, row: TransactionRow | None, header: Any | None) -> dict[str, Any]:
    """A transaction as eth_getTransactionByHash answers it; without a row it is still waiting."""
    kind = transaction.type_id or 0
    answer: dict[str, Any] = {
        "blockHash": None if header is None else data(header.hash),
        "blockNumber": None if row is None else quantity(row.number),
        "transactionIndex": None if row is None else quantity(row.position),
        "hash": data(transaction.hash),
        "from": address(transaction.sender),
        "to": address(transaction.to) if transaction.to else None,
        "nonce": quantity(transaction.nonce),
        "value": quantity(transaction.value),
        "gas": quantity(transaction.gas),
        "input": data(transaction.data),
        "type": quantity(kind),
        "chainId": None if transaction.chain_id is None else quantity(transaction.chain_id),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
    }
    if kind == 0:
        answer["v"] = quantity(transaction.v)
    else:
        answer["v"] = answer["yParity"] = quantity(transaction.y_parity)
        answer["accessList"] = [
            {"address": address(who), "storageKeys": [data(slot.to_bytes(32, "big")) for slot in slots]}
            for who, slots in transaction.access_list
        ]
    if kind in (0, 1):
        answer["gasPrice"] = quantity(transaction.gas_price)
    else:
        base_fee = 0 if header is None else header.base_fee_per_gas
        price = max_gas_price(transaction) if header is None else effective_gas_price(transaction, base_fee)
        answer["gasPrice"] = quantity(price)
        answer["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        answer["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    if kind == 4:
        answer["authorizationList"] = [
            {
                "chainId": quantity(entry.chain_id),
                "address": address(entry.address),
                "nonce": quantity(entry.nonce),
                "yParity": quantity(entry.y_parity),
                "r": quantity(entry.r),
                "s": quantity(entry.s),
            }
            for entry in transaction.authorization_list
        ]
    return answer


def log_answer(row: LogRow, header: Any, transaction_hash: bytes) -> dict[str, Any]:
    return {
        "address": address(row.address),
        "topics": [data(topic) for topic in row.topics],
        "data": data(row.data),
        "blockNumber": quantity(row.number),
        "blockHash": data(header.hash),
        "blockTimestamp": quantity(header.timestamp),
        "transactionHash": data(transaction_hash),
        "transactionIndex": quantity(row.position),
        "logIndex": quantity(row.log_index),
        "removed": False,
    }


def receipt_answer(
    row: TransactionRow, transaction: Any, header: Any, logs: list[dict[str, Any]], created: bytes | None
) -> dict[str, Any]:
    return {
        "transactionHash": data(row.hash),
        "transactionIndex": quantity(row.position),
        "blockHash": data(header.hash),
        "blockNumber": quantity(row.number),
        "from": address(transaction.sender),
        "to": address(transaction.to) if transaction.to else None,
        "contractAddress": None if created is None else address(created),
        "cumulativeGasUsed": quantity(row.gas_used_total),
        "gasUsed": quantity(row.gas_used),
        "effectiveGasPrice": quantity(row.gas_price),
        "logs": logs,
        "logsBloom": data(row.bloom),
        "status": quantity(int(row.succeeded)),
        "type": quantity(transaction.type_id or 0),
    }


def address(value: bytes) -> str:
    """Lower case, as geth answers; clients write the checksum themselves."""
    return data(value)


# Reading


def read_quantity(value: Any, name: str = "quantity") -> int:
    """A number from hex text or, as development tools send it, a JSON integer."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise invalid_params(f"{name} must be a hex quantity")
    try:
        number = value if isinstance(value, int) else int(value, 16 if value[:2] in ("0x", "0X") else 10)
    except ValueError:
        raise invalid_params(f"{name} must be a hex quantity") from None
    if not 0 <= number < QUANTITY_MAX:
        raise invalid_params(f"{name} is out of range")
    return number


def read_data(value: Any, name: str = "data", length: int | None = None) -> bytes:
    if not isinstance(value, str) or value[:2] != "0x":
        raise invalid_params(f"{name} must be 0x-prefixed hex")
    try:
        decoded = bytes.fromhex(value[2:])
    except ValueError:
        raise invalid_params(f"{name} must be 0x-prefixed hex") from None
    if length is not None and len(decoded) != length:
        raise invalid_params(f"{name} must have {length} bytes")
    return decoded


def read_address(value: Any, name: str = "address") -> bytes:
    return read_data(value, name, 20)


def read_call(request: Any) -> CallRequest:
    """The transaction object of eth_call, eth_estimateGas and eth_sendTransaction."""
    if not isinstance(request, dict):
        raise invalid_params("the call must be an object")
    body = request.get("input", request.get("data"))
    price = request.get("maxFeePerGas", request.get("gasPrice"))
    gas = request.get("gas")
    to = request.get("to")
    return CallRequest(
        sender=bytes(20) if request.get("from") is None else read_address(request["from"], "from"),
        to=None if to in (None, "0x", "") else read_address(to, "to"),
        data=b"" if body is None else read_data(body, "data"),
        value=0 if request.get("value") is None else read_quantity(request["value"], "value"),
        gas=None if gas is None else read_quantity(gas, "gas"),
        gas_price=0 if price is None else read_quantity(price, "gas price"),
        access_list=_read_access_list(request.get("accessList")),
    )


def _read_access_list(value: Any) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise invalid_params("accessList must be a list of objects")
    return tuple(
        (
            read_address(entry.get("address"), "accessList address"),
            tuple(
                int.from_bytes(read_data(k, "storage key", 32), "big") for k in entry.get("storageKeys", [])
            ),
        )
        for entry in value
    )


def read_overrides(value: Any) -> Change | None:
    """The state override of eth_call: balance, nonce, code, state and stateDiff by address."""
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise invalid_params("state override must be an object of objects")
    edits: list[Change] = []
    for key, entry in value.items():
        edits += _read_override(read_address(key, "state override"), entry)

    def change(state: Any) -> None:
        for edit in edits:
            edit(state)

    return change


def _read_override(account: bytes, entry: dict[str, Any]) -> list[Change]:
    edits: list[Change] = []
    if (balance := entry.get("balance")) is not None:
        wei = read_quantity(balance, "balance")
        edits.append(lambda state: state.set_balance(account, wei))
    if (nonce := entry.get("nonce")) is not None:
        number = read_quantity(nonce, "nonce")
        edits.append(lambda state: state.set_nonce(account, number))
    if (code := entry.get("code")) is not None:
        body = read_data(code, "code")
        edits.append(lambda state: state.set_code(account, body))
    slots = entry.get("stateDiff")
    if entry.get("state") is not None:
        slots = entry["state"]
        edits.append(lambda state: state.delete_storage(account))
    if slots is not None:
        if not isinstance(slots, dict):
            raise invalid_params("state and stateDiff must be objects")
        words = [
            (read_quantity(slot, "slot"), int.from_bytes(read_data(word, "word", 32), "big"))
            for slot, word in slots.items()
        ]

        def fill(state: Any) -> None:
            for slot, word in words:
                state.set_storage(account, slot, word)

        edits.append(fill)
    return edits
