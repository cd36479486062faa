"""An agent of the OpenAI Agents SDK with a session's tools, over MCP. Needs openai-agents and a model's key.

Not run by the tests, which compile it: that package is not among Valetkey's.
"""

import asyncio
import os
import sys

from agents import Agent, Runner
from agents.mcp import MCPServerStdio


async def main() -> None:
    # VALETKEY_SESSION_FILE and VALETKEY_BASE_URL are in the environment; the model sees neither.
    process = {"command": sys.executable, "args": ["-m", "valetkey.mcp"], "env": dict(os.environ)}
    # A purchase waits for the chain: longer than the client's own five seconds.
    async with MCPServerStdio(params=process, client_session_timeout_seconds=120) as server:
        agent = Agent(
            name="buyer",
            instructions="Look at check_session_inventory first. A refusal is the owner's rule: tell the user.",
            mcp_servers=[server],
        )
        answer = await Runner.run(agent, "Buy a summary of story.txt for at most 3 USDC, and show it to me.")
        print(answer.final_output)


if __name__ == "__main__":
    asyncio.run(main())
