"""Signing in with the owner's wallet (EIP-4361): a key that ends soon, instead of one that is kept somewhere."""

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from valetkey.core.api_key import Scope
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.ports.signer import Signer
from valetkey.sdk._async.agent import AsyncAgent
from valetkey.sdk._async.connect import async_open_signer
from valetkey.sdk.api_keys import SignInInfo, scopes_of
from valetkey.sdk.errors import Unauthenticated
from valetkey.wire.http import IDEMPOTENCY_HEADER
from valetkey.wire.keys import KeyView
from valetkey.wire.sign_in import (
    KEY_SECONDS_MAX,
    SignedIn,
    SignInChallenge,
    SignInRequest,
    build_message,
)

DOMAIN = "localhost"
"""Who asks, when that is a program on this machine."""

SECONDS = 3_600


class AsyncSigningIn(AsyncAgent):
    """The part of an owner that signs in and out."""

    @classmethod
    async def sign_in(
        cls,
        wallet: str | Secret | PrivateKey | Signer,
        *,
        scopes: Iterable[Scope | str],
        expires_in: int = SECONDS,
        domain: str = DOMAIN,
        base_url: str | None = None,
        rpc_url: str | None = None,
        state_dir: Path | str | None = None,
    ) -> Self:
        """Sign in with the wallet of a registered owner, and return an agent with an API key that ends soon.

        `wallet` is a private key in hex, a PrivateKey or a signer. `scopes` such as "read"; `expires_in` is seconds,
        half a day at most. `domain`: who asks, one of those that the platform allows. Raises Unauthenticated, NotFound
        for a wallet that is not registered, KeysFull, InvalidInput. End the key with `sign_out`.
        """
        signer = async_open_signer(wallet)
        agent = cls(base_url=base_url, rpc_url=rpc_url, state_dir=state_dir)
        is_in = False
        try:
            message = await agent.sign_in_message(
                signer.address, scopes=scopes, expires_in=expires_in, domain=domain
            )
            await agent.sign_in_with(message, signer.sign_message(message.encode("ascii")))
            is_in = True
        finally:
            if not is_in:
                await agent.close()
        return agent

    async def sign_in_message(
        self,
        address: str,
        *,
        scopes: Iterable[Scope | str],
        expires_in: int = SECONDS,
        domain: str = DOMAIN,
        chain_id: int | None = None,
    ) -> str:
        """The message for a wallet that is elsewhere, such as in a browser. It is good for five minutes, and once.

        It names this agent's base URL as its URI, so that another platform can do nothing with the signature.
        `chain_id`: one that the platform serves, its first unless given.
        """
        if not 1 <= expires_in <= KEY_SECONDS_MAX:
            raise InvalidInput(
                f"a sign-in lasts a second or more, and {KEY_SECONDS_MAX} at most", field="expires_in"
            )
        asked = scopes_of(scopes)
        challenge = await self._client.send("POST", "/agents/sign-in/challenge", SignInChallenge, repeat=True)
        return build_message(
            challenge,
            address=address,
            base_url=self._base_url,
            domain=domain,
            scopes=asked,
            seconds=expires_in,
            chain_id=chain_id if chain_id in challenge.chain_ids else None,
        )

    async def sign_in_with(self, message: str, signature: bytes) -> SignInInfo:
        """Use what the wallet signed: from now on this agent calls with the key that it gives. See `sign_in`.

        An answer that is lost is asked for again, with a secret that only this call knows.
        """
        answer = await self._client.send(
            "POST",
            "/agents/sign-in",
            SignedIn,
            SignInRequest(message=message, signature="0x" + signature.hex()),
            headers={IDEMPOTENCY_HEADER: secrets.token_hex(32)},
            repeat=True,
        )
        self._use(Secret(answer.api_key))
        self.agent_id = answer.agent_id
        return SignInInfo(answer.wallet_address, answer.key)

    async def sign_out(self) -> KeyView | None:
        """End the key in use, which a sign-in gave; None when it has ended. Raises Conflict for any other key."""
        try:
            return await self._client.send("POST", "/agents/sign-out", KeyView, repeat=True)
        except Unauthenticated:
            # It is revoked or over: also by a call of ours whose answer was lost.
            return None
