"""A platform in a process of its own, its owner, and everything that a thief gets to see of the two."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.killing import Killed
from tests.attacks.receivers import Receiver
from tests.attacks.thieving import Holder, Wire
from tests.e2e.searching import files, leaks
from valetkey import BuyerAgent, SessionInfo
from valetkey.crypto.keys import PrivateKey

PATIENCE_SECONDS = 20.0


class Scene:
    """One owner on a platform whose wire is tapped; `hook` is where the owner is told."""

    def __init__(self, platform: Killed, folder: Path) -> None:
        self.platform = platform
        self.folder = folder
        self.wire = Wire(platform.port)
        self.hook = Receiver()
        self.holders: list[Holder] = []
        name = f"owner-{uuid.uuid4().hex[:10]}"
        key = PrivateKey.generate()
        self.owner = BuyerAgent.register(key, name, base_url=self.wire.url, state_dir=folder / "owner")
        self.owner.init_eoa_wallet(key)
        self.owner.set_webhook_url(self.hook.url)

    def holder(self, name: str, base_url: str | None = None) -> Holder:
        """A process with a state folder of its own, which is there again under the same name."""
        made = Holder(base_url or self.wire.url, self.folder / name)
        self.holders.append(made)
        return made

    def told(self, event: str) -> dict[str, Any]:
        """The webhook of this name; it comes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = [body for body in map(json.loads, self.hook.bodies) if body["event"] == event]
            if found:
                assert len(found) == 1, found
                return found[0]
            assert time.monotonic() < deadline, f"the owner was never told of {event}"
            time.sleep(0.05)

    def comes(self, session: SessionInfo, status: str) -> None:
        """Wait until a session has this status."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.owner.get_session(session.session_id).status) != status:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def kinds(self, session: SessionInfo) -> list[str]:
        """What the audit log says of a session's tree."""
        path = self.folder / "audit.jsonl"
        self.owner.export_audit(path, session=session.session_id)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        return [line["kind"] for line in lines if line["type"] == "entry"]

    def loot(self) -> list[tuple[str, bytes]]:
        """Everything but what is in memory: wire, logs, database, folders, environments, arguments, webhooks."""
        found = [("wire", bytes(self.wire.seen)), *files(self.platform.database.parent)]
        found += [(f"webhook {number}", body) for number, body in enumerate(self.hook.requests)]
        found += files(self.folder)
        for one in self.holders:
            if one.process.poll() is None:
                found += one.shown()
        return found

    def close(self) -> None:
        for one in self.holders:
            one.__exit__()
        self.owner.close()
        self.hook.close()
        self.wire.close()


def secrets_of(session: SessionInfo) -> dict[str, str]:
    """What would be worth stealing, but for the token."""
    bundle = session.bundle
    return {
        "the wallet's key": bundle.wallet_private_key.to_hex(prefix=False),
        "the encryption key": bundle.e2e_private_key.to_hex(prefix=False),
        "the bundle": bundle.serialize(),
    }


def nothing_leaks(scene: Scene, session: SessionInfo, more: dict[str, str] | None = None) -> None:
    """No secret of a session is anywhere, and no other one.

    Its token travels with every request of its holder, and with the answer that makes it: here the wire is in the open,
    and has it. Everywhere else it is looked for, too.
    """
    loot = scene.loot()
    assert {"wire", "valetkey.db"} <= {where for where, _ in loot}
    assert leaks({**secrets_of(session), **(more or {})}, loot) == []
    beside = [(where, data) for where, data in loot if where != "wire"]
    assert leaks({"the token": session.token.reveal()}, beside) == []


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    made = Killed(tmp_path_factory.mktemp("platform"))
    yield made
    made.kill()


@pytest.fixture
def scene(platform: Killed, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(platform, tmp_path)
    yield made
    made.close()
