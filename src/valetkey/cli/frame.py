"""The frame of every command: `--json`, the options that many share, what is printed, and how it ends.

Everything heavy is imported when a command runs, so that `valetkey --help` answers at once.
"""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from valetkey.cli.told import Told

PROGRAM = "valetkey"
COMPLETE = f"_{PROGRAM.upper()}_COMPLETE"
"""The variable that a shell asks with: see `valetkey completion`."""

SHARED = "Who and where"
"""The panel of the options that most commands share."""

Work = Callable[..., "Told | None"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and errors as JSON too.")]


def _option(kind: Any, text: str, *flags: str) -> Any:
    return Annotated[kind | None, typer.Option(*flags, help=text, rich_help_panel=SHARED, show_default=False)]


_OPTIONS: dict[str, Any] = {
    "base_url": _option(str, "The platform; otherwise VALETKEY_BASE_URL.", "--base-url"),
    "home": _option(Path, "The state folder; otherwise VALETKEY_HOME.", "--home"),
    "rpc_url": _option(
        str, "A node of the chain; otherwise VALETKEY_RPC_URL, or the platform's.", "--rpc-url"
    ),
    "api_key": _option(
        Path, "A file with the owner's API key; otherwise VALETKEY_API_KEY.", "--api-key-file"
    ),
    "owner_key": _option(
        Path, "A file with the wallet's private key; otherwise VALETKEY_OWNER_KEY.", "--key-file"
    ),
    "bundle": _option(Path, "A file with a session's bundle; otherwise VALETKEY_BUNDLE.", "--bundle-file"),
    "identity": _option(
        Path, "A file with the age identity that opens it when it is sealed.", "--identity-file"
    ),
    "bundle_passphrase": _option(
        Path, "A file with the passphrase that it is sealed under.", "--bundle-passphrase-file"
    ),
    "claim_link": _option(
        Path, "A file with the one-time link; otherwise VALETKEY_CLAIM_LINK.", "--link-file"
    ),
    "enrollment": _option(
        str, "The code of the enrolment whose session is used, instead of a bundle.", "--enrollment"
    ),
    "keystore": _option(Path, "The file of kept keys; otherwise keys.db in the state folder.", "--keystore"),
    "passphrase": _option(
        Path, "A file with the passphrase of kept keys; otherwise VALETKEY_PASSPHRASE.", "--passphrase-file"
    ),
}
"""Options that commands share, by the names of their settings. The value of a secret is never one of them."""

NOBODY: tuple[str, ...] = ()
PLATFORM = ("base_url", "home")
OWNER = ("api_key", *PLATFORM)
WALLET = ("api_key", "owner_key", "rpc_url", *PLATFORM)
KEPT = ("keystore", "passphrase")
BUNDLE = ("bundle", "identity", "bundle_passphrase", *KEPT)
SESSION = ("enrollment", *BUNDLE)
HOLDER = (*SESSION, "rpc_url", *PLATFORM)
BUYER = (*SESSION, *WALLET)
ANYBODY = (*SESSION, "api_key", *PLATFORM)
KEYSTORE = (*KEPT, "home")


def command(group: typer.Typer, name: str, *, needs: Sequence[str] = NOBODY) -> Callable[[Work], Work]:
    """Register a command. Its first parameter is the Place; `needs` are the shared options that it takes.

    What it returns is printed. It raises what it likes below ValetkeyError: Root says so.
    """

    def registered(work: Work) -> Work:
        # One that answers nothing by itself prints as it goes.
        tells = inspect.signature(work).return_annotation is not None

        @functools.wraps(work)
        def run(**given: Any) -> None:
            as_json = bool(given.pop("as_json", False))
            flags = {one: given.pop(one) for one in needs}
            _carry_out(work, flags, given, as_json=as_json, tells=tells)

        signature = inspect.signature(work)
        own = list(signature.parameters.values())[1:]
        shared = [
            *(_parameter(one, _OPTIONS[one], None) for one in needs),
            _parameter("as_json", Json, False),
        ]
        # A parameter without a default comes before those that have one.
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (*own, *shared)}
        run.__doc__ = _flowing(work.__doc__ or "")
        del run.__wrapped__
        group.command(name)(run)
        return work

    return registered


