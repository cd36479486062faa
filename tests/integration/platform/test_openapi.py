"""The committed description of the API is that of the endpoints, and names every path of the wire contract."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

CONTRACT = """
post /agents/register | post /agents/session | delete /agents/session/{id} | get /agents | get /agents/fee-tier
get /agents/self | get /agents/score
get /agents/{id}/discovery-score | get /agents/{id}/public-key | get /marketplace/pulse
post /services | get /services | get /services/{id} | patch /services/{id} | delete /services/{id} | post /checkout
get /transactions | get /transactions/{id} | post /transactions/{id}/fund | post /transactions/{id}/deliver
post /transactions/{id}/confirm | post /transactions/{id}/dispute | get /transactions/{id}/dispute
post /transactions/{id}/dispute/evidence | get /network | get /networks
get /agents/session/self | get /agents/sessions
get /agents/session/{id} | put /agents/session/{id}/recovery | get /agents/session/{id}/recovery
post /agents/webhook-secret | post /transactions/{id}/signed | post /agents/session/{id}/pause
post /agents/session/{id}/resume | post /agents/sessions/freeze | post /agents/sessions/thaw
post /agents/sessions/revoke | post /agents/session/{id}/extend | post /agents/session/{id}/rotate
post /agents/session/attenuate | get /agents/session/{id}/tree | post /spends | post /spends/check | get /spends
get /spends/{id} | post /spends/{id}/signed | post /spends/{id}/execute | post /spends/{id}/capture
post /spends/{id}/void | post /spends/{id}/refund | post /spends/{id}/returned | get /approvals
post /approvals/{id}/approve
post /approvals/{id}/reject | put /agents/webhook | get /audit | get /audit/key | get /events | post /agents/keys
get /agents/keys | get /agents/keys/{id} | delete /agents/keys/{id}
post /agents/session/{id}/replay | post /policies/diff | get /agents/label-policy | put /agents/label-policy
post /enrollments | get /enrollments/{code} | post /enrollments/{code}/session | post /enrollments/{code}/rotation
post /agents/session/{id}/grant | get /agents/session/{id}/grant | get /agents/grants
get /agents/session/{id}/exposure | post /agents/session/{id}/allotment | get /agents/session/{id}/allotment
post /transactions/{id}/relay | post /transactions/{id}/step
post /spends/{id}/relay | get /relays/{id} | get /operator/transactions/{id}/dispute
post /claims | get /claims/{id} | delete /claims/{id} | post /claims/{id}/open
post /operator/transactions/{id}/dispute/resolve | get /operator/relays/{id}
get /agents/sessions/counts | get /overview | get /agents/session/{id}/spending
get /alerts | post /alerts/{id}/acknowledge
post /checkout/check | get /agents/session/{id}/refusals | get /version
post /agents/sign-in/challenge | post /agents/sign-in | post /agents/sign-out
"""


def test_the_committed_description_is_up_to_date() -> None:
    script = ROOT / "scripts" / "generate_openapi.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_path_of_the_contract_is_there() -> None:
    paths = json.loads((ROOT / "spec" / "openapi.json").read_text())["paths"]
    served = {
        f"{method} {path.removeprefix('/api/v1')}" for path, methods in paths.items() for method in methods
    }
    assert served == {line.strip() for line in CONTRACT.replace("\n", "|").split("|") if line.strip()}


def test_every_reference_leads_somewhere() -> None:
    text = (ROOT / "spec" / "openapi.json").read_text()
    document = json.loads(text)
    for part in text.split('"$ref": "#/')[1:]:
        place = document
        for name in part.partition('"')[0].split("/"):
            place = place[name]
        assert place
