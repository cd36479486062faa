"""The methods that send, those of development, and all methods of the embedded cluster under one lock."""

import base64
from collections.abc import Callable
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.token.state import TokenAccount

from valetkey.chains.devsolana.cluster import SYSTEM, Cluster, Rejected
from valetkey.chains.devsolana.encoding import (
    TOKEN_ACCOUNT_BYTES,
    read_config,
    read_pubkey,
    read_transaction,
    token_account,
)
from valetkey.chains.devsolana.reading import Reading
from valetkey.chains.faults import RpcFault, invalid_params
from valetkey.chains.jsonrpc import Method, Rpc

SEND_FAILED = -32002
SIGNATURE_FAILED = -32003
LAMPORTS_MAX = 10**18
UNITS_MAX = 2**64 - 1
SLOTS_MAX = 10**9


class Sending:
    """Transactions in, and what only development can do."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._drops = 0

    def methods(self) -> dict[str, Callable[..., Any]]:
        return {
            "sendTransaction": self.send,
            "simulateTransaction": self.simulate,
            "requestAirdrop": self.airdrop,
            "valetkey_warpSlots": self.warp,
            "valetkey_advanceTime": self.advance,
            "valetkey_setTokens": self.set_tokens,
            "valetkey_setAccount": self.set_account,
        }

    def send(self, text: Any, config: Any = None) -> str:
        config = read_config(config)
        transaction = read_transaction(text, config)
        if not all(transaction.verify_with_results()):
            raise RpcFault(SIGNATURE_FAILED, "Transaction signature verification failure")
        skip = config.get("skipPreflight") is True
        try:
            self._cluster.land(transaction, preflight=not skip)
        except Rejected as refused:
            # Without preflight a node takes anything; what cannot land is dropped on its way.
            if not skip:
                raise _send_failed(refused) from refused
        return str(transaction.signatures[0])

    def simulate(self, text: Any, config: Any = None) -> dict[str, Any]:
        config = read_config(config)
        transaction = read_transaction(text, config)
        error, logs, units = None, [], 0
        try:
            self._cluster._check_age(transaction)
            said = self._cluster.simulate(transaction, signed=config.get("sigVerify") is True)
            logs, units = said.logs(), said.compute_units_consumed()
        except Rejected as refused:
            error, logs, units = refused.error, refused.logs, refused.units
        value = {"err": error, "logs": logs, "unitsConsumed": units, "accounts": None, "returnData": None}
        return {"context": {"slot": self._cluster.slots.head, "apiVersion": "2.3.0"}, "value": value}

    # Development

    def airdrop(self, address: Any, lamports: Any, config: Any = None) -> str:
        """Lamports out of nothing. What it answers is the signature of no transaction."""
        read_config(config)
        key = read_pubkey(address)
        if not isinstance(lamports, int) or isinstance(lamports, bool) or not 0 < lamports <= LAMPORTS_MAX:
            raise invalid_params("Invalid params: invalid lamports")
        found = self._cluster.account(key)
        has = 0 if found is None else found.lamports
        data, owner = (b"", SYSTEM) if found is None else (bytes(found.data), found.owner)
        self._cluster.put(key, Account(has + lamports, data, owner, False, 2**64 - 1))
        self._drops += 1
        return str(Signature(self._drops.to_bytes(64, "big")))

    def warp(self, slots: Any) -> int:
        """Let so many slots pass at once."""
        if not isinstance(slots, int) or isinstance(slots, bool) or not 0 <= slots <= SLOTS_MAX:
            raise invalid_params("slots is a number")
        self._cluster.slots.warp(slots)
        self._cluster.catch_up()
        return self._cluster.slots.head

    def advance(self, seconds: Any) -> int:
        """Let so many seconds pass at once, with their slots; the time that it is then, unix seconds."""
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= SLOTS_MAX:
            raise invalid_params("seconds is a number")
        slots = self._cluster.slots
        self.warp(-(-seconds * 1_000 // slots.slot_milliseconds))
        return slots.time_of(slots.head)

    def set_tokens(self, address: Any, units: Any) -> int:
        """Tokens out of nothing for a token account that there is; how many it holds now."""
        if not isinstance(units, int) or isinstance(units, bool) or not 0 <= units <= UNITS_MAX:
            raise invalid_params("units is a number")
        key = read_pubkey(address)
        account = self._cluster.account(key)
        token = token_account(account)
        if account is None or token is None:
            raise invalid_params("no token account is there")
        data = bytes(account.data)
        changed = data[:64] + units.to_bytes(8, "little") + data[72:]
        assert TokenAccount.from_bytes(changed[:TOKEN_ACCOUNT_BYTES]).amount == units
        self._cluster.put(key, Account(account.lamports, changed, account.owner, False, 2**64 - 1))
        return units

    def set_account(self, address: Any, answer: Any) -> bool:
        """Any account by decree, in the shape of getAccountInfo: for states that are hard to come by otherwise."""
        given = read_config(answer)
        try:
            data = base64.b64decode(given["data"][0], validate=True)
            owner: Pubkey = read_pubkey(given["owner"])
            account = Account(int(given["lamports"]), data, owner, given.get("executable") is True, 2**64 - 1)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise invalid_params("an account has lamports, data and owner") from error
        self._cluster.put(read_pubkey(address), account)
        return True


def rpc_of(cluster: Cluster) -> Rpc:
    """Every method by its name; before each the slots pass that the clock says have passed."""
    methods: dict[str, Method] = {}
    for part in (Reading(cluster), Sending(cluster)):
        methods.update(part.methods())
    return Rpc(methods, before=cluster.catch_up)


def _send_failed(refused: Rejected) -> RpcFault:
    said = _said(refused.error)
    data = {"err": refused.error, "logs": refused.logs, "accounts": None, "unitsConsumed": refused.units}
    return RpcFault(SEND_FAILED, f"Transaction simulation failed: {said}", data)


def _said(error: Any) -> str:
    if error == "BlockhashNotFound":
        return "Blockhash not found"
    if error == "AlreadyProcessed":
        return "This transaction has already been processed"
    if isinstance(error, dict) and "InstructionError" in error:
        index, why = error["InstructionError"]
        custom = (
            f"custom program error: {why['Custom']:#x}" if isinstance(why, dict) and "Custom" in why else why
        )
        return f"Error processing Instruction {index}: {custom}"
    return str(error)
