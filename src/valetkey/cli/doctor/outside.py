"""How a platform looks from outside: its public URLs, their certificates, and what a proxy should keep inside."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from valetkey.cli.doctor.check import FAIL, OK, WARN, Check, Checks
from valetkey.wire.errors import Exit

PATIENCE_SECONDS = 10.0
DAYS_MIN = 14
DAY_SECONDS = 86_400

INSIDE = ("/metrics", "/healthz", "/readyz")
"""Paths for operators."""


def outside(urls: tuple[str, ...], now: Callable[[], float] = time.time) -> Checks:
    """Each public URL."""
    if not urls:
        seen = "none: signed requests and sign-ins take what each request says"
        todo = "VALETKEY_PUBLIC_URLS=https://pay.example.com"
        yield Check("public URLs", FAIL, seen, todo, Exit.INPUT)
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "https":
            todo = "a proxy with TLS before it, and https in VALETKEY_PUBLIC_URLS"
            yield Check(f"{url}: scheme", FAIL, "plain http", todo, Exit.INPUT)
            continue
        yield Check(f"{url}: scheme", OK, "https")
        context = ssl.create_default_context()
        certificate = _certificate(url, parts.hostname or "", parts.port or 443, context, now)
        yield certificate
        if certificate.status != FAIL:
            yield from _paths(url, context)


def _certificate(url: str, host: str, port: int, context: ssl.SSLContext, now: Callable[[], float]) -> Check:
    title, ends = f"{url}: certificate", 0.0
    try:
        with (
            socket.create_connection((host, port), PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as wire,
        ):
            ends = ssl.cert_time_to_seconds(str((wire.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as problem:
        return Check(title, FAIL, problem.verify_message, "renew it, for this name", Exit.ENVIRONMENT)
    except (OSError, KeyError) as problem:
        todo = "is the proxy running, and does the name lead to it?"
        return Check(title, FAIL, f"no TLS ({type(problem).__name__})", todo, Exit.ENVIRONMENT)
    days = (ends - now()) / DAY_SECONDS
    if days < DAYS_MIN:
        return Check(title, FAIL, f"ends in {days:.0f} days", "renew it", Exit.ENVIRONMENT)
    return Check(title, OK, f"good for {days:.0f} days")


def _paths(url: str, context: ssl.SSLContext) -> Checks:
    with httpx.Client(verify=context, timeout=PATIENCE_SECONDS, trust_env=False) as http:
        for path in INSIDE:
            status = 0
            with contextlib.suppress(httpx.HTTPError):
                status = http.get(url + path).status_code
            title = f"{url}: {path}"
            if status in (200, 503):
                worst = path == "/metrics"
                seen, todo = f"answers strangers ({status})", f"keep {path} inside, in the proxy"
                yield Check(title, FAIL if worst else WARN, seen, todo, Exit.ENVIRONMENT if worst else 0)
            else:
                yield Check(title, OK, f"is kept inside ({status or 'no answer'})")
