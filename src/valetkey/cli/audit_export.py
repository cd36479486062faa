"""`valetkey audit export`: one call of the SDK."""

import os
from pathlib import Path

from valetkey.cli.complaint import Complaint
from valetkey.crypto.secret import Secret
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.wire.audit_file import Format
from valetkey.wire.errors import Exit

API_KEY = "VALETKEY_API_KEY"


def run_export(path: Path, form: Format, session: str | None, base_url: str | None) -> None:
    """Write an owner's audit log into a file. The API key is in the environment: others can read arguments."""
    with owner_of_environment(base_url) as owner:
        owner.export_audit(path, format=form, session=session)


def owner_of_environment(base_url: str | None = None) -> BuyerAgent:
    """The owner whose API key is in the environment."""
    key = os.environ.get(API_KEY)
    if not key:
        raise Complaint(f"whose? set {API_KEY} to the owner's API key", Exit.INPUT)
    return BuyerAgent(Secret(key), base_url=base_url)
