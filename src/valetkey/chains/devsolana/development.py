"""What only development can do: lamports, mints and tokens out of nothing, and time that passes at once."""

import base64
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from valetkey.chains.devsolana.cluster import SYSTEM, Cluster
from valetkey.chains.devsolana.encoding import (
    MINT_BYTES,
    TOKEN_ACCOUNT_BYTES,
    TOKEN_PROGRAMS,
    read_config,
    read_pubkey,
    token_account,
)
from valetkey.chains.faults import invalid_params

LAMPORTS_MAX = 10**18
UNITS_MAX = 2**64 - 1
SLOTS_MAX = 10**9
RENT_EPOCH = 2**64 - 1
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")


class Development:
    """The tap, the mint and the clock of the embedded cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._drops = 0
        self._mints = 0

    def methods(self) -> dict[str, Callable[..., Any]]:
        return {
            "requestAirdrop": self.airdrop,
            "valetkey_warpSlots": self.warp,
            "valetkey_advanceTime": self.advance,
            "valetkey_makeMint": self.make_mint,
            "valetkey_giveTokens": self.give_tokens,
            "valetkey_setAccount": self.set_account,
        }

    def airdrop(self, address: Any, lamports: Any, config: Any = None) -> str:
        """Lamports out of nothing. What it answers is the signature of no transaction."""
        read_config(config)
        key = read_pubkey(address)
        if not isinstance(lamports, int) or isinstance(lamports, bool) or not 0 < lamports <= LAMPORTS_MAX:
            raise invalid_params("Invalid params: invalid lamports")
        found = self._cluster.account(key)
        has = 0 if found is None else found.lamports
        data, owner = (b"", SYSTEM) if found is None else (bytes(found.data), found.owner)
        self._cluster.put(key, Account(has + lamports, data, owner, False, RENT_EPOCH))
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

    def make_mint(self, decimals: Any, program: Any = None, address: Any = None) -> str:
        """A token that nobody can make more of but this cluster; its address, which may be chosen."""
        if type(decimals) is not int or not 0 <= decimals <= 18:
            raise invalid_params("decimals is a number from 0 to 18")
        self._mints += 1
        owner = TOKEN_PROGRAMS[0] if program is None else read_pubkey(program)
        key = (
            Pubkey(sha256(f"mint {self._mints}".encode()).digest())
            if address is None
            else read_pubkey(address)
        )
        if owner not in TOKEN_PROGRAMS or self._cluster.account(key) is not None:
            raise invalid_params("no token program, or the address is in use")
        data = bytes(44) + bytes([decimals, 1]) + bytes(36)
        self._cluster.put(key, Account(self._cluster.rent(MINT_BYTES), data, owner, False, RENT_EPOCH))
        return str(key)

    def give_tokens(self, owner: Any, mint: Any, units: Any) -> str:
        """Tokens out of nothing into an owner's associated account, which is made; its address."""
        wallet, token = read_pubkey(owner), read_pubkey(mint)
        minted = self._cluster.account(token)
        if minted is None or minted.owner not in TOKEN_PROGRAMS or len(minted.data) < MINT_BYTES:
            raise invalid_params("there is no such mint")
        if type(units) is not int or not 0 <= units <= UNITS_MAX:
            raise invalid_params("units is a number")
        seeds = [bytes(wallet), bytes(minted.owner), bytes(token)]
        key = Pubkey.find_program_address(seeds, ASSOCIATED)[0]
        account = self._cluster.account(key)
        held = token_account(account)
        supply = int.from_bytes(minted.data[36:44], "little") + units
        has = (0 if held is None else held.amount) + units
        if max(supply, has) > UNITS_MAX:
            raise invalid_params("that is more than a token can have")
        if account is None or held is None:
            lamports = self._cluster.rent(TOKEN_ACCOUNT_BYTES)
            data = bytes(token) + bytes(wallet) + has.to_bytes(8, "little") + bytes(36) + b"\1" + bytes(56)
        else:
            lamports = account.lamports
            data = account.data[:64] + has.to_bytes(8, "little") + account.data[72:]
        self._cluster.put(key, Account(lamports, data, minted.owner, False, RENT_EPOCH))
        changed = minted.data[:36] + supply.to_bytes(8, "little") + minted.data[44:]
        self._cluster.put(token, Account(minted.lamports, changed, minted.owner, False, RENT_EPOCH))
        return str(key)

    def set_account(self, address: Any, answer: Any) -> bool:
        """Any account by decree, in the shape of getAccountInfo: for states that are hard to come by otherwise."""
        given = read_config(answer)
        try:
            data = base64.b64decode(given["data"][0], validate=True)
            owner: Pubkey = read_pubkey(given["owner"])
            account = Account(
                int(given["lamports"]), data, owner, given.get("executable") is True, RENT_EPOCH
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise invalid_params("an account has lamports, data and owner") from error
        self._cluster.put(read_pubkey(address), account)
        return True
