"""The asking: each kind at each endpoint, and what was answered."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.attacks.matrix.kinds import KINDS, Kind, query_of
from tests.attacks.matrix.stages import Stage
from tests.integration.platform.serving import Server
from valetkey.platform.http import Access, Endpoint

DENIED = (401, 403, 404)


@dataclass(frozen=True)
class Seen:
    """What one kind was answered at one endpoint."""

    endpoint: Endpoint
    kind: Kind
    status: int
    code: str

    @property
    def verdict(self) -> str:
        """`yes` for whoever was let in, also when there was nothing to be done; otherwise the status."""
        return str(self.status) if self.status in DENIED else "yes"


class Player:
    """Asks, and puts new things on the stage after a call that changed something."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stages: dict[str, Stage] = {}

    def play(self, endpoints: Sequence[Endpoint], kinds: Sequence[Kind] = KINDS) -> Iterator[Seen]:
        """Every kind at every endpoint."""
        for endpoint in endpoints:
            for kind in kinds:
                yield self.ask(endpoint, kind)

    def ask(self, endpoint: Endpoint, kind: Kind) -> Seen:
        """One call."""
        name = "dead" if kind.dead else kind.stage
        stage = self._stages.setdefault(name, Stage(self._server, is_enrolled=name == "enrolled"))
        answer = self._send(stage, endpoint, kind)
        told = Seen(endpoint, kind, answer.status_code, _code(answer))
        # What everybody may do adds something new, and touches nothing that is there.
        # Whoever asks twice was let in the first time.
        if (
            (told.verdict == "yes" or kind.proof == "again")
            and endpoint.method != "GET"
            and endpoint.access is not Access.PUBLIC
        ):
            self._stages.pop(name, None)
        return told

    def _send(self, stage: Stage, endpoint: Endpoint, kind: Kind) -> httpx.Response:
        body, path = stage.body(endpoint), stage.path(endpoint)
        headers = kind.carry(stage)
        query: dict[str, Any] = query_of(stage) if kind.query else {}
        if endpoint.path.endswith("/events"):
            # Who gets in is told by a page as well, and a stream has no end.
            query["wait"] = 0
        if query:
            path += "?" + str(httpx.QueryParams(query))
        http = self._server.http
        if kind.proof:
            request = stage.session.signed(endpoint.method, path.removeprefix("/api/v1"), body)
            answer = http.send(request)
            if kind.proof == "again":
                answer = http.send(request)
            return answer
        content = {} if body is None else {"content": json.dumps(body).encode()}
        return http.request(
            endpoint.method, path, headers=[*headers, ("Content-Type", "application/json")], **content
        )


def _code(answer: httpx.Response) -> str:
    if answer.status_code < 300:
        return ""
    return str(answer.json()["code"])
