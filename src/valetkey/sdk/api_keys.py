"""A new API key as its maker gets it."""

from dataclasses import dataclass

from valetkey.crypto.secret import Secret
from valetkey.wire.keys import KeyView


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """`secret` is the key itself, told once; `info` is what `api_keys()` lists of it."""

    secret: Secret
    info: KeyView

    @property
    def id(self) -> str:
        """What `revoke_api_key` takes."""
        return self.info.id
