"""One session takes the place of another: its key is approved in the transaction that revokes the other one's.

So at no moment can both move something, and what the new one can take is what the old one left.
"""

import asyncio

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from valetkey.chains.solana import programs
from valetkey.chains.solana.accounts import NONCE_BYTES, TOKEN_ACCOUNT_BYTES, Mint
from valetkey.chains.solana.addresses import SessionAccounts
from valetkey.chains.solana.errors import TransactionRefused
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import ATTEMPTS
from valetkey.chains.solana.state import SessionState, rent, session_state
from valetkey.chains.solana.submitting import PAUSE_SECONDS_MAX, blockhash, settle
from valetkey.chains.solana.transactions import sign
from valetkey.core.errors import ChainUnavailable
from valetkey.ports.signer import Ed25519Signer
from valetkey.wire.solana import payment_of


async def move(
    node: SolanaNode,
    owner: Ed25519Signer,
    old: SessionAccounts,
    new: SessionAccounts,
    mint: Mint,
    units: int,
    *,
    seen: int,
    wait_seconds: float,
    fee_lamports: int = 0,
) -> bool:
    """Give `new` its account with so many units out of the account of `old`, which is closed; all of it or nothing.

    What the old account has less comes from the owner's home, what it has more goes there. Done before, it stays.
    `fee_lamports` go to the new key for its fees.
    `seen`: what the old key could take when the units were counted; what it took since is not given once more. False
    when that leaves nothing, and nothing is done.
    Raises TransactionRefused when the cluster refuses, also because the old key spent since the look too often.
    """
    for attempt in range(ATTEMPTS):
        state = await session_state(node, new)
        if state.account is not None:
            return True
        before = await session_state(node, old)
        left = units - max(seen - takeable(before, old), 0)
        if left <= 0:
            return False
        instructions = await _moving(node, old, new, mint, left, before, state, fee_lamports)
        recent = await blockhash(node)
        raw = sign(instructions, old.owner, recent.value, [owner])
        payment = payment_of(raw, recent.last_valid_height, recent.slot)
        try:
            await settle(node, payment, wait_seconds=wait_seconds)
        except TransactionRefused:
            # The old key spent since the look, somebody sent something there, or a nonce is too fresh.
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(PAUSE_SECONDS_MAX)
            continue
        return True
    raise ChainUnavailable("the session's account does not show")


def takeable(state: SessionState, session: SessionAccounts) -> int:
    """What a key could take; of one that may take nothing any more, what its account has."""
    if state.account is None:
        return 0
    return state.account.exposure if state.is_open(session.key) else state.account.amount


async def _moving(
    node: SolanaNode,
    old: SessionAccounts,
    new: SessionAccounts,
    mint: Mint,
    units: int,
    before: SessionState,
    state: SessionState,
    fee_lamports: int,
) -> list[Instruction]:
    owner, program = old.owner, old.program
    account_rent, nonce_rent = await rent(node, TOKEN_ACCOUNT_BYTES), await rent(node, NONCE_BYTES)
    account_missing, nonce_missing = account_rent - state.account_lamports, nonce_rent - state.nonce_lamports
    there = 0 if before.account is None else before.account.amount
    from_old, from_home, to_home = min(there, units), max(units - there, 0), max(there - units, 0)

    def transferred(source: Pubkey, target: Pubkey, amount: int) -> list[Instruction]:
        if amount == 0:
            return []
        return [
            programs.transfer_checked(program, source, mint.address, target, owner, amount, mint.decimals)
        ]

    found = [programs.pay(owner, new.account, account_missing)] if account_missing > 0 else []
    found += [
        programs.allocate(new.account, owner, new.seed, TOKEN_ACCOUNT_BYTES, program),
        programs.initialize_account(program, new.account, mint.address, owner),
    ]
    if before.account is not None:
        found += [
            programs.revoke(program, old.account, owner),
            *transferred(old.account, new.account, from_old),
            *transferred(old.account, old.home, to_home),
            # A transfer that came or went since the look makes this fail, and with it everything.
            programs.close_account(program, old.account, owner, owner),
        ]
    found += [
        *transferred(old.home, new.account, from_home),
        programs.approve_checked(program, new.account, mint.address, new.key, owner, units, mint.decimals),
    ]
    if before.nonce is not None:
        found.append(programs.withdraw_nonce(old.nonce, owner, owner, before.nonce_lamports))
    if state.nonce is None:
        if nonce_missing > 0:
            found.append(programs.pay(owner, new.nonce, nonce_missing))
        found += [
            programs.allocate(new.nonce, owner, new.seed, NONCE_BYTES, programs.SYSTEM),
            programs.initialize_nonce(new.nonce, owner),
        ]
    if fee_lamports:
        found.append(programs.pay(owner, new.key, fee_lamports))
    return found
