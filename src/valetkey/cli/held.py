"""Which session a delegate's command is of, in one order, and its bundle when that comes sealed.

What is written in the command, the environment, the configuration file; each of them names a bundle or an enrolment.
Where nothing does, it is the only enrolment of the state folder.
"""

from pathlib import Path

from valetkey.cli.complaint import Complaint
from valetkey.cli.configured import FLAG, SETTINGS, Configured, Found
from valetkey.crypto.secret import Secret
from valetkey.wire.errors import Exit

BUNDLE = "bundle"
"""In the place of an enrolment's code: the session is that of the bundle."""

SECRETS = ("identity", "bundle_passphrase")
"""What opens a sealed bundle, by the names of its settings."""


def named_session(configured: Configured) -> str | None:
    """The code of an enrolment, BUNDLE, or None where nothing names a session. Raises Complaint where two do."""
    bundle, enrollment = configured.find("bundle"), configured.find("enrollment")
    if bundle.value is None or enrollment.value is None:
        return enrollment.value if bundle.value is None else BUNDLE
    if bundle.rank == enrollment.rank:
        raise Complaint(
            f"{bundle.source} and {enrollment.source} name a session each: which one?"
            if bundle.source != enrollment.source
            else f"{bundle.source} names two sessions, by {bundle.setting.member} and {enrollment.setting.member}",
            Exit.INPUT,
        )
    return BUNDLE if bundle.rank < enrollment.rank else enrollment.value


def only_enrollment(folder: Path) -> str | None:
    """The code of the only enrolment in a state folder; None where there is none. Raises Complaint for several."""
    from valetkey.sdk.kept_enrollment import ROOM
    from valetkey.sdk.state import StateFolder

    codes = StateFolder(folder).names(ROOM)
    if len(codes) > 1:
        setting = SETTINGS["enrollment"]
        newest_first = sorted(codes, key=lambda code: -_written_at(folder / ROOM / code))
        raise Complaint(
            f"{len(codes)} enrolments are kept in {folder}, the newest first: {', '.join(newest_first)}",
            Exit.INPUT,
            hint=f"{setting.flag} CODE, or set {setting.variable}",
        )
    return codes[0] if codes else None


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def session_at_hand(configured: Configured) -> str | None:
    """The session that is named, otherwise the only one that enrolled here; None where there is none."""
    named = named_session(configured)
    return only_enrollment(configured.folder()) if named is None else named


def no_session() -> Complaint:
    """What is said where a session is needed and there is none."""
    bundle, enrollment = SETTINGS["bundle"], SETTINGS["enrollment"]
    return Complaint(
        "a session is needed",
        Exit.INPUT,
        hint=f"{bundle.flag} FILE, or set {bundle.variable} or {bundle.file_variable}; of keys that enrolled here:"
        f" {enrollment.flag} CODE",
    )


def secret_for(handed: str | bytes, configured: Configured) -> str:
    """The name of the setting that opens a sealed bundle. Raises Complaint where it is not there."""
    from valetkey.wire.sealed_bundle import is_under_passphrase

    name = "bundle_passphrase" if is_under_passphrase(handed) else "identity"
    setting = SETTINGS[name]
    if configured.find(name).value is None:
        under = (
            "under a passphrase, which" if name == "bundle_passphrase" else "to an age key, whose identity"
        )
        raise Complaint(
            f"this bundle is sealed {under} is needed",
            Exit.INPUT,
            hint=f"{setting.flag} FILE, or set {setting.variable} or {setting.file_variable}",
        )
    return name


def opened(handed: str | bytes, name: str, secret: Secret) -> Secret:
    """The bundle inside a sealed one. Raises BundleError."""
    from valetkey.wire.child_bundle import serialize_child
    from valetkey.wire.sealed_bundle import read_handed

    # Whether it has ended is not looked at: what is left is reclaimed after the end.
    if name == "identity":
        bundle, narrowings = read_handed(handed, None, identity=secret)
    else:
        bundle, narrowings = read_handed(handed, None, passphrase=secret)
    return Secret(serialize_child(bundle, narrowings))


def check_was_promised_sealed(configured: Configured) -> None:
    """Raise BundleError when the command names what opens a sealed bundle, and this one came in the open."""
    from valetkey.wire.bundle import BundleCode, BundleError

    if any(_is_written(configured.find(name)) for name in SECRETS):
        raise BundleError(
            "this is no sealed bundle: it was handed over in the open", code=BundleCode.NOT_SEALED
        )


def _is_written(found: Found) -> bool:
    return found.value is not None and found.rank == FLAG
