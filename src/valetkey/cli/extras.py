"""The optional parts of the software: what each brings, and which one is missing."""

from importlib.util import find_spec

EXTRAS = {
    "server": ("asyncpg", "uvloop"),
    "solana": ("solders",),
    "keyring": ("keyring",),
    "x402": ("x402",),
    "mcp": ("mcp",),
    "studio": ("nicegui",),
    "otel": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
}
"""The modules of each extra; the first one of them that is absent means that the extra is."""


def extra_of(error: ModuleNotFoundError) -> str | None:
    """The extra that an import fails for; None when it is no part of one."""
    name = error.name or ""
    return next(
        (
            extra
            for extra, modules in EXTRAS.items()
            if any(_of(name, one) or _of(one, name) for one in modules)
        ),
        None,
    )


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed."""
    return [one for one in EXTRAS[extra] if not _found(one)]


def install(extra: str) -> str:
    """How an extra is installed."""
    return f"pip install 'valetkey[{extra}]'"


def _of(name: str, module: str) -> bool:
    return bool(module) and f"{name}.".startswith(f"{module}.")


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # Even what it is a part of is absent.
        return False
