"""Sixty-four callers that hold, settle, lose answers and ask again, and write down what they were told."""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from torture.arena import Arena, Caller
from torture.connection import request
from torture.plan import Action
from torture.world import Place, Unwilling, child
from valetkey.core.tree import Narrowing

REFUSED = frozenset({"budget_exceeded", "window_exceeded", "spend_count_exceeded", "session_paused"})
"""What the gate may say to a hold in a run, with 403."""

DEAD = frozenset({"session_revoked", "session_expired"})
"""What a dead token is told, with 401."""

SETTLED_LATE = frozenset({"hold_ended", "contradiction"})
"""What somebody is told who settles a hold that ended by itself."""

CHILD_SECONDS = 600
"""How long a child session lives, by the clock of the client that makes it."""

OWN_MAX = 200


class Spend(msgspec.Struct, rename="camel"):
    """What a client looks at in the answer to a hold."""

    spend_id: str
    session_id: str
    state: str
    amount: str
    placed_at: str
    captured: str | None = None


class Answer(msgspec.Struct):
    """A success or an error, of which only the code is read."""

    success: bool
    code: str = ""
    data: Spend | None = None


_decode = msgspec.json.Decoder(Answer).decode


@dataclass(slots=True)
class Own:
    """A hold of a client's, and whose token settles it."""

    spend_id: str
    token: str
    units: int
    state: str = "held"


