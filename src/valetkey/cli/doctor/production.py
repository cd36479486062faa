"""`valetkey doctor --production`: whether the platform that VALETKEY_* names here may be trusted with money."""

import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import OTHERS
from valetkey.cli.doctor.check import FAIL, OK, SKIP, WARN, Check, Checks
from valetkey.cli.doctor.database import database
from valetkey.cli.doctor.nodes import nodes
from valetkey.cli.doctor.outside import outside
from valetkey.cli.extras import install
from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

if TYPE_CHECKING:
    from valetkey.platform.settings import Settings

PREFIX = "VALETKEY_"
SECRETS = (
    "MASTER_SECRET",
    "WEBHOOK_SECRET",
    "OPERATOR_TOKEN",
    "RELAYER_KEY",
    "RESOLVER_KEY",
    "DATABASE",
    "NETWORKS",
)
CHARS_MIN = 32
DISTINCT_MIN = 10
"""Fewer different characters are typed by hand, not made at random."""

SKEW_WARNED, SKEW_MAX = 2, 30
"""Seconds between this machine and its database: what is told, and what moves the ends of sessions."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def production(environ: Mapping[str, str], now: Callable[[], float] = time.time) -> Checks:
    """Every check, in the order in which they are put right."""
    try:
        from valetkey.platform.settings import Settings

        settings = Settings.from_env(environ)
    except ModuleNotFoundError as problem:
        todo = install("server")
        yield Check("settings", FAIL, f"{problem.name} is not installed", todo, Exit.ENVIRONMENT)
        return
    except InvalidInput as problem:
        yield Check("settings", FAIL, str(problem), "correct it: docs/reference/settings.md", Exit.INPUT)
        return
    yield Check("settings", OK, f"{len(settings.networks)} networks, every name is known")
    yield from _rules(settings)
    for name in SECRETS:
        yield from _secret(name, environ, settings)
    yield from _kept(environ, settings, now)
    yield from nodes(settings, now)
    yield from outside(settings.public_urls, now)


def _rules(settings: "Settings") -> Checks:
    on, off = "VALETKEY_TEST_MODE=0, or leave it out", "VALETKEY_RATE_LIMITS=1, or leave it out"
    if settings.test_mode:
        yield Check("test mode", FAIL, "on: for trying things out, without limits", on, Exit.INPUT)
        yield Check("webhooks", FAIL, "are sent to private hosts, over plain http", on, Exit.INPUT)
    else:
        yield Check("test mode", OK, "off")
        yield Check("webhooks", OK, "to public hosts alone, over https")
    if settings.rate_limits:
        yield Check("rate limits", OK, "on")
    else:
        yield Check("rate limits", FAIL, "off: anybody may use all there is", off, Exit.INPUT)
    if settings.registration_units:
        yield Check("registration", OK, "asks for a balance")
    else:
        todo = "VALETKEY_REGISTRATION_USDC=1, unless everybody shall register for nothing"
        yield Check("registration", WARN, "asks for no balance", todo)
    # A platform that believes everybody's X-Forwarded-For counts whom it is told to.
    if any(one.endswith("/0") for one in settings.trusted_proxies):
        todo = "name the proxy alone in VALETKEY_TRUSTED_PROXIES"
        yield Check("trusted proxies", FAIL, "everybody is one", todo, Exit.INPUT)
    for network in settings.networks:
        if network.confirmations == 1 and not network.is_solana:
            seen, todo = "1 confirmation: the newest block counts as proof", "confirmations: 3 or more"
            yield Check(f"{network.name}: confirmations", WARN, seen, todo)
        else:
            yield Check(f"{network.name}: confirmations", OK, str(network.confirmations))


def _secret(name: str, environ: Mapping[str, str], settings: "Settings") -> Checks:
    title, variable = name.lower().replace("_", " "), PREFIX + name
    file = environ.get(f"{variable}_FILE", "")
    if name == "DATABASE" and not isinstance(settings.database, Secret):
        return
    if environ.get(variable):
        todo = f"{variable}_FILE, a file of mode 600: an environment is read by whatever runs as this user"
        yield Check(f"{title}: where", WARN, "in the environment", todo)
    elif file:
        mode = Path(file).stat().st_mode
        if stat.S_ISREG(mode) and mode & OTHERS:
            seen = f"{file} has mode {mode & 0o777:03o}"
            yield Check(f"{title}: where", FAIL, seen, f"chmod 600 {file}", Exit.INPUT)
        else:
            yield Check(f"{title}: where", OK, file)
    else:
        yield Check(f"{title}: where", SKIP, "none", "it is not needed by everybody")
    made = {
        "MASTER_SECRET": settings.master_secret,
        "WEBHOOK_SECRET": settings.webhook_secret,
        "OPERATOR_TOKEN": settings.operator_token,
    }.get(name)
    if made is None:
        return
    text = made.reveal()
    if len(text) < CHARS_MIN or len(set(text)) < DISTINCT_MIN:
        todo = "make it of 32 random bytes: openssl rand -hex 32"
        yield Check(f"{title}: strength", FAIL, "short, or made by hand", todo, Exit.INPUT)
    else:
        yield Check(f"{title}: strength", OK, f"{len(text)} characters")


def _kept(environ: Mapping[str, str], settings: "Settings", now: Callable[[], float]) -> Checks:
    named = settings.database
    for one in database(environ):
        if one.status == WARN and one.name == "database":
            # Nothing is lost yet; in earnest it is not ready.
            yield replace(one, status=FAIL, exit_code=Exit.ENVIRONMENT)
        else:
            yield one
    if isinstance(named, Path):
        if named.exists() and named.stat().st_mode & OTHERS:
            seen = f"{named} has mode {named.stat().st_mode & 0o777:03o}"
            yield Check("database's file", FAIL, seen, f"chmod 600 {named}", Exit.INPUT)
        elif named.exists():
            yield Check("database's file", OK, "is readable for this user alone")
        return
    host = urlsplit(named.reveal()).hostname or "localhost"
    if host not in LOOPBACK and "sslmode=verify" not in named.reveal():
        todo = "sslmode=verify-full in its URL"
        yield Check("database's wire", WARN, "its certificate is not checked", todo)
    else:
        yield Check("database's wire", OK, "on this machine" if host in LOOPBACK else "TLS, checked")
    try:
        from valetkey.cli.embedded import database_seconds

        skew = abs(now() - database_seconds(named))
    except (ValetkeyError, Complaint) as problem:
        yield Check("database's clock", FAIL, str(problem), "is it running?", Exit.ENVIRONMENT)
        return
    status = FAIL if skew > SKEW_MAX else WARN if skew > SKEW_WARNED else OK
    todo = "" if status == OK else "set the clocks of both machines (NTP)"
    code = Exit.ENVIRONMENT if status == FAIL else 0
    yield Check("database's clock", status, f"{skew:.0f} s from ours", todo, code)
