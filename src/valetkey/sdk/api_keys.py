"""A new API key as its maker gets it, and what a sign-in gave."""

from collections.abc import Iterable
from dataclasses import dataclass

from valetkey.core.api_key import Scope
from valetkey.core.errors import InvalidInput
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


@dataclass(frozen=True, slots=True)
class SignInInfo:
    """What a sign-in gave: whose wallet it was (EIP-55), and the key, without its secret, as `api_keys()` lists it."""

    wallet_address: str
    key: KeyView


def scopes_of(given: Iterable[Scope | str]) -> list[Scope]:
    """Scopes as they are meant. Raises InvalidInput, which quotes nothing: a key may have been put there."""
    if isinstance(given, str):
        raise InvalidInput("scopes are a list", field="scopes")
    found = [next((known for known in Scope if known == one), None) for one in given]
    scopes = [one for one in found if one is not None]
    if not scopes or len(scopes) != len(found):
        raise InvalidInput(
            f"there is one scope at least, and each is one of {', '.join(Scope)}", field="scopes"
        )
    return scopes
