"""A LangChain agent with a session's tools, over MCP. Needs langchain, langchain-mcp-adapters and a model's key.

Not run by the tests, which compile it: those packages are not among Valetkey's.
"""

import asyncio
import os
import sys

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient


async def main() -> None:
    client = MultiServerMCPClient(
        {
            "valetkey": {
                "transport": "stdio",
                "command": sys.executable,
                "args": ["-m", "valetkey.mcp"],
                # VALETKEY_SESSION_FILE and VALETKEY_BASE_URL are in there; the model sees neither.
                "env": dict(os.environ),
            }
        }
    )
    agent = create_agent("openai:gpt-4.1", await client.get_tools())
    asked = "Buy a summary of the story in story.txt for at most 3 USDC, and show it to me."
    answer = await agent.ainvoke({"messages": [{"role": "user", "content": asked}]})
    print(answer["messages"][-1].content)


if __name__ == "__main__":
    asyncio.run(main())
