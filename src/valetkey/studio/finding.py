"""Pages of sessions as the inventory asks for them: by filters, and by whatever was typed into the one search field."""

import re
from typing import Any

from valetkey.core.errors import InvalidInput
from valetkey.sdk.errors import NotFound
from valetkey.studio.owners import Owner
from valetkey.studio.sight import Sight
from valetkey.wire.sessions import SessionPage, SessionView

_KEY_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_ID = re.compile(r"[a-z]{2,8}_[0-9A-Za-z]{8,64}", re.ASCII)


async def found(owner: Owner, sight: Sight) -> SessionPage:
    """The sessions that a viewer asked for. Raises what the SDK raises; a filter that cannot be meant finds none."""
    try:
        return await _found(owner, sight)
    except InvalidInput:
        return SessionPage(sessions=[], total=0, limit=sight.size, offset=0)


async def _found(owner: Owner, sight: Sight) -> SessionPage:
    text, asked = sight.find.strip(), sight.asked()
    if not text:
        return await owner.sessions(asked)
    if _KEY_HASH.fullmatch(text):
        return await owner.sessions(asked | {"key_hash": text})
    if _ID.fullmatch(text):
        one = await _by_id(owner, text)
        if one is not None:
            return SessionPage(sessions=[one], total=1, limit=sight.size, offset=0)
    by_label = await owner.sessions(asked | {"label": text}) if not sight.label else _nothing(sight)
    if by_label.total or sight.agent:
        return by_label
    return await owner.sessions(asked | {"delegate": text})


async def _by_id(owner: Owner, text: str) -> SessionView | None:
    try:
        return await owner.agent.get_session(text)
    except (NotFound, InvalidInput):
        return None


def _nothing(sight: Sight) -> Any:
    return SessionPage(sessions=[], total=0, limit=sight.size, offset=0)