def _flowing(text: str) -> str:
    """A docstring whose paragraphs are as wide as the reader's terminal."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(one.split()) for one in paragraphs)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _carry_out(
    work: Work, flags: dict[str, Any], given: dict[str, Any], *, as_json: bool, tells: bool
) -> None:
    from valetkey.cli.place import Place

    try:
        with Place(flags, as_json=as_json, tells=tells) as place:
            told = work(place, **given)
            place.quiet()
            if told is not None:
                _tell(told, as_json=as_json)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_the_pipe()
    if told is not None and told.exit_code:
        raise typer.Exit(int(told.exit_code))


def _tell(told: "Told", *, as_json: bool) -> None:
    import json

    from valetkey.cli.printing import note, show
    from valetkey.cli.told import plain

    if as_json:
        print(json.dumps(plain(told.data)))
        return
    show(told.shown)
    for text in told.notes:
        note(text)


def _leave_the_pipe() -> None:
    """Who read our output went away, as `head` does: end without a word, as other programs do."""
    from valetkey.cli.failing import READER_GONE

    # What is still buffered must not be tried again at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(READER_GONE)


class Root(TyperGroup):
    """The whole command line. An expected error is one sentence and an exit code, never a traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The groups first: they are what people look for."""
        return sorted(
            super().list_commands(ctx), key=lambda name: not isinstance(self.commands[name], TyperGroup)
        )

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run it, and end the process with its exit code, unless `standalone_mode` says otherwise."""
        words = sys.argv[1:] if args is None else list(args)
        if COMPLETE in os.environ:
            from typer import completion

            # A shell asks; otherwise nobody needs what answers it.
            completion.completion_init()  # type: ignore[attr-defined]  # it is not told what it exports

        def call() -> Any:
            return super(Root, self).main(
                words, prog_name or PROGRAM, complete_var, False, windows_expand_args, **extra
            )

        if not standalone_mode:
            return call()
        sys.exit(_exit_code(call, as_json="--json" in words))


def _exit_code(call: Callable[[], Any], *, as_json: bool) -> int:
    from valetkey.core.errors import ValetkeyError

    usage: Any = typer.BadParameter.__bases__[0]
    try:
        return int(call() or 0)
    except ValetkeyError as error:
        from valetkey.cli.failing import tell_failure

        return tell_failure(error, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        from valetkey.cli.failing import INTERRUPTED

        return INTERRUPTED
    except usage as error:
        return _usage(error, as_json=as_json)
    except ModuleNotFoundError as error:
        return _missing(error, as_json=as_json)
    except Exception as error:
        if not as_json:
            raise
        from valetkey.cli.failing import tell_bug

        return tell_bug(error)


def _missing(error: ModuleNotFoundError, *, as_json: bool) -> int:
    """A package that is no part of the installation: of an extra, people are told which."""
    from valetkey.cli.complaint import Complaint
    from valetkey.cli.extras import extra_of, install
    from valetkey.cli.failing import tell_failure
    from valetkey.wire.errors import Exit

    extra = extra_of(error)
    if extra is None:
        raise error
    complaint = Complaint(f"this needs the extra {extra}", Exit.ENVIRONMENT, hint=install(extra))
    return tell_failure(complaint, as_json=as_json)


def _usage(error: Any, *, as_json: bool) -> int:
    """What was written is no command of ours; without a command, the help says which there are."""
    from valetkey.cli.failing import tell_usage
    from valetkey.wire.errors import Exit

    is_help = type(error).__name__ == "NoArgsIsHelpError"
    if is_help and not as_json:
        print(error.format_message(), file=sys.stderr)
        return Exit.INPUT
    context = getattr(error, "ctx", None)
    message = "a command is missing" if is_help else error.format_message().replace("Value error, ", "")
    return tell_usage(message, context.command_path if context is not None else PROGRAM, as_json=as_json)
