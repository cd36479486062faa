"""The methods that only look: the state of the cluster, accounts, tokens, and what became of transactions."""

import base64
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from solders.account import Account
from solders.message import Message, from_bytes_versioned
from solders.pubkey import Pubkey

from valetkey.chains.devsolana.cluster import Cluster
from valetkey.chains.devsolana.encoding import (
    TOKEN_PROGRAMS,
    account_answer,
    decimals_of,
    meta_answer,
    read_config,
    read_hash,
    read_pubkey,
    read_signature,
    token_account,
    token_amount,
    transaction_answer,
)
from valetkey.chains.devsolana.slots import BLOCKHASH_AGE_MAX, FIRST_SLOT, height_of
from valetkey.chains.faults import RpcFault, invalid_params
from valetkey.core.chains import LOCAL_GENESIS_HASH

ADDRESSES_MAX = 100
SIGNATURES_MAX = 256
LISTED_MAX = 1_000
FEE_LAMPORTS = 5_000
CONTEXT_NOT_REACHED = -32016


class Reading:
    """What a node tells about its ledger."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def methods(self) -> dict[str, Callable[..., Any]]:
        return {
            "getHealth": lambda: "ok",
            "getVersion": lambda: {
                "solana-core": f"valetkey-devsolana/{version('valetkey')}",
                "feature-set": 0,
            },
            "getGenesisHash": lambda: LOCAL_GENESIS_HASH,
            "getFirstAvailableBlock": lambda: FIRST_SLOT,
            "getSlot": lambda config=None: self._slot(config),
            "getBlockHeight": lambda config=None: height_of(self._slot(config)),
            "getBlockTime": self.block_time,
            "getLatestBlockhash": self.latest_blockhash,
            "isBlockhashValid": self.is_blockhash_valid,
            "getMinimumBalanceForRentExemption": self.rent,
            "getFeeForMessage": self.fee,
            "getBalance": self.balance,
            "getAccountInfo": self.account,
            "getMultipleAccounts": self.accounts,
            "getTokenAccountBalance": self.token_balance,
            "getTokenAccountsByOwner": lambda owner, which, config=None: self._tokens(
                "owner", owner, which, config
            ),
            "getTokenAccountsByDelegate": (
                lambda delegate, which, config=None: self._tokens("delegate", delegate, which, config)
            ),
            "getSignatureStatuses": self.statuses,
            "getSignaturesForAddress": self.signatures,
            "getTransaction": self.transaction,
        }

    def _slot(self, config: Any) -> int:
        config = read_config(config)
        slot = self._cluster.slots.at(config.get("commitment"))
        least = config.get("minContextSlot")
        if isinstance(least, int) and slot < least:
            raise RpcFault(
                CONTEXT_NOT_REACHED, "Minimum context slot has not been reached", {"contextSlot": slot}
            )
        return slot

    def _told(self, slot: int, value: Any) -> dict[str, Any]:
        return {"context": {"slot": slot, "apiVersion": "2.3.0"}, "value": value}

    # Slots and blockhashes

    def block_time(self, slot: Any) -> int | None:
        slots = self._cluster.slots
        return slots.time_of(slot) if isinstance(slot, int) and FIRST_SLOT <= slot <= slots.head else None

    def latest_blockhash(self, config: Any = None) -> dict[str, Any]:
        slot = self._slot(config)
        blockhash = str(read_hash_of(self._cluster.slots.blockhash(slot)))
        until = height_of(slot) + BLOCKHASH_AGE_MAX
        return self._told(slot, {"blockhash": blockhash, "lastValidBlockHeight": until})

    def is_blockhash_valid(self, blockhash: Any, config: Any = None) -> dict[str, Any]:
        slot = self._slot(config)
        found = self._cluster.slots.slot_of(bytes(read_hash(blockhash)))
        return self._told(slot, found is not None and found <= slot)

    def fee(self, message: Any, config: Any = None) -> dict[str, Any]:
        try:
            found = from_bytes_versioned(base64.b64decode(message, validate=True))
        except Exception as error:
            raise invalid_params("invalid message") from error
        signatures = found.header.num_required_signatures
        return self._told(self._slot(config), FEE_LAMPORTS * signatures)

    # Accounts

    def rent(self, size: Any, config: Any = None) -> int:
        read_config(config)
        return self._cluster.rent(_size(size))

    def balance(self, address: Any, config: Any = None) -> dict[str, Any]:
        slot = self._slot(config)
        found = self._cluster.account(read_pubkey(address), slot)
        return self._told(slot, 0 if found is None else found.lamports)

    def account(self, address: Any, config: Any = None) -> dict[str, Any]:
        slot = self._slot(config)
        return self._told(slot, account_answer(self._cluster.account(read_pubkey(address), slot)))

    def accounts(self, addresses: Any, config: Any = None) -> dict[str, Any]:
        if not isinstance(addresses, list) or len(addresses) > ADDRESSES_MAX:
            raise invalid_params(f"Too many inputs provided; max {ADDRESSES_MAX}")
        slot = self._slot(config)
        found = [self._cluster.account(read_pubkey(one), slot) for one in addresses]
        return self._told(slot, [account_answer(one) for one in found])

    # Tokens

    def token_balance(self, address: Any, config: Any = None) -> dict[str, Any]:
        slot = self._slot(config)
        found = token_account(self._cluster.account(read_pubkey(address), slot))
        if found is None:
            raise invalid_params("Invalid param: could not find account")
        return self._told(slot, token_amount(found.amount, decimals_of(self._cluster, found.mint)))

    def _tokens(self, whose: str, address: Any, which: Any, config: Any) -> dict[str, Any]:
        """The token accounts of an owner or a delegate, of a mint or of a program."""
        wanted, which, slot = read_pubkey(address), read_config(which), self._slot(config)
        mint = read_pubkey(which["mint"]) if "mint" in which else None
        programs = [read_pubkey(which["programId"])] if "programId" in which else list(TOKEN_PROGRAMS)
        found = []
        for program in programs:
            for key, account in self._cluster.program_accounts(program, slot):
                token = token_account(account)
                if token is None or getattr(token, whose) != wanted or mint not in (None, token.mint):
                    continue
                found.append({"pubkey": str(key), "account": _account(account)})
        return self._told(slot, found)

    # Transactions

    def statuses(self, signatures: Any, config: Any = None) -> dict[str, Any]:
        read_config(config)
        if not isinstance(signatures, list) or len(signatures) > SIGNATURES_MAX:
            raise invalid_params(f"Too many inputs provided; max {SIGNATURES_MAX}")
        slots = self._cluster.slots
        found: list[dict[str, Any] | None] = []
        for one in signatures:
            landed = self._cluster.landed.get(read_signature(one))
            if landed is None:
                found.append(None)
                continue
            commitment = slots.commitment_of(landed.slot)
            found.append(
                {
                    "slot": landed.slot,
                    "confirmations": None if commitment == "finalized" else slots.head - landed.slot,
                    "err": landed.error,
                    "status": {"Ok": None} if landed.error is None else {"Err": landed.error},
                    "confirmationStatus": commitment,
                }
            )
        return self._told(slots.head, found)

    def signatures(self, address: Any, config: Any = None) -> list[dict[str, Any]]:
        config, slot = read_config(config), self._slot(config)
        limit = config.get("limit", LISTED_MAX)
        if not isinstance(limit, int) or not 1 <= limit <= LISTED_MAX:
            raise invalid_params("Invalid limit; max 1000")
        found = []
        for one in reversed(self._cluster.signatures.get(read_pubkey(address), [])):
            landed = self._cluster.landed[one]
            if landed.slot > slot:
                continue
            if str(one) == config.get("until"):
                break
            found.append(
                {
                    "signature": str(one),
                    "slot": landed.slot,
                    "err": landed.error,
                    "memo": None,
                    "blockTime": self._cluster.slots.time_of(landed.slot),
                    "confirmationStatus": self._cluster.slots.commitment_of(landed.slot),
                }
            )
            if str(one) == config.get("before"):
                found.clear()
        return found[:limit]

    def transaction(self, signature: Any, config: Any = None) -> dict[str, Any] | None:
        if isinstance(config, str):
            config = {"encoding": config}
        config = read_config(config)
        if config.get("commitment") == "processed":
            raise invalid_params("Method does not support commitment below `confirmed`")
        landed = self._cluster.landed.get(read_signature(signature))
        if landed is None or landed.slot > self._slot(config):
            return None
        return {
            "slot": landed.slot,
            "blockTime": self._cluster.slots.time_of(landed.slot),
            "transaction": transaction_answer(landed.transaction, config.get("encoding", "json")),
            "meta": meta_answer(self._cluster, landed),
            "version": "legacy" if isinstance(landed.transaction.message, Message) else 0,
        }


def read_hash_of(raw: bytes) -> Pubkey:
    """32 bytes, to be written in base58."""
    return Pubkey(raw)


def _account(account: Account) -> dict[str, Any]:
    answer = account_answer(account)
    assert answer is not None
    return answer


def _size(size: Any) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= 10 * 2**20:
        raise invalid_params("Invalid params: invalid data length")
    return size
