"""Paying out of a grant: the session key signs, and the platform's relayer sends; without one, the session's wallet.

What is signed is in the state folder before anybody is told of it, and a retry tells the same bytes.
"""

import time
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from valetkey.core.grant import NOBODY
from valetkey.crypto.keys import keccak256
from valetkey.ports.wallet import Call, SignedTransaction
from valetkey.sdk._async.agent import segment
from valetkey.sdk._async.desk import WAIT_SECONDS, AsyncDesk
from valetkey.sdk._async.holds import AsyncHold
from valetkey.sdk._async.owner import AsyncOwner
from valetkey.sdk.checkout import Payment, escrow_of
from valetkey.sdk.errors import CheckoutEnded, GrantNeeded, NotConfigured, TransactionReverted, WrongNetwork
from valetkey.sdk.nonces import nonces
from valetkey.sdk.spending import chain_of_asset
from valetkey.sdk.state import StateUnusable
from valetkey.seam import async_sleep
from valetkey.wire import grant_calls
from valetkey.wire.draws import DrawPayload, reference_of
from valetkey.wire.granting import (
    GrantView,
    RelayFundingRequest,
    RelaySpendRequest,
    RelayStepRequest,
    RelayView,
    grant_of,
)
from valetkey.wire.grants import (
    ESCROW_NAME,
    Domain,
    GrantSpend,
    funding_message,
    grant_hash,
    proof_of,
    spend_message,
    step_message,
)
from valetkey.wire.http import encode
from valetkey.wire.network import NetworkView
from valetkey.wire.proofs import escrow_id
from valetkey.wire.transactions import SignedRequest, TransactionView

T = TypeVar("T")

DRAWS = "draws"
"""The room of the state folder that holds what was signed out of grants."""

STEP_SECONDS = 600
"""How long a signed step, or payment, may be submitted."""

POLL_SECONDS = 0.25
SOON_SECONDS = 0.05
"""The first pause of a wait: on a chain of fast blocks the answer is there before anything that waits would look."""

LIVING = ("signed", "known")


