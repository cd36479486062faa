"""Execution with py-evm: the genesis, making a block, and running a call or an estimate without making one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth._utils.address import generate_contract_address
from eth.consensus.context import ConsensusContext
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.db.trie import make_trie_root_and_nodes
from eth.exceptions import PyEVMError, Revert
from eth.rlp.headers import BlockHeader
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.shanghai.constants import MAX_INITCODE_SIZE
from eth.vm.header import HeaderSedes
from eth.vm.spoof import SpoofTransaction
from eth_keys.datatypes import PrivateKey
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from valetkey.chains.devchain.archive import CHAIN_ID, Archive, LogRow, TransactionRow
from valetkey.chains.faults import EXECUTION_REVERTED, RpcFault, refused

GAS_LIMIT = 30_000_000
COINBASE = bytes(20)
CALL_STIPEND = 2300
TRANSACTION_GAS = 21_000
FLOOR_GAS_PER_TOKEN = 10
ESTIMATE_TOLERANCE_PERCENT = 1

Header = Any  # py-evm's header classes are made at run time, one per fork.
Transaction = Any
Change = Callable[[Any], None]
"""An edit of py-evm's state, for development only."""


@dataclass(frozen=True, slots=True)
class CallRequest:
    """What eth_call and eth_estimateGas run; `to` None deploys."""

    sender: bytes
    to: bytes | None
    data: bytes = b""
    value: int = 0
    gas: int | None = None
    gas_price: int = 0
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()


