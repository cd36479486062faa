"""The programs of Solana that a session needs, and the instructions for them."""

import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    AllocateWithSeedParams,
    InitializeNonceAccountParams,
    TransferParams,
    WithdrawNonceAccountParams,
    advance_nonce_account,
    allocate_with_seed,
    initialize_nonce_account,
    transfer,
    withdraw_nonce_account,
)

SYSTEM = Pubkey.default()
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
COMPUTE_BUDGET = Pubkey.from_string("ComputeBudget111111111111111111111111111111")

TRANSFER, REVOKE, BURN, CLOSE_ACCOUNT = 3, 5, 8, 9
TRANSFER_CHECKED, APPROVE_CHECKED, BURN_CHECKED, INITIALIZE_ACCOUNT_3 = 12, 13, 15, 18
BATCH = 255
"""One instruction of a token program that holds several: each has a count of accounts, a length, and its data."""

ADVANCE_NONCE = (4).to_bytes(4, "little")
_CREATE_IDEMPOTENT = 1
_SET_UNIT_LIMIT, _SET_UNIT_PRICE = 2, 3

"""An error of the System program: the nonce was made, or advanced, in this slot."""

INSUFFICIENT_FUNDS = 1
OWNER_MISMATCH = 4
"""Errors of the token programs: more than was approved or is there; neither owner nor delegate."""


def _key(key: Pubkey, *, signs: bool = False, changes: bool = False) -> AccountMeta:
    return AccountMeta(key, signs, changes)


def pubkey_of(public_key: bytes) -> Pubkey:
    """The address of a key, 32 bytes."""
    return Pubkey(public_key)


# System


def pay(payer: Pubkey, payee: Pubkey, lamports: int) -> Instruction:
    """Send lamports."""
    return transfer(TransferParams(from_pubkey=payer, to_pubkey=payee, lamports=lamports))


def allocate(account: Pubkey, base: Pubkey, seed: str, size: int, program: Pubkey) -> Instruction:
    """Make the account that follows from a base and a seed a program's; lamports may be there already."""
    return allocate_with_seed(
        AllocateWithSeedParams(address=account, base=base, seed=seed, space=size, owner=program)
    )


def initialize_nonce(nonce: Pubkey, authority: Pubkey) -> Instruction:
    """Make an account a durable nonce."""
    return initialize_nonce_account(InitializeNonceAccountParams(nonce_pubkey=nonce, authority=authority))


def advance_nonce(nonce: Pubkey, authority: Pubkey) -> Instruction:
    """Use a durable nonce up."""
    return advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=authority))


def withdraw_nonce(nonce: Pubkey, authority: Pubkey, payee: Pubkey, lamports: int) -> Instruction:
    """Take lamports out of a nonce account; all of them close it."""
    return withdraw_nonce_account(
        WithdrawNonceAccountParams(
            nonce_pubkey=nonce, authorized_pubkey=authority, to_pubkey=payee, lamports=lamports
        )
    )


def compute(units: int, price_micro_lamports: int) -> list[Instruction]:
    """How much a transaction may compute, and what it offers for each unit beside its fee."""
    return [
        Instruction(COMPUTE_BUDGET, struct.pack("<BI", _SET_UNIT_LIMIT, units), []),
        Instruction(COMPUTE_BUDGET, struct.pack("<BQ", _SET_UNIT_PRICE, price_micro_lamports), []),
    ]


# Token and Token-2022


def initialize_account(program: Pubkey, account: Pubkey, mint: Pubkey, owner: Pubkey) -> Instruction:
    """Make an account a token account of this owner."""
    data = bytes([INITIALIZE_ACCOUNT_3]) + bytes(owner)
    return Instruction(program, data, [_key(account, changes=True), _key(mint)])


def transfer_checked(
    program: Pubkey,
    source: Pubkey,
    mint: Pubkey,
    target: Pubkey,
    authority: Pubkey,
    units: int,
    decimals: int,
    *,
    references: tuple[Pubkey, ...] = (),
) -> Instruction:
    """Move tokens. References are accounts that are only named, so that the transaction is found by them."""
    accounts = [
        *(_key(source, changes=True), _key(mint), _key(target, changes=True), _key(authority, signs=True)),
        *(_key(one) for one in references),
    ]
    return Instruction(program, struct.pack("<BQB", TRANSFER_CHECKED, units, decimals), accounts)


def approve_checked(
    program: Pubkey, account: Pubkey, mint: Pubkey, delegate: Pubkey, owner: Pubkey, units: int, decimals: int
) -> Instruction:
    """Let a delegate move so much. An account has one delegate: another one takes its place."""
    accounts = [_key(account, changes=True), _key(mint), _key(delegate), _key(owner, signs=True)]
    return Instruction(program, struct.pack("<BQB", APPROVE_CHECKED, units, decimals), accounts)


def revoke(program: Pubkey, account: Pubkey, owner: Pubkey) -> Instruction:
    """Let no delegate move anything."""
    return Instruction(program, bytes([REVOKE]), [_key(account, changes=True), _key(owner, signs=True)])


def close_account(program: Pubkey, account: Pubkey, payee: Pubkey, owner: Pubkey) -> Instruction:
    """Close an empty token account; its lamports go to the payee."""
    accounts = [_key(account, changes=True), _key(payee, changes=True), _key(owner, signs=True)]
    return Instruction(program, bytes([CLOSE_ACCOUNT]), accounts)


def associated_account(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    """Where an owner keeps a token unless it says otherwise."""
    seeds = [bytes(owner), bytes(program), bytes(mint)]
    return Pubkey.find_program_address(seeds, ASSOCIATED)[0]


def create_associated(payer: Pubkey, owner: Pubkey, mint: Pubkey, program: Pubkey) -> Instruction:
    """Make an owner's associated account, and do nothing when it is there."""
    accounts = [
        _key(payer, signs=True, changes=True),
        _key(associated_account(owner, mint, program), changes=True),
        *(_key(owner), _key(mint), _key(SYSTEM), _key(program)),
    ]
    return Instruction(ASSOCIATED, bytes([_CREATE_IDEMPOTENT]), accounts)
