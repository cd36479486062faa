"""What is asked about: an owner with everything that has an id, the session that made it, and those around them.

A stage lasts until somebody changes something; the next call is about things that are as new as the first were.
"""

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from tests.attacks.asking import BODIES
from tests.attacks.enrolled import Enrolled
from tests.integration.platform.claiming import a_claim, opening
from tests.integration.platform.onchain import eventually
from tests.integration.platform.serving import Agent, Server, registration
from tests.integration.platform.signing_in import request as sign_in_request
from tests.integration.platform.signing_in import signed_in
from tests.integration.platform.test_growing import child_of, narrowed
from valetkey.core.api_key import Scope
from valetkey.crypto.credentials import credential_hash
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.http import Endpoint
from valetkey.wire.timestamps import iso_timestamp

OPERATOR_TOKEN = "the-operator-s-token-of-these-tests-only"


@dataclass
class Stage:
    """Everything that one call may be about, made when it is first wanted."""

    server: Server
    is_enrolled: bool = False
    _scoped: dict[Scope, str] = field(default_factory=dict)

    @cached_property
    def owner(self) -> Agent:
        return self.server.register()

    @cached_property
    def seller(self) -> Agent:
        return self.server.register()

    @cached_property
    def stranger(self) -> Agent:
        return self.server.register()

    @cached_property
    def session(self) -> Any:
        """The session that made what has an id: a plain one, or one whose delegate enrolled."""
        if self.is_enrolled:
            return Enrolled(self.server).enroll().with_session(self.owner)
        return self.owner.session()

    @cached_property
    def child(self) -> Agent:
        return child_of(self.session)

    @cached_property
    def sibling(self) -> Agent:
        return self.owner.session()

    @cached_property
    def selling(self) -> Agent:
        """A session of the same owner that sells."""
        return self.owner.session(role="seller")

    @cached_property
    def signed_in(self) -> Agent:
        """The owner with a key that its wallet signed for, and which may do everything."""
        return signed_in(self.server, self.owner, Scope.FULL)

    @cached_property
    def sellers(self) -> Agent:
        return self.seller.session(role="seller")

    @cached_property
    def strangers(self) -> Agent:
        return self.stranger.session()

    @cached_property
    def hash_of_key(self) -> str:
        """What a thief of the database knows of the owner's key."""
        return credential_hash(self.owner.credential).hex()

    @cached_property
    def ended(self) -> dict[str, str]:
        """Credentials of the owner that opened something once."""
        owner = self.owner
        key, out, session = (
            owner.key_for(Scope.FULL),
            signed_in(self.server, owner, Scope.FULL),
            owner.session(),
        )
        child, expired = child_of(session), owner.session(expiry=1)
        expired_key = owner.key_for(Scope.FULL, seconds=2)
        rotated = owner.session()
        owner.data("POST", f"/agents/session/{rotated.session_id}/rotate", {"graceSeconds": 0})
        owner.data("DELETE", f"/agents/keys/{key.key_id}")
        out.data("POST", "/agents/sign-out")
        owner.data("DELETE", f"/agents/session/{session.session_id}")
        for one, path in ((expired, "/agents/session/self"), (expired_key, "/agents/sessions")):
            eventually(lambda one=one, path=path: one.ask("GET", path).status_code, 401)
        return {
            "revoked key": key.credential,
            "expired key": expired_key.credential,
            "signed out": out.credential,
            "revoked session": session.credential,
            "child of revoked": child.credential,
            "expired session": expired.credential,
            "rotated": rotated.credential,
        }

    def scoped(self, scope: Scope) -> str:
        """The owner's key that has this scope alone."""
        if scope not in self._scoped:
            self._scoped[scope] = self.owner.key_for(scope).credential
        return self._scoped[scope]

    @cached_property
    def paused(self) -> str:
        """The session's token, from now on of a paused one."""
        self.made_before()
        self.owner.data("POST", f"/agents/session/{self.session.session_id}/pause")
        return str(self.session.credential)

    @cached_property
    def frozen(self) -> str:
        """The session's token, from now on of one whose owner froze everything."""
        self.made_before()
        self.owner.data("POST", "/agents/sessions/freeze")
        return str(self.session.credential)

    @cached_property
    def spend(self) -> str:
        return str(self._done("POST", "/spends", {"amount": 1})["spendId"])

    @cached_property
    def bought(self) -> str:
        made = self._done("POST", "/checkout", {"serviceId": self.offered, "paymentMethod": "crypto"})
        return str(made["transactionId"])

    @cached_property
    def offered(self) -> str:
        return str(self.seller.offer()["id"])

    @cached_property
    def service(self) -> str:
        """A service of the owner itself."""
        return str(self.owner.offer()["id"])

    @cached_property
    def key_id(self) -> str:
        return str(self.owner.key_for(Scope.READ).key_id)

    @cached_property
    def code(self) -> str:
        """The code of an enrolment that waits for an owner."""
        return self.waiting.code

    @cached_property
    def waiting(self) -> Enrolled:
        return Enrolled(self.server).enroll()

    @cached_property
    def claim(self) -> str:
        return str(self.owner.data("POST", "/claims", a_claim(self.session))["claimId"])

    @cached_property
    def recovery(self) -> Any:
        """The session's recovery copy, kept by the platform."""
        path = f"/agents/session/{self.session.session_id}/recovery"
        return self.owner.data("PUT", path, {"recovery": "Y2lwaGVydGV4dA=="})

    @cached_property
    def alert(self) -> str:
        self.owner.session(budgetUsdc=1).data("POST", "/spends", {"amount": 0.5})
        return str(self.owner.data("GET", "/alerts")["alerts"][0]["alertId"])

    def made_before(self) -> None:
        """Make what a session makes, while it may."""
        _ = self.spend, self.bought, self.child, self.claim, self.alert

    def path(self, endpoint: Endpoint) -> str:
        """The endpoint's path about the owner's and the session's things."""
        places = (
            ("/transactions/", "bought"),
            ("/services/", "service"),
            ("/spends/", "spend"),
            ("/approvals/", "spend"),
            ("/relays/", "spend"),
            ("/claims/", "claim"),
            ("/alerts/", "alert"),
            ("/keys/", "key_id"),
        )
        path = endpoint.path
        if "{code}" in path:
            return path.replace("{code}", self.code)
        if "{id}" not in path:
            return path
        if path.endswith("/recovery") and endpoint.method == "GET":
            _ = self.recovery
        if "/session/" in path:
            return path.replace("{id}", self.session.session_id)
        known = next((getattr(self, name) for part, name in places if part in path), None)
        return path.replace("{id}", known or self.owner.agent_id)

    def body(self, endpoint: Endpoint) -> Any:
        """A body that does something."""
        path = endpoint.path
        if path.endswith("/register"):
            return registration(PrivateKey.generate())
        if path.endswith("/sign-in"):
            return sign_in_request(self.server, self.owner.key)
        if path.endswith(("/checkout", "/checkout/check")):
            return {"serviceId": self.offered}
        if path.endswith("/enrollments"):
            return Enrolled(self.server).request()
        if path.endswith("/attenuate"):
            return {"narrowings": [narrowed(self.owner.session())[1]]}
        if path.endswith("/agents/keys"):
            # No more, and no longer, than whoever asks has.
            ends = iso_timestamp(int(time.time()) + 60)
            return {"name": "another", "scopes": [Scope.KEYS_READ], "expiresAt": ends}
        if path == "/api/v1/claims":
            return a_claim(self.sibling)
        if path.endswith("/open"):
            return opening()
        if path.endswith(("/enrollments/{code}/session", "/enrollments/{code}/rotation")):
            return {"budgetUsdc": 1, "expiry": 3_600, "sessionId": self.sibling.session_id}
        return BODIES.get(f"{endpoint.method} {path}")

    def _done(self, method: str, path: str, body: Any) -> Any:
        answer: httpx.Response = self.session.ask(method, path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]
