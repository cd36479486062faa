"""`valetkey config`: where each value comes from. `valetkey completion` and `valetkey version` are here, too."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from valetkey.cli.frame import command
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place

config = typer.Typer(help="Settings, and where each comes from.", no_args_is_help=True)

HIDDEN = "(hidden)"


@command(config, "show")
def show(place: "Place") -> Told:
    """Show every setting and its source: flag, environment, configuration file or default. Secrets are hidden."""
    from valetkey.cli.configured import SETTINGS
    from valetkey.cli.told import rows

    found = []
    for name, setting in SETTINGS.items():
        one = place.configured.find(name)
        value = one.value
        if value is not None and setting.is_secret:
            # A file's name is no secret, and says where to look.
            value = value if one.is_file else HIDDEN
        elif value is not None and name == "rpc_url":
            value = without_path(value)
        found.append({"name": name, "value": value, "source": one.source or None, "meaning": setting.meaning})
    table = rows(
        ("SETTING", "VALUE", "SOURCE", "MEANING"),
        ([one[name] for name in ("name", "value", "source", "meaning")] for one in found),
        "",
    )
    path = place.configured.path
    return Told(
        {"config_file": str(path), "config_file_exists": path.exists(), "settings": found},
        table,
        (f"configuration file: {path}{'' if path.exists() else ' (not there)'}",),
    )


def without_path(url: str) -> str:
    """A node's URL without what is often its provider's key."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{'/...' if parts.path.strip('/') or parts.query else ''}"


def completion(
    _place: "Place",
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Your shell.")],
) -> Told:
    """Print the script that completes commands in a shell; `valetkey --install-completion` installs it.

    `source <(valetkey completion bash)` in ~/.bashrc, `valetkey completion zsh > ~/.zfunc/_valetkey`,
    `valetkey completion fish > ~/.config/fish/completions/valetkey.fish`.
    """
    from valetkey.cli.completing import script_for
    from valetkey.cli.told import Raw

    script = script_for(shell)
    return Told({"shell": shell, "script": script}, Raw(script))


def version(_place: "Place") -> Told:
    """Print the version."""
    from importlib.metadata import version as installed

    found = installed("valetkey")
    return Told({"version": found}, found)
