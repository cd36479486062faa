"""age input: sealed bundles, identities, recipients, and headers that ask for too much work."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache

import pyrage
from hypothesis import strategies as st

from fuzz.making import changed_bytes, changed_text
from fuzz.target import REFUSED, Target, must, outcome
from fuzz.targets.bundle import _valid as valid_bundle
from valetkey.core.errors import InvalidInput
from valetkey.crypto.age_files import (
    ARMOR,
    ARMOR_END,
    WORK_MAX,
    _without_armor,
    open_age,
    seal_to,
    work_of,
)
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret
from valetkey.wire.bundle import BundleError, parse_bundle
from valetkey.wire.sealed_bundle import is_sealed, is_under_passphrase, read_handed

PREFIX = "AGE-SECRET-KEY-1..."
PASSPHRASE = "correct horse battery staple"
WORK_TRIED_MAX = 8
"""More is not tried here: each step doubles the time, and that is measured by a test of its own."""

SEALED, UNDER, AN_IDENTITY, A_RECIPIENT = range(4)


def check(data: bytes) -> None:
    """The first byte says what the rest is."""
    if not data:
        return
    mode, rest = data[0] % 4, data[1:]
    if mode == SEALED:
        _sealed(rest)
    elif mode == UNDER:
        _under_passphrase(rest)
    else:
        _secret(rest.decode("utf-8", "surrogateescape"), mode)


def _sealed(data: bytes) -> None:
    """A file for our identity, as bytes and as text."""
    as_text = data.decode("latin-1")
    for handed in (data, as_text):
        is_under_passphrase(handed)
        for identity in (None, _identity()):
            opened = outcome(
                lambda handed=handed, identity=identity: read_handed(handed, None, identity=identity),  # type: ignore[misc]
                BundleError,
                hides=[_identity().reveal()],
            )
            if opened is not REFUSED:
                must(is_sealed(handed) is (identity is not None), "a secret goes with a sealed bundle alone")
    good, change = _good(), hashlib.sha256(data).digest()
    at = int.from_bytes(change[:4], "big") % len(good)
    flipped = good[:at] + bytes([good[at] ^ (1 << change[4] % 8)]) + good[at + 1 :]
    found = outcome(lambda: open_age(flipped, identity=_identity()), DecryptionFailed)
    must(found is REFUSED, "a changed bit does not open")


def _under_passphrase(data: bytes) -> None:
    try:
        work = work_of(_without_armor(data))
    except ValueError:
        work = None
    if work is not None and WORK_TRIED_MAX < work <= WORK_MAX:
        return
    opened = outcome(
        lambda: open_age(data, passphrase=Secret(PASSPHRASE)), DecryptionFailed, hides=[PASSPHRASE]
    )
    if opened is not REFUSED and work is None:
        must(data.startswith(ARMOR.encode()), "what opens under a passphrase said how much work it is")
    read = outcome(
        lambda: read_handed(data, None, passphrase=Secret(PASSPHRASE)), BundleError, hides=[PASSPHRASE]
    )
    if read is not REFUSED:
        must(opened is not REFUSED, "a bundle that is read was opened")


def _secret(text: str, mode: int) -> None:
    if mode == AN_IDENTITY:
        # How every identity begins is in the message, and no secret.
        hides = [] if text in PREFIX else [text]
        found = outcome(
            lambda: open_age(_good(), identity=Secret(text)), InvalidInput, DecryptionFailed, hides=hides
        )
        if found is not REFUSED:
            must(_identity().reveal().lower() in text.lower(), "our identity alone opens what is for it")
        return
    sealed = outcome(lambda: seal_to(b"plain", text), InvalidInput)
    if isinstance(sealed, bytes) and text.strip().lower() == _recipient():
        must(open_age(sealed, identity=_identity()) == b"plain", "what is sealed to a recipient opens for it")


@cache
def _identity() -> Secret:
    # age's keys cannot be made from bytes here: one is made for this process, and its name is not kept in a corpus.
    return Secret(str(pyrage.x25519.Identity.from_str(_known())))


@cache
def _known() -> str:
    """A key that every run has: bech32 of 32 bytes, as the age specification writes it."""
    alphabet, words = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", [0] * 52
    number = int.from_bytes(b"\x42" * 32, "big") << 4
    for place in range(52):
        words[51 - place] = number >> (5 * place) & 31
    prefix = "age-secret-key-"
    values = [ord(one) >> 5 for one in prefix] + [0] + [ord(one) & 31 for one in prefix] + words + [0] * 6
    check_, generators = 1, (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    for value in values:
        top = check_ >> 25
        check_ = (check_ & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(generators):
            check_ ^= generator if top >> bit & 1 else 0
    check_ ^= 1
    told = words + [check_ >> 5 * (5 - one) & 31 for one in range(6)]
    return (prefix + "1" + "".join(alphabet[one] for one in told)).upper()


@cache
def _recipient() -> str:
    return str(pyrage.x25519.Identity.from_str(_known()).to_public())


@cache
def _good() -> bytes:
    """A sealed bundle. Its bytes differ from process to process: a file of age is never the same twice."""
    return seal_to(_bundle().encode(), _recipient())


@cache
def _bundle() -> str:
    import json

    from valetkey.wire.bundle import BUNDLE_PREFIX

    text = BUNDLE_PREFIX + base64.b64encode(json.dumps(valid_bundle()).encode()).decode()
    return parse_bundle(text, None).serialize()


def _asking(work: bytes, salt: bytes = b"\1" * 16, body: bytes = b"\4" * 60) -> bytes:
    one, two, three = (base64.b64encode(part).rstrip(b"=") for part in (salt, b"\2" * 32, b"\3" * 32))
    return (
        b"age-encryption.org/v1\n-> scrypt "
        + one
        + b" "
        + work
        + b"\n"
        + two
        + b"\n--- "
        + three
        + b"\n"
        + body
    )


def _armored(data: bytes) -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([ARMOR.encode(), *lines, ARMOR_END.encode(), b""])


def strategy() -> st.SearchStrategy[bytes]:
    """Files with changed bytes, headers with other work, keys with other letters."""
    sealed, armored = _good(), _armored(_good())
    work = st.one_of(
        st.integers(-1, 70).map(lambda one: str(one).encode()),
        st.from_regex(rb"[0-9+-]{0,6}", fullmatch=True),
    )
    files = work.map(_asking)
    return st.one_of(
        st.builds(
            lambda one: bytes([SEALED]) + one, st.one_of(changed_bytes(sealed), changed_bytes(armored))
        ),
        st.builds(
            lambda one: bytes([UNDER]) + one,
            st.one_of(files, files.map(_armored), files.flatmap(changed_bytes)),
        ),
        st.builds(
            lambda one: bytes([AN_IDENTITY]) + one.encode("utf-8", "surrogatepass"),
            st.one_of(changed_text(_known()), changed_text(f"# made\n{_known()}\n"), st.text(max_size=90)),
        ),
        st.builds(
            lambda one: bytes([A_RECIPIENT]) + one.encode("utf-8", "surrogatepass"),
            st.one_of(changed_text(_recipient()), st.just(_recipient())),
        ),
    )


def seeds() -> Iterable[bytes]:
    """One of each."""
    yield bytes([SEALED]) + _good()
    yield bytes([SEALED]) + _armored(_good())
    yield bytes([UNDER]) + _asking(b"4")
    yield bytes([UNDER]) + _armored(_asking(b"22"))
    yield bytes([AN_IDENTITY]) + _known().encode()
    yield bytes([AN_IDENTITY]) + f"# public key: {_recipient()}\n{_known()}\n".encode()
    yield bytes([A_RECIPIENT]) + _recipient().encode()


TARGET = Target(
    name="age-input",
    parser="wire/sealed_bundle.py read_handed, crypto/age_files.py",
    holds=(
        "BundleError, InvalidInput and DecryptionFailed alone come out, and tell nothing of an identity or passphrase",
        "a header that asks for more work than 2^20 is refused before any of it is done",
        "a changed bit of a sealed bundle does not open; a secret goes with a sealed bundle alone",
        "our identity alone opens what is for it, and what is sealed to a recipient opens for it",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(
        "age-encryption.org/v1\n",
        "-> scrypt ",
        "-> X25519 ",
        "\n--- ",
        ARMOR + "\n",
        ARMOR_END,
        "AGE-SECRET-KEY-1",
        "age1",
    ),
    bytes_max=2_048,
)
