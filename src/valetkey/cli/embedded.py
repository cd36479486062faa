"""The embedded chains, and the tables of databases. Part of run.py, and as that may name concrete chains and stores."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from valetkey.cli.complaint import Complaint
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.cli.stack import RunningChain
    from valetkey.crypto.keys import PrivateKey
    from valetkey.crypto.secret import Secret
    from valetkey.engine.releasing import Ended
    from valetkey.platform.settings import Settings
    from valetkey.platform.webhooks.service import Resealed
    from valetkey.stores.sqlite.copies import Copied
    from valetkey.wire.network import Contracts


class LocalChains:
    """The embedded chain and the contracts that are deployed to it."""

    def start(self, port: int, data: Path | None) -> "RunningChain":
        """Start the chain in a process of its own; it ends when we end."""
        from valetkey.chains.devchain import DevChain

        return DevChain.start(port=port, data_dir=data)

    def deploy(self, rpc_url: str) -> "Contracts":
        """Deploy Escrow, Score, SessionAllowance and TestUSDC with the first well-known account."""
        from valetkey.chains.devchain.accounts import dev_private_key
        from valetkey.chains.evm.deploy import deploy
        from valetkey.chains.evm.signer import LocalSigner
        from valetkey.crypto.keys import PrivateKey
        from valetkey.wire.network import Contracts

        made = deploy(rpc_url, LocalSigner(PrivateKey(dev_private_key(0))))
        return Contracts(escrow=made.escrow, score=made.score, usdc=made.usdc, allowance=made.allowance)

    def resolver_key(self) -> "PrivateKey":
        """Of the first well-known account, which deployed the contracts."""
        from valetkey.chains.devchain.accounts import dev_private_key
        from valetkey.crypto.keys import PrivateKey

        return PrivateKey(dev_private_key(0))

    def warm_up(self) -> None:
        """Import what deploying needs, while the chain starts."""
        import importlib

        importlib.import_module("valetkey.chains.evm.deploy")

    def prepare_database(self, database: "Secret") -> bool:
        """Migrate a PostgreSQL database; whether nobody has registered there. Raises StoreUnreadable, StoreFailed."""
        import asyncio

        from valetkey.stores.postgres import is_unused, migrate_database

        async def prepare() -> bool:
            await migrate_database(database.reveal())
            return await is_unused(database.reveal())

        return asyncio.run(prepare())


class LocalCluster:
    """The embedded cluster of Solana."""

    def start(self) -> "RunningChain":
        """Start it in a process of its own; it ends when we end. Raises DevChainError, also without solders."""
        from valetkey.chains.devsolana import DevSolana

        return DevSolana.start(slot_milliseconds=200)


def migrated(database: "Path | Secret") -> tuple[int, int]:
    """Bring a database to this software's version: from which, to which. Raises StoreUnreadable, StoreFailed."""
    import asyncio

    from valetkey.crypto.secret import Secret
    from valetkey.stores.postgres import migrate_database
    from valetkey.stores.sqlite import migrate_file

    if isinstance(database, Secret):
        return asyncio.run(migrate_database(database.reveal()))
    return migrate_file(database)


def database_seconds(database: "Secret") -> float:
    """What time it is for a PostgreSQL database, unix seconds. Raises StoreUnreadable, StoreFailed."""
    import asyncio

    from valetkey.stores.postgres import database_time

    return asyncio.run(database_time(database.reveal()))


def backed_up(database: "Path | Secret", to: Path) -> "Copied":
    """Copy a file of SQLite. Raises Complaint for PostgreSQL, StoreUnreadable, StoreFailed."""
    from valetkey.stores.sqlite import back_up_file

    return back_up_file(_file(database), to)


def restored(backup: Path, database: "Path | Secret") -> "Copied":
    """Put a copy in a database's place. Raises Complaint for PostgreSQL, StoreUnreadable, StoreFailed."""
    from valetkey.stores.sqlite import restore_file

    return restore_file(backup, _file(database))


def _file(database: "Path | Secret") -> Path:
    if isinstance(database, Path) and str(database) != ":memory:":
        return database
    raise Complaint(
        "this command is for a SQLite file",
        Exit.INPUT,
        hint="for PostgreSQL: pg_dump or pg_basebackup, and after a restore `valetkey release`",
    )


def released(database: "Path | Secret", *, nothing_lost: bool) -> "Ended":
    """End what was alive in a restored database, and let it be served. Raises StoreUnreadable, StoreFailed."""
    import asyncio

    from valetkey.crypto.secret import Secret
    from valetkey.engine.releasing import release
    from valetkey.stores.sqlite import open_store

    if not isinstance(database, Secret) and not _file(database).exists():
        raise Complaint(f"there is no database at {database}", Exit.NOT_FOUND)

    async def work() -> "Ended":
        if isinstance(database, Secret):
            from valetkey.stores.postgres import open_postgres

            store = await open_postgres(database.reveal(), restored=True)
            try:
                return await release(store, nothing_lost=nothing_lost)
            finally:
                await store.close()
        opened = open_store(database, restored=True)
        try:
            return await release(opened, nothing_lost=nothing_lost)
        finally:
            await opened.close()

    return asyncio.run(work())


def resealed(settings: "Settings") -> "Resealed":
    """Seal webhook secrets under the first master secret of these settings. Raises StoreUnreadable, StoreFailed."""
    import asyncio

    from valetkey.crypto.secret import Secret
    from valetkey.platform.webhooks.service import WebhookSecrets
    from valetkey.stores.sqlite import open_store

    database = settings.database
    if not isinstance(database, Secret) and not _file(database).exists():
        raise Complaint(f"there is no database at {database}", Exit.NOT_FOUND)

    async def work() -> "Resealed":
        if isinstance(database, Secret):
            from valetkey.stores.postgres import open_postgres

            store = await open_postgres(database.reveal())
            try:
                return await WebhookSecrets(settings, store).reseal()
            finally:
                await store.close()
        opened = open_store(database)
        try:
            return await WebhookSecrets(settings, opened).reseal()
        finally:
            await opened.close()

    return asyncio.run(work())


@dataclass(frozen=True, slots=True)
class Peeked:
    """What a look at a database showed: its version, that of this software, and the journal mode of a file."""

    kind: str
    version: int
    known: int
    journal: str = ""


def peeked(database: "Path | Secret") -> Peeked:
    """Look at a database and change nothing. Raises StoreUnreadable, StoreFailed."""
    import asyncio

    from valetkey.crypto.secret import Secret
    from valetkey.stores.sqlite import peek_file

    if not isinstance(database, Secret):
        version, known, journal = peek_file(database)
        return Peeked("SQLite", version, known, journal)
    from valetkey.stores.postgres import peek_database

    version, known = asyncio.run(peek_database(database.reveal()))
    return Peeked("PostgreSQL", version, known)
