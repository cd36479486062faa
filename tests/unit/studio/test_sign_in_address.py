"""The address that signs in once: the right token, the first time, in time."""

import os

import pytest

from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.studio.sign_in_address import SECONDS, OneTime, address_of, new_token, read_token
from valetkey.studio.wizard.operator import Operator

KEY = PrivateKey(b"\x11" * 32)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def one_time(clock: Clock) -> tuple[OneTime, str]:
    token = new_token()
    return OneTime(Operator(key=KEY, token=token), clock), token.reveal()


def test_it_opens_once() -> None:
    made, token = one_time(Clock())
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "\ud800"):
        assert made.take(wrong) is None
    assert made.take(token) == KEY
    assert made.take(token) is None


def test_what_signed_nobody_in_opens_again() -> None:
    made, token = one_time(Clock())
    assert made.take(token) == KEY
    made.give_back()
    assert made.take(token) == KEY


def test_it_does_not_wait_for_ever() -> None:
    clock = Clock()
    made, token = one_time(clock)
    clock.now = SECONDS
    assert made.take(token) is None
    clock.now = SECONDS - 1
    assert made.take(token) == KEY


@pytest.mark.parametrize("operator", [Operator(), Operator(key=KEY), Operator(token=Secret("x" * 43))])
def test_without_a_key_or_a_token_nothing_opens(operator: Operator) -> None:
    made = OneTime(operator)
    for given in ("", "x" * 43, "None"):
        assert made.take(given) is None


def test_the_token_shows_itself_in_the_address_alone() -> None:
    token = new_token()
    made = OneTime(Operator(key=KEY, token=token))
    assert address_of("http://127.0.0.1:1", token) == f"http://127.0.0.1:1/sign-in#{token.reveal()}"
    assert token.reveal() not in repr(made) + repr(Operator(key=KEY, token=token)) + repr(token)
    assert len({new_token().reveal() for _ in range(100)}) == 100


def test_it_comes_through_a_pipe() -> None:
    ours, its = os.pipe()
    with os.fdopen(its, "wb") as pipe:
        pipe.write(b"t" * 43)
    assert read_token(ours).reveal() == "t" * 43
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(ours)
