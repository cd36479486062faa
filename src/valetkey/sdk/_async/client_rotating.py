"""New keys for a Client's sessions: a successor takes a session's place; its keys are kept before anybody is told."""

import secrets
import time
from contextlib import suppress

import msgspec

from valetkey.core.chains import is_solana
from valetkey.core.errors import InvalidInput
from valetkey.core.money import to_decimal
from valetkey.core.tree import GRACE_SECONDS_MAX
from valetkey.crypto.ed25519 import SigningKey
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk._async.agent import segment
from valetkey.sdk._async.client_making import AsyncClientMaking
from valetkey.sdk._async.making import GRACE_SECONDS
from valetkey.sdk.amounts import USDC_DECIMALS, Amount, named_units
from valetkey.sdk.client_session import ClientSession
from valetkey.sdk.errors import Refused
from valetkey.sdk.kept_sessions import KeptSession, request_name
from valetkey.sdk.session_config import Moment, check_label, unix_seconds_of
from valetkey.wire.http import encode
from valetkey.wire.sessions import RotateSessionRequest, SessionView


class AsyncClientRotating(AsyncClientMaking):
    """The part of a Client that rotates sessions."""

    async def rotate_session(
        self,
        session: ClientSession | str,
        *,
        grace_seconds: int = GRACE_SECONDS,
        carry: bool = True,
        valid_until: Moment | None = None,
        spending_limit: Amount | msgspec.UnsetType | None = msgspec.UNSET,
        label: str | None = None,
    ) -> ClientSession:
        """Put a session with new keys in the place of one; see `rotate_session` of BuyerAgent. Its keys are kept first.

        What is not named stays as it was. A grant gets a successor at once. On Solana a transaction of `solana_signer`
        revokes the old key and moves what it left: at once without grace, else with the new key's first payment, or
        with this call again when the grace is over. Of a session that was rotated here already
        it answers that successor, and finishes what was interrupted. Raises Conflict for one rotated elsewhere.
        """
        before = await self.owner.get_session(await self._id_of(session))
        if label is not None:
            check_label(label)
        if type(grace_seconds) is not int or not 0 <= grace_seconds <= GRACE_SECONDS_MAX:
            raise InvalidInput(f"a grace period is 0 to {GRACE_SECONDS_MAX} seconds", field="grace_seconds")
        if type(carry) is not bool:
            raise InvalidInput("carry is True or False", field="carry")
        terms = f"{grace_seconds} {carry} {valid_until} {spending_limit} {label}"
        request = request_name(self._credential, f"rotate {before.session_id}")
        async with self._alone(f"create-{request}"):
            kept = self._keys.begun(request)
            if kept is not None and (kept.is_made or kept.terms == terms):
                return await self._made_or_forgotten(kept, request)
            if kept is not None:
                # An attempt under other rules, which the platform may have heard of; what it refuses is made anew.
                with suppress(Refused, InvalidInput):
                    return await self._made(kept)
            if is_solana(before.network.chain_id):
                await self._check_rotatable(before, grace_seconds, spending_limit)
            kept = self._successor(before, terms, grace_seconds, carry, valid_until, spending_limit, label)
            self._keys.keep(kept)
            self._keys.begin(request, kept.key_hash)
            return await self._made_or_forgotten(kept, request)

    async def rotate(
        self, session: ClientSession | str, *, grace_seconds: int = GRACE_SECONDS
    ) -> ClientSession:
        """As `rotate_session`, with every rule as it was."""
        return await self.rotate_session(session, grace_seconds=grace_seconds)

    # Inside

    def _successor(
        self,
        before: SessionView,
        terms: str,
        grace_seconds: int,
        carry: bool,
        valid_until: Moment | None,
        spending_limit: Amount | msgspec.UnsetType | None,
        label: str | None,
    ) -> KeptSession:
        now = int(time.time())
        until = before.expiry if valid_until is None else unix_seconds_of(valid_until, now)
        if valid_until is not None and until <= now:
            raise InvalidInput("valid_until is over already", code="expiry_in_the_past", field="valid_until")
        on_solana, e2e = is_solana(before.network.chain_id), PrivateKey.generate()
        seed, wallet = SigningKey.generate(), PrivateKey.generate()
        budget = spending_limit
        if budget is not None and not isinstance(budget, msgspec.UnsetType):
            budget = to_decimal(named_units(budget, USDC_DECIMALS, "spending_limit"), USDC_DECIMALS)
        asked = RotateSessionRequest(
            session_wallet=seed.address if on_solana else wallet.address,
            session_public_key=(seed.public_key if on_solana else wallet.public_key_compressed).hex(),
            e2e_public_key=e2e.public_key_compressed.hex(),
            expiry=None if valid_until is None else until - now,
            budget_usdc=budget,
            grace_seconds=grace_seconds,
            carry_over=carry,
            label=label,
        )
        return KeptSession(
            wallet="" if on_solana else wallet.to_hex(),
            seed=seed.secret().hex() if on_solana else "",
            e2e=e2e.to_hex(),
            path=f"/agents/session/{segment(before.session_id)}/rotate",
            asked=encode(asked).decode("utf-8"),
            key=secrets.token_hex(16),
            made_at=now,
            terms=terms,
            chain_id=before.network.chain_id,
            funding=before.funding_mode,
            label=label or before.label or "",
        )
