"""Where a server's secrets come from: files, standard input, the keyring, the environment. One server serves one."""

import io
import sys
from pathlib import Path

import pytest

from valetkey.core.errors import InvalidInput
from valetkey.crypto.locks import os_keyring
from valetkey.crypto.secret import Secret
from valetkey.mcp.plan import Plan
from valetkey.sdk.errors import NotConfigured


def test_a_secret_comes_from_a_file_or_standard_input_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passphrase"
    file.write_text(" with blanks \r\n")
    plan = Plan(bundle_passphrase_file=file, identity_file=file, environment={})
    passphrase, identity = plan.bundle_passphrase(), plan.identity()
    assert passphrase is not None
    assert identity is not None
    # Of a passphrase blanks may be meant.
    assert (passphrase.reveal(), identity.reveal()) == (" with blanks ", "with blanks")
    monkeypatch.setattr(sys, "stdin", io.StringIO("from standard input\n"))
    assert Plan(http=True, session_file=Path("-"), environment={}).bundle().reveal() == "from standard input"
    told = {"VALETKEY_IDENTITY_FILE": str(file), "VALETKEY_PASSPHRASE": " as it is "}
    plan = Plan(environment=told)
    kept, identity = plan.passphrase(), plan.identity()
    assert kept is not None
    assert identity is not None
    assert (kept.reveal(), identity.reveal()) == (" as it is ", "with blanks")
    assert Plan(environment={}).identity() is None


def test_a_secret_comes_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {"worker": Secret("kept there")}
    # There is none on a machine without a person.
    monkeypatch.setattr(os_keyring.SystemKeyring, "__init__", lambda _: None)
    monkeypatch.setattr(os_keyring.SystemKeyring, "get", lambda _, account: entries.get(account))
    plan = Plan(session_file=Path("keyring:worker"), environment={})
    assert plan.bundle().reveal() == "kept there"
    with pytest.raises(NotConfigured, match="no entry nobody"):
        Plan(session_file=Path("keyring:nobody"), environment={}).bundle()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"], ids=["empty", "blank", "no text"])
def test_a_file_without_a_secret_is_told_of(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(NotConfigured):
        Plan(session_file=file, environment={}).bundle()
    with pytest.raises(NotConfigured):
        Plan(session_file=tmp_path / "nowhere", environment={}).bundle()


def test_standard_input_is_for_one_secret_and_not_where_the_client_is() -> None:
    dash = Path("-")
    with pytest.raises(InvalidInput, match="the client's"):
        Plan(session_file=dash)
    with pytest.raises(InvalidInput, match="one secret"):
        Plan(http=True, session_file=dash, identity_file=dash)


def test_a_server_serves_one() -> None:
    code = "7Q2M-XK4D-90TB-HV3R"
    assert Plan(enrollment=code, environment={"VALETKEY_SESSION": "x"}).enrolled() == code
    assert Plan(session_file=Path("x"), environment={"VALETKEY_ENROLLMENT": code}).enrolled() is None
    assert Plan(environment={"VALETKEY_ENROLLMENT": code}).enrolled() == code
    with pytest.raises(NotConfigured, match="two sessions"):
        Plan(environment={"VALETKEY_ENROLLMENT": code, "VALETKEY_BUNDLE": "x"}).enrolled()
    for more in ({"owner": True}, {"session_file": Path("x")}):
        with pytest.raises(InvalidInput, match="one session"):
            Plan(enrollment=code, **more)  # type: ignore[arg-type]


def test_each_session_has_a_bearer_token_of_its_own(tmp_path: Path) -> None:
    plan = Plan(state_dir=tmp_path, environment={})
    assert plan.token_path("one") != plan.token_path("other")
    assert plan.token_path("one") == plan.token_path("one")
    told = Plan(state_dir=tmp_path, environment={"VALETKEY_MCP_TOKEN_FILE": "/x/token"})
    assert told.token_path("one") == Path("/x/token")
