"""What a tool is: a name, what it is for, the shapes of both sides, and the one call of the SDK behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import mcp_types as types

from valetkey.mcp.schemas import Schema

D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Tool(Generic[D]):
    """reads: it changes nothing. destroys: what it does cannot be taken back (money that leaves is gone). repeats: the
    same call again changes nothing more. open_world: it reaches what is neither ours nor the platform's.
    """

    name: str
    title: str
    about: str
    takes: Schema
    gives: Schema
    perform: Callable[[D, dict[str, Any]], Awaitable[dict[str, Any]]] = field(repr=False)
    reads: bool = False
    destroys: bool = False
    repeats: bool = False
    open_world: bool = False

    def described(self) -> types.Tool:
        """As MCP lists it."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.about,
            input_schema=self.takes,
            output_schema=self.gives,
            annotations=types.ToolAnnotations(
                title=self.title,
                read_only_hint=self.reads,
                destructive_hint=self.destroys,
                idempotent_hint=self.repeats or self.reads,
                open_world_hint=self.open_world,
            ),
        )
