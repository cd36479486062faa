"""A server looks for garbage seldom, and finds it."""

import subprocess
import sys

LEFT = """
import weakref
from valetkey.cli.garbage import collect_seldom

class Page:
    def __init__(self):
        self.own = self
        self.rows = [[number] for number in range(100)]

collect_seldom()
pages = [Page() for _ in range(1_000)]
seen = [weakref.ref(one) for one in pages]
# They are read for a while, and outlive a look or two; then nobody reads them any more.
stays = [[number] for number in range(600_000)]
pages.clear()
stays += [[number] for number in range(1_500_000)]
print(sum(one() is not None for one in seen))
"""


def test_what_outlived_a_look_is_found_by_a_later_one() -> None:
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
