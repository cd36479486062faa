"""Proof of payment: does the chain show the escrow that a transaction asked for, made by the hash that is claimed?"""

from valetkey.core.addresses import same_address as same_address
from valetkey.core.escrow import Escrow, EscrowStatus
from valetkey.core.refusal import Code, Refused, refuse
from valetkey.core.transaction import Transaction
from valetkey.ports.chain import ChainReader


def mismatch(transaction: Transaction, escrow: Escrow) -> Refused | None:
    """How an escrow differs from what was agreed; None when it is the one.

    Anybody can create an escrow under a known id, so who paid counts as much as what was paid.
    """
    asset = transaction.total.asset
    if not same_address(escrow.buyer, transaction.buyer_address):
        return _differs("buyer", "another wallet paid this escrow")
    if not same_address(escrow.seller, transaction.seller_address):
        return _differs("seller", "the escrow pays another seller")
    if not same_address(escrow.token, asset.address):
        return _differs("token", f"the escrow holds another token than {asset.currency}")
    if escrow.amount != transaction.total.units:
        return _differs(
            "amount",
            f"the escrow holds {escrow.amount} base units, {transaction.total.units} were agreed",
        )
    return None


async def acted(reader: ChainReader, transaction: Transaction) -> bool:
    """Whether an escrow that names the right buyer was paid by the right key, when that key pays out of a grant.

    The owner, or another of its sessions, may pay for the same purchase: no money of this session then.
    """
    if transaction.session_key is None:
        return True
    key = await reader.session_key(transaction.id)
    return key is not None and same_address(key, transaction.session_key)


async def unlike(reader: ChainReader, transaction: Transaction, escrow: Escrow) -> Refused | None:
    """How an escrow differs from what was agreed, who paid it for the buyer included; None when it is the one."""
    problem = mismatch(transaction, escrow)
    if problem is None and not await acted(reader, transaction):
        return _differs("session_key", "another key than the session's paid this escrow for its owner")
    return problem


async def prove(reader: ChainReader, transaction: Transaction, tx_hash: str) -> Escrow | Refused:
    """The escrow that this chain transaction made for this purchase, or why that is not proven.

    Raises ChainUnavailable (retryable) when no node answers.
    """
    receipt = await reader.receipt(tx_hash)
    if receipt is None:
        return refuse(
            Code.FUNDING_NOT_FOUND,
            "receipt",
            "the chain does not show this transaction",
            hint="try again when it is mined",
        )
    if not receipt.succeeded:
        return refuse(
            Code.FUNDING_REVERTED, "receipt", "this transaction reverted on chain; nothing was paid by it"
        )
    if reader.escrow_id(transaction.id) not in receipt.escrows_created:
        if receipt.escrows_created:
            return refuse(
                Code.FUNDING_REPLAYED, "tx_hash", "this transaction paid for another purchase than this one"
            )
        return refuse(Code.FUNDING_MISMATCH, "escrow", "this transaction created no escrow for this purchase")
    final = await reader.final()
    if receipt.block_number > final.number:
        return refuse(
            Code.FUNDING_UNCONFIRMED,
            "confirmations",
            f"the payment needs {receipt.block_number - final.number} more blocks on top of it",
            hint="try again in a few seconds",
        )
    escrow = await reader.escrow(transaction.id)
    if escrow is None or escrow.status is EscrowStatus.NONE:
        return refuse(Code.FUNDING_NOT_FOUND, "escrow", "the chain does not show the escrow yet")
    return await unlike(reader, transaction, escrow) or escrow


def _differs(rule: str, message: str) -> Refused:
    return refuse(Code.FUNDING_MISMATCH, rule, message)
