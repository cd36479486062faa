"""How a story is told: step by step, each with what must come of it. A step that differs ends it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from valetkey.cli.demo.cast import Actor
from valetkey.core.money import format_units


@dataclass(slots=True)
class Step:
    """One thing that happened, or was refused as it should be. `units` is USDC in base units."""

    name: str
    actor: str
    text: str
    ok: bool = True
    units: int | None = None
    tx_hash: str | None = None
    refusal: dict[str, Any] | None = None
    seconds: float = 0.0

    def as_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {"name": self.name, "actor": self.actor, "ok": self.ok, "text": self.text}
        if self.units is not None:
            data["usdc"] = format_units(self.units, 6)
        if self.tx_hash:
            data["tx_hash"] = self.tx_hash
        if self.refusal:
            data["refusal"] = self.refusal
        return data | {"seconds": round(self.seconds, 3)}


class StoryDiffers(Exception):
    """Something did not happen as it must; the last step says what."""


@dataclass(slots=True, kw_only=True)
class Telling:
    """What stories have in common. `told` sees each step as it happens."""

    told: Callable[[Step], None]
    delegate: Actor
    steps: list[Step] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    def _must(self, actor: Actor, do: str, **given: Any) -> dict[str, Any]:
        answer = actor.tell(do, **given)
        if answer["ok"]:
            result: dict[str, Any] = answer["result"]
            return result
        self._tell(do, actor, "failed where it must not", ok=False, refusal=answer["refusal"])
        raise StoryDiffers(do)

    def _refused(self, name: str, text: str, code: str, do: str, *, units: int, **given: Any) -> None:
        answer = self.delegate.tell(do, **given)
        refusal = answer.get("refusal")
        self._check(
            name,
            self.delegate,
            refusal is not None and refusal.get("code") == code,
            text,
            units=units,
            refusal=refusal,
        )

    def _check(self, name: str, actor: Actor, fits: object, text: str, **facts: Any) -> None:
        self._tell(name, actor, text, ok=bool(fits), **facts)
        if not fits:
            raise StoryDiffers(name)

    def _tell(self, name: str, actor: Actor, text: str, **facts: Any) -> None:
        now = time.monotonic()
        step = Step(name, actor.name, text, **facts)
        step.seconds, self._since = now - self._since, now
        self.steps.append(step)
        self.told(step)
