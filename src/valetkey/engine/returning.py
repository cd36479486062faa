"""What came back out of a channel of x402, as final blocks show it: nobody's word is asked."""

from valetkey.core.addresses import same_address
from valetkey.core.commands import Refund
from valetkey.core.errors import ChainUnavailable
from valetkey.core.money import CURRENCY_DECIMALS, rescale
from valetkey.core.spend import HoldState
from valetkey.engine.authorizing import (
    CLOCKS_DIFFER_SECONDS,
    LOGS_BLOCKS,
    USED,
    AuthorizationReader,
    Search,
    padded,
)
from valetkey.ports.chain import Block
from valetkey.ports.ledger import SpendRecord
from valetkey.wire.channels import COLLECTOR, SETTLEMENT, ChannelDeposit, ask_channel, deposit_of, read_pair


async def returned(record: SpendRecord, reader: AuthorizationReader, final: Block) -> Refund | None:
    """All that came back of a deposit so far; None while that is no more than is known, or the spend is no deposit.

    A channel has what was deposited, less what its payer got back: claims of its receiver take nothing off that.
    When more than one deposit went into it, less is counted than came back, never more. Raises ChainUnavailable.
    """
    hold = record.hold
    deposit = deposit_of(record.payment.payload) if record.payment is not None else None
    if deposit is None or hold.state is not HoldState.CAPTURED:
        return None
    last = await _last(reader, final, deposit.dead_from)
    if not await _entered(Search(reader, last, hold.placed_at - CLOCKS_DIFFER_SECONDS), deposit):
        return None
    has, _ = read_pair(await reader.view(ask_channel(deposit.channel_id), at_block=final.number))
    asset = hold.request.amount.asset
    back = rescale(
        max(int(deposit.amount) - has, 0), asset.decimals, CURRENCY_DECIMALS[asset.currency], up=False
    )
    total = min(back, hold.captured)
    return Refund(total) if total > hold.refunded else None


async def _last(reader: AuthorizationReader, final: Block, until: int) -> Block:
    """The last block in which a deposit can have been used, or one soon after: a channel may be closed months later."""
    low, high = Block(0, 0), final
    if final.timestamp <= until:
        return final
    while high.number - low.number > LOGS_BLOCKS:
        middle = (low.number + high.number) // 2
        place = await reader.place(middle)
        if place is None:
            raise ChainUnavailable("the node does not know a block below a final one")
        found = Block(place.number, place.timestamp)
        low, high = (low, found) if place.timestamp > until else (found, high)
    return high


async def _entered(search: Search, deposit: ChannelDeposit) -> bool:
    """Whether the deposit went into its channel. An empty one is no proof: the key may have used the nonce otherwise.

    Of all that came to the collector in the transaction, as much went on to the channels' contract. So this did, too,
    and the collector lets nothing go on but into the channel that is in the nonce.
    """
    topics = (USED, padded(deposit.payer), bytes.fromhex(deposit.nonce[2:]))
    log = await search.newest(deposit.token, lambda _: True, topics)
    if log is None:
        return False
    done = await search.reader.execution(log.tx_hash)
    if done is None or not done.succeeded or done.block.number > search.final.number:
        raise ChainUnavailable("the node tells of a transaction that it does not show")
    moves = [one for one in done.transfers if same_address(one.token, deposit.token)]
    came = [one for one in moves if same_address(one.payee, COLLECTOR)]
    went = [one for one in moves if same_address(one.payer, COLLECTOR)]
    return (
        any(same_address(one.payer, deposit.payer) and one.units == int(deposit.amount) for one in came)
        and all(same_address(one.payee, SETTLEMENT) for one in went)
        and sum(one.units for one in came) == sum(one.units for one in went)
    )
