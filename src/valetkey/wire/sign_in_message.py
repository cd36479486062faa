"""The message that a wallet signs to sign in (EIP-4361): its exact grammar, read and written; no byte is left over.

What a platform demands of one beside the grammar is in wire/sign_in.py.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import checksum_address, is_address

CHARS_MAX = 4_096
NONCE_CHARS_MAX = 128
RESOURCES_MAX = 32

_HEADER = " wants you to sign in with your Ethereum account:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# RFC 3986, as far as EIP-4361 names it.
_UNRESERVED, _SUB_DELIMS, _ESCAPED = r"A-Za-z0-9\-._~", r"!$&'()*+,;=", "%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_ESCAPED})"
_SCHEME = r"[A-Za-z][A-Za-z0-9+\-.]*"
_USER = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_ESCAPED})*"
_NAME = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_ESCAPED})"
_HOST = rf"(?:\[(?P<literal>[0-9A-Fa-f:.]+)\]|\[[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+\]|{_NAME}"
_AUTHORITY = rf"(?:{_USER}@)?{_HOST}+)(?::[0-9]*)?"
_ANY_AUTHORITY = rf"(?:{_USER}@)?{_HOST}*)(?::[0-9]*)?"
_PATH = rf"(?:/{_PCHAR}*)*"

_FIRST = re.compile(rf"(?:(?P<scheme>{_SCHEME})://)?(?P<domain>{_AUTHORITY})", re.ASCII)
_URI = re.compile(
    rf"{_SCHEME}:(?://{_ANY_AUTHORITY}{_PATH}|/(?:{_PCHAR}+{_PATH})?|{_PCHAR}+{_PATH}|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?",
    re.ASCII,
)
_STATEMENT = re.compile(rf"[{_UNRESERVED}{_SUB_DELIMS}:/?#\[\]@ ]+", re.ASCII)
_CHAIN_ID = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_NONCE = re.compile(rf"[A-Za-z0-9]{{8,{NONCE_CHARS_MAX}}}", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_REQUEST_ID = re.compile(rf"{_PCHAR}*", re.ASCII)


class SignInError(InvalidInput):
    """A message or a signature that signs nobody in; `code` is one of wire/sign_in.py."""

    code = "sign_in_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMessage:
    """What such a message says, version 1. Dates are RFC 3339 as they are written there; see `second_of`.

    `resources` is None where the message has no such part at all. `str()` is the message again, to the byte.
    """

    domain: str
    address: str
    uri: str
    chain_id: int
    nonce: str
    issued_at: str
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    scheme: str | None = None
    statement: str | None = None
    resources: tuple[str, ...] | None = None

    def __str__(self) -> str:
        lines = [
            f"{self.scheme}://{self.domain}{_HEADER}" if self.scheme else f"{self.domain}{_HEADER}",
            self.address,
            "",
            *(() if self.statement is None else (self.statement,)),
            "",
            f"URI: {self.uri}",
            "Version: 1",
            f"Chain ID: {self.chain_id}",
            f"Nonce: {self.nonce}",
            f"Issued At: {self.issued_at}",
        ]
        for name, value in (
            ("Expiration Time", self.expiration_time),
            ("Not Before", self.not_before),
            ("Request ID", self.request_id),
        ):
            if value is not None:
                lines.append(f"{name}: {value}")
        if self.resources is not None:
            lines += ["Resources:", *(f"- {one}" for one in self.resources)]
        return "\n".join(lines)


def read_message(text: str) -> SignInMessage:
    """A message from its text. Raises SignInError, which says what is wrong and quotes nothing.

    Beside the grammar: the address has its checksum (EIP-55), numbers have no leading zeros, and sizes are bounded.
    """
    if len(text) > CHARS_MAX:
        _fail(f"it has at most {CHARS_MAX} characters")
    lines = _Lines(text)
    first = _FIRST.fullmatch(lines.next("the first line").removesuffix(_HEADER))
    if first is None or not lines.last.endswith(_HEADER) or not _is_literal(first["literal"]):
        _fail(f"its first line is a domain and `{_HEADER.strip()}`")
    address = lines.next("the address")
    if not is_address(address) or checksum_address(address) != address:
        _fail("its second line is an address with its checksum (EIP-55)")
    lines.empty("after the address")
    statement = lines.next("the statement") or None
    if statement is not None:
        _check(
            _STATEMENT.fullmatch(statement) is not None,
            "its statement has printable ASCII of URIs and blanks",
        )
        lines.empty("after the statement")
    uri = lines.value("URI")
    _check(_is_uri(uri), "its URI is one (RFC 3986)")
    _check(lines.value("Version") == "1", "its version is 1")
    chain_id = lines.value("Chain ID")
    _check(_CHAIN_ID.fullmatch(chain_id) is not None, "its chain ID is a number")
    nonce = lines.value("Nonce")
    _check(_NONCE.fullmatch(nonce) is not None, f"its nonce has 8 to {NONCE_CHARS_MAX} letters and digits")
    issued_at = lines.value("Issued At")
    expiration, not_before = lines.maybe("Expiration Time"), lines.maybe("Not Before")
    for moment in (issued_at, expiration, not_before):
        if moment is not None:
            second_of(moment)
    request_id = lines.maybe("Request ID")
    _check(
        request_id is None or _REQUEST_ID.fullmatch(request_id) is not None,
        "its request ID is one of RFC 3986",
    )
    resources = lines.resources()
    _check(resources is None or len(resources) <= RESOURCES_MAX, f"it has at most {RESOURCES_MAX} resources")
    _check(all(_is_uri(one) for one in resources or ()), "each of its resources is a URI (RFC 3986)")
    return SignInMessage(
        domain=first["domain"],
        address=address,
        uri=uri,
        chain_id=int(chain_id),
        nonce=nonce,
        issued_at=issued_at,
        expiration_time=expiration,
        not_before=not_before,
        request_id=request_id,
        scheme=first["scheme"],
        statement=statement,
        resources=resources,
    )


def second_of(moment: str, *, up: bool = False) -> int:
    """Unix seconds of an RFC 3339 date; a fraction is cut off, with `up` counts as a whole one. Raises SignInError."""
    match = _MOMENT.fullmatch(moment)
    found: timedelta | None = None
    if match is not None:
        try:
            found = datetime.fromisoformat(match[1] + "+00:00") - _EPOCH
        except ValueError:
            found = None
    if match is None or found is None:
        _fail("its dates are RFC 3339, such as 2030-01-31T12:00:00Z")
    seconds = found // timedelta(seconds=1)
    if match[3]:
        east = int(match[4]) * 3_600 + int(match[5]) * 60
        seconds += -east if match[3] == "+" else east
    return seconds + (1 if up and int(match[2] or "0") else 0)


class _Lines:
    """The lines of a message, one after the other."""

    def __init__(self, text: str) -> None:
        self._left = text.split("\n")
        self.last = ""

    def next(self, name: str) -> str:
        if not self._left:
            _fail(f"it ends before {name}")
        self.last = self._left.pop(0)
        return self.last

    def empty(self, place: str) -> None:
        _check(self.next(f"an empty line {place}") == "", f"there is an empty line {place}")

    def value(self, name: str) -> str:
        found = self.maybe(name)
        if found is None:
            _fail(f"there is a line `{name}: ` in its place")
        return found

    def maybe(self, name: str) -> str | None:
        prefix = f"{name}: "
        if not self._left or not self._left[0].startswith(prefix):
            return None
        return self.next(name)[len(prefix) :]

    def resources(self) -> tuple[str, ...] | None:
        """All that is left. None when nothing is."""
        if not self._left:
            return None
        _check(self.next("the resources") == "Resources:", "nothing else follows than its resources")
        found, self._left = self._left, []
        _check(
            all(one.startswith("- ") for one in found),
            "each of its resources is a line that begins with `- `",
        )
        return tuple(one[2:] for one in found)


def _is_uri(text: str) -> bool:
    match = _URI.fullmatch(text)
    return match is not None and _is_literal(match["literal"])


def _is_literal(text: str | None) -> bool:
    """Whether what is between the brackets of a host is an address of IPv6; there may be none."""
    if text is None:
        return True
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _check(is_so: bool, what: str) -> None:
    if not is_so:
        _fail(what)


def _fail(what: str) -> NoReturn:
    raise SignInError(f"this is no message of EIP-4361: {what}")
