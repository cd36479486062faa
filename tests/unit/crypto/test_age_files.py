"""age files: what a stranger's header may ask of whoever opens it."""

import base64
import time

import pytest

from valetkey.crypto.age_files import WORK_MAX, open_age, seal_under
from valetkey.crypto.errors import DecryptionFailed
from valetkey.crypto.secret import Secret

PASSPHRASE = Secret("for the road")


def unpadded(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def asking(work: bytes, stanzas: int = 1) -> bytes:
    """A file under a passphrase whose header asks for so much work."""
    stanza = b"-> scrypt " + unpadded(b"\1" * 16) + b" " + work + b"\n" + unpadded(b"\2" * 32) + b"\n"
    return b"age-encryption.org/v1\n" + stanza * stanzas + b"--- " + unpadded(b"\3" * 32) + b"\n" + b"\4" * 60


def armored(data: bytes, end: bytes = b"\n") -> bytes:
    text = base64.b64encode(data)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    told = [b"-----BEGIN AGE ENCRYPTED FILE-----", *lines, b"-----END AGE ENCRYPTED FILE-----", b""]
    return end.join(told)


@pytest.mark.parametrize("work", [b"21", b"22", b"30", b"63"])
@pytest.mark.parametrize("wrap", [bytes, armored])
def test_a_hostile_work_factor_is_refused_before_any_work(work, wrap):
    # 2^22 is 4 GiB and half a minute, which the library would still do.
    begun = time.process_time()
    with pytest.raises(DecryptionFailed):
        open_age(wrap(asking(work)), passphrase=PASSPHRASE)
    assert time.process_time() - begun < 0.2


@pytest.mark.parametrize("work", [b"0", b"010", b"+9", b"-1", b"1e1", b"", b"99999999999999999999"])
def test_a_work_factor_that_is_no_number_is_refused(work):
    with pytest.raises(DecryptionFailed):
        open_age(asking(work), passphrase=PASSPHRASE)


def test_a_second_stanza_is_refused():
    with pytest.raises(DecryptionFailed):
        open_age(asking(b"10", stanzas=2), passphrase=PASSPHRASE)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_was_sealed_opens_binary_and_armored(end):
    sealed = seal_under(b"a bundle", PASSPHRASE)
    assert int(sealed.split(b"\n")[1].split()[-1]) <= WORK_MAX
    assert open_age(sealed, passphrase=PASSPHRASE) == b"a bundle"
    assert open_age(armored(sealed, end), passphrase=PASSPHRASE) == b"a bundle"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"BEGIN", b"BEGUN"),
        lambda text: text.replace(b"-----END", b"=====\n-----END"),
        lambda text: text.removesuffix(b"-----END AGE ENCRYPTED FILE-----\n"),
        lambda text: text + b"more\n",
        lambda text: text.replace(b"\n", b"\n\n", 2),
        lambda text: text.replace(b"Y", b"\xff", 1),
    ],
)
def test_armour_that_is_not_whole_is_refused(change):
    with pytest.raises(DecryptionFailed):
        open_age(change(armored(asking(b"10"))), passphrase=PASSPHRASE)
