"""How a store words what it tells by webhooks: it knows no JSON, so whoever opens it says how."""

from dataclasses import dataclass

from valetkey.core.alerts import Alert
from valetkey.ports.alerts import Telling
from valetkey.ports.ledger import Event


@dataclass(slots=True)
class Tellings:
    """Shared by a store and its books. Until somebody says how alerts are told, they are kept in the list alone."""

    alerts: Telling | None = None

    def of_alert(self, alert: Alert, url: str | None) -> tuple[Event, ...]:
        """The webhooks of an alert whose owner is told at this URL."""
        return () if url is None or self.alerts is None else (self.alerts(alert, url),)
