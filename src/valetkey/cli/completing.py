"""`--install-completion` and `--show-completion`: the shell that this runs in completes our commands."""

from typing import Annotated

import typer

SHELLS = ("bash", "zsh", "fish")


def install(context: typer.Context, wanted: bool) -> None:
    """Write the script where the shell looks for it, and end."""
    if not wanted or context.resilient_parsing:
        return
    from typer import completion

    from valetkey.cli.complaint import Complaint
    from valetkey.cli.frame import COMPLETE, PROGRAM
    from valetkey.wire.errors import Exit

    shell, problem = _shell(), ""
    try:
        _, path = completion.install(shell=shell, prog_name=PROGRAM, complete_var=COMPLETE)  # type: ignore[attr-defined]  # it is not told what it exports
    except OSError as error:
        problem = f"{error.filename} cannot be written: {error.strerror}"
    if problem:
        raise Complaint(problem, Exit.ENVIRONMENT, hint=f"valetkey completion {shell} prints the script")
    print(f"completion for {shell} is in {path}; the next {shell} has it")
    raise typer.Exit


def show(context: typer.Context, wanted: bool) -> None:
    """Print the script, and end."""
    if not wanted or context.resilient_parsing:
        return
    print(script_for(_shell()))
    raise typer.Exit


def script_for(shell: str) -> str:
    """What makes a shell complete our commands."""
    from typer import completion

    from valetkey.cli.frame import COMPLETE, PROGRAM

    script: str = completion.get_completion_script(  # type: ignore[attr-defined]  # it is not told what it exports
        prog_name=PROGRAM, complete_var=COMPLETE, shell=shell
    )
    return script


Install = Annotated[
    bool,
    typer.Option(
        "--install-completion",
        help="Complete commands in this shell from now on.",
        callback=install,
        is_eager=True,
    ),
]
Show = Annotated[
    bool,
    typer.Option(
        "--show-completion", help="Print what completes commands in this shell.", callback=show, is_eager=True
    ),
]


def _shell() -> str:
    """The shell that this runs in. Raises Complaint."""
    import shellingham  # type: ignore[import-untyped]

    from valetkey.cli.complaint import Complaint
    from valetkey.wire.errors import Exit

    try:
        shell, _ = shellingham.detect_shell()
    except shellingham.ShellDetectionFailure:
        shell = ""
    if shell not in SHELLS:
        told = f"{shell} is none of {', '.join(SHELLS)}" if shell else "which shell this is cannot be told"
        raise Complaint(told, Exit.INPUT, hint="valetkey completion bash, zsh or fish prints a script")
    return str(shell)
