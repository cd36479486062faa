# Generated from src/valetkey/sdk/_async/vouchers.py by scripts/generate_sync.py: edit that file instead.
"""Vouchers: a session key promises a payee a growing total off chain, and one transaction settles many promises."""

import secrets
import time

from valetkey.core.errors import InvalidInput
from valetkey.core.grant import NOBODY
from valetkey.sdk._sync.agent import Agent
from valetkey.sdk._sync.drawing import Draws, check_chain
from valetkey.sdk.amounts import Amount
from valetkey.sdk.limits import units_of
from valetkey.sdk.spending import chain_of_asset
from valetkey.wire import grant_calls
from valetkey.wire.draws import SignedVoucher, VoucherPayload, read_voucher, voucher_reference
from valetkey.wire.granting import grant_of
from valetkey.wire.grants import Domain, Voucher, grant_hash, grant_id, voucher_message
from valetkey.wire.http import encode

VOUCHERS = "vouchers"
"""The room of the state folder that remembers what was promised to whom."""

VOUCHER_SECONDS = 86_400


class Promises(Draws):
    """The part of a delegate that promises."""

    def promise(self, payee: str, amount: Amount, *, seconds: int = VOUCHER_SECONDS) -> SignedVoucher:
        """Promise a payee so much more, without a transaction: a voucher for all that it was ever promised.

        The gate decides, and holds the amount until it is settled or `seconds` are over. A later voucher makes the
        earlier ones to the same payee worthless; what is not settled when the grant is revoked is the payee's loss.
        Hand `serialize()` over. Raises BudgetExceeded and the other refusals, GrantNeeded.
        """
        grant = self._grant()
        terms, desk = grant_of(grant.grant), self._desk()
        identity = bytes.fromhex(grant.id[2:])
        name = f"{grant.id}-{payee.lower()}"
        with desk.alone():
            kept = self._state.read(VOUCHERS, name)
            if kept is None:
                call = grant_calls.settled(grant.contract, identity, payee)
                total = grant_calls.number(desk.wallet.view(call))
            else:
                total = int(kept)
            hold = self.spend(amount, payee=payee, operation="voucher", seconds=seconds)
            check_chain("spend", chain_of_asset(hold.view.asset), self.network())
            total += hold.units
            until = int(time.time()) + seconds
            voucher = Voucher(payee=payee, total=total, deadline=until)
            data = Domain(grant.chain_id, grant.contract).typed_data(
                "Voucher", voucher_message(grant_hash(terms), voucher)
            )
            signature = "0x" + self._need_signer().sign_typed_data(data).hex()
            payload = VoucherPayload(
                chain_id=grant.chain_id,
                grant=grant.id,
                payee=payee,
                total=str(total),
                executor=NOBODY,
                until=until,
                signature=signature,
            )
            # Held before it is remembered, and remembered before anybody has it: a crash promises nothing.
            hold.mark_signed(encode(payload), voucher_reference(identity, payee))
            self._state.write(VOUCHERS, name, str(total).encode("ascii"))
        return SignedVoucher(
            chain_id=grant.chain_id,
            contract=grant.contract,
            grant=grant.grant,
            grant_signature=grant.signature,
            payee=payee,
            total=str(total),
            until=until,
            signature=signature,
            proof=["0x" + one.hex() for one in self._proof(grant, payee)],
        )


class Settlements(Agent):
    """The part of a payee that settles what it was promised."""

    def settle_voucher(self, voucher: SignedVoucher | str, amount: Amount | None = None) -> str:
        """Be paid what a voucher promises beyond what was settled, by one transaction of the payee's wallet; the hash.

        `amount`: USDC, less than all of it. The newest voucher of a payer is enough. Raises InvalidInput for one that
        pays another wallet or promises nothing more, CallReverts with the contract's reason.
        """
        held = read_voucher(voucher) if isinstance(voucher, str) else voucher
        terms, desk = grant_of(held.grant), self._desk(network=self.network(held.chain_id))
        if held.payee.lower() != desk.wallet.address.lower():
            raise InvalidInput("this voucher pays another wallet")
        identity = grant_id(terms.owner, grant_hash(terms))
        paid = grant_calls.number(desk.wallet.view(grant_calls.settled(held.contract, identity, held.payee)))
        left = int(held.total) - paid
        units = left if amount is None else units_of(amount, "USDC")
        if not 0 < units <= left:
            raise InvalidInput("this voucher promises no more than was settled")
        settlement = grant_calls.settle(
            held.contract,
            terms,
            Voucher(payee=held.payee, total=int(held.total), deadline=held.until),
            units,
            secrets.token_bytes(32),
            bytes.fromhex(held.signature[2:]),
            [bytes.fromhex(one[2:]) for one in held.proof],
        )
        purpose = f"settle {identity.hex()} {held.total} {paid}"
        with desk.alone():
            word = desk.wallet.view(grant_calls.words(held.contract, identity))
            if not grant_calls.number(word):
                known = grant_calls.register(held.contract, terms, bytes.fromhex(held.grant_signature[2:]))
                desk.carry_through(f"register {identity.hex()}", known)
                desk.done(f"register {identity.hex()}")
            mined = desk.carry_through(purpose, settlement)
            desk.done(purpose)
        return mined.tx_hash
