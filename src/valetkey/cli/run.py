"""The third composition root and the `valetkey` command: it puts the groups of commands together.

Everything heavy is imported inside the commands, so that `valetkey --help` answers at once. What names concrete chains
and stores is in embedded.py and public_chain.py, which are parts of this one.
"""

import typer

from valetkey.cli.at_once import at_once
from valetkey.cli.commands import (
    agent_claim,
    copies,
    operate,
    session_children,
    session_claims,
    session_keys,
    session_money,
    session_sealed,
    session_watch,
)
from valetkey.cli.commands import config as configs
from valetkey.cli.commands.agent import agent
from valetkey.cli.commands.approve import approve
from valetkey.cli.commands.audit import audit
from valetkey.cli.commands.contracts import contracts
from valetkey.cli.commands.doctor import doctor
from valetkey.cli.commands.keystore import keystore
from valetkey.cli.commands.mcp import NEEDS as OF_MCP
from valetkey.cli.commands.mcp import mcp
from valetkey.cli.commands.service import service
from valetkey.cli.commands.session import session
from valetkey.cli.commands.studio import studio
from valetkey.cli.commands.tx import tx
from valetkey.cli.commands.x402 import x402
from valetkey.cli.frame import BUYER, PLATFORM, WALLET, Root, command

PARTS = (
    *(session_money, session_keys, session_children, session_sealed, session_claims, session_watch),
    agent_claim,
)
"""Modules that add to the groups of sessions and agents when they are imported."""

app = typer.Typer(
    name="valetkey",
    help="Valet keys for autonomous agents: sessions whose spending limits hold.",
    cls=Root,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.callback(help=app.info.help)(at_once)

for name, group in (
    ("agent", agent),
    ("session", session),
    ("service", service),
    ("tx", tx),
    ("approve", approve),
    ("x402", x402),
    ("audit", audit),
    ("keystore", keystore),
    ("config", configs.config),
    ("contracts", contracts),
):
    app.add_typer(group, name=name)

command(app, "doctor", needs=BUYER)(doctor)
command(app, "freeze", needs=WALLET)(operate.freeze)
command(app, "serve")(operate.serve)
command(app, "mcp", needs=OF_MCP)(mcp)
command(app, "studio", needs=("owner_key", "passphrase", *PLATFORM))(studio)
command(app, "migrate")(operate.migrate)
command(app, "backup")(copies.backup)
command(app, "restore")(copies.restore)
command(app, "release")(copies.release)
command(app, "reseal")(operate.reseal)
command(app, "dev")(operate.dev)
command(app, "demo")(operate.demo)
command(app, "completion")(configs.completion)
command(app, "version")(configs.version)


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    app()


if __name__ == "__main__":
    main()