class _StateNodes(BaseDB):
    """The archive's node table as py-evm's key-value store."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __getitem__(self, key: bytes) -> bytes:
        value = self._archive.node(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._archive.put_node(key, value)

    def __delitem__(self, key: bytes) -> None:
        """Nothing: old states stay readable, so that calls at past blocks work."""

    def _exists(self, key: bytes) -> bool:
        return self._archive.node(key) is not None


class Machine:
    """One EVM under Prague rules, whose states and blocks live in an archive."""

    def __init__(self, archive: Archive, chain_id: int) -> None:
        self.archive = archive
        self.chain_id = chain_id
        self.db = AtomicDB(_StateNodes(archive))
        self._context = ChainContext(chain_id)
        self._builder: Any = PragueVM.get_transaction_builder()
        self._headers: dict[int, Header] = {}

    # Headers

    def make_genesis(self, timestamp: int, balances: dict[bytes, int]) -> None:
        blank = BlockHeader(difficulty=0, block_number=-1, gas_limit=0)
        state = PragueVM.build_state(self.db, blank, self._context)
        for address, balance in balances.items():
            state.set_balance(Address(address), balance)
        state.persist()
        header = PragueVM.create_genesis_header(
            gas_limit=GAS_LIMIT, timestamp=timestamp, state_root=state.state_root, coinbase=COINBASE
        )
        self.archive.append(0, header.hash, rlp.encode(header), [], [], {CHAIN_ID: self.chain_id})

    def header(self, number: int) -> Header | None:
        header = self._headers.get(number)
        if header is None:
            encoded = self.archive.header(number)
            if encoded is None:
                return None
            header = rlp.decode(encoded, sedes=HeaderSedes)
            if len(self._headers) > 1024:
                self._headers.clear()
            self._headers[number] = header
        return header

    def forget_headers(self) -> None:
        self._headers.clear()

    def get_block_header_by_hash(self, block_hash: bytes) -> Header:
        """py-evm looks ancestors up under this name, for BLOCKHASH."""
        number = self.archive.number_of(block_hash)
        return None if number is None else self.header(number)

    def next_header(self, parent: Header, timestamp: int) -> Header:
        return PragueVM.create_header_from_parent(
            parent, timestamp=timestamp, gas_limit=parent.gas_limit, coinbase=COINBASE, mix_hash=parent.hash
        )

    def state(self, header: Header) -> Any:
        return self._vm(header).state

    def _vm(self, header: Header) -> PragueVM:
        # py-evm calls the place where headers and state live `chaindb`; of it only `db` and
        # `get_block_header_by_hash` are used here.
        return PragueVM(header, self, self._context, ConsensusContext(self.db))  # type: ignore[arg-type]

    # Transactions

    def decode(self, raw: bytes) -> Transaction:
        """The signed transaction in these bytes; raises RpcFault when it is none, or for another chain."""
        if raw[:1] == b"\x03":
            raise refused("blob transactions are not supported by the development chain")
        try:
            transaction = self._builder.decode(raw)
            transaction.check_signature_validity()
            transaction.validate()
            canonical = transaction.encode() == raw
        except (
            PyEVMError,
            ValidationError,
            rlp.exceptions.RLPException,
            ValueError,
            TypeError,
            IndexError,
        ) as error:
            raise refused(f"invalid transaction: {type(error).__name__}") from error
        if not canonical:
            raise refused("invalid transaction: not canonically encoded")
        if transaction.chain_id is not None and transaction.chain_id != self.chain_id:
            raise refused(f"invalid chain id for signer: have {transaction.chain_id} want {self.chain_id}")
        return transaction

    def sign(
        self,
        key: bytes,
        call: CallRequest,
        *,
        nonce: int,
        gas: int,
        max_fee: int,
        priority_fee: int,
        legacy: bool,
    ) -> bytes:
        """A signed transaction of a well-known account; fees are wei per gas."""
        body = {"nonce": nonce, "gas": gas, "to": call.to or b"", "value": call.value, "data": call.data}
        if legacy:
            unsigned = self._builder.create_unsigned_transaction(gas_price=max_fee, **body)
            signed = unsigned.as_signed_transaction(PrivateKey(key), chain_id=self.chain_id)
        else:
            signed = self._builder.new_unsigned_dynamic_fee_transaction(
                chain_id=self.chain_id,
                max_fee_per_gas=max_fee,
                max_priority_fee_per_gas=priority_fee,
                access_list=call.access_list,
                **body,
            ).as_signed_transaction(PrivateKey(key))
        return bytes(signed.encode())

    def mine(
        self,
        parent: Header,
        timestamp: int,
        transactions: list[Transaction],
        settings: dict[str, int],
        change: Change | None = None,
    ) -> tuple[Header, list[tuple[Transaction, str]]]:
        """Make the next block durable; answers its header and the transactions it could not hold, with why.

        `settings` are written with the block; `change` edits the state before anything else runs.
        """
        base = self.next_header(parent, timestamp)
        vm = self._vm(base)
        if change is not None:
            change(vm.state)
        rows: list[TransactionRow] = []
        logs: list[LogRow] = []
        receipts = []
        mined = []
        left: list[tuple[Transaction, str]] = []
        header = base
        try:
            for transaction in transactions:
                try:
                    receipt, _ = vm.apply_transaction(header, transaction)
                except ValidationError as error:
                    left.append((transaction, str(error)))
                    continue
                position = len(rows)
                for entry in receipt.logs:
                    topics = tuple(topic.to_bytes(32, "big") for topic in entry.topics)
                    logs.append(
                        LogRow(base.block_number, len(logs), position, entry.address, topics, entry.data)
                    )
                rows.append(
                    TransactionRow(
                        transaction.hash,
                        base.block_number,
                        position,
                        transaction.encode(),
                        receipt.state_root == b"\x01",
                        receipt.gas_used - header.gas_used,
                        receipt.gas_used,
                        effective_gas_price(transaction, base.base_fee_per_gas),
                        receipt.bloom.to_bytes(256, "big"),
                    )
                )
                header = vm.add_receipt_to_header(header, receipt)
                receipts.append(receipt)
                mined.append(transaction)
            vm.state.persist()
            header = header.copy(
                state_root=vm.state.state_root,
                transaction_root=make_trie_root_and_nodes(tuple(mined))[0],
                receipt_root=make_trie_root_and_nodes(tuple(receipts))[0],
            )
            self.archive.append(base.block_number, header.hash, rlp.encode(header), rows, logs, settings)
        except BaseException:
            self.archive.drop_fresh_nodes()
            raise
        return header, left

    # Calls

    def call(self, at: Header, request: CallRequest, change: Change | None = None) -> bytes:
        """Run a call on the state of this header and throw its changes away; raises RpcFault on failure."""
        computation = self._run(at, request, min(request.gas or GAS_LIMIT, GAS_LIMIT), change)
        if computation.is_error:
            raise _execution_fault(computation)
        return bytes(computation.output)

    def estimate(self, at: Header, request: CallRequest, change: Change | None = None) -> int:
        """A gas limit with which the call succeeds, at most a percent or so above the least."""
        ceiling = min(request.gas or GAS_LIMIT, GAS_LIMIT)
        if request.gas_price:
            afford = (self.state(at).get_balance(request.sender) - request.value) // request.gas_price
            ceiling = max(min(ceiling, afford), TRANSACTION_GAS)
        first = self._run(at, request, ceiling, change)
        if first.is_error:
            raise _execution_fault(first)
        # What was left at the end, before refunds: a transaction must bring that much even if it gets some back.
        consumed = ceiling - first.get_gas_remaining()
        floor = max(consumed, consumed - first.get_gas_refund() + first.data_floor_gas)
        low, high = 0, ceiling
        for guess in (floor, (floor + CALL_STIPEND) * 64 // 63):
            if guess < high and not self._run(at, request, guess, change).is_error:
                high = guess
                break
            low = guess
        while high - low > high * ESTIMATE_TOLERANCE_PERCENT // 100 and low:
            middle = (low + high) // 2
            if self._run(at, request, middle, change).is_error:
                low = middle
            else:
                high = middle
        return high

    def _run(self, at: Header, request: CallRequest, gas: int, change: Change | None) -> Any:
        check_creation(request.to, request.data)
        # A base fee of zero lets a sender without ether ask questions, as geth does.
        state = self.state(at if request.gas_price else at.copy(base_fee_per_gas=0))
        if change is not None:
            change(state)
        if request.to is None:
            state.mark_address_warm(created_address(request.sender, state.get_nonce(request.sender)))
        unsigned = self._builder.new_unsigned_dynamic_fee_transaction(
            chain_id=self.chain_id,
            nonce=state.get_nonce(request.sender),
            max_priority_fee_per_gas=0 if not request.gas_price else request.gas_price,
            max_fee_per_gas=request.gas_price,
            gas=gas,
            to=request.to or b"",
            value=request.value,
            data=request.data,
            access_list=request.access_list,
        )
        try:
            return state.apply_transaction(SpoofTransaction(unsigned, from_=request.sender))
        except ValidationError as error:
            raise refused(_plain(str(error))) from error


def check_creation(to: bytes | None, code: bytes) -> None:
    """Creation code may have a certain size (EIP-3860); py-evm would stumble over more. Raises RpcFault."""
    if not to and len(code) > MAX_INITCODE_SIZE:
        raise refused(f"max initcode size exceeded: code size {len(code)}, limit {MAX_INITCODE_SIZE}")


def floor_gas(data: bytes) -> int:
    """What a transaction with this data uses at least (EIP-7623); py-evm lets it use more than it brought."""
    return TRANSACTION_GAS + FLOOR_GAS_PER_TOKEN * (data.count(0) + 4 * (len(data) - data.count(0)))


def created_address(sender: bytes, nonce: int) -> bytes:
    """Where a contract lands that this sender deploys with this nonce."""
    return bytes(generate_contract_address(Address(sender), nonce))


def effective_gas_price(transaction: Transaction, base_fee: int) -> int:
    """Wei per gas that the transaction pays under this base fee (EIP-1559)."""
    if transaction.type_id in (None, 0, 1):
        return int(transaction.gas_price)
    return int(min(transaction.max_fee_per_gas, base_fee + transaction.max_priority_fee_per_gas))


def max_gas_price(transaction: Transaction) -> int:
    if transaction.type_id in (None, 0, 1):
        return int(transaction.gas_price)
    return int(transaction.max_fee_per_gas)


def _execution_fault(computation: Any) -> RpcFault:
    error = computation.error
    if isinstance(error, Revert):
        data = bytes(computation.output)
        reason = revert_reason(data)
        message = "execution reverted" + (f": {reason}" if reason else "")
        return RpcFault(EXECUTION_REVERTED, message, "0x" + data.hex())
    return refused(f"execution failed: {type(error).__name__}")


def revert_reason(data: bytes) -> str | None:
    """The text of Error(string), or the code of Panic(uint256), in what a call returned."""
    if data[:4] == bytes.fromhex("08c379a0") and len(data) >= 68:
        length = int.from_bytes(data[36:68], "big")
        return data[68 : 68 + length].decode("utf-8", "replace")
    if data[:4] == bytes.fromhex("4e487b71") and len(data) >= 36:
        return f"panic 0x{int.from_bytes(data[4:36], 'big'):02x}"
    return None


def _plain(message: str) -> str:
    lowered = message.lower()
    if "insufficient" in lowered or "cannot afford" in lowered or "balance" in lowered:
        return "insufficient funds for gas * price + value"
    return message
