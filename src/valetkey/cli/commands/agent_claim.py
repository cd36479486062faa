"""`valetkey agent claim`: a delegate opens the one-time link that it was given, and keeps the bundle."""

from typing import TYPE_CHECKING

from valetkey.cli.commands.agent import agent
from valetkey.cli.frame import KEPT, PLATFORM, command
from valetkey.cli.options import Out, PrintBundle
from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.place import Place


@command(agent, "claim", needs=("claim_link", *KEPT, *PLATFORM))
def claim(place: "Place", out: Out = None, print_bundle: PrintBundle = False) -> Told:
    """Open a one-time link (`session claim-link`), and keep the bundle of its session.

    The link comes from --link-file, standard input (-) or VALETKEY_CLAIM_LINK, and is never an argument. Whoever is
    first has the session. Interrupted, the same command again gets the same, by a secret in the state folder: claim at
    once, and keep that folder.
    """
    from valetkey.cli.sessions_shown import data_of, facts_of
    from valetkey.cli.told import Facts, Raw

    link = place.needed("claim_link")
    with place.destination("bundle", out, printed=print_bundle, flag="--print-bundle") as kept:
        delegate = place.newcomer()
        with place.waiting("opening the link"):
            view = delegate.claim(link)
            kept.put(delegate.serialize())
    assert view is not None, "what is claimed has a token"
    data = {"session": data_of(view), **kept.data("bundle")}
    if kept.text is not None:
        return Told(data, Raw(kept.text), (f"session {view.session_id}",))
    return Told(data, Facts((*facts_of(view).facts, ("bundle in", str(out)))))
