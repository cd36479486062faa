"""`valetkey doctor`: the checks of cli/doctor in their order, and what is told of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from valetkey.cli.told import Told

if TYPE_CHECKING:
    from valetkey.cli.doctor.check import Check
    from valetkey.cli.place import Place


def doctor(
    place: "Place",
    production: Annotated[
        bool,
        typer.Option("--production", help="Look whether the platform that VALETKEY_* names may be opened."),
    ] = False,
) -> Told:
    """Look at everything that is needed here, and say what to do about what is not as it must be.

    Clocks, platform and its version, chain, contracts, balances, database, credentials, state folder, extras. What
    nothing names is skipped. With --production: settings, secrets, database, nodes, contracts, gas, certificates and
    what strangers reach. The exit code is 0 when nothing fails, otherwise that of the first failure: 2 a setting,
    4 a credential, 6 a newer database, 7 the world, 8 a contract that is not there.
    """
    import os

    from valetkey.cli.doctor.check import FAIL
    from valetkey.cli.doctor.credentials import Credentials
    from valetkey.cli.doctor.database import database
    from valetkey.cli.doctor.machine import configuration, extras, python, state_folder
    from valetkey.cli.doctor.production import production as checks_of_production
    from valetkey.cli.doctor.remote import Remote

    remote = Remote(place)
    with place.waiting("looking at everything"):
        found = [*python()]
        if production:
            return _told([*found, *checks_of_production(os.environ)])
        found += configuration(place.configured)
        if all(one.status != FAIL or one.name != "configuration" for one in found):
            found += [*state_folder(place), *remote.platform(), *remote.chain()]
            found += Credentials(place, has_platform=remote.network is not None).checks()
        found += [*database(os.environ), *extras()]
    return _told(found)


def _told(found: "list[Check]") -> Told:
    from valetkey.cli.doctor.check import FAIL, WARN
    from valetkey.cli.told import rows

    failed = [one for one in found if one.status == FAIL]
    warned = sum(one.status == WARN for one in found)
    table = rows(
        ("", "WHAT", "SEEN", "TO DO"),
        ((one.status, one.name, one.seen, "" if one.status == "ok" else one.todo) for one in found),
        "",
    )
    data = {
        "ok": not failed,
        "failed": len(failed),
        "warned": warned,
        "checks": [
            {"name": one.name, "status": one.status, "seen": one.seen, "todo": one.todo or None}
            for one in found
        ],
    }
    summed = f"{len(found)} checks, {len(failed)} failed, {warned} warnings"
    return Told(data, table, (summed,), failed[0].exit_code if failed else 0)
