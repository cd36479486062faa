"""The last look at whatever leaves this process: no secret of it is in it."""

import json
from collections.abc import Iterable
from typing import Any

from valetkey.crypto.secret import Secret

WITHHELD = "[withheld]"
SECRET_CHARS_MIN = 16
"""A shorter text would be found where it means something else."""


class Withholding:
    """Takes the secrets of this process out of whatever leaves it. It is the last guard, and not the first."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._secrets: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[Secret]) -> None:
        """Know more secrets: each as it is, and hex also without its 0x."""
        for one in secrets:
            text = one.reveal()
            for form in {text, text.removeprefix("0x"), json.dumps(text)[1:-1]}:
                if len(form) >= SECRET_CHARS_MIN and form.lower() not in self._secrets:
                    self._secrets.append(form.lower())
        # The longest first: a bundle before what is within it.
        self._secrets.sort(key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without any of them, in whatever case their letters are."""
        for secret in self._secrets:
            while (place := text.lower().find(secret)) >= 0:
                text = text[:place] + WITHHELD + text[place + len(secret) :]
        return text

    def value(self, value: Any) -> Any:
        """The value without any of them."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        return value