class AsyncDraws(AsyncOwner):
    """The part of a delegate that pays out of its owner's balance."""

    _nonces: Iterator[int] | None = None

    async def draw(self, hold: AsyncHold, *, to_wallet: bool = False) -> AsyncHold:
        """Pay what a spend holds, out of the session's grant, to its payee; it is captured when the chain shows that.

        `to_wallet`: to the session's own wallet instead, for what has to be paid from there (see `top_up`). Doing it
        again goes on with the same bytes. Raises GrantNeeded, RelayRefused with the contract's reason,
        TransactionReverted.
        """
        payee = self.wallet_address if to_wallet else hold.view.payee
        if payee is None:
            raise NotConfigured("this spend names no payee: ask for it with one")
        await self._drawn(hold, payee)
        self._state.remove(DRAWS, f"pay-{hold.id}")
        return await self._captured(hold)

    async def top_up(self, hold: AsyncHold) -> AsyncHold:
        """Bring what a spend holds into the session's own wallet, just before it pays by other means (an EOA's).

        The spend is captured by that: it left the owner's balance. What the wallet does not pay is swept by
        `reclaim_session`.
        """
        return await self.draw(hold, to_wallet=True)

    # Inside

    def _draws(self) -> bool:
        """Whether the session that is held pays out of a grant."""
        return self.session is not None and self._held is not None and self.session.funding_mode == "grant"

    async def _grant(self) -> GrantView:
        """The living grant of the session that is held."""
        if self.session is None:
            raise NotConfigured("this is for the holder of a session: call init_with_session first")
        found = await self.find_grant(self.session.session_id)
        if found is None or found.status not in LIVING:
            raise GrantNeeded("the session has no living grant: ask its owner for one", code="grant_needed")
        check_chain("grant", found.chain_id, await self.network())
        return found

    async def _drawn(self, hold: AsyncHold, payee: str) -> str:
        """Pay what a spend holds out of the grant; the hash. What was signed is kept until the caller removes it."""
        check_chain("spend", chain_of_asset(hold.view.asset), await self.network())
        grant = await self._grant()
        name = f"pay-{hold.id}"
        kept = self._state.read(DRAWS, name)
        network = await self.network()
        if kept is None:
            kept = encode(await self._signed_spend(grant, hold, payee, network.relayer or NOBODY))
            self._state.write(DRAWS, name, kept)
        asked = _read(kept, RelaySpendRequest)
        if network.relayer is None:
            return await self._pay_directly(grant, hold, asked)
        path = f"/spends/{segment(hold.id)}/relay"
        return await self._relayed(await self._client.send("POST", path, RelayView, asked, repeat=True))

    async def _draw_escrow(self, payment: Payment, delivery_seconds: int) -> str | None:
        """Pay an escrow out of the grant; the hash, None when the escrow is there by other means."""
        name = f"fund-{payment.transaction_id}"
        kept = self._state.read(DRAWS, name)
        grant = await self._grant()
        desk = await self._desk()
        if kept is None:
            if await desk.wallet.escrow(payment.transaction_id) is not None:
                return None
            deadline = await desk.wallet.block_time() + delivery_seconds
            kept = encode(self._signed_funding(grant, payment, deadline))
            self._state.write(DRAWS, name, kept)
        asked = _read(kept, RelayFundingRequest)
        if (await self.network()).relayer is not None:
            path = f"/transactions/{segment(payment.transaction_id)}/relay"
            relay = await self._client.send("POST", path, RelayView, asked, repeat=True)
            return await self._relayed(relay)
        return await self._fund_directly(desk, grant, payment, asked)

    def _signed_funding(self, grant: GrantView, payment: Payment, deadline: int) -> RelayFundingRequest:
        terms = grant_of(grant.grant)
        spend = GrantSpend(
            payee=payment.seller,
            amount=payment.units,
            reference=grant_calls.escrow_reference(
                *(escrow_id(payment.transaction_id), payment.seller, payment.units, payment.token),
                *(deadline, payment.dispute_window, payment.abandonment_grace, payment.criteria_hash),
            ),
            nonce=self._nonce(),
            # With the checkout: what is held is given back after it.
            deadline=payment.ends_at if payment.ends_at is not None else int(time.time()) + STEP_SECONDS,
            executor=payment.escrow,
        )
        data = Domain(grant.chain_id, grant.contract).typed_data(
            "EscrowFunding", funding_message(grant_hash(terms), spend)
        )
        return RelayFundingRequest(
            deadline=deadline,
            nonce=str(spend.nonce),
            signed_until=spend.deadline,
            signature="0x" + self._need_signer().sign_typed_data(data).hex(),
        )

    async def _signed_spend(
        self, grant: GrantView, hold: AsyncHold, payee: str, executor: str
    ) -> RelaySpendRequest:
        desk = await self._desk()
        spend = GrantSpend(
            payee=payee,
            amount=hold.units,
            reference=keccak256(hold.id.encode("ascii")),
            nonce=self._nonce(),
            deadline=await desk.wallet.block_time() + STEP_SECONDS,
            executor=executor,
        )
        data = Domain(grant.chain_id, grant.contract).typed_data(
            "Spend", spend_message(grant_hash(grant_of(grant.grant)), spend)
        )
        return RelaySpendRequest(
            payee=payee,
            nonce=str(spend.nonce),
            signed_until=spend.deadline,
            signature="0x" + self._need_signer().sign_typed_data(data).hex(),
        )

    async def _signed_step(self, step: int, transaction_id: str) -> str:
        """Have a buyer's step on an escrow sent that the session key signs here; its hash."""
        network = await self.network()
        desk = await self._desk()
        until = await desk.wallet.block_time() + STEP_SECONDS
        domain = Domain(network.chain_id, escrow_of(network), ESCROW_NAME)
        data = domain.typed_data("BuyerStep", step_message(escrow_id(transaction_id), step, until))
        asked = RelayStepRequest(
            step=step, signed_until=until, signature="0x" + self._need_signer().sign_typed_data(data).hex()
        )
        path = f"/transactions/{segment(transaction_id)}/step"
        # Nothing is kept: an escrow takes each step once, so signing it anew does no harm.
        return await self._relayed(await self._client.send("POST", path, RelayView, asked, repeat=True))

    async def _relayed(self, relay: RelayView) -> str:
        """Wait until the relayer's transaction is final; its hash. Raises TransactionReverted when nothing came of it.

        What was signed is kept then: doing the same again has the same bytes sent again, as long as they are good.
        """
        deadline, pauses = time.monotonic() + WAIT_SECONDS, growing_pauses()
        while relay.state in ("queued", "signed"):
            if time.monotonic() >= deadline:
                raise TransactionReverted(
                    "the relayer's transaction is in no final block yet: do the same again",
                    relay.tx_hash or "",
                )
            await async_sleep(next(pauses))
            relay = await self._client.get(f"/relays/{segment(relay.id)}", RelayView)
        if relay.state != "done":
            raise TransactionReverted(
                f"the relayer's transaction came to nothing: {relay.reason}", relay.tx_hash or ""
            )
        assert relay.tx_hash is not None
        return relay.tx_hash

    # Without a relayer the session's wallet sends, and pays the gas

    async def _register(self, desk: AsyncDesk, grant: GrantView) -> None:
        """Make the grant known, once, when it is not."""
        word = await desk.wallet.view(grant_calls.words(grant.contract, bytes.fromhex(grant.id[2:])))
        if grant_calls.number(word):
            return
        call = grant_calls.register(grant.contract, grant_of(grant.grant), bytes.fromhex(grant.signature[2:]))
        await desk.carry_through(f"register {grant.id}", call)
        desk.done(f"register {grant.id}")

    async def _fund_directly(
        self, desk: AsyncDesk, grant: GrantView, payment: Payment, asked: RelayFundingRequest
    ) -> str:
        terms = grant_of(grant.grant)
        call = grant_calls.create_escrow_with_session(
            *(payment.escrow, escrow_id(payment.transaction_id), payment.seller, payment.units),
            *(asked.deadline, payment.dispute_window, payment.abandonment_grace, payment.criteria_hash),
            terms,
            GrantSpend(
                payee=payment.seller,
                amount=payment.units,
                reference=bytes(32),
                nonce=int(asked.nonce),
                deadline=asked.signed_until,
                executor=payment.escrow,
            ),
            bytes.fromhex(asked.signature[2:]),
            self._proof(grant, payment.seller),
        )
        async with desk.alone():
            await self._register(desk, grant)
            return await self._announced(desk, payment.transaction_id, call)

    async def _announced(self, desk: AsyncDesk, transaction_id: str, call: Call) -> str:
        """Send the payment of a purchase, which the platform is told of before it is sent; its hash."""

        async def announce(signed: SignedTransaction) -> None:
            # From here on the platform holds the money until the chain proves one thing or the other.
            view = await self._client.send(
                "POST",
                f"/transactions/{segment(transaction_id)}/signed",
                TransactionView,
                SignedRequest(tx_hash=signed.tx_hash),
                repeat=True,
            )
            if view.status == "abandoned" and await desk.wallet.mined(signed.tx_hash) is None:
                raise CheckoutEnded("the time to pay this purchase is over: make a new one")

        return (await desk.carry_through(f"pay {transaction_id}", call, announce)).tx_hash

    async def _pay_directly(self, grant: GrantView, hold: AsyncHold, asked: RelaySpendRequest) -> str:
        terms = grant_of(grant.grant)
        reference = keccak256(hold.id.encode("ascii"))
        spend = GrantSpend(
            payee=asked.payee,
            amount=hold.units,
            reference=reference,
            nonce=int(asked.nonce),
            deadline=asked.signed_until,
        )
        desk = await self._desk()
        payload = DrawPayload(
            chain_id=grant.chain_id,
            grant=grant.id,
            payee=asked.payee,
            amount=str(hold.units),
            reference="0x" + reference.hex(),
            executor=NOBODY,
            nonce=asked.nonce,
            until=asked.signed_until,
            signature=asked.signature,
        )
        await hold.mark_signed(encode(payload), reference_of(reference))
        call = grant_calls.spend_signed_with_proof(
            grant.contract,
            terms,
            [],
            spend,
            bytes.fromhex(asked.signature[2:]),
            self._proof(grant, asked.payee),
        )
        async with desk.alone():
            await self._register(desk, grant)
            mined = await desk.carry_through(f"draw {hold.id}", call)
            desk.done(f"draw {hold.id}")
        return mined.tx_hash

    def _proof(self, grant: GrantView, payee: str) -> list[bytes]:
        assert self.session is not None
        return proof_of(bytes.fromhex(grant.grant.payees[2:]), self.session.allowed_payees, payee)

    async def _captured(self, hold: AsyncHold) -> AsyncHold:
        """Wait until the platform has read the payment from the chain."""
        deadline, pauses = time.monotonic() + WAIT_SECONDS, growing_pauses()
        while (await hold.refresh()).state == "unknown" and time.monotonic() < deadline:
            await async_sleep(next(pauses))
        return hold

    def _nonce(self) -> int:
        if self._nonces is None:
            self._nonces = nonces()
        return next(self._nonces)


def growing_pauses() -> Iterator[float]:
    """Seconds from one look to the next: soon at first, then at an even pace."""
    pause = SOON_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, POLL_SECONDS)


def check_chain(what: str, chain_id: int, network: NetworkView) -> None:
    """Raise WrongNetwork unless something is of the chain that a session pays on."""
    if chain_id != network.chain_id:
        raise WrongNetwork(f"this {what} is of chain {chain_id}, and the session pays on {network.chain_id}")


def _read(kept: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(kept, type=kind)
    except msgspec.MsgspecError:
        raise StateUnusable("a signed payment in the state folder cannot be read") from None
