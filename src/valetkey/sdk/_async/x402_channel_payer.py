"""Pays one 402 out of a channel (x402, `batch-settlement`): a deposit through the gate once, then a voucher a request.

One request at a time for each seller, in all processes that share the state folder. What is counted is kept before it
is signed, what is signed before it is sent; what a seller says of totals counts where it is no more than was asked for.
"""

import secrets
import time

import httpx
import msgspec

from valetkey.core.refusal import Code, Refusal, refuse
from valetkey.core.refusal import Refused as Reasons
from valetkey.core.spend import HoldState
from valetkey.sdk._async.x402_answers import async_read_demand
from valetkey.sdk._async.x402_delegate import AsyncPayingDelegate
from valetkey.sdk._async.x402_payer import (
    GONE,
    LOCK_PAUSE_SECONDS,
    SIGNED_SECONDS_MIN,
    AsyncPayment,
)
from valetkey.sdk._async.x402_session import AsyncHeld
from valetkey.sdk.errors import HoldEnded, InsufficientFunds, Refused
from valetkey.sdk.errors import refused_error as error_of
from valetkey.sdk.x402.channel_demands import charged_by, refused_again, wants_another
from valetkey.sdk.x402.channel_guard import ChannelBounds, ChannelGuard, payload_of
from valetkey.sdk.x402.channel_making import (
    DEPOSIT,
    VOUCHER,
    MadeVoucher,
    channel_config,
    header_of,
    make_voucher,
)
from valetkey.sdk.x402.channels import CLOSED, OPEN, SPENT, Channel, Channels, opened, seller_of
from valetkey.sdk.x402.notes import Note, Taken
from valetkey.sdk.x402.offers import Required
from valetkey.sdk.x402.requests import KEY_HEADER, demand_of
from valetkey.sdk.x402.terms import origin_of
from valetkey.seam import async_sleep
from valetkey.wire.channels import ChannelConfig, ask_channel, ask_nonce, deposit_of, read_pair
from valetkey.wire.http import encode

LAPSED_MARGIN_SECONDS = 30
PREPAID = frozenset(
    {
        Code.BUDGET_EXCEEDED,
        Code.WINDOW_EXCEEDED,
        Code.SPEND_COUNT_EXCEEDED,
        Code.PER_SPEND_EXCEEDED,
        Code.APPROVAL_REQUIRED,
    }
)
"""What the gate said yes to when the channel was opened: its deposit was decided on as a whole."""


