"""How a command ends when it cannot do its work: one clear sentence and an exit code."""

from valetkey.core.errors import ValetkeyError


class Complaint(ValetkeyError):
    """The sentence is meant for the person at the terminal; `exit_code` is one of wire.errors.Exit."""

    code = "complaint"

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
