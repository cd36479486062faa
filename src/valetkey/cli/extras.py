"""The optional parts of the software: what each brings, and which one is missing."""

EXTRAS = {
    "server": ("asyncpg", "uvloop"),
    "solana": ("solders",),
    "keyring": ("keyring",),
    "x402": ("x402",),
    "mcp": ("mcp",),
    "studio": ("nicegui",),
}
"""The packages of each extra; the first one of them that is absent means that the extra is."""


def extra_of(error: ModuleNotFoundError) -> str | None:
    """The extra that an import fails for; None when it is no part of one."""
    package = (error.name or "").partition(".")[0]
    return next((extra for extra, packages in EXTRAS.items() if package in packages), None)


def install(extra: str) -> str:
    """How an extra is installed."""
    return f"pip install 'valetkey[{extra}]'"
