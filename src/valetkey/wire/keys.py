"""JSON shapes of API keys: making one, looking at one. A secret is in the answer to the making and nowhere else."""

from typing import Annotated

import msgspec
from msgspec import Meta

from valetkey.core.api_key import KEY_NAME_CHARS_MAX, Scope
from valetkey.wire.shape import Request, View


class CreateKeyRequest(Request):
    """POST /agents/keys. `expires_at` is ISO-8601 in UTC; absent is no end."""

    name: Annotated[str, Meta(min_length=1, max_length=KEY_NAME_CHARS_MAX)]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(Scope))]
    expires_at: Annotated[str, Meta(max_length=40)] | None = None


class KeyView(View):
    """An API key without its secret. `status` is active, expired or revoked; times are ISO-8601.

    `last_used_at` is minutes coarse, absent while the key was never used.
    """

    id: str
    name: str
    scopes: list[Scope]
    status: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_at: str | None = None


class CreatedKey(View):
    """The answer to a new key. `api_key` is the secret: shown once and kept nowhere."""

    key: KeyView
    api_key: str

    def __repr__(self) -> str:
        return f"<CreatedKey {self.key.id}>"


class KeyListQuery(msgspec.Struct, kw_only=True):
    """Query of GET /agents/keys. `limit` above 100 is read as 100 by the platform."""

    limit: Annotated[int, Meta(ge=1)] = 20
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class KeyPage(View):
    """GET /agents/keys: one page, newest first, ended ones too."""

    keys: list[KeyView]
    total: int
    limit: int
    offset: int
