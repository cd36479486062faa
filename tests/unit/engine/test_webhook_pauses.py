"""How long the sender of webhooks waits between tries."""

from itertools import pairwise

from valetkey.engine.webhooks import ATTEMPTS_MAX, PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX, pause_seconds


def test_pauses_double_and_stay_below_their_bound() -> None:
    pauses = [pause_seconds(attempts) for attempts in range(1, 40)]
    assert pauses[0] == PAUSE_SECONDS_FIRST
    assert pauses == sorted(pauses)
    assert all(later in (2 * earlier, PAUSE_SECONDS_MAX) for earlier, later in pairwise(pauses))
    assert pauses[-1] == PAUSE_SECONDS_MAX


def test_all_tries_together_take_hours() -> None:
    assert sum(pause_seconds(attempts) for attempts in range(1, ATTEMPTS_MAX)) > 2 * 3_600
