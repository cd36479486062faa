"""A studio that writes into a file what it holds whenever it gets SIGUSR1: pages, tasks, listeners."""

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path
from types import FrameType


def is_ours(task: "asyncio.Task[object]") -> bool:
    """A page's: of the studio's code, or what sends to its browser. The server's own come and go."""
    code = getattr(task.get_coro(), "cr_code", None)
    return "valetkey/studio" in getattr(code, "co_filename", "") or task.get_name().startswith("outbox loop")


def main(base_url: str, home: str, told: str) -> None:
    from valetkey.cli.serving import listen
    from valetkey.studio.plan import Plan
    from valetkey.studio.run import run

    def tell(_number: int, _frame: FrameType | None) -> None:
        from nicegui import Client, core

        from valetkey.studio.feed import Feed

        gc.collect()
        feeds = [one for one in gc.get_objects() if type(one) is Feed]
        held = {
            "pages": len(Client.instances),
            "tasks": sum(map(is_ours, asyncio.all_tasks(core.loop))),
            "listeners": sum(map(len, feeds)),
        }
        Path(told + ".new").write_text(json.dumps(held))
        Path(told + ".new").rename(told)

    signal.signal(signal.SIGUSR1, tell)
    listener = listen("127.0.0.1", 0)
    print(f"studio at http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    run(Plan(base_url=base_url, state_dir=Path(home)), listener, stop_with_stdin=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
