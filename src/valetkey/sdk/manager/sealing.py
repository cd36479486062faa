"""Sessions leave a file and come into another one of the same owner inside age files, and never otherwise."""

from valetkey.core.errors import InvalidInput
from valetkey.crypto.age_files import open_age, seal_to, seal_under
from valetkey.crypto.secret import Secret
from valetkey.crypto.wiping import wipe
from valetkey.ports.accounts import SessionRecord
from valetkey.sdk.errors import Unfinished
from valetkey.sdk.manager.keeping import KeyHash
from valetkey.sdk.manager.making import Making
from valetkey.sdk.manager.side import Side


class Sealing:
    """The part of a manager that exports and imports."""

    def __init__(self, making: Making, side: Side) -> None:
        self._making = making
        self._side = side

    async def export(self, key_hash: KeyHash, recipient: str | None, passphrase: Secret | None) -> bytes:
        """An age file. Raises Unfinished while something is held: that belongs to this file until it is over."""
        if (recipient is None) == (passphrase is None):
            raise InvalidInput("export to a recipient or under a passphrase", field="recipient")
        record = await self._making.restore(key_hash)
        if record.session.usage.held:
            raise Unfinished("something of this session is under way: settle first")
        if record.ancestors:
            raise InvalidInput(
                "a session that was rotated is not exported, its successor is", field="key_hash"
            )
        content = await self._side.export(record)
        if recipient is not None:
            return seal_to(content, recipient)
        assert passphrase is not None
        return seal_under(content, passphrase)

    async def bring(
        self, content: bytes, identity: Secret | None, passphrase: Secret | None
    ) -> SessionRecord:
        """The session of an age file, with what was spent by its figures and by the chain. Again, it is the same."""
        opened = open_age(content, identity=identity, passphrase=passphrase)
        try:
            return await self._side.bring(opened)
        finally:
            wipe(opened)


def secret_of(given: Secret | str | None) -> Secret | None:
    """A passphrase or an identity as it is kept here."""
    return Secret(given) if isinstance(given, str) else given
