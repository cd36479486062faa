"""The MCP server: what a model does with a session, or an owner with its own, one SDK call for each tool.

No rules are here: what may be spent is decided by the platform's gate. Needs `valetkey[mcp]`.
"""

from valetkey.mcp.plan import Plan as Plan
from valetkey.mcp.run import run as run

__all__ = ["Plan", "run"]
