"""Links of claims: read as they were written, refused when they were not copied whole, and never quoted."""

import pytest

from valetkey.crypto.errors import SecretLeak
from valetkey.crypto.secret import Secret
from valetkey.wire.bundle import BundleError
from valetkey.wire.claim_link import ClaimKey, ClaimLink, ClaimLinkError, read_link

ID = "clm_" + "0a" * 13
KEY = ClaimKey.new(ID)
LINK = KEY.link("https://pay.example/valet/")
SESSION, END = "ses_1", 1_800_000_900


def test_a_link_is_read_as_it_was_written() -> None:
    assert LINK.startswith(f"https://pay.example/valet/claim/{ID}#")
    for text in (LINK, f"  {LINK}\n", Secret(LINK)):
        read = read_link(text)
        assert (read.claim_id, read.key, read.place) == (ID, KEY.key, "https://pay.example")
    sealed = KEY.seal("abba_session_bundle_x", SESSION, END)
    assert read_link(LINK).open(sealed, SESSION, END) == "abba_session_bundle_x"


@pytest.mark.parametrize("what", ["key", "claim", "session", "end", "byte", "cut"])
def test_it_opens_nothing_else(what: str) -> None:
    sealed = KEY.seal("abba_session_bundle_x", SESSION, END)
    key = {"key": ClaimKey.new(ID), "claim": ClaimKey("clm_" + "1" * 26, KEY.key)}.get(what, KEY)
    sealed = {"byte": sealed[:-1] + bytes([sealed[-1] ^ 1]), "cut": sealed[:20]}.get(what, sealed)
    with pytest.raises(BundleError) as caught:
        key.open(sealed, "ses_2" if what == "session" else SESSION, END + (what == "end"))
    assert caught.value.code == "bundle_unreadable"


def test_what_shows_that_somebody_has_the_link_opens_nothing() -> None:
    sealed = KEY.seal("abba_session_bundle_x", SESSION, END)
    assert len(KEY.access) == 32
    assert KEY.access != KEY.key
    with pytest.raises(BundleError):
        ClaimKey(ID, KEY.access).open(sealed, SESSION, END)


FRAGMENT = LINK.partition("#")[2]
MALFORMED = {
    "nothing": "",
    "a word": "claim",
    "no link": ID,
    "no fragment": LINK.partition("#")[0],
    "an empty fragment": LINK.partition("#")[0] + "#",
    "a cut key": LINK[:-1],
    "a longer key": LINK + "A",
    "a padded key": LINK + "=",
    "a key of other letters": LINK[:-1] + "+",
    "spare bits": LINK[:-1] + chr(ord(LINK[-1]) + 1),
    "another scheme": LINK.replace("https", "ftp"),
    "a script": "javascript:" + LINK,
    "no host": f"https:///claim/{ID}#{FRAGMENT}",
    "a port that is none": f"https://[::1/claim/{ID}#{FRAGMENT}",
    "somebody's name": LINK.replace("https://", "https://user:word@"),
    "a query": LINK.replace("#", "?a=1#"),
    "another path": LINK.replace("/claim/", "/claims/"),
    "no id": LINK.replace(ID, ""),
    "another id": LINK.replace("clm_", "ses_"),
    "a longer path": LINK.replace("#", "/open#"),
    "a way out": LINK.replace(ID, "../" + ID.replace("clm", "agt")),
    "a line break": LINK.replace("#", "\n#").replace(ID, ID[:-1] + "Z"),
    "too long": LINK + "A" * 3_000,
    "a bundle": "abba_session_bundle_" + "A" * 40,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_link_is_refused_and_not_quoted(name: str) -> None:
    with pytest.raises(ClaimLinkError) as caught:
        read_link(MALFORMED[name])
    assert (caught.value.code, caught.value.field) == ("claim_link_malformed", "link")
    assert caught.value.__context__ is None
    assert FRAGMENT[:10] not in str(caught.value)


@pytest.mark.parametrize("given", [None, 5, b"https://x", ["a"]])
def test_what_is_no_text_is_refused(given: object) -> None:
    with pytest.raises(ClaimLinkError):
        read_link(given)  # type: ignore[arg-type]


def test_SECRETS_STAY_SECRET_a_link_shows_itself_by_name_alone() -> None:
    link = ClaimLink(LINK, ID, SESSION, END)
    assert link.reveal() == LINK
    assert isinstance(link, Secret)
    for shown in (repr(link), str(link), f"{link}", f"{link:>40}", repr([link]), repr(KEY)):
        assert FRAGMENT[:10] not in shown
    assert ID in repr(link)
    with pytest.raises(SecretLeak):
        link.__reduce_ex__(4)
