"""`valetkey doctor` where a package, a session's keys or the way to the platform's health is missing."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pyrage
import pytest

from tests.e2e.cli.patients import Patient, without
from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent
from valetkey.cli.extras import EXTRAS
from valetkey.wire.errors import Exit


class Outside(BaseHTTPRequestHandler):
    """What stands before a platform as strangers reach it: health is kept inside, and this one is of the first days."""

    inside = ""

    def do_GET(self) -> None:
        hidden = self.path in ("/readyz", "/api/v1/version")
        answer = httpx.get(f"{self.inside}{'/nothing' if hidden else self.path}", headers=self.passed())
        self.send_response(404 if hidden else answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def passed(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower().startswith("x-")}

    def log_message(self, *_: object) -> None:
        """The test looks at the doctor."""


def test_a_platform_behind_a_proxy_that_keeps_health_inside(patient: Patient, stack: RunningStack) -> None:
    handler = type("Before", (Outside,), {"inside": stack.base_url})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found = patient.seen(Exit.OK, VALETKEY_BASE_URL=f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()
    assert found["platform"]["status"] == "ok"
    assert found["API key"]["status"] == "ok"
    told = found["platform's version"]
    assert (told["status"], "older than" in told["seen"]) == ("warn", True)


def test_sessions_of_keys_that_enrolled(patient: Patient) -> None:
    there = {"VALETKEY_API_KEY_FILE": "", "VALETKEY_OWNER_KEY_FILE": ""}
    enrollment = BuyerAgent.enroll(
        base_url=patient.environ["VALETKEY_BASE_URL"], state_dir=patient.environ["VALETKEY_HOME"]
    )
    enrollment.close()
    waits = patient.seen(Exit.ENVIRONMENT, **there)["session"]
    assert (waits["status"], "session create --enrollment" in waits["todo"]) == ("fail", True)
    session = patient.owner.create_session(5, 600, enrollment=enrollment.code)
    found = patient.seen(Exit.OK, **there)["session"]
    assert (found["status"], session.session_id in found["seen"]) == ("ok", True)
    patient.owner.revoke_session(session)
    assert patient.seen(Exit.CREDENTIAL, **there)["session"]["status"] == "fail"
    other = patient.seen(Exit.NOT_FOUND, **there, VALETKEY_ENROLLMENT="0000-0000-0000-0000")
    assert other["session"]["status"] == "fail"


def test_a_sealed_bundle_without_what_opens_it(patient: Patient) -> None:
    identity = pyrage.x25519.Identity.generate()
    session = patient.owner.create_session(1, 600)
    sealed = {"VALETKEY_BUNDLE": session.seal(str(identity.to_public()))}
    found = patient.seen(Exit.INPUT, **sealed)["session"]
    assert (found["status"], "--identity-file" in found["todo"]) == ("fail", True)
    another = {"VALETKEY_IDENTITY": str(pyrage.x25519.Identity.generate())}
    assert patient.seen(Exit.INPUT, **sealed, **another)["session"]["status"] == "fail"
    assert patient.seen(Exit.OK, **sealed, VALETKEY_IDENTITY=str(identity))["session"]["status"] == "ok"


def test_a_keystore_that_others_may_read_and_a_state_folder_that_is_none(patient: Patient) -> None:
    home = Path(patient.environ["VALETKEY_HOME"])
    keystore = home / "keys.db"
    keystore.write_bytes(b"")
    keystore.chmod(0o644)
    found = patient.seen(Exit.ENVIRONMENT)["keystore"]
    assert (found["status"], found["todo"]) == ("fail", f"chmod 600 {keystore}")
    missing = patient.seen(
        Exit.NOT_FOUND, VALETKEY_BUNDLE_FILE="keystore:work", VALETKEY_KEYSTORE="/nowhere/keys"
    )
    assert missing["session"]["status"] == "fail"
    assert (
        patient.seen(Exit.INPUT, VALETKEY_HOME=str(patient.folder / "api-key"))["state folder"]["status"]
        == "fail"
    )


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_a_machine_on_which_a_package_really_is_missing(patient: Patient, extra: str) -> None:
    ran = without(EXTRAS[extra][0], patient, "doctor", "--json")
    assert ran.returncode == 0, ran.stderr
    found = {one["name"]: one for one in json.loads(ran.stdout)["checks"]}
    assert (found[f"extra {extra}"]["status"], extra in found[f"extra {extra}"]["todo"]) == ("warn", True)
    others = [one for name, one in found.items() if name.startswith("extra ") and one["status"] == "warn"]
    assert others == [found[f"extra {extra}"]]


def test_a_database_whose_driver_is_missing(patient: Patient) -> None:
    database = {"VALETKEY_DATABASE": "postgresql://u:p4ssw0rd@127.0.0.1:9/x"}
    ran = without("asyncpg", patient, "doctor", "--json", **database)
    assert (ran.returncode, ran.stderr) == (Exit.ENVIRONMENT, "")
    found = {one["name"]: one for one in json.loads(ran.stdout)["checks"]}["database"]
    assert (found["status"], found["todo"]) == ("fail", "pip install 'valetkey[server]'")


def test_a_command_whose_extra_is_missing_says_which(patient: Patient) -> None:
    ran = without("solders", patient, "demo", "--chain", "solana")
    assert ran.returncode == Exit.ENVIRONMENT
    assert ran.stderr == "valetkey: this needs the extra solana\n  hint: pip install 'valetkey[solana]'\n"
