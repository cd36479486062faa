"""Pages of sessions as the inventory asks for them: by filters, and by whatever was typed into the one search field."""

import re

from valetkey.core.errors import InvalidInput
from valetkey.studio.owners import Owner
from valetkey.studio.sight import Sight
from valetkey.wire.sessions import SessionPage

_KEY_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


async def found(owner: Owner, sight: Sight) -> SessionPage:
    """The sessions that a viewer asked for. Raises what the SDK raises; a filter that cannot be meant finds none."""
    text = sight.find.strip()
    looked_for = {"key_hash": text} if _KEY_HASH.fullmatch(text) else {"search": text or None}
    try:
        return await owner.sessions(sight.asked() | looked_for)
    except InvalidInput:
        return SessionPage(sessions=[], total=0, limit=sight.size, offset=0)
