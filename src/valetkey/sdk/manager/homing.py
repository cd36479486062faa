"""What lies at the own address of an ended session's key goes home to its owner, by the key's signature (EIP-3009).

The key needs no coin for that: whoever pays for the owner's transactions sends it.
"""

import secrets

from msgspec import structs

from valetkey.core.addresses import same_address
from valetkey.crypto.signatures import sign_digest
from valetkey.ports.accounts import SessionRecord
from valetkey.sdk.manager.keeping import Kept
from valetkey.sdk.manager.on_evm import OnEvm
from valetkey.sdk.manager.owning import Owning
from valetkey.sdk.manager.topping import Topping
from valetkey.wire import calls
from valetkey.wire.abi import decode_words
from valetkey.wire.authorizations import TransferAuthorization, domain_separator

SIGNED_SECONDS = 3_600
UNSIGNED = "0x" + "00" * 65


class Homing:
    """The part of a manager that empties the accounts of its sessions' keys."""

    def __init__(self, local: OnEvm, owning: Owning, kept: Kept, topping: Topping) -> None:
        self._local = local
        self._owning = owning
        self._kept = kept
        self._topping = topping

    async def bring_home(self, record: SessionRecord) -> int:
        """Base units that came home. What a signed payment may still take stays until that is proven.

        Nothing of a token that knows no authorizations. Raises InsufficientFunds where nobody can pay the gas,
        DamagedRecord where the key is not there, StillPending.
        """
        local = self._local
        await local.check_chain()
        units = await self._topping.unspoken(record)
        if units == 0:
            return 0
        domain = await self._domain()
        if domain is None:
            return 0
        await local.unlock()
        key = self._kept.evm_key(record)
        head = await local.reader.head()
        unsigned = TransferAuthorization(
            chain_id=local.chain.chain_id,
            token=local.asset.address,
            name=domain[0],
            version=domain[1],
            payer=key.address,
            payee=local.owner,
            amount=str(units),
            valid_after="0",
            valid_before=str(max(head.timestamp, local.clock.now()) + SIGNED_SECONDS),
            nonce="0x" + secrets.token_hex(32),
            signature=UNSIGNED,
        )
        signature = "0x" + sign_digest(key, unsigned.digest()).hex()
        call = calls.transfer_with_authorization(structs.replace(unsigned, signature=signature))
        # One that another process left behind is gone on with, and brings what it was signed for.
        tx_hash = await self._owning.perform(f"bring home {key.address}", call)
        done = await local.reader.execution(tx_hash)
        return sum(
            one.units
            for one in (() if done is None else done.transfers)
            if same_address(one.token, local.asset.address) and same_address(one.payer, key.address)
        )

    async def _domain(self) -> tuple[str, str] | None:
        """Name and version of the token's signing domain, which it tells itself; None when they are not its own."""
        local, token, told = self._local, self._local.asset.address, list[str]()
        for question in (calls.token_name(token), calls.token_version(token)):
            words = decode_words(("string",), await local.reader.view(question))
            if words is None:
                return None
            told.append(str(words[0]))
        name, version = told
        separator = await local.reader.view(calls.domain_separator(token))
        own = domain_separator(name, version, local.chain.chain_id, token)
        return (name, version) if separator == own else None
