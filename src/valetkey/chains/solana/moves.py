"""What the instructions of a transaction moved: tokens and lamports, whoever called them."""

from collections.abc import Iterator
from typing import Any

from solders.pubkey import Pubkey

from valetkey.chains.solana import programs
from valetkey.core.money import NATIVE
from valetkey.crypto import base58
from valetkey.ports.chain import Transfer

Called = tuple[Pubkey, list[Pubkey], bytes]
"""A program, the accounts that it was given, and the data."""

_CREATE, _SYSTEM_TRANSFER, _CREATE_WITH_SEED, _TRANSFER_WITH_SEED = 0, 2, 3, 11
_SEED_AT = 36
"""Where the length of a seed stands, after the instruction's number and the base."""

_TOKENS = (programs.TOKEN, programs.TOKEN_2022)
_TRANSFER_WITH_FEE = (26, 1)
INSTRUCTION_CHARS_MAX = 20_000


def read_moves(message: Any, keys: list[Pubkey], meta: dict[str, Any]) -> tuple[Transfer, ...]:
    """Every move of a transaction that succeeded, in the order of its instructions.

    `meta` is the node's account of it. What was burnt has the mint for its payee. Raises KeyError, IndexError,
    TypeError and ValueError for a shape that is no account of a transaction.
    """
    holders = _holders(keys, meta)
    moves = list[Transfer | None]()
    for program, accounts, data in _called(message, keys, meta):
        if program == programs.SYSTEM:
            moves.append(_lamports(accounts, data))
        elif program in _TOKENS:
            moves += [_tokens(*one, holders) for one in _unbundled(accounts, data)]
    return tuple(one for one in moves if one is not None)


def _called(message: Any, keys: list[Pubkey], meta: dict[str, Any]) -> Iterator[Called]:
    inner: dict[int, list[Any]] = {}
    for group in meta["innerInstructions"] or []:
        inner.setdefault(group["index"], []).extend(group["instructions"])
    for index, one in enumerate(message.instructions):
        yield keys[one.program_id_index], [keys[at] for at in bytes(one.accounts)], bytes(one.data)
        for called in inner.get(index, []):
            text = called["data"]
            if len(text) > INSTRUCTION_CHARS_MAX:
                raise ValueError("an instruction is longer than any")
            accounts = [keys[at] for at in called["accounts"]]
            program = keys[called["programIdIndex"]]
            yield program, accounts, _data(program, text)


def _data(program: Pubkey, text: str) -> bytes:
    """The data of an instruction; of long ones of other programs, which move nothing themselves, nothing.

    A token program overlooks what stands behind its own data, so that a transfer may be as long as its caller likes.
    """
    if program in _TOKENS:
        return base58.decode(text, chars_max=INSTRUCTION_CHARS_MAX)
    return base58.decode(text) if len(text) <= base58.CHARS_MAX else b""


def _unbundled(accounts: list[Pubkey], data: bytes) -> Iterator[tuple[list[Pubkey], bytes]]:
    """The instructions of a token program that one instruction is: itself, or those of a batch, in their order."""
    if not data or data[0] != programs.BATCH:
        yield accounts, data
        return
    at, used = 1, 0
    while at + 2 <= len(data):
        count, length = data[at], data[at + 1]
        yield from _unbundled(accounts[used : used + count], data[at + 2 : at + 2 + length])
        at, used = at + 2 + length, used + count


Holder = tuple[str, str]
"""The mint of a token account, and its owner."""


def _holders(keys: list[Pubkey], meta: dict[str, Any]) -> dict[Pubkey, Holder]:
    found: dict[Pubkey, Holder] = {}
    # Who had an account before counts where it changed hands in the same transaction.
    for one in [*(meta["postTokenBalances"] or []), *(meta["preTokenBalances"] or [])]:
        found[keys[one["accountIndex"]]] = (one["mint"], one["owner"])
    return found


def _tokens(accounts: list[Pubkey], data: bytes, holders: dict[Pubkey, Holder]) -> Transfer | None:
    kind = data[0] if data else None
    if tuple(data[:2]) == _TRANSFER_WITH_FEE:
        source, target, authority, at = accounts[0], accounts[2], accounts[3], 2
    elif kind == programs.TRANSFER_CHECKED:
        source, target, authority, at = accounts[0], accounts[2], accounts[3], 1
    elif kind == programs.TRANSFER or kind in (programs.BURN, programs.BURN_CHECKED):
        source, target, authority, at = accounts[0], accounts[1], accounts[2], 1
    else:
        return None
    units = int.from_bytes(data[at : at + 8], "little")
    mint, payer = holders.get(source) or (_mint_of(accounts, kind), str(source))
    payee = holders[target][1] if target in holders else str(target)
    return Transfer(mint, payer, payee, units, str(authority))


def _mint_of(accounts: list[Pubkey], kind: int | None) -> str:
    """The mint of an account that was made and closed within the transaction, so far as the instruction names it."""
    return "" if kind == programs.TRANSFER else str(accounts[1])


def _lamports(accounts: list[Pubkey], data: bytes) -> Transfer | None:
    kind, at = int.from_bytes(data[:4], "little"), 4
    if kind == _CREATE_WITH_SEED and len(data) >= _SEED_AT + 8:
        at = _SEED_AT + 8 + int.from_bytes(data[_SEED_AT : _SEED_AT + 8], "little")
    elif kind not in (_CREATE, _SYSTEM_TRANSFER, _TRANSFER_WITH_SEED):
        return None
    if len(data) < at + 8:
        return None
    # With a seed the account between payer and payee is the one that signed.
    payee = accounts[2] if kind == _TRANSFER_WITH_SEED else accounts[1]
    authority = accounts[1] if kind == _TRANSFER_WITH_SEED else accounts[0]
    units = int.from_bytes(data[at : at + 8], "little")
    return Transfer(NATIVE, str(accounts[0]), str(payee), units, str(authority))
