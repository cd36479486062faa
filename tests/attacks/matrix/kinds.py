"""Every kind of credential that a request may carry."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.attacks.matrix.stages import OPERATOR_TOKEN, Stage
from tests.integration.platform.claiming import ACCESS
from valetkey.core.api_key import Scope

Headers = list[tuple[str, str]]
Carry = Callable[[Stage], Headers]


@dataclass(frozen=True)
class Kind:
    """A kind of credential. `proof`: what becomes of the request's signature, for a session that is bound to one.

    `dead`: taken from things that ended for good, which no call brings back. `query`: it is in the address.
    """

    name: str
    says: str
    carry: Carry = lambda _: []
    proof: str = ""
    stage: str = ""
    dead: bool = False
    query: bool = False


def key(text: Callable[[Stage], str]) -> Carry:
    """It is in the header of keys."""
    return lambda stage: [("X-API-Key", text(stage))]


def bearer(text: Callable[[Stage], str], scheme: str = "Bearer ") -> Carry:
    """It is in the header of every scheme."""
    return lambda stage: [("Authorization", scheme + text(stage))]


def _owners(stage: Stage) -> str:
    return str(stage.owner.credential)


def _session(stage: Stage) -> str:
    return str(stage.session.token if stage.is_enrolled else stage.session.credential)


def _basic(stage: Stage) -> str:
    return base64.b64encode(f"{_owners(stage)}:".encode()).decode()


def scoped(scope: Scope) -> Kind:
    """The owner with a key of one scope."""
    return Kind(str(scope), f"a key of the scope `{scope}`", key(lambda stage: stage.scoped(scope)))


def _ended(name: str) -> Carry:
    return key(lambda stage: stage.ended[name])


WHOSE = [
    Kind("owner", "the owner's API key, with every right", key(_owners)),
    Kind("signed in", "a key that the owner's wallet signed for", key(lambda stage: stage.signed_in.credential)),
    Kind("session", "the token of the session that it is about", key(_session)),
    Kind("child", "the token of that session's child", key(lambda stage: stage.child.credential)),
    Kind("sibling", "the token of another session of the owner", key(lambda stage: stage.sibling.credential)),
    Kind("selling", "the token of a session of the owner that sells", key(lambda stage: stage.selling.credential)),
    Kind("paused", "the session's token, while it is paused", key(lambda stage: stage.paused), stage="paused"),
    Kind("frozen", "the session's token, while its owner is frozen", key(lambda stage: stage.frozen), stage="frozen"),
    Kind("proven", "the token of an enrolled session, and its proof", key(_session), "sent", "enrolled"),
    Kind("unproven", "the token of an enrolled session, without a proof", key(_session), "", "enrolled"),
    Kind("replayed", "its token, and a request that was here", key(_session), "again", "enrolled"),
    Kind("seller", "the API key of whom the session bought from", key(lambda stage: stage.seller.credential)),
    Kind("seller's", "the token of a session of theirs that sells", key(lambda stage: stage.sellers.credential)),
    Kind("stranger", "the API key of another owner", key(lambda stage: stage.stranger.credential)),
    Kind("stranger's", "the token of a session of another owner", key(lambda stage: stage.strangers.credential)),
    Kind("operator", "the operator's token", bearer(lambda _: OPERATOR_TOKEN)),
]  # fmt: skip
"""Who calls, and whose the things are that the call is about."""

SCOPED = [scoped(scope) for scope in Scope if scope is not Scope.FULL]
"""Keys of the owner that may do less."""

SPELLED = [
    Kind("Bearer", "the owner's key after `Bearer`", bearer(_owners)),
    Kind("bearer", "after `bearer`, and after `BEARER`", bearer(_owners, "bearer ")),
    Kind("twice the same", "in both headers", lambda stage: [*key(_owners)(stage), *bearer(_owners)(stage)]),
    Kind("Token", "after another scheme", bearer(_owners, "Token ")),
    Kind("no scheme", "in `Authorization`, with no scheme", bearer(_owners, "")),
    Kind("Basic", "as the user of `Basic`", bearer(_basic, "Basic ")),
    Kind("cookie", "in a cookie", lambda stage: [("Cookie", f"X-API-Key={_owners(stage)}; key={_owners(stage)}")]),
    Kind("query", "in the address, under every name that one would try", query=True),
    Kind("lower case", "changed in case", key(lambda stage: _owners(stage).upper())),
    Kind("cut", "without its last letter", key(lambda stage: _owners(stage)[:-1])),
    Kind("two", "beside the key of somebody else", lambda stage: [
        *key(_owners)(stage), *bearer(lambda other: other.stranger.credential)(stage)]),
    Kind("header twice", "in one header twice, once with another key", lambda stage: [
        *key(_owners)(stage), *key(lambda other: other.stranger.credential)(stage)]),
    Kind("hash", "as the SHA-256 that the database has of it", key(lambda stage: stage.hash_of_key)),
]  # fmt: skip
"""The owner's own key, in places and spellings."""

NOTHING = [
    Kind("none", "no credential"),
    Kind("garbage", "no key of anybody", key(lambda _: "aba_" + "0" * 64)),
    Kind("garbage token", "no token of anybody", key(lambda _: "abba_session_" + "0" * 64)),
    Kind("ticket", "what opens a claim", key(lambda _: ACCESS)),
    Kind("claim", "the id of a claim", key(lambda stage: stage.claim)),
    Kind("code", "the code of an enrolment", key(lambda stage: stage.code)),
    Kind("id", "the id of the session", key(lambda stage: stage.session.session_id)),
    Kind("revoked key", "a key that was revoked", _ended("revoked key"), dead=True),
    Kind("expired key", "a key whose end has passed", _ended("expired key"), dead=True),
    Kind("signed out", "a key of a sign-in that was ended", _ended("signed out"), dead=True),
    Kind("revoked session", "the token of a revoked session", _ended("revoked session"), dead=True),
    Kind("child of revoked", "the token of its child", _ended("child of revoked"), dead=True),
    Kind("expired session", "the token of a session whose end has passed", _ended("expired session"), dead=True),
    Kind("rotated", "the token of a session that was rotated, its grace passed", _ended("rotated"), dead=True),
]  # fmt: skip
"""What is nobody's, or no longer."""

GROUPS: dict[str, list[Kind]] = {
    "Who calls": WHOSE,
    "What a key of the owner may do": SCOPED,
    "How the owner's key is sent": SPELLED,
    "What opens nothing": NOTHING,
}
KINDS = [kind for kinds in GROUPS.values() for kind in kinds]


def query_of(stage: Stage) -> dict[str, Any]:
    """The owner's key under the names under which somebody might put it into an address."""
    names = ("api_key", "apikey", "key", "token", "access_token", "X-API-Key", "authorization")
    return dict.fromkeys(names, _owners(stage))
