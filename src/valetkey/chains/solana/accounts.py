"""What the bytes of mints, token accounts and nonce accounts say, and which mints a session may be about.

Layouts: SPL Token's state.rs, Token-2022's extensions (type, length, value after byte 165), System's nonce state.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from solders.pubkey import Pubkey

from valetkey.chains.solana.errors import TokenMismatch
from valetkey.chains.solana.programs import SYSTEM, TOKEN, TOKEN_2022
from valetkey.core.errors import ChainUnavailable

MINT_BYTES = 82
TOKEN_ACCOUNT_BYTES = 165
NONCE_BYTES = 80
_MINT_TYPE, _ACCOUNT_TYPE = 1, 2
_FROZEN = 2

HARMLESS = {
    3: "close authority",
    18: "metadata pointer",
    19: "metadata",
    20: "group pointer",
    21: "group",
    22: "member pointer",
    23: "member",
}
"""Extensions of a mint that change nothing about what a transfer moves, or who can make one."""

REFUSED = {
    1: "a transfer fee",
    4: "confidential transfers",
    6: "accounts that begin frozen",
    9: "no transfers at all",
    10: "interest",
    12: "a permanent delegate",
    14: "a transfer hook",
    16: "confidential transfer fees",
    24: "confidential minting",
    25: "scaled amounts",
    26: "a pause",
}


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as a node told it, in which slot."""

    lamports: int
    owner: Pubkey
    data: bytes


@dataclass(frozen=True, slots=True)
class Mint:
    """A token: the program that keeps it, and its decimals."""

    address: Pubkey
    program: Pubkey
    decimals: int


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """An account of a token. `delegate` may move `delegated` of it without its owner; base units."""

    mint: Pubkey
    owner: Pubkey
    amount: int
    delegate: Pubkey | None
    delegated: int
    is_frozen: bool
    program: Pubkey

    @property
    def exposure(self) -> int:
        """What the delegate could take now."""
        return min(self.delegated, self.amount) if self.delegate is not None else 0


@dataclass(frozen=True, slots=True)
class Nonce:
    """A durable nonce: who may advance it, and what a transaction that lives by it has for its blockhash."""

    authority: Pubkey
    value: bytes


def read_account(answer: Any) -> AccountInfo | None:
    """An account out of an answer in base64; None when there is none. Raises ChainUnavailable for any other shape."""
    if answer is None:
        return None
    try:
        text, encoding = answer["data"]
        lamports, owner = answer["lamports"], Pubkey.from_string(answer["owner"])
        data = base64.b64decode(text, validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ChainUnavailable("the node's answer is no account") from error
    if encoding != "base64" or type(lamports) is not int or lamports < 0:
        raise ChainUnavailable("the node's answer is no account")
    return AccountInfo(lamports, owner, data)


def read_mint(address: Pubkey, found: AccountInfo | None, decimals: int) -> Mint:
    """A mint that a session may be about. Raises TokenMismatch for one that is not, or has other decimals."""
    if found is None or found.owner not in (TOKEN, TOKEN_2022):
        raise TokenMismatch(f"there is no token {address} on this cluster", field="token")
    data = found.data
    plain = len(data) == MINT_BYTES
    extended = (
        found.owner == TOKEN_2022
        and len(data) > TOKEN_ACCOUNT_BYTES
        and data[TOKEN_ACCOUNT_BYTES] == _MINT_TYPE
    )
    if not (plain or extended) or data[45] != 1:
        raise TokenMismatch(f"{address} is no mint", field="token")
    if extended:
        _check_extensions(address, data[TOKEN_ACCOUNT_BYTES + 1 :])
    if data[44] != decimals:
        raise TokenMismatch(f"{address} has {data[44]} decimals, not {decimals}", field="token")
    return Mint(address, found.owner, data[44])


def read_token_account(found: AccountInfo | None) -> TokenAccount | None:
    """A token account that is in use; None for anything else."""
    if found is None or found.owner not in (TOKEN, TOKEN_2022):
        return None
    data = found.data
    extended = (
        found.owner == TOKEN_2022
        and len(data) > TOKEN_ACCOUNT_BYTES
        and data[TOKEN_ACCOUNT_BYTES] == _ACCOUNT_TYPE
    )
    if not (len(data) == TOKEN_ACCOUNT_BYTES or extended) or data[108] == 0:
        return None
    has_delegate = int.from_bytes(data[72:76], "little") == 1
    return TokenAccount(
        mint=Pubkey(data[0:32]),
        owner=Pubkey(data[32:64]),
        amount=int.from_bytes(data[64:72], "little"),
        delegate=Pubkey(data[76:108]) if has_delegate else None,
        delegated=int.from_bytes(data[121:129], "little") if has_delegate else 0,
        is_frozen=data[108] == _FROZEN,
        program=found.owner,
    )


def read_nonce(found: AccountInfo | None) -> Nonce | None:
    """A durable nonce that is initialized; None for anything else."""
    if found is None or found.owner != SYSTEM or len(found.data) != NONCE_BYTES:
        return None
    if int.from_bytes(found.data[4:8], "little") != 1:
        return None
    return Nonce(Pubkey(found.data[8:40]), found.data[40:72])


def _check_extensions(address: Pubkey, rest: bytes) -> None:
    at = 0
    while at + 4 <= len(rest):
        kind = int.from_bytes(rest[at : at + 2], "little")
        if kind == 0:
            return
        if kind not in HARMLESS:
            what = REFUSED.get(kind, f"an extension that is not known (type {kind})")
            raise TokenMismatch(
                f"{address} has {what}: what leaves an account would not be what was signed for",
                field="token",
            )
        at += 4 + int.from_bytes(rest[at + 2 : at + 4], "little")