class Client:
    """One caller. `clock_seconds`: by how much its clock is off; only what it writes into narrowings goes by it."""

    def __init__(self, arena: Arena, number: int) -> None:
        self._arena = arena
        self._number = number
        self._caller = Caller(arena.ports, random.Random(f"{arena.plan.seed} route {number}"))
        self._own: list[Own] = []
        self._child: Place | None = None
        self._count = 0
        self.clock_seconds = 0

    async def run(self) -> None:
        """Act until the run is over; what was begun is finished."""
        try:
            for action in self._arena.plan.actions(self._number):
                if self._arena.is_over:
                    return
                await self._do(action)
        finally:
            self._caller.close()

    async def _do(self, action: Action) -> None:
        if action.what == "hold" or (action.what not in ("hold", "child") and not self._own):
            await self._hold(action)
        elif action.what == "child":
            await self._make_child(action)
        else:
            await self._settle(action)

    async def _hold(self, action: Action) -> None:
        place = self._arena.world.places[action.place]
        if self._child is not None:
            place, self._child = self._child, None
        token = place.token
        if place.old_token is not None and action.draw % 2:
            token = place.old_token
        self._count += 1
        key = f"{self._number}-{self._count}"
        asked = _spend(token, action.units, action.seconds, key)
        self._caller.lost = 0
        sent = self._arena.now()
        status, body, also = await self._answered(action, asked, key)
        answer = self._read(status, body)
        if status != 201:
            if self._caller.lost:
                self._arena.journal.write("doubt", key)
            self._refused(status, answer, place, token)
            return
        spend = answer.data
        assert spend is not None
        journal = self._arena.journal
        journal.write(
            "hold", key, spend.spend_id, spend.session_id, _units(spend.amount), sent, self._arena.now()
        )
        self._arena.counts["holds"] += 1
        if _units(spend.amount) != action.units:
            self._arena.saw(
                f"ACKNOWLEDGED: {action.units} were asked for and {spend.amount} was held for {key}"
            )
        if also is not None:
            self._same(key, spend, *also)
        if action.fate == "again":
            self._same(key, spend, *await self._caller.insist(asked))
        elif action.fate == "other_body":
            await self._other_body(token, action, key)
        if action.seconds > CHILD_SECONDS and len(self._own) < OWN_MAX:
            self._own.append(Own(spend.spend_id, token, action.units))

    async def _answered(
        self, action: Action, asked: bytes, key: str
    ) -> tuple[int, bytes, tuple[int, bytes] | None]:
        """Status and body for a hold, and those that have to say the same, if it was asked for more than once."""
        if action.fate == "dropped":
            await self._caller.drop(asked, (action.draw % 64) / 4_000)
        if action.fate != "twice":
            return *await self._caller.insist(asked), None
        other = Caller(self._arena.ports, random.Random(f"{self._arena.plan.seed} {key}"))
        (status, body), also = await asyncio.gather(self._caller.insist(asked), other.insist(asked))
        self._caller.lost += other.lost
        other.close()
        if 201 in (status, also[0]) and also[0] != status:
            # One was refused before the other was held, which is no contradiction; from now on both are answered alike.
            return 201, body if status == 201 else also[1], await self._caller.insist(asked)
        return status, body, also

    def _same(self, key: str, first: Spend, status: int, body: bytes) -> None:
        """The answer to a repeated request, which has to be that of the first."""
        self._arena.counts["repeated"] += 1
        answer = self._read(status, body)
        if status == 401 and answer.code in DEAD:
            return
        again = answer.data
        if again is None or _identity(again) != _identity(first):
            told = again or answer.code
            self._arena.saw(f"IDEMPOTENT: key {key} was answered {first.spend_id}, and then {status} {told}")

    async def _other_body(self, token: str, action: Action, key: str) -> None:
        status, body = await self._caller.insist(_spend(token, action.units + 1, action.seconds, key))
        answer = self._read(status, body)
        if (status, answer.code) != (422, "idempotency_mismatch") and answer.code not in DEAD:
            self._arena.saw(f"IDEMPOTENT: key {key} with another body was answered {status} {answer.code}")

    def _refused(self, status: int, answer: Answer, place: Place, token: str) -> None:
        self._arena.counts[f"refused: {answer.code}"] += 1
        if status == 403 and answer.code in REFUSED:
            self._arena.journal.write("refused")
        elif status == 401 and answer.code in DEAD:
            if token == place.old_token:
                place.old_token = None
        else:
            self._arena.saw(f"UNEXPECTED: a hold was answered {status} {answer.code}")

    async def _settle(self, action: Action) -> None:
        own = self._own.pop(action.draw % len(self._own))
        credential, path, body, state, units = self._settling(action, own)
        asked = request("POST", f"spends/{own.spend_id}/{path}", credential, body)
        if action.fate == "dropped":
            await self._caller.drop(asked, (action.draw % 64) / 4_000)
        status, told = await self._caller.insist(asked)
        answer = self._read(status, told)
        if status == 200 and answer.data is not None:
            if answer.data.state != state or (
                state == "captured" and _units(answer.data.captured or "0") != units
            ):
                self._arena.saw(f"ACKNOWLEDGED: {path} of {own.spend_id} made {answer.data}")
            self._arena.journal.write("moved", own.spend_id, state, units)
            self._arena.counts[path] += 1
            own.state = state
            if state in ("unknown", "captured"):
                own.units = units
                self._own.append(own)
        elif answer.code not in DEAD | SETTLED_LATE:
            self._arena.saw(
                f"UNEXPECTED: {path} of a hold that is {own.state} was answered {status} {answer.code}"
            )

    def _settling(self, action: Action, own: Own) -> tuple[str, str, bytes, str, int]:
        """Who asks for what, the state that is made, and what is captured then."""
        owner = self._arena.world.api_key
        credential = owner if action.draw % 2 else own.token
        if own.state == "captured":
            back = action.draw % (own.units + 1)
            return owner, "refund", _amount(back), "captured", own.units
        if own.state == "unknown":
            if action.what == "void":
                return owner, "void", b'{"proven":true}', "voided", 0
            return credential, "capture", b"", "captured", own.units
        if action.what == "sign":
            return own.token, "signed", b'{"payload":"AAAA"}', "unknown", own.units
        if action.what == "capture":
            return credential, "capture", b"", "captured", own.units
        if action.what == "capture_less":
            less = action.draw % own.units
            return owner, "capture", _amount(less), "captured", less
        return credential, "void", b"", "voided", 0

    async def _make_child(self, action: Action) -> None:
        """A child that ends by this client's clock, which may be an hour off: the platform decides by its own."""
        parent = self._arena.world.places[action.place]
        ends = int(time.time()) + self.clock_seconds + CHILD_SECONDS
        try:
            self._child = await child(
                self._caller.insist, parent, -1, Narrowing(expires_at=ends, budget=action.units * 3)
            )
            self._arena.counts["children"] += 1
        except Unwilling as error:
            answer = self._read(error.status, error.body)
            # The parent may have been rotated meanwhile, and then its keys are others'.
            if answer.code not in DEAD | {"not_narrower", "unauthenticated"}:
                self._arena.saw(f"UNEXPECTED: a child was answered {error.status} {answer.code}")

    def _read(self, status: int, body: bytes) -> Answer:
        try:
            return _decode(body)
        except msgspec.MsgspecError:
            if status in (200, 201):
                self._arena.saw(f"UNEXPECTED: {status} with {body[:100]!r}")
            return Answer(False, _code(body))


def _code(body: bytes) -> str:
    try:
        told: Any = msgspec.json.decode(body)
        return str(told["code"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return "no_json"


def _identity(spend: Spend) -> tuple[str, str, str, str]:
    return spend.spend_id, spend.session_id, spend.amount, spend.placed_at


def _spend(token: str, units: int, seconds: int, key: str) -> bytes:
    body = f'{{"amount":"{units // 1_000_000}.{units % 1_000_000:06d}","seconds":{seconds}}}'
    return request("POST", "spends", token, body.encode(), key)


def _amount(units: int) -> bytes:
    return f'{{"amount":"{units // 1_000_000}.{units % 1_000_000:06d}"}}'.encode()


def _units(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * 1_000_000 + int(rest.ljust(6, "0") or 0)
