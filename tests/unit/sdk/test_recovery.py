"""Recovery copies: the owner's wallet alone opens them, and only for the session that they were made for."""

import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.vectors.leaks import parts_told
from valetkey.chains.evm.signer import LocalSigner
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk.errors import RecoveryFailed
from valetkey.sdk.recovery import open_recovery, recovery_text, seal_recovery
from valetkey.wire.bundle import Bundle

OWNER = LocalSigner(PrivateKey(b"\x01" * 32))
OTHER = LocalSigner(PrivateKey(b"\x02" * 32))
BUNDLE = Bundle(
    token=Secret("abba_session_" + "t" * 40),
    agent_id="agent_1",
    budget_usdc=Decimal("12.5"),
    expiry=1_000_000_000,
    wallet_private_key=PrivateKey(b"\x03" * 32),
    e2e_private_key=PrivateKey(b"\x04" * 32),
)
SECRETS = ("t" * 40, "03" * 32, "04" * 32, "01" * 32, BUNDLE.serialize()[20:])


class Moody:
    """A wallet whose signatures change, as hardware with random nonces makes them."""

    def __init__(self) -> None:
        self.address = OWNER.address
        self._count = itertools.count()

    def sign_message(self, message: bytes) -> bytes:
        return OWNER.sign_message(message + bytes([next(self._count)]))

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        raise AssertionError("nothing is sent")

    def sign_typed_data(self, typed_data: Mapping[str, Any]) -> bytes:
        raise AssertionError("nothing is signed")


def test_the_owner_opens_its_copy_also_after_the_sessions_end() -> None:
    sealed = seal_recovery(OWNER, "sess_1", BUNDLE)
    assert open_recovery(LocalSigner(PrivateKey(b"\x01" * 32)), "sess_1", sealed) == BUNDLE
    assert seal_recovery(OWNER, "sess_1", BUNDLE) != sealed, "each copy has a nonce of its own"
    assert b"abba_session" not in sealed


@pytest.mark.parametrize(
    ("signer", "session"), [(OTHER, "sess_1"), (OWNER, "sess_2"), (OWNER, ""), (OTHER, "sess_2")]
)
def test_another_wallet_or_session_does_not(signer: LocalSigner, session: str) -> None:
    sealed = seal_recovery(OWNER, "sess_1", BUNDLE)
    with pytest.raises(RecoveryFailed) as caught:
        open_recovery(signer, session, sealed)
    assert not parts_told(caught.value, *SECRETS)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: b"",
        lambda s: s[:-1],
        lambda s: s + b"x",
        lambda s: bytes([s[0] ^ 1]) + s[1:],
        lambda s: s[:40] + bytes([s[40] ^ 1]) + s[41:],
    ],
)
def test_a_changed_copy_does_not_open(change: Any) -> None:
    with pytest.raises(RecoveryFailed):
        open_recovery(OWNER, "sess_1", change(seal_recovery(OWNER, "sess_1", BUNDLE)))


def test_a_wallet_whose_signatures_change_is_refused() -> None:
    with pytest.raises(RecoveryFailed, match="differently each time"):
        seal_recovery(Moody(), "sess_1", BUNDLE)


def test_the_text_names_the_wallet_and_the_danger() -> None:
    text = recovery_text(OWNER.address)
    assert OWNER.address in text
    assert "Sign it for nobody" in text
