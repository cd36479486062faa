"""How money comes back out of channels: the seller gives it back when it is asked, or its payer takes it after a delay.

What came back is in the session's wallet, which `reclaim_session` sweeps; the ledger counts it when the chain shows it.
"""

from contextlib import suppress

import httpx
import msgspec

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.spend import HoldState
from valetkey.ports.wallet import Call
from valetkey.sdk._async.agent import segment
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk._async.desk import AsyncDesk
from valetkey.sdk._async.drawing import AsyncDraws
from valetkey.sdk._async.making import Session
from valetkey.sdk._async.x402_answers import async_read_demand
from valetkey.sdk.errors import Conflict, NotConfigured
from valetkey.sdk.limits import units_of
from valetkey.sdk.session_info import SessionInfo
from valetkey.sdk.x402.channel_demands import charged_by, wants_another
from valetkey.sdk.x402.channel_guard import ChannelBounds, ChannelGuard
from valetkey.sdk.x402.channel_left import ChannelLeft, channel_left
from valetkey.sdk.x402.channel_making import make_refund
from valetkey.sdk.x402.channels import CLOSED, CLOSING, OPEN, Channel, Channels
from valetkey.sdk.x402.offers import Offer, Purse, Required, choose
from valetkey.sdk.x402.requests import demand_of
from valetkey.sdk.x402.terms import CURRENCY, Terms
from valetkey.seam import async_sleep
from valetkey.wire.bundle import BUNDLE_PREFIX
from valetkey.wire.channels import (
    ChannelConfig,
    ask_channel,
    ask_withdrawal,
    finalize_withdraw,
    initiate_withdraw,
    read_pair,
)
from valetkey.wire.network import NetworkView
from valetkey.wire.spends import ChannelView, SpendView

TURN_PAUSE_SECONDS = 0.05
ASK_SECONDS = 60.0
MOVED = (HoldState.UNKNOWN, HoldState.CAPTURED)


