"""`make screenshots`: the console as it looks on a Friday afternoon, into docs/images/studio.

A real chain, platform and studio on loopback live through a week of made-up business, and Chromium looks at it. Ends
with 1 when a page shows an error or what was not filled in, or when its console does.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images" / "studio"
BYTES_MAX, ALL_BYTES_MAX = 150_000, 1_500_000


def main() -> int:
    """Take every picture; how much each of them is, and what was wrong."""
    parser = argparse.ArgumentParser(prog="make_screenshots")
    parser.add_argument("--into", type=Path, default=IMAGES)
    into: Path = parser.parse_args().into
    sys.path.insert(1, str(ROOT))
    from pictures.company import LAST, week
    from pictures.moments import FOLDER, Clock

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pictures-") as name, ExitStack() as held:
        folder = Path(name)
        events = week()
        clock = Clock(folder / "clock", events[0].at - 60)
        os.environ.update(clock.environment())
        # This process lives by it too: what it makes has its times.
        sys.path.insert(0, str(FOLDER))
        import sitecustomize

        sitecustomize.take_over(str(clock.path))
        from pictures.camera import Camera
        from pictures.filling import Company
        from pictures.views import everything
        from playwright.sync_api import sync_playwright

        from tests.browser.conftest import FLAGS, chromium_path
        from tests.fixtures_stack import start_stack

        stack = start_stack(studio=True, log=folder / "log")
        held.callback(stack.stop)
        # `dev` registered the owner in this second, and a message registers once.
        clock.set(events[0].at - 30)
        company = Company(stack, clock, folder)
        held.callback(company.close)
        company.offer()
        for event in events:
            company.live(event)
        say(began, f"{len(events)} things happened in a week")
        clock.set(LAST)
        playwright = held.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        held.callback(browser.close)
        assert stack.studio_url is not None
        into.mkdir(parents=True, exist_ok=True)
        camera = Camera(browser, stack.studio_url, into)
        with camera.looking() as page:
            camera.sign_in(page, company.api_key)
            company.live_the_last_hour()
        everything(camera, company)
    say(began, f"{len(camera.taken)} pictures, {sum(map(size, camera.taken)):,} bytes")
    problems = camera.wrong + [
        f"{one.name}: {size(one):,} bytes" for one in camera.taken if size(one) > BYTES_MAX
    ]
    if sum(map(size, camera.taken)) > ALL_BYTES_MAX:
        problems.append("all together are too much")
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    return 1 if problems else 0


def size(path: Path) -> int:
    return path.stat().st_size


def say(began: float, words: str) -> None:
    print(f"{time.monotonic() - began:5.0f} s  {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
