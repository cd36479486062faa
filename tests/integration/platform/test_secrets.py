"""SECRETS_STAY_SECRET: neither the database nor the log holds what a caller proves itself with."""

import base64

import pytest

from tests.integration.platform.conftest import Start


def spellings(secret: str) -> list[bytes]:
    raw = secret.encode()
    return [raw, raw.hex().encode(), *(base64.b64encode(b"x" * shift + raw)[4:-8] for shift in range(3))]


def test_credentials_are_in_no_row_and_no_line(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    server = start()
    owner = server.register()
    session = owner.session()
    webhook_secret = owner.data("POST", "/agents/webhook-secret")["webhookSecret"]
    secrets = [
        owner.credential,
        session.credential,
        webhook_secret,
        "the-master-secret-of-these-tests-only",
        "whsec_of_these_tests_only",
    ]
    # Pasted where they do not belong: into a path, a query, a body, a header.
    for secret in secrets:
        server.http.get(f"/api/v1/services/{secret}")
        server.http.get(f"/{secret}", params={"q": secret})
        owner.ask("GET", f"/services?sort_by={secret}&category={secret}")
        owner.ask("POST", "/services", {"title": "t", "category": secret, "price": secret}, X_Other=secret)
        session.ask("POST", f"/transactions/{secret}/fund", {"txHash": secret})
    planted = "a planted title that must be found"
    server.register().offer(title=planted)
    folder = server.settings.database.parent
    files = b"".join(path.read_bytes() for path in folder.iterdir())
    server.stop()
    files += b"".join(path.read_bytes() for path in folder.iterdir())
    log = capfd.readouterr()
    everything = files + log.out.encode() + log.err.encode()
    assert planted.encode() in everything
    for secret in secrets:
        for spelling in spellings(secret):
            assert spelling not in everything