class AsyncChannelPayment(AsyncPayment):
    """One request and the offer of a channel for it."""

    async def carry_through(self, inner: httpx.AsyncBaseTransport) -> httpx.Response:
        """Open a channel or count on one, sign, store, send; or go on with what was cut off."""
        taken = await self._take()
        answered, turn = False, None
        try:
            while (turn := self._channels.try_turn(self._seller)) is None:
                await async_sleep(LOCK_PAUSE_SECONDS)
            note = await self._signed(taken)
            response = await self._send(inner, note)
            if response.status_code == httpx.codes.PAYMENT_REQUIRED:
                body = await async_read_demand(response)
                note = await self._corrected(taken, note, demand_of(response, body))
                response = await self._send(inner, note)
            if response.status_code == httpx.codes.PAYMENT_REQUIRED:
                body = await async_read_demand(response)
                raise error_of(refused_again(demand_of(response, body), self._offer, note.spend_id or ""))
            answered = True
            return self._answer(response, taken, note)
        finally:
            if turn is not None:
                self._channels.end_turn(turn)
            if not answered:
                self._notes.release(taken)

    # What is presented

    async def _signed(self, taken: Taken) -> Note:
        note = taken.note
        if note is not None and note.voucher is None and note.reference is not None:
            # It was paid by another scheme, before the seller or this client changed its mind.
            return await super()._signed(taken)
        if note is not None and note.voucher is not None:
            kept = await self._again(taken, note)
            if kept is not None:
                return kept
        for name, channel in self._channels.with_seller(self._seller):
            if wants_another(self._offer, channel):
                raise error_of(self._changed())
            counted = await self._counted(taken, name, channel)
            if counted is not None:
                return await self._vouch(taken, name, counted)
        hold = await self._hold(taken)
        return await self._sign(taken, hold)

    async def _again(self, taken: Taken, note: Note) -> Note | None:
        """What was signed for this request before; None when it is proven that nothing can come of it."""
        assert note.channel is not None
        hold = await self._session.find(note.spend_id or "")
        channel = self._channels.read(note.channel)
        if hold.state in GONE:
            # The deposit never came into the channel, and no longer can.
            if channel is not None:
                self._channels.drop(note.channel)
            self._notes.renew(taken)
            return None
        if note.payload and hold.state == HoldState.HELD:
            await self._session.mark_signed(hold, note.payload, note.reference)
        if channel is None and note.payload:
            channel = self._opened(note)
        if channel is not None:
            # Counted from here on, also when this note is forgotten because it was answered.
            self._channels.keep(note.channel, channel)
        is_over = channel is None or channel.state not in (OPEN, SPENT)
        if is_over and channel is not None and await self._has(channel) <= note.total - note.units:
            # Nothing of what this request added can ever be claimed: it is paid anew.
            self._notes.renew(taken)
            return None
        if is_over:
            raise error_of(
                refuse(
                    Code.PAYMENT_NOT_ACCEPTED,
                    "payment",
                    "this request was paid out of a channel that is closed, or whose rest was asked back",
                    hint=f"look at spend {hold.id}, or ask with another {KEY_HEADER}",
                )
            )
        return note

    async def _counted(self, taken: Taken, name: str, channel: Channel) -> Channel | None:
        """A channel with this request counted; None for one that has too little, or that never came to be."""
        if not channel.landed:
            found = await self._looked(channel)
            if found is None:
                self._channels.drop(name)
                return None
            channel = found
        counted = channel.asks(taken.name, self._offer.units)
        if counted is None:
            self._channels.keep(name, msgspec.structs.replace(channel, state=SPENT))
        return counted

    async def _vouch(self, taken: Taken, name: str, channel: Channel) -> Note:
        """Sign for what was counted, which is kept first."""
        await self._check_allowed()
        self._channels.keep(name, channel)
        assert channel.pending is not None
        bounds = await self._bounds(channel.config, channel.pending.total, channel.units, deposit=0)
        made = make_voucher(self._required, await self._guard(bounds), bounds, await self._seconds())
        header, value = made.header, made.value
        if not channel.landed:
            # Whoever serves this has to bring the deposit in first, if nobody did yet.
            payload = payload_of(DEPOSIT, channel.config, made.voucher, channel.deposit)
            header, value = header_of(self._offer, self._required, payload)
        note = msgspec.structs.replace(
            Note(self._offer.text),
            spend_id=channel.spend_id,
            header=header,
            value=value,
            reference=channel.deposit.reference,
            channel=name,
            voucher=made.voucher,
            units=self._offer.units,
            opens=not channel.landed,
        )
        self._notes.keep(taken, note)
        self._channels.keep(name, channel.signed())
        return note

    # Opening

    async def _sign(self, taken: Taken, hold: AsyncHeld) -> Note:
        """Open a channel with what is held: sign, keep it here, tell the platform; only then may it be sent."""
        try:
            await self._session.supply(hold, self._offer)
            config = channel_config(self._offer, self._session.wallet, "0x" + secrets.token_hex(32))
            await self._check_contract(config)
            bounds = await self._bounds(config, self._offer.units, hold.units, deposit=hold.units)
            made = make_voucher(self._required, await self._guard(bounds), bounds, await self._seconds())
        except (InsufficientFunds, Refused):
            # Nothing was sent, so what is held is free.
            if hold.state == HoldState.HELD:
                await self._session.void(hold)
                self._notes.drop(taken)
            raise
        note = self._opening(made, hold.id)
        self._notes.keep(taken, note)
        try:
            await self._session.mark_signed(hold, note.payload, note.reference)
        except HoldEnded:
            # Its time was over: nothing was sent.
            self._notes.drop(taken)
            raise
        assert note.channel is not None
        self._channels.keep(note.channel, self._opened(note))
        return note

    def _opening(self, made: MadeVoucher, spend_id: str) -> Note:
        assert made.deposit is not None
        return msgspec.structs.replace(
            Note(self._offer.text),
            spend_id=spend_id,
            header=made.header,
            value=made.value,
            payload=encode(made.deposit),
            reference=made.deposit.reference,
            channel=self._channels.new(self._seller),
            voucher=made.voucher,
            units=self._offer.units,
            opens=True,
        )

    def _opened(self, note: Note) -> Channel:
        """The channel that a note opens."""
        deposit = deposit_of(note.payload)
        assert deposit is not None, "only what opens a channel is kept before its channel"
        url = str(self._request.url.copy_with(fragment=None))
        return opened(deposit, note.spend_id or "", note.total, self._request.method, url)

    async def _check_contract(self, config: ChannelConfig) -> None:
        """Raise a refusal where the chain has no contract of channels, or this one is there already."""
        answer = await self._session.view(ask_channel(config.id(self._offer.chain_id)))
        if answer != bytes(64):
            raise error_of(
                refuse(
                    Code.OFFER_CHANNEL_REFUSED,
                    "network",
                    "there is no contract of x402's channels on this chain",
                    hint="the seller has to offer exact on it",
                )
            )

    # What a seller says to it

    async def _corrected(self, taken: Taken, note: Note, demand: Required | Reasons | None) -> Note:
        """What is presented in place of what was not taken. Raises unless there is something better, once."""
        again = error_of(refused_again(demand, self._offer, note.spend_id or ""))
        channel = self._channels.read(note.channel or "") if note.channel is not None else None
        if channel is None or note.channel is None or note.voucher is None:
            raise again
        charged = charged_by(demand, self._offer, note.voucher.channel_id)
        if charged is not None:
            return await self._recounted(taken, note, channel, charged)
        found = await self._looked(channel)
        if found is None:
            raise again
        if note.opens and found.landed:
            # The deposit came in, and nobody remembers by what: the voucher alone is enough.
            self._channels.keep(note.channel, found)
            payload = payload_of(VOUCHER, channel.config, note.voucher, None)
            header, value = header_of(self._offer, self._required, payload)
            kept = msgspec.structs.replace(note, header=header, value=value, opens=False)
            self._notes.keep(taken, kept)
            return kept
        if found.landed:
            await self._look_drained(taken, note, found)
        raise again

    async def _recounted(self, taken: Taken, note: Note, channel: Channel, charged: int) -> Note:
        """Sign for what the seller says that it charged and this request: never more than all requests asked for."""
        assert note.channel is not None
        if charged > channel.asked:
            raise error_of(
                refuse(
                    Code.CHANNEL_TOTAL_REFUSED,
                    "chargedCumulativeAmount",
                    "the seller says that it charged more than it ever asked for",
                    hint="take back what is left: close_channels(), or the owner's withdraw_channels()",
                )
            )
        recounted = channel.asks_again(taken.name, charged, self._offer.units)
        if recounted is None or charged + self._offer.units == note.total:
            raise error_of(refused_again(None, self._offer, note.spend_id or ""))
        if not recounted.landed:
            found = await self._looked(recounted)
            recounted = recounted if found is None else found
        return await self._vouch(taken, note.channel, recounted)

    async def _look_drained(self, taken: Taken, note: Note, channel: Channel) -> None:
        """Forget a channel that has not what was promised any more: its rest went back to its payer."""
        has = await self._has(channel)
        if has >= note.total:
            return
        assert note.channel is not None
        self._channels.keep(note.channel, msgspec.structs.replace(channel, state=CLOSED))
        if has <= note.total - note.units:
            # It may be paid anew: see `_again`.
            self._notes.drop(taken)
        raise error_of(
            refuse(
                Code.PAYMENT_NOT_ACCEPTED,
                "channel",
                "the channel was closed on chain, and what was left in it is in the session's wallet",
                hint="ask again: another one is opened",
            )
        )

    async def _has(self, channel: Channel) -> int:
        """What is in a channel, claimed or not: no claim reaches beyond it, and it grows no more."""
        return read_pair(await self._session.view(ask_channel(channel.deposit.channel_id)))[0]

    async def _looked(self, channel: Channel) -> Channel | None:
        """A channel after a look at the chain: landed or not yet; None when its deposit never can."""
        if channel.landed:
            return channel
        deposit = channel.deposit
        has, claimed = read_pair(await self._session.view(ask_channel(deposit.channel_id)))
        if has or claimed:
            return msgspec.structs.replace(channel, landed=True)
        used = await self._session.view(ask_nonce(deposit.token, deposit.payer, deposit.nonce))
        is_dead = await self._delegate.block_time() >= deposit.dead_from + LAPSED_MARGIN_SECONDS
        return None if any(used) or is_dead else channel

    # What is asked before

    async def _check_allowed(self) -> None:
        """Raise what the gate would say to this payee now; not what it said yes to when the channel was opened."""
        verdict = await self._delegate.check(self._offer)
        reasons = [one for one in verdict.reasons if one.get("code") not in PREPAID]
        if reasons:
            raise error_of(
                Reasons(
                    tuple(
                        Refusal(
                            Code(one["code"]),
                            str(one.get("rule", "")),
                            str(one.get("message", "")),
                            hint=one.get("hint"),
                        )
                        for one in reasons
                    )
                )
            )

    def _changed(self) -> Reasons:
        return refuse(
            Code.CHANNEL_CHANGED,
            "extra",
            "the seller wants another channel than the one that is open with it",
            hint="take back what is left first: close_channels(), or the owner's withdraw_channels()",
        )

    @property
    def _channels(self) -> Channels:
        return self._delegate.channels

    @property
    def _delegate(self) -> AsyncPayingDelegate:
        assert isinstance(self._session, AsyncPayingDelegate), "channels are opened by sessions of a platform"
        return self._session

    @property
    def _seller(self) -> str:
        return seller_of(self._session.wallet, origin_of(self._request.url), self._offer.payee)

    async def _seconds(self) -> int:
        """For how long a deposit holds. Raises OfferTimesRefused when that is no time."""
        seconds = min(self._offer.seconds, await self._session.ends_at() - int(time.time()))
        if seconds < min(SIGNED_SECONDS_MIN, self._offer.seconds):
            raise error_of(
                refuse(
                    Code.OFFER_TIMES_REFUSED, "expiry", "the session ends before a payment could be settled"
                )
            )
        return seconds

    async def _bounds(
        self, config: ChannelConfig, total: int, deposited: int, *, deposit: int
    ) -> ChannelBounds:
        return ChannelBounds(
            offer=self._offer,
            wallet=self._session.wallet,
            channel=config,
            total=total,
            deposited=deposited,
            deposit=deposit,
            now=int(time.time()),
            until=await self._session.ends_at(),
        )

    async def _guard(self, bounds: ChannelBounds) -> ChannelGuard:
        return ChannelGuard(await self._session.signer(), bounds)
