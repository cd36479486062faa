"""Looking for secrets in bytes, in every shape that a careless line of code gives them."""

import base64
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

HEX_DIGITS_MIN = 32


def shapes(secret: str) -> dict[str, bytes]:
    """A secret as it may show: as text, as the bytes behind its hex digits, and both in hex and base64."""
    found: dict[str, bytes] = {}
    values = {"text": secret.encode()}
    digits = re.search(rf"[0-9a-fA-F]{{{HEX_DIGITS_MIN},}}", secret)
    if digits and len(digits[0]) % 2 == 0:
        values["digits"] = digits[0].encode()
        values["bytes"] = bytes.fromhex(digits[0])
    for name, value in values.items():
        found[name] = value
        found[f"{name} in hex"] = value.hex().encode()
        found[f"{name} in HEX"] = value.hex().upper().encode()
        for shift in range(3):
            standard = aligned_base64(value, shift)
            found[f"{name} in base64 at {shift}"] = standard
            found[f"{name} in url-safe base64 at {shift}"] = standard.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def aligned_base64(value: bytes, shift: int) -> bytes:
    """The characters that depend on the value alone, when it begins `shift` bytes after a group of three."""
    encoded = base64.b64encode(bytes(shift) + value)
    return encoded[-(-shift * 8 // 6) : (shift + len(value)) * 8 // 6]


def leaks(secrets: Mapping[str, str], haystacks: Iterable[tuple[str, bytes]]) -> list[str]:
    """Which secret shows where, in which shape; never the secret itself."""
    needles = [
        (name, shape, value) for name, secret in secrets.items() for shape, value in shapes(secret).items()
    ]
    return [
        f"{name} as {shape} in {where}"
        for where, data in haystacks
        for name, shape, value in needles
        if value in data
    ]


def files(folder: Path, *without: str) -> Iterable[tuple[str, bytes]]:
    """Every file below a folder but those whose path begins with one of these."""
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder).as_posix()
        if path.is_file() and not where.startswith(without):
            yield where, path.read_bytes()
