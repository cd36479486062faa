"""Session bundles, plain and with narrowings: what a delegate pastes or is sent."""

import base64
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from fuzz.target import REFUSED, Target, must, outcome
from valetkey.crypto.keys import PrivateKey
from valetkey.wire.bundle import BUNDLE_PREFIX, FIELDS, Bundle, BundleError, parse_bundle
from valetkey.wire.child_bundle import parse_child, serialize_child

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "bundles.json"
RAW, JSON_OF_PLAIN, JSON_AND_NARROWINGS = range(3)
NOW = 1_772_323_200


def check(data: bytes) -> None:
    """The first byte says whether what follows is the text itself, or the JSON inside it."""
    if not data:
        return
    text = _text(data[0] % 3, data[1:])
    secrets = _secrets(data[1:] if data[0] % 3 else text.encode("utf-8", "replace"))
    found = outcome(lambda: parse_child(text, None), BundleError, hides=secrets)
    plain = outcome(lambda: parse_bundle(text, NOW), BundleError, hides=secrets)
    if isinstance(plain, Bundle):
        must(found is not REFUSED, "what is a bundle while it lives is one when it has ended")
    if found is REFUSED:
        return
    bundle, narrowings = found  # type: ignore[misc]
    written = serialize_child(bundle, narrowings)
    again = parse_child(written, None)
    must(again == (bundle, narrowings), "a bundle that was read reads the same when it is written")
    must(serialize_child(*again) == written, "a bundle is written in one way")
    must(all(one not in repr(bundle) for one in secrets if len(one) >= 12), "repr() tells no secret")


def _text(mode: int, rest: bytes) -> str:
    if mode == RAW:
        return rest.decode("utf-8", "surrogateescape")
    plain, _, more = rest.partition(b"\n\n")
    text = BUNDLE_PREFIX + base64.b64encode(plain).decode()
    return text if mode == JSON_OF_PLAIN else f"{text}.{base64.b64encode(more).decode()}"


def _secrets(body: bytes) -> list[str]:
    """What of a bundle's JSON is secret, if that can be told."""
    try:
        told = json.loads(body.partition(b"\n\n")[0])
    except (ValueError, RecursionError):
        return []
    if not isinstance(told, dict):
        return []
    names = ("token", "walletPrivateKey", "e2ePrivateKey")
    # A member that has a member's name in it says nothing: messages name members.
    return [one for name in names if isinstance(one := told.get(name), str) and one not in FIELDS]


@cache
def _valid() -> dict[str, object]:
    wallet, e2e = PrivateKey(b"\x11" * 32), PrivateKey(b"\x22" * 32)
    return {
        "token": "abba_session_0123456789abcdef0123456789abcdef",
        "agentId": "agt_1",
        "budgetUsdc": 50,
        "expiry": NOW + 3_600,
        "walletPrivateKey": wallet.to_hex(prefix=True),
        "walletAddress": wallet.address,
        "e2ePrivateKey": e2e.to_hex(prefix=False),
        "e2ePublicKey": e2e.public_key_compressed.hex(),
    }


def strategy() -> st.SearchStrategy[bytes]:
    """Valid bundles, of which some members are something else."""
    numbers = st.one_of(
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.from_regex(r"-?[0-9]{1,70}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?", fullmatch=True),
    )
    others = st.one_of(st.none(), st.booleans(), st.text(max_size=80), st.lists(st.integers(), max_size=3))
    values = st.one_of(numbers.map(str), others.map(json.dumps))

    @st.composite
    def made(draw: st.DrawFn) -> bytes:
        members = {name: json.dumps(value) for name, value in _valid().items()}
        for name in draw(st.lists(st.sampled_from([*FIELDS, "more"]), max_size=2)):
            members[name] = draw(values)
        for name in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
            members.pop(name, None)
        names = draw(st.permutations(sorted(members)))
        body = "{" + ",".join(f'"{name}":{members[name]}' for name in names) + "}"
        if draw(st.integers(0, 3)) == 0:
            raw = (BUNDLE_PREFIX + base64.b64encode(body.encode()).decode()).encode()
            at = draw(st.integers(0, len(raw)))
            return bytes([RAW]) + raw[:at] + draw(st.binary(max_size=3)) + raw[at + draw(st.integers(0, 3)) :]
        return bytes([JSON_OF_PLAIN]) + body.encode("utf-8", "surrogatepass")

    return made()


def seeds() -> Iterable[bytes]:
    """The third party's own bundles, and what each of them holds."""
    yield bytes([JSON_OF_PLAIN]) + json.dumps(_valid()).encode()
    for one in json.loads(VECTORS.read_text())["serialized"]:
        yield bytes([RAW]) + one["serialized"].encode()
        yield bytes([JSON_OF_PLAIN]) + one["payloadJson"].encode()


TARGET = Target(
    name="bundle",
    parser="wire/bundle.py parse_bundle, wire/child_bundle.py parse_child",
    holds=(
        "BundleError alone comes out, and tells nothing of the token or the keys",
        "what is read is written in one way, and reads the same again",
        "a bundle that is good before its end is readable after it",
    ),
    check=check,
    strategy=strategy,
    seeds=seeds,
    words=(BUNDLE_PREFIX, *(f'"{one}":' for one in FIELDS), "null", "1e400", "-0", "NaN", "\\ud800", "=="),
)
