"""The wrapper of secret texts, and the credentials that the platform issues."""

import copy
import json
import pickle

import pytest

from valetkey.core.ids import Kind, is_id
from valetkey.crypto.credentials import (
    API_KEY_PREFIX,
    SESSION_TOKEN_PREFIX,
    WEBHOOK_SECRET_PREFIX,
    credential_hash,
    new_api_key,
    new_id,
    new_session_token,
    new_webhook_secret,
    same_bytes,
)
from valetkey.crypto.errors import SecretLeak
from valetkey.crypto.secret import Secret

TEXT = "aba_0123456789abcdef"


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(TEXT)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>20}",
        repr([secret]),
    ]
    assert all("<secret>" in text and TEXT not in text for text in shown)
    assert secret.reveal() == TEXT
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_neither_pickled_nor_hashed_nor_written_as_json() -> None:
    with pytest.raises(SecretLeak):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError):
        hash(Secret(TEXT))
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_secrets_compare_and_copy() -> None:
    secret = Secret(TEXT)
    assert secret == Secret(TEXT)
    assert secret != Secret(TEXT + "x")
    assert secret != TEXT
    assert Secret("\ud800") == Secret("\ud800")
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    assert Secret("x")
    assert not Secret("")


def test_credentials_are_long_random_and_told_apart() -> None:
    made = {
        API_KEY_PREFIX: new_api_key,
        SESSION_TOKEN_PREFIX: new_session_token,
        WEBHOOK_SECRET_PREFIX: new_webhook_secret,
    }
    for prefix, make in made.items():
        one, other = make().reveal(), make().reveal()
        assert one.startswith(prefix)
        assert len(one) == len(prefix) + 64
        assert one != other
    assert not new_session_token().reveal().startswith("abba_session_bundle_")


@pytest.mark.parametrize("kind", list(Kind))
def test_ids_have_their_kind_s_shape(kind: Kind) -> None:
    made = {new_id(kind) for _ in range(50)}
    assert len(made) == 50
    assert all(is_id(kind, one) and not one.startswith("0x") for one in made)


def test_every_letter_comes_at_every_place_of_an_id() -> None:
    """One draw of all digits: none of them is less random than the others."""
    made = [new_id(Kind.HOLD).partition("_")[2] for _ in range(2_000)]
    assert {len(one) for one in made} == {25}
    for place in range(25):
        assert len({one[place] for one in made}) == 36, place


def test_credentials_are_kept_as_hashes() -> None:
    assert credential_hash("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len(credential_hash("\ud800")) == 32
    assert same_bytes(credential_hash(TEXT), credential_hash(TEXT))
    assert not same_bytes(credential_hash(TEXT), credential_hash(TEXT + "x"))
