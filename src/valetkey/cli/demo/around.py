"""A key that goes around the gate: what whoever got hold of a session's key, its keystore's passphrase and a node does.

It names concrete chains and stores, as only composition roots do: there is no way to do this with the SDK.
"""

import asyncio
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from valetkey.chains.solana.addresses import SessionAccounts
from valetkey.chains.solana.programs import TOKEN, associated_account, transfer_checked
from valetkey.chains.solana.reader import SolanaReader
from valetkey.chains.solana.state import mint_of
from valetkey.chains.solana.submitting import blockhash, settle
from valetkey.chains.solana.transactions import sign
from valetkey.core.chains import SOLANA_LOCAL
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.locks import PassphraseLock
from valetkey.crypto.secret import Secret
from valetkey.stores.keystore import open_keystore
from valetkey.wire.solana import payment_of


def accounts_of(owner: str, key: str, mint: str) -> tuple[str, str]:
    """A session's account and its nonce."""
    named = [Pubkey.from_string(one) for one in (owner, key, mint)]
    session = SessionAccounts(named[0], named[1], named[2], TOKEN)
    return str(session.account), str(session.nonce)


def account_of(wallet: str, mint: str) -> str:
    """Where a wallet keeps a token."""
    return str(associated_account(Pubkey.from_string(wallet), Pubkey.from_string(mint), TOKEN))


def take(
    rpc_url: str,
    file: str,
    passphrase: str,
    key_hash: str,
    owner: str,
    mint: str,
    payee: str,
    units: int,
    payer: SigningKey,
) -> dict[str, Any]:
    """Move tokens with a session's key and nobody's leave. Raises TransactionRefused when the token program says no."""
    keystore = open_keystore(Path(file), PassphraseLock(Secret(passphrase)))
    try:
        kept = keystore.get(key_hash)
        assert kept is not None, "the session was handed over"
        key = SigningKey(bytes(kept))
    finally:
        keystore.close()
    return asyncio.run(_take(rpc_url, key, owner, mint, payee, units, payer))


async def _take(
    rpc_url: str, key: SigningKey, owner: str, mint: str, payee: str, units: int, payer: SigningKey
) -> dict[str, Any]:
    reader = SolanaReader(SOLANA_LOCAL, rpc_url)
    try:
        node = reader.node
        told = await mint_of(node, mint, 6)
        mine = Pubkey(key.public_key)
        session = SessionAccounts(Pubkey.from_string(owner), mine, told.address, told.program)
        target = associated_account(Pubkey.from_string(payee), told.address, told.program)
        move = transfer_checked(
            told.program, session.account, told.address, target, mine, units, told.decimals
        )
        recent = await blockhash(node)
        raw = sign([move], Pubkey(payer.public_key), recent.value, [key, payer])
        landed = await settle(node, payment_of(raw, recent.last_valid_height, recent.slot))
        return {"tx_hash": landed.signature}
    finally:
        await reader.close()
