"""Secrets are rotated on two platforms of one PostgreSQL, one after the other, while a client calls all the time."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx

from tests.cluster import databases
from tests.e2e.test_seven import platform
from tests.integration.platform.serving import registration
from valetkey.crypto.keys import PrivateKey

OLD, NEW = "m" * 32, "n" * 32
TOKEN, NEW_TOKEN = "t" * 32, "u" * 32


@dataclass
class Client:
    """Calls whichever platform answers, as a load balancer does; tries again with the same key, as the SDK does."""

    session: str
    urls: list[str]
    statuses: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            self._call(number)

    def _call(self, number: int) -> None:
        headers = {"X-API-Key": self.session, "Idempotency-Key": f"spend-{number}"}
        problems = []
        for attempt in range(4):
            url = self.urls[(number + attempt) % len(self.urls)]
            try:
                answer = httpx.post(
                    f"{url}/api/v1/spends", json={"amount": "0.01"}, headers=headers, timeout=30
                )
            except httpx.TransportError as error:
                problems.append(repr(error))
                continue
            if answer.status_code < 500:
                self.statuses.append(answer.status_code)
                return
            problems.append(answer.text)
        self.failed.append("; ".join(problems))


def test_a_rolling_rotation_fails_no_call() -> None:
    database = databases().fresh()
    steps = [
        {"MASTER_SECRET": OLD, "OPERATOR_TOKEN": TOKEN},
        {
            "MASTER_SECRET": OLD,
            "MASTER_SECRET_OTHER": NEW,
            "OPERATOR_TOKEN": TOKEN,
            "OPERATOR_TOKEN_OTHER": NEW_TOKEN,
        },
        {
            "MASTER_SECRET": NEW,
            "MASTER_SECRET_OTHER": OLD,
            "OPERATOR_TOKEN": NEW_TOKEN,
            "OPERATOR_TOKEN_OTHER": TOKEN,
        },
    ]
    running = [ExitStack(), ExitStack()]
    urls = [one.enter_context(platform(database, **steps[0])) for one in running]
    owner = httpx.post(f"{urls[0]}/api/v1/agents/register", json=registration(PrivateKey.generate())).json()
    key = {"X-API-Key": owner["apiKey"]}
    made = httpx.post(
        f"{urls[0]}/api/v1/agents/session",
        json={
            "budgetUsdc": 1_000,
            "expiry": 3_600,
            "sessionWallet": PrivateKey.generate().address,
            "e2ePublicKey": PrivateKey.generate().public_key_compressed.hex(),
        },
        headers=key,
    )
    assert made.status_code == 201, made.text
    client = Client(made.json()["data"]["token"], urls)
    calling = threading.Thread(target=client.run)
    calling.start()
    try:
        for step in steps[1:]:
            for number in range(2):
                running[number].close()
                running[number] = ExitStack()
                urls[number] = running[number].enter_context(platform(database, **step))
                # Between two replicas of different settings, what one makes the other knows.
                for url in urls if step is steps[2] else ():
                    for token in (TOKEN, NEW_TOKEN):
                        seen = httpx.get(
                            f"{url}/api/v1/operator/relays/none", headers={"Authorization": f"Bearer {token}"}
                        )
                        assert seen.status_code == 404, seen.text
    finally:
        client.over.set()
        calling.join(60)
        for one in running:
            one.close()
    assert not client.failed
    assert set(client.statuses) == {201}
    assert len(client.statuses) > 20
