"""`valetkey session`, its money: fund, grant, reclaim, and what a leaked key could cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.commands.session import session
from valetkey.cli.frame import BUYER, OWNER, WALLET, command
from valetkey.cli.options import SessionId, option
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place


@command(session, "fund", needs=BUYER)
def fund(
    place: "Place",
    session_id: SessionId,
    amount: Annotated[str | None, option("USDC; the session's budget unless given.")] = None,
    gas_wei: Annotated[
        int | None, option("What the wallet shall have for gas; enough for a dozen purchases unless given.")
    ] = None,
) -> Told:
    """Send USDC and gas from the owner's wallet to a session's.

    Its keys come from the recovery copy, or from the bundle (--bundle-file). Interrupted anywhere, the same command
    again goes on and sends nothing twice.
    """
    from valetkey.cli.told import facts

    owner = place.owner(wallet=True)
    info = info_at_hand(place, owner, session_id)
    with place.waiting("sending gas and USDC"):
        tx_hash = owner.fund_session(info, amount=amount, gas_wei=gas_wei)
    told = {"session_id": session_id, "wallet": info.wallet_address, "tx_hash": tx_hash}
    return Told(told, facts({"session": session_id, "wallet": info.wallet_address, "transaction": tx_hash}))


def info_at_hand(place: "Place", owner: object, session_id: str) -> "SessionInfo":
    """The session as its maker holds it, out of its bundle when that is at hand."""
    from valetkey import BuyerAgent
    from valetkey.cli.complaint import Complaint
    from valetkey.sdk.limits import policy_of
    from valetkey.sdk.session_info import info_of
    from valetkey.wire.child_bundle import parse_child
    from valetkey.wire.errors import Exit

    assert isinstance(owner, BuyerAgent)
    text = place.secret("bundle")
    if text is None:
        return owner.refresh_session(session_id)
    bundle, narrowings = parse_child(text.reveal(), None)
    view = owner.get_session(session_id)
    if (view.session_wallet or "").lower() != bundle.wallet_address.lower():
        raise Complaint("this bundle is of another session: nothing was sent", Exit.INPUT)
    return info_of(session_id, bundle, policy_of(view, view.expiry), narrowings)


@command(session, "grant", needs=WALLET)
def grant(
    place: "Place",
    session_id: SessionId,
    approve: Annotated[
        bool,
        typer.Option(
            "--approve/--no-approve", help="Approve the contract for what all living grants may take."
        ),
    ] = True,
) -> Told:
    """Let a session pay out of the owner's own balance: nothing moves, and the chain enforces what it may take."""
    from valetkey.cli.told import facts, local

    owner = place.owner(wallet=True)
    with place.waiting("signing the grant"):
        given = owner.grant_session(session_id, approve=approve)
    told = {"grant": given.id, "status": given.status, "chain": given.chain_id, "contract": given.contract}
    return Told(given, facts({**told, "given": local(given.made_at)}))


@command(session, "ungrant", needs=WALLET)
def ungrant(place: "Place", session_id: SessionId) -> Told:
    """Revoke a session's grant on chain by the owner's own transaction, and wait for its block."""
    owner = place.owner(wallet=True)
    with place.waiting("revoking the grant"):
        tx_hash = owner.revoke_grant(session_id)
    return Told({"session_id": session_id, "tx_hash": tx_hash}, f"the grant is revoked by {tx_hash}")


@command(session, "reclaim", needs=BUYER)
def reclaim(
    place: "Place",
    session_id: Annotated[
        str | None,
        typer.Argument(
            help="The session's id; the one that is held unless given.",
            metavar="[SESSION]",
            show_default=False,
        ),
    ] = None,
    to: Annotated[str | None, option("An address; the owner's wallet unless given.")] = None,
    chain: Annotated[
        str | None, option("Where the wallet is, by name or number, when that was never learnt here.")
    ] = None,
) -> Told:
    """Sweep a session's wallet, USDC and gas, to the owner's; also after its end, and without its delegate.

    Without a session's id, the holder of a session sends its own wallet's money home.
    """
    from valetkey.cli.told import facts

    bundle = place.secret("bundle")
    if session_id is None:
        agent = place.holder()
        assert agent.session is not None, "a bundle without a token was said to have none"
        home = to or agent.session.owner_wallet
        named, which = None, agent.session.session_id
    else:
        agent = place.owner(wallet=True)
        home, which = to or agent.wallet_address, session_id
        named = session_id if bundle is None else bundle
    with place.waiting("sweeping the wallet"):
        tx_hash = agent.reclaim_session(home, session=named, chain=chain)
    data = {"session_id": which, "to": home, "tx_hash": tx_hash}
    if tx_hash is None:
        return Told(data, f"there is nothing in the wallet of {which}")
    return Told(data, facts({"session": which, "to": home, "transaction": tx_hash}))


@command(session, "exposure", needs=OWNER)
def exposure(place: "Place", session_id: SessionId) -> Told:
    """Show the most that a session could still cost if its key leaked now, read from ledger and chain."""
    from valetkey.cli.sessions_shown import amount
    from valetkey.cli.told import facts

    found = place.owner().exposure(session_id)
    return Told(
        found,
        facts(
            {
                "a thief could take": f"{found.worst_case_usdc} USDC",
                "the gate would grant": f"{amount(found.gate_usdc)} USDC",
                "in its wallet": f"{found.wallet_usdc} USDC",
                "out of its grant": f"{found.grant_usdc} USDC",
                "signed, not settled": f"{found.signed_usdc} USDC",
                "owner's balance": f"{found.owner_balance_usdc} USDC",
                "owner's approval": f"{found.owner_approval_usdc} USDC",
                "at block": found.block,
            }
        ),
    )


if TYPE_CHECKING:
    from valetkey.sdk.session_info import SessionInfo
