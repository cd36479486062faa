"""What a database does instead of answering, as errors of the house, whichever database it is."""

from valetkey.core.errors import EnvironmentFailure


class StoreFailed(EnvironmentFailure):
    """The database did not do what was asked: locked, full, unreadable, out of reach. Nothing was written.

    Where the database itself went away while it was writing, its log decides: ask again with the same key.
    """


class StoreFull(EnvironmentFailure):
    """More work is waiting for the database than it may; ask again in a moment."""

    code = "over_capacity"


class StoreClosed(EnvironmentFailure):
    """The store is closed, or closing."""


class StoreUnreadable(EnvironmentFailure):
    """This is no database of this version of the software, or it cannot be opened at all."""

    retryable = False


class StoreRestored(StoreUnreadable):
    """The database was restored from a copy, and nobody has said yet what that means."""

    def __init__(self) -> None:
        super().__init__(
            "this database was restored from a copy, and does not know what happened after that was taken:"
            " `valetkey release` ends what must not come to life again, and lets it go on"
        )
