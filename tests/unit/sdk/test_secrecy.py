"""SECRETS_STAY_SECRET in the SDK: reprs, formats, pickles and exceptions show no key, token or bundle."""

import copy
import logging
import pickle
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.leaks import parts_told
from valetkey import BuyerAgent, SellerAgent, SessionInfo
from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.errors import SecretLeak
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.wire.bundle import Bundle

TOKEN = "tkn0123456789abcdefghijklmnopqrstuvwxyz"
API_KEY = "key9876543210zyxwvutsrqponmlkjihgfedcba"
WALLET = PrivateKey.generate()
E2E = PrivateKey.generate()
NOBODY = "http://127.0.0.1:1"

BUNDLE = Bundle(
    token=Secret(TOKEN),
    agent_id="agent_1",
    budget_usdc=Decimal(5),
    expiry=4_000_000_000,
    wallet_private_key=WALLET,
    e2e_private_key=E2E,
)
SESSION = SessionInfo(
    session_id="sess_1",
    token=BUNDLE.token,
    agent_id="agent_1",
    budget_usdc=Decimal(5),
    expiry=BUNDLE.expiry,
    wallet_address=WALLET.address,
    e2e_public_key=BUNDLE.e2e_public_key,
    bundle=BUNDLE,
)
TEXT = BUNDLE.serialize()
SECRETS = (
    TOKEN,
    API_KEY,
    WALLET.to_hex(prefix=False),
    E2E.to_hex(prefix=False),
    TEXT.removeprefix("abba_session_bundle_"),
)


def quoted(text: str) -> list[str]:
    return [
        secret[:8] for secret in SECRETS if any(secret[at : at + 8] in text for at in range(len(secret) - 7))
    ]


@pytest.fixture
def buyer(tmp_path: Path) -> Any:
    agent = BuyerAgent(API_KEY, base_url=NOBODY, state_dir=tmp_path)
    agent.init_eoa_wallet(WALLET.to_hex())
    agent.init_crypto(E2E)
    yield agent
    agent.close()


def test_nothing_shows_a_secret_by_itself(buyer: BuyerAgent) -> None:
    for thing in (
        SESSION,
        BUNDLE,
        buyer,
        buyer.api_key,
        buyer._signer,
        buyer._crypto,
        buyer._client,
        LocalSigner(WALLET),
    ):
        assert not quoted(
            f"{thing!r} {thing!s} {thing:>5}" if isinstance(thing, Secret) else f"{thing!r} {thing!s}"
        )
    assert SESSION.session_id in repr(SESSION)
    assert WALLET.address in repr(SESSION)
    assert not quoted(repr([SESSION]) + repr({"a": BUNDLE}) + str(vars(buyer)))


@pytest.mark.parametrize("thing", [SESSION, BUNDLE, WALLET], ids=["session", "bundle", "key"])
def test_nothing_secret_is_pickled(thing: object) -> None:
    with pytest.raises((SecretLeak, TypeError)) as caught:
        pickle.dumps(thing)
    assert not parts_told(caught.value, *SECRETS)
    assert copy.copy(thing) == thing


MISTAKES: dict[str, Callable[[BuyerAgent], object]] = {
    "a key as a key": lambda agent: agent.init_eoa_wallet(WALLET.to_hex() + "0"),
    "a cut key": lambda agent: agent.init_eoa_wallet(WALLET.to_hex()[:-1]),
    "a token as a key": lambda agent: agent.init_eoa_wallet(TOKEN),
    "a secret as a key": lambda agent: agent.init_crypto(Secret(TOKEN)),
    "a cut bundle": lambda agent: agent.init_with_session(TEXT[:-5]),
    "a bundle with more": lambda agent: agent.init_with_session(TEXT + "A"),
    "a token as a bundle": lambda agent: agent.init_with_session(TOKEN),
    "nobody answers": lambda agent: agent.init_with_session(TEXT),
    "nobody answers the owner": lambda agent: agent.create_session(5),
    "nobody answers a sweep": lambda agent: agent.reclaim_session("0x" + "1" * 40, session=TEXT),
    "a sweep to a secret": lambda agent: agent.reclaim_session(TOKEN, session=TEXT),
    "a session that is none": lambda agent: agent.reclaim_session("0x" + "1" * 40, session=TEXT[:-1]),
    "a bundle as an id": lambda agent: agent.get_session(TEXT),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_quote_no_secret(
    buyer: BuyerAgent, mistake: Callable[[BuyerAgent], object], caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("valetkey.sdk._sync.connection.sleep", lambda seconds: None)
    with caplog.at_level(logging.INFO), pytest.raises(ValetkeyError) as caught:
        mistake(buyer)
    assert not parts_told(caught.value, *SECRETS)
    seen = capfd.readouterr()
    shown = seen.out + seen.err
    if mistake is not MISTAKES["a bundle as an id"]:
        # The library that speaks HTTP logs URLs, and that mistake puts the secret into one.
        shown += caplog.text
    assert not quoted(shown)


def test_registering_with_no_key_quotes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        SellerAgent.register(TOKEN, "seller", base_url=NOBODY, state_dir=tmp_path)
    assert not parts_told(caught.value, *SECRETS)


def test_what_comes_after_an_id_is_no_path(buyer: BuyerAgent) -> None:
    for text in ("", ".", ".."):
        with pytest.raises(InvalidInput):
            buyer.get_transaction(text)
        with pytest.raises(InvalidInput):
            buyer.revoke_session(text)
