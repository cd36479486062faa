"""Identifiers: what each kind looks like. Making new ones needs randomness and happens outside."""

import re
from enum import StrEnum

_ID = re.compile(r"[a-z]{3}_[0-9a-z]{20,40}", re.ASCII)


class Kind(StrEnum):
    """The prefix that says what an id names. None starts with `0x`: clients would hash its bytes."""

    AGENT = "agt"
    DEVELOPER = "dev"
    SERVICE = "svc"
    SESSION = "ses"
    TRANSACTION = "txn"
    HOLD = "hld"
    BUYER_ALIAS = "byr"
    EVIDENCE = "evd"
    DISPUTE = "dsp"
    WEBHOOK = "whk"
    API_KEY = "key"
    SIGN_IN = "sgn"
    RELAY = "rly"
    CLAIM = "clm"
    ALERT = "alr"


def make_id(kind: Kind, entropy: str) -> str:
    """An id from its kind and 20 to 40 random lower-case letters or digits."""
    made = f"{kind}_{entropy}"
    assert _ID.fullmatch(made), "entropy of an id is 20 to 40 lower-case letters or digits"
    return made


def is_id(kind: Kind, text: str) -> bool:
    """Whether the text has the shape of an id of this kind."""
    return text.startswith(f"{kind}_") and _ID.fullmatch(text) is not None
