"""What a session could still cost at most: what the gate would grant, and what its key could take by itself."""

import asyncio

from valetkey.core.grant import Grant
from valetkey.core.money import format_units
from valetkey.core.session import worst_case_loss
from valetkey.platform.callers import Caller
from valetkey.platform.context import Cluster, Network, Platform
from valetkey.platform.sessions.service import own
from valetkey.ports.accounts import SessionRecord
from valetkey.ports.grants import GrantStatus, SignedGrant
from valetkey.ports.ledger import SpendQuery
from valetkey.wire import grant_calls
from valetkey.wire.granting import ExposureView

PAGE = 100


async def exposure(platform: Platform, caller: Caller, session_id: str) -> ExposureView:
    """See ExposureView: read from ledger and chain now, on the network of the session."""
    record = await own(platform, caller, session_id)
    network = platform.network_of_session(record.session.policy)
    if isinstance(network, Cluster):
        return await _on_solana(platform, network, record)
    reader, asset = network.reader, network.asset
    signed = await platform.store.grant_of_session(session_id, asset.chain_id)
    head = await reader.head()
    owner = caller.agent.wallet_address
    wallet, balance, approval, lets_out, pending = await asyncio.gather(
        _balance(network, record.wallet_address),
        reader.token_balance(owner),
        _approval(network, signed, owner),
        _lets_out(network, signed),
        _signed(platform, caller.agent.id, session_id),
    )
    drawn = min(lets_out, balance, approval)
    gate = worst_case_loss(record.session, platform.clock.now(), record.ancestors)

    def told(units: int) -> str:
        return format_units(units, asset.decimals)

    return ExposureView(
        worst_case_usdc=told(wallet + drawn),
        gate_usdc=None if gate is None else told(gate),
        wallet_usdc=told(wallet),
        grant_usdc=told(lets_out),
        owner_balance_usdc=told(balance),
        owner_approval_usdc=told(approval),
        signed_usdc=told(pending),
        block=head.number,
    )


async def _on_solana(platform: Platform, cluster: Cluster, record: SessionRecord) -> ExposureView:
    """The session's account is its owner's: what is in it, and what its key may move, are balance and approval."""
    session, asset = record.session, cluster.asset
    allotment = await platform.store.allotment(session.id)
    slot = (await cluster.reader.head()).number
    amount = delegated = 0
    if allotment is not None and record.wallet_address is not None:
        state = await cluster.reader.state(allotment, record.wallet_address)
        slot, amount, delegated = state.slot, state.amount, state.delegated
    pending = await _signed(platform, session.owner_id, session.id)
    gate = worst_case_loss(session, platform.clock.now(), record.ancestors)

    def told(units: int) -> str:
        return format_units(units, asset.decimals)

    return ExposureView(
        worst_case_usdc=told(min(amount, delegated)),
        gate_usdc=None if gate is None else told(gate),
        wallet_usdc=told(0),
        grant_usdc=told(min(amount, delegated)),
        owner_balance_usdc=told(amount),
        owner_approval_usdc=told(delegated),
        signed_usdc=told(pending),
        block=slot,
    )


async def _balance(network: Network, wallet: str | None) -> int:
    return 0 if wallet is None else await network.reader.token_balance(wallet)


async def _approval(network: Network, signed: SignedGrant | None, owner: str) -> int:
    if signed is None:
        return 0
    return await network.reader.token_allowance(signed.grant.token, owner, signed.contract)


async def _lets_out(network: Network, signed: SignedGrant | None) -> int:
    """What the contract would still let out; also of a grant that nobody used, and of one that is to be revoked."""
    if signed is None or signed.status is GrantStatus.REVOKED:
        return 0
    grant: Grant = signed.grant
    return grant_calls.number(await network.reader.view(grant_calls.worst_loss(signed.contract, grant)))


async def _signed(platform: Platform, owner_id: str, session_id: str) -> int:
    """What the session signed for and is not settled, of USDC."""
    units, offset = 0, 0
    while True:
        page, total = await platform.store.spends(SpendQuery(owner_id, session_id, "unknown", PAGE, offset))
        units += sum(one.hold.amount for one in page if one.hold.currency == "USDC")
        offset += len(page)
        if not page or offset >= total:
            return units
