"""`valetkey demo --chain solana` as a stranger sees it: the token program itself says no, and the figures add up."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.playing import DemoRun

ORDER = [
    "create_session",
    "create_short_session",
    "hand_over",
    "spend",
    "spend_again",
    "over_budget",
    "over_budget_around_the_gate",
    "expired_session",
    "expired_on_chain",
    "expired_around_the_gate",
    "revoke",
    "revoked_session",
    "revoked_around_the_gate",
    "reclaim",
    "reclaim_short",
    "balances",
]
REFUSALS = {
    "over_budget": "budget_exceeded",
    "over_budget_around_the_gate": "transaction_refused",
    "expired_session": "session_expired",
    "expired_around_the_gate": "transaction_refused",
    "revoked_session": "session_revoked",
    "revoked_around_the_gate": "transaction_refused",
}
CUSTOM = {
    "over_budget_around_the_gate": 1,
    "expired_around_the_gate": 4,
    "revoked_around_the_gate": 4,
}


def test_the_story_comes_as_it_must(played_demo_on_solana: DemoRun) -> None:
    data = played_demo_on_solana.data
    assert data["ok"] is True, played_demo_on_solana.stdout
    assert played_demo_on_solana.returncode == 0
    assert [step["name"] for step in data["steps"]] == ORDER
    assert {step["actor"] for step in data["steps"]} == {"owner", "delegate"}
    told = {step["name"]: step["refusal"] for step in data["steps"] if "refusal" in step}
    assert {name: refusal["code"] for name, refusal in told.items()} == REFUSALS
    for name, number in CUSTOM.items():
        assert f"'Custom': {number}}}" in told[name]["message"], "the token program's own error"


def test_every_base_unit_and_every_lamport_is_accounted_for(played_demo_on_solana: DemoRun) -> None:
    """The sums are made again here, from the figures alone."""
    books = played_demo_on_solana.data["balances"]
    accounts = books["accounts"]
    change = {name: one["usdc_after"] - one["usdc_before"] for name, one in accounts.items()}
    assert {name: units for name, units in change.items() if units} == {
        "owner's USDC": -12_000_000,
        "payee's USDC": 12_000_000,
    }
    before = sum(one["lamports_before"] for one in accounts.values())
    assert before == sum(one["lamports_after"] for one in accounts.values()) + books["fees_lamports"]
    for name in ("session", "session's nonce", "short session", "short session's nonce"):
        assert (accounts[name]["lamports_after"], accounts[name]["usdc_after"]) == (0, 0), "closed"


def test_SECRETS_STAY_SECRET_in_what_the_demo_leaves(played_demo_on_solana: DemoRun) -> None:
    run = played_demo_on_solana
    secrets = run.secrets
    assert set(secrets) == {"owner_seed", "delegate_seed", "passphrase"}
    looked = [path for path in run.folder.rglob("*") if path.is_file() and path.name != "secrets.json"]
    assert looked
    for path in looked:
        content = path.read_bytes()
        for name, secret in secrets.items():
            assert secret.encode() not in content, f"{name} in {path}"
            if name.endswith("_seed"):
                assert bytes.fromhex(secret) not in content, f"{name} in {path}"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Solana's libraries are hidden from the process that would need them."""
    (tmp_path / "solders.py").write_text("raise ModuleNotFoundError('no', name='solders')\n")
    ran = subprocess.run(
        [sys.executable, "-m", "valetkey", "demo", "--chain", "solana"],
        capture_output=True,
        text=True,
        env=_environment(tmp_path),
        timeout=60,
        check=False,
    )
    assert ran.returncode == 7, ran.stderr
    assert "install valetkey[solana]" in ran.stderr
    assert "Traceback" not in ran.stderr


def _environment(folder: Path) -> dict[str, str]:
    import os

    path = os.pathsep.join([str(folder), *(os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    return dict(os.environ) | {"PYTHONPATH": path}
