"""How the new keys of a session reach their holder: what a form has to say about it."""

from valetkey.core.errors import InvalidInput
from valetkey.studio.deeds.asking import Fields, lines_of
from valetkey.studio.wizard.words import HANDING
from valetkey.wire.sealed_bundle import seal_bundle


def ways(*, is_enrolled: bool) -> dict[str, tuple[str, str]]:
    """Who made its own keys makes the next ones, too; to everybody else they are handed."""
    return {name: words for name, words in HANDING.items() if (name == "enrolled") is is_enrolled}


def check_handing(fields: Fields, *, is_enrolled: bool) -> None:
    """Raise InvalidInput for a way that is none, or lacks something."""
    way = fields.get("handing", "")
    if way not in ways(is_enrolled=is_enrolled):
        raise InvalidInput("choose how it is handed over", field="handing")
    if way == "enrolled" and not fields.get("code", "").strip():
        raise InvalidInput("type the code that the delegate told you", field="code")
    if way != "sealed":
        return
    recipients, problem = lines_of(fields, "recipients"), ""
    if not recipients:
        raise InvalidInput("whom is it sealed to? Name the delegate's age public key", field="recipients")
    try:
        seal_bundle("", recipients, None)
    except InvalidInput as error:
        problem = str(error)
    if problem:
        raise InvalidInput(problem, field="recipients")
