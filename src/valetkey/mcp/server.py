"""The server itself: its tools, and how a call is checked, made and answered. Built on the official package."""

import json
import logging
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server

from valetkey.core.errors import InvalidInput, ValetkeyError
from valetkey.mcp.answers import Json, failure, internal
from valetkey.mcp.checking import checked
from valetkey.mcp.desks import SELLER, DelegateDesk, Desk, OwnerDesk
from valetkey.mcp.plan import Plan
from valetkey.mcp.tool import Tool
from valetkey.mcp.tools.delegating import ATTENUATE, RENOUNCE
from valetkey.mcp.tools.owning import owning
from valetkey.mcp.tools.paying_http import paying_http
from valetkey.mcp.tools.reading import READING
from valetkey.mcp.tools.selling import SELLING
from valetkey.mcp.tools.spending import SPENDING
from valetkey.mcp.withholding import Withholding

NAME = "valetkey"
FOR_DELEGATES = (
    "You hold a session: the right to spend an owner's money within rules that this server cannot change. Look at"
    " check_session_inventory first. A refusal is one of the owner's rules: explain_refusal tells what it means, and"
    " nobody is to get around it. Amounts are decimal strings. A call that pays may be repeated unchanged: it pays"
    " once."
)
FOR_OWNERS = (
    "You act for an owner of sessions: you may look at them, make, rotate, revoke and freeze them. Their secrets are"
    " written to files of the operator and never shown. Change nothing that the user did not ask for."
)
BUYING = frozenset({"quote", "purchase", "transfer", "pay_x402", "request_approval"})
SELLS = frozenset({"deliver"})
MAKES = frozenset({"attenuate_session"})
"""What makes something that is good for whoever has it, which nothing is that comes out of an enrolled session."""

_log = logging.getLogger("valetkey.mcp")


class McpServer:
    """The tools of one desk as an MCP server."""

    def __init__(self, plan: Plan) -> None:
        self.desk: Desk = OwnerDesk(plan) if plan.owner else DelegateDesk(plan)
        self._tools: dict[str, Tool[Any]] = {one.name: one for one in tools_of(plan)}
        self.server: Server[Any] = Server(
            NAME,
            version=version("valetkey"),
            title="Valetkey",
            instructions=FOR_OWNERS if plan.owner else FOR_DELEGATES,
            get_tool_input_schema=self._takes,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Make a call. Whatever happens, the answer is structured, and says nothing that is secret."""
        withholding = self.desk.withholding
        try:
            tool = self._tools.get(name)
            if tool is None:
                raise InvalidInput("there is no such tool here", code="not_found", field="name")
            asked = checked(arguments, tool.takes)
            return result(await tool.perform(self.desk, asked), withholding)
        except ValetkeyError as error:
            return result(failure(error), withholding, failed=True)
        except Exception as error:  # noqa: BLE001 - no failure leaves unstructured
            # Its text may quote anything: the place is enough.
            _log.error("the tool %r failed: %s at %s", name[:64], type(error).__name__, _place(error))
            return result(internal(), withholding, failed=True)

    def shown(self) -> list[Tool[Any]]:
        """The tools of this server; once the session's role is known, those that it can use."""
        hidden: frozenset[str] = frozenset()
        if isinstance(self.desk, DelegateDesk) and self.desk.role is not None:
            hidden = BUYING if self.desk.role == SELLER else SELLS
            if self.desk.proves:
                hidden |= MAKES
        return [one for one in self._tools.values() if one.name not in hidden]

    async def _list(
        self, _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        if isinstance(self.desk, DelegateDesk) and self.desk.role is None:
            try:
                await self.desk.holder()
            except Exception as error:  # noqa: BLE001 - no failure leaves unstructured
                # Of a session that is dead, or of a platform that is away, every tool is shown: each says so itself.
                _log.warning("the session cannot be opened now: %s", type(error).__name__)
        return types.ListToolsResult(tools=[one.described() for one in self.shown()])

    async def _call(
        self, _: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        return await self.call(params.name, dict(params.arguments or {}))

    def _takes(self, name: str) -> dict[str, Any] | None:
        tool = self._tools.get(name)
        return None if tool is None else tool.takes


def result(told: Json, withholding: Withholding, *, failed: bool = False) -> types.CallToolResult:
    """The answer on its way: structured, and as text for clients that know no better."""
    clean = withholding.value(told)
    text = json.dumps(clean, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], structured_content=clean, is_error=failed
    )


def tools_of(plan: Plan) -> list[Tool[Any]]:
    """The tools that a plan allows."""
    if plan.owner:
        return list(owning(makes=plan.bundles is not None))
    more = [ATTENUATE] if plan.bundles is not None else []
    return [*READING, *SPENDING, *paying_http(), *SELLING, *more, RENOUNCE]


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
