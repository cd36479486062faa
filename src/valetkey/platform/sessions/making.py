"""Policies and records of new sessions, out of what was asked for."""

import base64
from decimal import Decimal

from valetkey.core.addresses import canonical_addresses, canonical_assets
from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.ids import Kind
from valetkey.core.limits import Limits
from valetkey.core.money import CURRENCY_DECIMALS, parse_units
from valetkey.core.policy import Policy
from valetkey.core.session import Role, Session, Usage
from valetkey.core.windows import Window
from valetkey.crypto import base58
from valetkey.crypto.credentials import new_id
from valetkey.crypto.ed25519 import ed25519_key_hash
from valetkey.crypto.keys import (
    address_of,
    checksum_address,
    is_address,
    load_public_key,
    session_key_hash,
)
from valetkey.platform.callers import Caller
from valetkey.ports.accounts import Funding, SessionRecord
from valetkey.wire.limits import LimitRule
from valetkey.wire.policies import PolicyRules

ZERO_ADDRESS = "0x" + "0" * 40


def policy_of(asked: PolicyRules, *, not_before: int, expires_at: int) -> Policy:
    """The policy that an owner asks for, from and until these unix seconds. Raises InvalidInput."""
    return Policy(
        budget=units(asked.budget_usdc),
        expires_at=expires_at,
        not_before=not_before,
        per_spend=units(asked.per_spend_usdc),
        # On the wire an empty list is every service; in a policy that would be none.
        allowed_services=frozenset(asked.allowed_service_ids) or None,
        windows=_windows([(one.seconds, one.limit_usdc) for one in asked.windows], "USDC"),
        spends_max=asked.spends_max,
        approval_above=units(asked.approval_above_usdc),
        others=tuple(sorted((_limits(one) for one in asked.limits), key=lambda one: one.currency)),
        allowed_assets=canonical_assets(asked.allowed_assets),
        allowed_chains=None if asked.allowed_chains is None else frozenset(asked.allowed_chains),
        allowed_payees=canonical_addresses(asked.allowed_payees),
        allowed_operations=None if asked.allowed_operations is None else frozenset(asked.allowed_operations),
        refunds_restore=asked.refunds_restore,
    )


def record_of(
    policy: Policy,
    role: Role,
    caller: Caller,
    now: int,
    *,
    wallet: str | None,
    public_key: str | None,
    e2e_public_key: str | None,
    label: str | None,
    delegate: str | None,
    recovery: str | None,
    funding: Funding = Funding.WALLET,
    sole: bool = False,
    proof_key: bytes | None = None,
) -> SessionRecord:
    """A new session of the caller. Raises InvalidInput for keys that are none, another wallet's, or the owner's own."""
    on_solana = lives_on_solana(policy)
    address = _solana_wallet(wallet) if on_solana else _wallet(wallet, caller.agent.wallet_address)
    session = Session(
        id=new_id(Kind.SESSION),
        owner_id=caller.agent.id,
        role=role,
        policy=policy,
        usage=Usage(),
        created_at=now,
    )
    return SessionRecord(
        session=session,
        alias=new_id(Kind.BUYER_ALIAS),
        wallet_address=address,
        e2e_public_key=_public_key(e2e_public_key),
        label=label,
        recovery=base64.b64decode(recovery) if recovery else None,
        delegate=delegate,
        funding=funding,
        key_hash=None if public_key is None else key_hash_of(public_key, address, on_solana=on_solana),
        sole=sole,
        proof_key=proof_key,
    )


def lives_on_solana(policy: Policy) -> bool:
    """Whether a cluster of Solana is the only chain that a policy allows."""
    chains = policy.allowed_chains
    return chains is not None and len(chains) == 1 and all(map(is_solana, chains))


def key_hash_of(public_key: str, wallet: str | None, *, on_solana: bool = False) -> bytes:
    """The hash of a session key, which must be that of the session's wallet. Raises InvalidInput."""
    key = bytes.fromhex(public_key)
    is_of_kind = (len(key) == base58.ADDRESS_BYTES) is on_solana
    if not is_of_kind or wallet is None or (base58.encode(key) if on_solana else address_of(key)) != wallet:
        raise InvalidInput(
            "the session's public key is not that of its wallet", code="invalid_key", field="sessionPublicKey"
        )
    return ed25519_key_hash(key) if on_solana else session_key_hash(key)


def units(amount: Decimal | None, currency: str = "USDC") -> int | None:
    """Base units of a currency; None stays None. Raises InvalidAmount."""
    return None if amount is None else parse_units(amount, CURRENCY_DECIMALS[currency])


def _limits(asked: LimitRule) -> Limits:
    currency = asked.currency
    return Limits(
        currency,
        units(asked.budget, currency),
        units(asked.per_spend, currency),
        _windows([(one.seconds, one.limit) for one in asked.windows], currency),
        units(asked.approval_above, currency),
    )


def _windows(asked: list[tuple[int, Decimal]], currency: str) -> tuple[Window, ...]:
    """The windows, shortest first. Raises InvalidInput when one length is named twice."""
    decimals = CURRENCY_DECIMALS[currency]
    found = sorted(Window(seconds, parse_units(limit, decimals)) for seconds, limit in asked)
    if len({window.seconds for window in found}) != len(found):
        raise InvalidInput("each length of a window is named once", field="windows")
    return tuple(found)


def _wallet(wallet: str | None, owner_wallet: str) -> str | None:
    if wallet is None:
        return None
    if not is_address(wallet):
        raise InvalidInput(
            "the checksum of the session wallet's address is wrong",
            code="invalid_address",
            field="sessionWallet",
        )
    address = checksum_address(wallet)
    if address == ZERO_ADDRESS:
        raise InvalidInput("the session wallet is an account", field="sessionWallet")
    if address == owner_wallet:
        raise InvalidInput("a session has a wallet of its own, not the owner's", field="sessionWallet")
    return address


def _solana_wallet(wallet: str | None) -> str | None:
    if wallet is not None and (not base58.is_solana_address(wallet) or not any(base58.decode(wallet))):
        raise InvalidInput(
            "a session that lives on Solana has a key of Ed25519, and its address in base58",
            code="invalid_address",
            field="sessionWallet",
        )
    return wallet


def _public_key(text: str | None) -> bytes | None:
    if text is None:
        return None
    key = bytes.fromhex(text)
    load_public_key(key)
    return key
