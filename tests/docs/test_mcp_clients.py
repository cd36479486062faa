"""The configuration files of MCP clients that a page shows start a server that answers, as those clients would do."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from valetkey import BuyerAgent

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "mcp.md"
SHOWN = [
    json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
]
MEMBERS = ("mcpServers", "servers")
"""Under which name Claude Desktop and Cursor, and Visual Studio Code, look for their servers."""


def test_every_client_of_the_page_is_tried() -> None:
    assert tuple(member for one in SHOWN for member in one) == MEMBERS


@pytest.mark.parametrize("member", MEMBERS)
def test_the_server_of_a_configuration_file_answers(
    member: str, documented_world: dict[str, Any], tmp_path: Path
) -> None:
    (told,) = [one[member]["valetkey"] for one in SHOWN if member in one]
    owner = BuyerAgent.register(documented_world["OWNER_KEY"], "acme-buyer")
    session = owner.create_session(budget_usdc=10, expiry=3600, label=member)
    owner.close()
    bundle = tmp_path / "session.bundle"
    bundle.write_text(session.serialize())
    bundle.chmod(0o600)
    assert told["command"] == "python"
    assert set(told["env"]) == {"VALETKEY_SESSION_FILE", "VALETKEY_BASE_URL"}
    env = {
        **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
        "VALETKEY_SESSION_FILE": str(bundle),
        "VALETKEY_BASE_URL": os.environ["VALETKEY_BASE_URL"],
        "VALETKEY_HOME": str(tmp_path / "home"),
    }

    async def look() -> str:
        server = StdioServerParameters(command=sys.executable, args=told["args"], env=env)
        async with Client(server) as client:
            inventory = await client.call_tool("check_session_inventory", {})
            (shown,) = inventory.structured_content["sessions"]
            return str(shown["label"])

    assert asyncio.run(look()) == member
