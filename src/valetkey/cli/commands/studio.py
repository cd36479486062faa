"""`valetkey studio`: the console, as a process of its own. What it shows is in valetkey/studio."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from valetkey.cli.place import Place


def studio(
    place: "Place",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any free one.", min=0, max=65535)] = 8789,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name beside loopback by which it is reached; may be repeated.", show_default=False
        ),
    ] = None,
    https: Annotated[
        bool, typer.Option("--https", help="A proxy before it speaks https: its cookie goes nowhere else.")
    ] = False,
    print_address: Annotated[
        bool | None,
        typer.Option(
            "--print-address/--no-print-address",
            help="With --key-file: print an address that signs in once, for an hour. By default on a terminal alone.",
            show_default=False,
        ),
    ] = None,
    idle: Annotated[str, typer.Option(help="Signed out after so long without a hand at the page.")] = "1h",
    solana_key_file: Annotated[
        Path | None,
        typer.Option(
            help="A file with the owner's key on Solana, hex or base58: new sessions there pay out of it.",
            show_default=False,
        ),
    ] = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    sign_in_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    stop_with_stdin: Annotated[bool, typer.Option("--stop-with-stdin", hidden=True)] = False,
) -> None:
    """Serve the console: see every session, stop any of them, make one. Owners sign in by API key or with their wallet.

    With the key of an owner's wallet (--key-file) it signs for that owner's new sessions; otherwise the wallet in the
    owner's browser does. With a passphrase the keys of new sessions are kept in the keystore of the state folder, and
    with a key on Solana beside both it makes sessions there.
    Needs valetkey[studio].
    """
    import sys

    from valetkey.cli.complaint import Complaint
    from valetkey.cli.garbage import set_program_aside
    from valetkey.cli.secrets_at_hand import read_text
    from valetkey.cli.serving import adopt, listen
    from valetkey.cli.words import seconds_of
    from valetkey.crypto.keys import PrivateKey
    from valetkey.crypto.secret import Secret
    from valetkey.sdk.solana.desks import solana_signer_of
    from valetkey.studio.plan import Plan
    from valetkey.studio.run import check_installed, run
    from valetkey.studio.sign_in_address import address_of, new_token, read_token
    from valetkey.studio.wizard.operator import Operator
    from valetkey.wire.errors import Exit

    check_installed()
    plan = Plan(
        base_url=place.base_url(),
        state_dir=place.configured.folder(),
        host=host,
        hosts=tuple(allow_host or ()),
        secure=https,
        idle_seconds=seconds_of(idle, "--idle"),
    )
    key = place.secret("owner_key")
    solana = None
    if solana_key_file is not None:
        solana = Secret(read_text(solana_key_file, "the owner's key on Solana").strip())
        solana_signer_of(solana)
    if print_address and key is None:
        raise Complaint("--print-address is for a studio with the key of a wallet (--key-file)", Exit.INPUT)
    # A log would keep it for whoever reads logs.
    prints = key is not None and (sys.stdout.isatty() if print_address is None else print_address)
    token = read_token(sign_in_fd) if sign_in_fd is not None else new_token() if prints else None
    operator = Operator(
        key=None if key is None else PrivateKey.from_hex(key.reveal()),
        passphrase=place.secret("passphrase"),
        solana=solana,
        token=token,
    )
    listener = listen(host, port) if fd is None else adopt(fd)
    if fd is None:
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        typer.echo(f"studio at {url}", err=True)
        if token is not None:
            typer.echo(f"sign in once, within an hour: {address_of(url, token)}")
            sys.stdout.flush()
    set_program_aside()
    if not run(plan, listener, operator=operator, stop_with_stdin=stop_with_stdin):
        raise Complaint("the studio did not start; what it wrote says why", Exit.ENVIRONMENT)
