"""What the RPC of a validator answers: the shapes of accounts, token amounts and transactions."""

import base64
from typing import Any

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.token.state import Mint, TokenAccount
from solders.transaction import VersionedTransaction

from valetkey.chains.devsolana.cluster import Cluster, Landed
from valetkey.chains.faults import invalid_params
from valetkey.core.money import format_units
from valetkey.crypto import base58

TOKEN_PROGRAMS = (
    Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
    Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"),
)
TOKEN_ACCOUNT_BYTES = 165
MINT_BYTES = 82
ACCOUNT_TYPE = 2
"""What follows the plain bytes of a token account that has extensions."""


def read_pubkey(text: Any) -> Pubkey:
    """An address from a request."""
    if not isinstance(text, str) or not base58.is_solana_address(text):
        raise invalid_params("Invalid param: WrongSize")
    return Pubkey.from_string(text)


def read_hash(text: Any) -> Hash:
    """A blockhash from a request."""
    return Hash(bytes(read_pubkey(text)))


def read_signature(text: Any) -> Signature:
    """A signature from a request."""
    try:
        return Signature(base58.decode(text))
    except ValueError as error:
        raise invalid_params("Invalid param: Invalid") from error


def read_config(config: Any) -> dict[str, Any]:
    """The last parameter of most methods."""
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise invalid_params("Invalid params: expected an object")
    return config


def read_transaction(text: Any, config: dict[str, Any]) -> VersionedTransaction:
    """A signed transaction from a request."""
    encoding = config.get("encoding", "base58")
    try:
        raw = base64.b64decode(text, validate=True) if encoding == "base64" else _long_base58(text)
        transaction = VersionedTransaction.from_bytes(raw)
        if bytes(transaction) != raw or not transaction.signatures:
            raise ValueError("trailing bytes")
        transaction.sanitize()
    except Exception as error:
        raise invalid_params(
            "failed to deserialize solana_transaction::versioned::VersionedTransaction"
        ) from error
    if getattr(transaction.message, "address_table_lookups", None):
        raise invalid_params("the embedded cluster has no address lookup tables")
    return transaction


def _long_base58(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + base58.ALPHABET.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def token_account(account: Account | None) -> TokenAccount | None:
    """The token account that an account is; None when it is none."""
    if account is None or account.owner not in TOKEN_PROGRAMS:
        return None
    data = bytes(account.data)
    extended = len(data) > TOKEN_ACCOUNT_BYTES and data[TOKEN_ACCOUNT_BYTES] == ACCOUNT_TYPE
    if len(data) != TOKEN_ACCOUNT_BYTES and not extended:
        return None
    found = TokenAccount.from_bytes(data[:TOKEN_ACCOUNT_BYTES])
    return found if data[108] else None


def decimals_of(cluster: Cluster, mint: Pubkey) -> int:
    """The decimals of a mint."""
    account = cluster.account(mint)
    return 0 if account is None else Mint.from_bytes(bytes(account.data)[:MINT_BYTES]).decimals


def token_amount(units: int, decimals: int) -> dict[str, Any]:
    """An amount of a token."""
    return {
        "amount": str(units),
        "decimals": decimals,
        "uiAmount": units / 10**decimals,
        "uiAmountString": format_units(units, decimals),
    }


def account_answer(account: Account | None) -> dict[str, Any] | None:
    """An account, its data in base64."""
    if account is None:
        return None
    data = bytes(account.data)
    return {
        "lamports": account.lamports,
        "owner": str(account.owner),
        "data": [base64.b64encode(data).decode(), "base64"],
        "executable": account.executable,
        "rentEpoch": 2**64 - 1,
        "space": len(data),
    }


def meta_answer(cluster: Cluster, landed: Landed) -> dict[str, Any]:
    """What a transaction did."""
    return {
        "err": landed.error,
        "status": {"Ok": None} if landed.error is None else {"Err": landed.error},
        "fee": landed.fee,
        "preBalances": [0 if one is None else one.lamports for one in landed.before],
        "postBalances": [0 if one is None else one.lamports for one in landed.after],
        "preTokenBalances": _token_balances(cluster, landed.before),
        "postTokenBalances": _token_balances(cluster, landed.after),
        "innerInstructions": _inner(landed),
        "logMessages": landed.logs,
        "rewards": [],
        "loadedAddresses": {"writable": [], "readonly": []},
        "computeUnitsConsumed": landed.units,
    }


def _token_balances(cluster: Cluster, accounts: list[Account | None]) -> list[dict[str, Any]]:
    found = []
    for index, account in enumerate(accounts):
        token = token_account(account)
        if token is None:
            continue
        assert account is not None
        found.append(
            {
                "accountIndex": index,
                "mint": str(token.mint),
                "owner": str(token.owner),
                "programId": str(account.owner),
                "uiTokenAmount": token_amount(token.amount, decimals_of(cluster, token.mint)),
            }
        )
    return found


def _inner(landed: Landed) -> list[dict[str, Any]]:
    found = []
    for index, called in enumerate(landed.inner):
        if not called:
            continue
        instructions = [
            {
                "programIdIndex": one.instruction().program_id_index,
                "accounts": list(bytes(one.instruction().accounts)),
                "data": base58_of(bytes(one.instruction().data)),
                "stackHeight": one.stack_height(),
            }
            for one in called
        ]
        found.append({"index": index, "instructions": instructions})
    return found


def base58_of(data: bytes) -> str:
    """The data of an instruction."""
    return base58.encode(data)


def transaction_answer(transaction: VersionedTransaction, encoding: str) -> Any:
    """A transaction in base64, or as its parts."""
    if encoding == "base64":
        return [base64.b64encode(bytes(transaction)).decode(), "base64"]
    if encoding != "json":
        raise invalid_params("the embedded cluster answers json and base64")
    message = transaction.message
    header = message.header
    return {
        "signatures": [str(one) for one in transaction.signatures],
        "message": {
            "accountKeys": [str(one) for one in message.account_keys],
            "header": {
                "numRequiredSignatures": header.num_required_signatures,
                "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
                "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
            },
            "instructions": [
                {
                    "programIdIndex": one.program_id_index,
                    "accounts": list(bytes(one.accounts)),
                    "data": base58_of(bytes(one.data)),
                    "stackHeight": 1,
                }
                for one in message.instructions
            ],
            "recentBlockhash": str(message.recent_blockhash),
        },
    }
