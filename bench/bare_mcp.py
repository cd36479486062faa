"""The floor of a call over MCP: a server of the official package whose one tool answers what it always answers."""

import asyncio
from typing import Any

import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

ANSWER: dict[str, Any] = {"sessions": [{"session_id": "ses_0", "label": "bench", "remaining_limit": "10"}]}


async def _list(*_: Any) -> types.ListToolsResult:
    nothing: dict[str, Any] = {"type": "object", "properties": {}}
    return types.ListToolsResult(tools=[types.Tool(name="check_session_inventory", input_schema=nothing)])


async def _call(*_: Any) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text="{}")], structured_content=ANSWER
    )


async def main() -> None:
    """Serve over stdio until standard input ends."""
    server: Server[Any] = Server("bare", version="0", on_list_tools=_list, on_call_tool=_call)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
