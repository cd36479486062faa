"""How a command ends when it cannot do its work: one clear sentence and an exit code."""

from valetkey.core.errors import ValetkeyError


class Complaint(ValetkeyError):
    """The sentence is meant for the person at the terminal; `exit_code` is one of wire.errors.Exit.

    `hint` says what to do about it, None when the sentence does.
    """

    code = "complaint"

    def __init__(self, message: str, exit_code: int, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.hint = hint
