"""Sign-ins: a challenge, a signed message that becomes a short-lived key, and the end of such a key.

Using a nonce up, making the key and keeping the answer are one transaction: of a message that comes twice, anywhere,
one gives a key. Whoever sent an Idempotency-Key with it, a secret of its own, is told the same key again when the
answer was lost; the answer is kept sealed under that secret. Whoever only saw the message gets nothing.
"""

import secrets
from hashlib import sha256

from valetkey.core.api_key import ApiKey
from valetkey.core.errors import Contradiction, InvalidInput
from valetkey.core.ids import Kind
from valetkey.crypto.credentials import credential_hash, new_api_key, new_id
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.sealing import derive_key, seal, unseal
from valetkey.platform.callers import Caller
from valetkey.platform.context import Platform
from valetkey.platform.idempotency import check_key
from valetkey.platform.keys.service import key_view
from valetkey.platform.refusing import Conflict, NotFound, RefusedRequest
from valetkey.platform.sign_ins.nonces import check_nonce, new_nonce
from valetkey.ports.accounts import Answer
from valetkey.ports.ledger import Idempotency
from valetkey.wire.http import success_body
from valetkey.wire.keys import KeyView
from valetkey.wire.sign_in import (
    CHALLENGE_SECONDS,
    KEY_NAME,
    RETRY_KEY_CHARS_MIN,
    Accepted,
    ProvenSignIn,
    SignedIn,
    SignInChallenge,
    SignInCode,
    SignInRequest,
    sign_in_uri,
    verify_sign_in,
)
from valetkey.wire.timestamps import iso_timestamp

PURPOSE = "sign-in answers v1"
SCOPE = "sign-in"
"""Of idempotency keys: the key is the nonce, so that it is used once."""

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def challenge(platform: Platform) -> SignInChallenge:
    """A nonce, and what else a message needs. Nothing is kept."""
    now = platform.clock.now()
    return SignInChallenge(
        nonce=new_nonce(platform.settings, now),
        issued_at=iso_timestamp(now),
        expires_at=iso_timestamp(now + CHALLENGE_SECONDS),
        chain_ids=[one.view.chain_id for one in platform.networks.values()],
    )


async def sign_in(platform: Platform, asked: SignInRequest, retry_key: str | None, port: int | None) -> bytes:
    """The answer's body: a key for the owner whose wallet signed. `port`: where the platform itself listens.

    Raises SignInError, Conflict for a nonce that was used, NotFound for a wallet without an account, and a refusal
    when the owner has too many keys.
    """
    now = platform.clock.now()
    proven = verify_sign_in(asked.message, asked.signature, _accepted(platform, port), now)
    check_nonce(platform.settings, proven.nonce, now)
    retries = _Retries(asked, proven.nonce, retry_key)
    first = await retries.first(platform)
    if first is not None:
        return first
    agent = await platform.store.agent_of_wallet(proven.address)
    if agent is None:
        raise NotFound(
            "This wallet has no account here: register it first, by its signature", code=SignInCode.NO_ACCOUNT
        )
    secret, key = new_api_key(), _new_key(agent.id, proven, now)
    body = success_body(
        SignedIn(
            key=key_view(key, now),
            api_key=secret.reveal(),
            agent_id=agent.id,
            wallet_address=agent.wallet_address,
        )
    )
    try:
        full = await platform.store.add_api_key(
            key, credential_hash(secret.reveal()), answer=retries.answer(body)
        )
    except Contradiction:
        # The same message at the same time: the other one was first.
        first = await retries.first(platform)
        if first is None:
            raise
        return first
    if full is not None:
        raise RefusedRequest(full)
    return body


async def sign_out(platform: Platform, caller: Caller) -> KeyView:
    """End the key that calls, if a sign-in gave it. Raises Conflict for any other key, which stays."""
    caller.require_owner()
    assert caller.key is not None, "an owner calls with a key"
    if not caller.key.is_sign_in:
        raise Conflict("No sign-in gave this API key; revoke it as a key", code="not_a_sign_in")
    ended = await platform.store.revoke_key(caller.agent.id, caller.key.id, caller.actor)
    return key_view(ended, platform.clock.now())


def _accepted(platform: Platform, port: int | None) -> Accepted:
    urls = platform.settings.public_urls
    if not urls and port is not None:
        # What a request says of its host is the caller's word. Where we listen is not.
        ends = ("", f":{port}") if port == 80 else (f":{port}",)
        urls = tuple(f"http://{host}{end}" for host in _LOOPBACK_HOSTS for end in ends)
    return Accepted(
        domains=platform.settings.sign_in_domains,
        uris=tuple(sign_in_uri(one) for one in urls),
        chain_ids=frozenset(one.view.chain_id for one in platform.networks.values()),
    )


def _new_key(owner_id: str, proven: ProvenSignIn, now: int) -> ApiKey:
    return ApiKey(
        id=new_id(Kind.SIGN_IN),
        owner_id=owner_id,
        name=KEY_NAME,
        scopes=proven.scopes,
        created_at=now,
        expires_at=proven.expires_at,
    )


class _Retries:
    """The use of one nonce, and the answer that it got, for whoever sent it with this Idempotency-Key."""

    def __init__(self, asked: SignInRequest, nonce: str, retry_key: str | None) -> None:
        if retry_key is not None:
            check_key(retry_key)
            if len(retry_key) < RETRY_KEY_CHARS_MIN:
                raise InvalidInput(
                    f"an Idempotency-Key of a sign-in is random, and has {RETRY_KEY_CHARS_MIN} characters at least"
                )
        # Without one nobody ever comes again with the same.
        whole = f"{retry_key or secrets.token_hex(32)}\n{asked.signature.lower()}\n{asked.message}".encode()
        self._key = derive_key(whole, PURPOSE)
        self._nonce = nonce.encode()
        self._idempotency = Idempotency(SCOPE, nonce, sha256(b"sign-in " + self._key).digest())

    def answer(self, body: bytes) -> Answer:
        return Answer(self._idempotency, 201, seal(self._key, body, self._nonce))

    async def first(self, platform: Platform) -> bytes | None:
        """The answer of the first time; None when there was none. Raises Conflict for whoever did not get it."""
        known = await platform.store.answered(self._idempotency)
        if known is None:
            return None
        if isinstance(known, Answer):
            try:
                return unseal(self._key, known.body, self._nonce)
            except DecryptionFailed:
                pass  # Told below as to everybody who comes second.
        raise Conflict("This sign-in was used before; ask for a new challenge", code=SignInCode.REPLAYED)