class AsyncClosing(AsyncDraws):
    """The part of an agent that brings back what is left in channels."""

    async def close_channels(self, *, transport: httpx.AsyncBaseTransport | None = None) -> list[ChannelLeft]:
        """Ask each seller with whom this delegate has a channel to give back what is left in it: at once, without gas.

        What a seller keeps is still `left`: `withdraw_channels` takes it after the channel's delay. Safe to repeat; the
        ledger counts what came back once the deposit is captured. Raises NotConfigured, and what platform and chain
        raise.
        """
        if self._held is None or self.session is None:
            raise NotConfigured(
                "channels are closed by the holder of a session, or withdrawn from by its owner"
            )
        channels, found = Channels(self._state), []
        inner = transport or httpx.AsyncHTTPTransport(trust_env=False)
        async with httpx.AsyncClient(transport=inner, timeout=ASK_SECONDS, trust_env=False) as http:
            for name, seller in channels.of_wallet(self.wallet_address):
                while (turn := channels.try_turn(seller)) is None:
                    await async_sleep(TURN_PAUSE_SECONDS)
                try:
                    told = await self._close(http, channels, name)
                finally:
                    channels.end_turn(turn)
                if told is not None:
                    found.append(told)
        return found

    async def withdraw_channels(
        self, session: Session | None = None, *, chain: str | int | None = None
    ) -> list[ChannelLeft]:
        """Take back what is left in a session's channels, whatever their sellers say: begun now, done by a later call.

        An owner names the session, also after its end; a delegate withdraws from its own channels, and needs gas. Each
        channel has a delay of 15 minutes or more, in which its seller can still claim its due: call again after
        `ready_at`. The money is in the session's wallet then. Raises what platform and chain raise.
        """
        desk, network, session_id, wallet = await self._withdrawing_desk(session, chain)
        found = []
        async for view in self.iter_spends(session=session_id):
            channel = view.channel
            if channel is not None and view.state in MOVED and channel.payer == wallet:
                found.append(await self._withdraw(desk, network, view, channel))
        return found

    # With the seller's help

    async def _close(self, http: httpx.AsyncClient, channels: Channels, name: str) -> ChannelLeft | None:
        """Close one channel, in the turn of its seller; None for one that never came to be, or is long closed."""
        channel = channels.read(name)
        if channel is None or channel.told:
            return None
        desk = await self._desk()
        has, claimed = await self._in(desk, channel)
        if not has and not channel.landed:
            return None
        if has > claimed:
            channel = msgspec.structs.replace(channel, landed=True, state=CLOSING)
            channels.keep(name, channel)
            await self._ask_back(http, channel)
            has, claimed = await self._in(desk, channel)
        view = await self._returned(channel.spend_id, is_in=channel.landed)
        left = has - claimed
        is_counted = units_of(view.refunded or "0", CURRENCY) >= channel.units - has
        state = CLOSED if left == 0 else OPEN
        channels.keep(name, msgspec.structs.replace(channel, state=state, told=left == 0 and is_counted))
        return channel_left(view, channel.deposit.channel_id, channel.units, left)

    async def _ask_back(self, http: httpx.AsyncClient, channel: Channel) -> None:
        """Ask the seller once, and once more when it says that it charged less. What came of it the chain tells."""
        total = channel.base
        for _ in range(2):
            demand = await self._demand(http, channel, None)
            if demand is None or not total:
                return
            offer, required = demand
            bounds = self._bounds_of(offer, channel, total)
            payment = make_refund(required, ChannelGuard(self._need_signer(), bounds), bounds)
            answered = await self._demand(http, channel, payment)
            if answered is None:
                return
            charged = charged_by(answered[1], offer, channel.deposit.channel_id)
            if charged is None or charged == total or charged > channel.asked:
                return
            total = charged

    async def _demand(
        self, http: httpx.AsyncClient, channel: Channel, payment: tuple[str, str] | None
    ) -> tuple[Offer, Required] | None:
        """What the seller's 402 says of this channel; None when it answers anything else, or cannot be asked."""
        headers = {} if payment is None else dict([payment])
        try:
            async with http.stream(channel.method, channel.url, headers=headers) as response:
                if response.status_code != httpx.codes.PAYMENT_REQUIRED:
                    return None
                required = demand_of(response, await async_read_demand(response))
        except httpx.HTTPError:
            # Whoever cannot be asked gives nothing back: what is left is told.
            return None
        if not isinstance(required, Required):
            return None
        network = await self.network()
        purse = Purse(
            self.wallet_address,
            network.chain_id,
            network.network,
            network.contracts.usdc,
            CURRENCY_DECIMALS[CURRENCY],
        )
        offer = choose(required, purse, Terms(deposit_max=2**127))
        if not isinstance(offer, Offer) or offer.channel is None or wants_another(offer, channel):
            return None
        return offer, required

    def _bounds_of(self, offer: Offer, channel: Channel, total: int) -> ChannelBounds:
        return ChannelBounds(
            offer=offer,
            wallet=self.wallet_address,
            channel=channel.config,
            total=total,
            deposited=channel.units,
            deposit=0,
            now=0,
            until=0,
        )

    async def _in(self, desk: AsyncDesk, channel: Channel) -> tuple[int, int]:
        return read_pair(await desk.wallet.view(ask_channel(channel.deposit.channel_id)))

    # Without it

    async def _withdrawing_desk(
        self, session: Session | None, chain: str | int | None
    ) -> tuple[AsyncDesk, NetworkView, str | None, str]:
        """The desk of a session's wallet and its network, the session's id where it is known, and the wallet."""
        if session is None:
            if self._held is None:
                raise NotConfigured("which session? Name it by its info, its id or its bundle")
            return await self._desk(), await self.network(), None, self.wallet_address
        keys = await self._keys(session)
        network = await self._network_of(keys, session, chain)
        desk = await self._desk(async_open_signer(keys.wallet_private_key), network)
        session_id = None
        if isinstance(session, SessionInfo):
            session_id = session.session_id
        elif isinstance(session, str) and not session.startswith(BUNDLE_PREFIX):
            session_id = session
        return desk, network, session_id, keys.wallet_address

    async def _withdraw(
        self, desk: AsyncDesk, network: NetworkView, view: SpendView, channel: ChannelView
    ) -> ChannelLeft:
        """The step that is due for one channel."""
        config = ChannelConfig(
            payer=channel.payer,
            payer_authorizer=channel.payer_authorizer,
            receiver=channel.receiver,
            receiver_authorizer=channel.receiver_authorizer,
            token=channel.token,
            withdraw_delay=channel.withdraw_delay,
            salt=channel.salt,
        )
        has, claimed = read_pair(await desk.wallet.view(ask_channel(channel.channel_id)))
        is_in, ready_at = has > 0, None
        if has > claimed:
            _, since = read_pair(await desk.wallet.view(ask_withdrawal(channel.channel_id)))
            if not since:
                await self._perform(
                    desk, network, f"withdraw {channel.channel_id}", initiate_withdraw(config, has - claimed)
                )
                _, since = read_pair(await desk.wallet.view(ask_withdrawal(channel.channel_id)))
            ready_at = since + channel.withdraw_delay
            if await desk.wallet.block_time() >= ready_at:
                await self._perform(
                    desk, network, f"finalize {channel.channel_id}", finalize_withdraw(config)
                )
                has, claimed = read_pair(await desk.wallet.view(ask_channel(channel.channel_id)))
        view = await self._returned(view.spend_id, is_in=is_in)
        deposited = units_of(view.amount, view.currency)
        return channel_left(view, channel.channel_id, deposited, has - claimed, ready_at)

    async def _perform(self, desk: AsyncDesk, network: NetworkView, purpose: str, call: Call) -> None:
        await self._lend_gas(desk, network)
        await desk.perform(purpose, call)

    async def _returned(self, spend_id: str, *, is_in: bool) -> SpendView:
        """Have the platform ask the chain what came back. `is_in`: the chain showed the deposit in its channel."""
        hold = await self.get_spend(spend_id)
        if is_in and hold.state == HoldState.UNKNOWN:
            with suppress(Conflict):
                # The platform would prove it by itself, a little later.
                await hold.capture()
        path = f"/spends/{segment(spend_id)}/returned"
        return await self._client.send("POST", path, SpendView, repeat=True)
