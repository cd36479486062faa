"""The last look at whatever leaves this process: no secret of it is in it, and nothing that JSON cannot carry."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from valetkey.crypto.secret import Secret

WITHHELD = "[withheld]"
SECRET_CHARS_MIN = 16
"""A shorter text would be found where it means something else."""

_HALF = re.compile("[\ud800-\udfff]")
_NOTHING = re.compile(r"(?!)")


class Withholding:
    """Takes the secrets of this process out of whatever leaves it. It is the last guard, and not the first."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._secrets: set[str] = set()
        self._found = _NOTHING
        self.add(secrets)

    def add(self, secrets: Iterable[Secret]) -> None:
        """Know more secrets: each as it is, as JSON writes it, line by line, and hex also without its 0x."""
        for one in secrets:
            text = one.reveal()
            forms = {text, text.strip(), text.removeprefix("0x"), json.dumps(text)[1:-1], *text.splitlines()}
            self._secrets |= {form for form in forms if len(form) >= SECRET_CHARS_MIN}
        # The longest first: a bundle before what is within it.
        ordered = sorted(self._secrets, key=len, reverse=True)
        if ordered:
            self._found = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE)

    def text(self, text: str) -> str:
        """The text without any of them, in whatever case their letters are."""
        return self._found.sub(WITHHELD, _HALF.sub("\ufffd", text))

    def value(self, value: Any) -> Any:
        """The value without any of them; a number that JSON has not is null, and half a character is replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value
