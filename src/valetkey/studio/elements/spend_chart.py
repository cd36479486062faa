"""Spend over time as steps, drawn by the browser."""

from collections.abc import Sequence
from decimal import Decimal

from nicegui.element import Element

from valetkey.studio.words.amounts import money
from valetkey.studio.words.times import seconds_of
from valetkey.wire.sessions import SessionView
from valetkey.wire.spends import SpendView

COUNTED = ("held", "unknown", "captured", "approved", "pending_approval")


class SpendChart(Element, component="spend_chart.js"):
    """`points` are (unix seconds, what was spent until then), the first one the beginning."""

    def __init__(self, points: Sequence[tuple[int, Decimal]], view: SessionView) -> None:
        super().__init__()
        limit = None if view.budget_usdc is None else float(view.budget_usdc)
        last = points[-1][1]
        self._props.update(
            {
                # Floats place what is drawn; no figure is written from them but ticks.
                "points": [[at, float(amount)] for at, amount in points],
                "limit": limit,
                "currency": "USDC",
                "summary": f"Spent and held over time: {money(format(last, 'f'))} of {money(view.budget_usdc)}",
            }
        )


def points_of(view: SessionView, spends: Sequence[SpendView], now: int) -> list[tuple[int, Decimal]]:
    """Steps out of the newest spends, newest first; what was spent before them is below the first step."""
    counted = [
        (seconds_of(one.placed_at), _amount(one, view))
        for one in reversed(spends)
        if one.currency == "USDC" and one.state in COUNTED
    ]
    if not counted:
        return []
    whole = Decimal(view.spent_usdc) + Decimal(view.held_usdc)
    level = max(Decimal(0), whole - sum((amount for _, amount in counted), Decimal(0)))
    points = [(counted[0][0] - max(1, (now - counted[0][0]) // 50), level)]
    for at, amount in counted:
        level += amount
        points.append((at, level))
    points.append((max(now, points[-1][0]), level))
    return points


def _amount(one: SpendView, view: SessionView) -> Decimal:
    back = Decimal(one.refunded or 0) if view.refunds_restore else Decimal(0)
    return Decimal(one.captured or one.amount) - back
