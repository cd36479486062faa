"""Making a narrower session out of a session, with its session key alone: no network, and nobody is asked."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from valetkey.core.addresses import canonical_addresses, canonical_assets
from valetkey.core.errors import InvalidInput
from valetkey.core.money import CURRENCY_DECIMALS, to_decimal
from valetkey.core.policy import Policy
from valetkey.core.refusal import Refused
from valetkey.core.tree import Narrowing, narrow
from valetkey.crypto.credentials import credential_hash, new_session_token
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.amounts import Amount, usdc_units
from valetkey.sdk.errors import NotNarrower
from valetkey.sdk.limits import Windows, names, windows_of
from valetkey.wire.attenuation import MESSAGE_CHARS_MAX, Attenuation, SignedNarrowing, read, sign
from valetkey.wire.bundle import Bundle
from valetkey.wire.errors import CODES, reasons_body

USDC_DECIMALS = CURRENCY_DECIMALS["USDC"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrower:
    """What a child may do less, as the SDK's callers write it. None leaves a rule as the parent has it."""

    budget: Amount | None = None
    expiry: int | None = None
    per_spend: Amount | None = None
    windows: Windows | None = None
    spends_max: int | None = None
    not_before: int | None = None
    approval_above: Amount | None = None
    services: Iterable[str] | None = None
    assets: Iterable[str] | None = None
    chains: Iterable[int] | None = None
    payees: Iterable[str] | None = None
    operations: Iterable[str] | None = None
    without: Iterable[str] = ()

    def narrowing(self, now: int) -> Narrowing:
        """In base units and unix seconds. Raises InvalidAmount, InvalidInput."""
        services = None if self.services is None else frozenset(names(self.services, "allowed_service_ids"))
        if services is not None and not services:
            # In create_session the empty list is every service; here it would be none: better ask than guess.
            raise InvalidInput("name the services, or leave them out for those of the parent")
        return Narrowing(
            expires_at=None if self.expiry is None else now + self.expiry,
            not_before=self.not_before,
            budget=_units(self.budget),
            per_spend=_units(self.per_spend),
            windows=windows_of(self.windows or {}),
            spends_max=self.spends_max,
            approval_above=_units(self.approval_above),
            allowed_services=services,
            allowed_assets=None
            if self.assets is None
            else canonical_assets(names(self.assets, "allowed_assets")),
            allowed_chains=None if self.chains is None else frozenset(names(self.chains, "allowed_chains")),
            allowed_payees=None
            if self.payees is None
            else canonical_addresses(names(self.payees, "allowed_payees")),
            allowed_operations=(
                None if self.operations is None else frozenset(names(self.operations, "allowed_operations"))
            ),
            without=frozenset(names(self.without, "without")),
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A child session: its bundle, what registers it, and its policy as far as it is known here."""

    bundle: Bundle
    narrowing: SignedNarrowing
    session_id: str
    policy: Policy


def attenuated(
    parent_id: str, parent: Bundle, policy: Policy | None, wanted: Narrower, label: str | None
) -> Made:
    """A child of a session. What is known of the parent's policy is checked here, the rest when it is registered.

    Raises NotNarrower, InvalidAmount, InvalidInput.
    """
    narrowing = wanted.narrowing(int(time.time()))
    if policy is None:
        # Which other currencies the parent has is not known here: the platform looks at that.
        narrowed = narrow(_policy_of(parent), replace(narrowing, without=frozenset()))
    else:
        narrowed = narrow(policy, narrowing)
    if isinstance(narrowed, Refused):
        raise _not_narrower(narrowed)
    wallet, e2e, token = PrivateKey.generate(), PrivateKey.generate(), new_session_token()
    attenuation = Attenuation(
        parent_id=parent_id,
        wallet=wallet.address,
        e2e_public_key=e2e.public_key_compressed,
        token_hash=credential_hash(token.reveal()),
        label=label,
        narrowing=narrowing,
    )
    if len(attenuation.message) > MESSAGE_CHARS_MAX:
        raise InvalidInput(f"a narrowing is at most {MESSAGE_CHARS_MAX} characters: name less")
    bundle = Bundle(
        token=token,
        agent_id=parent.agent_id,
        budget_usdc=None if narrowed.budget is None else to_decimal(narrowed.budget, USDC_DECIMALS),
        expiry=narrowed.expires_at,
        wallet_private_key=wallet,
        e2e_private_key=e2e,
    )
    signed = sign(attenuation, parent.wallet_private_key)
    # What the platform could not read would only show at the first use: a fraction of a second, a label too long.
    read(signed)
    return Made(bundle, signed, attenuation.child_id, narrowed)


def narrowed(policy: Policy, wanted: Narrower, now: int) -> Policy:
    """The policy that a child would have, before anybody makes one. `now` is unix seconds.

    Raises NotNarrower, whose `details` name the rules, InvalidAmount, InvalidInput.
    """
    found = narrow(policy, wanted.narrowing(now))
    if isinstance(found, Refused):
        raise _not_narrower(found)
    return found


def _policy_of(bundle: Bundle) -> Policy:
    """What a bundle tells of its policy: budget and end."""
    budget = bundle.budget_usdc
    # Other clients write budgets finer than a base unit, which nobody can spend.
    units = None if budget is None else int(budget.scaleb(USDC_DECIMALS).to_integral_value("ROUND_FLOOR"))
    return Policy(budget=units, expires_at=bundle.expiry)


def _not_narrower(refused: Refused) -> NotNarrower:
    code = refused.first.code
    return NotNarrower(
        refused.first.message,
        code=str(code),
        status=CODES[code].http_status,
        details={"reasons": reasons_body(refused)},
    )


def _units(amount: Amount | None) -> int | None:
    return None if amount is None else usdc_units(amount)
