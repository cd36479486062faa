"""The platform is away, or slow, while a session is made: nothing is lost, nothing is made twice."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.owners import running_studio
from tests.browser.wizards import MADE_MS, WORDS, Wallets, create, fill_in, options_of

BYTES = 65_536
SLOW_SECONDS = 1.5


class Way:
    """The way from a studio to its platform: it may be cut, and it may be slow."""

    def __init__(self, base_url: str) -> None:
        host, _, port = base_url.rpartition("/")[2].partition(":")
        self._there = (host, int(port))
        self._door = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.is_cut, self.delay = False, 0.0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._door.getsockname()[1]}"

    def cut(self) -> None:
        """Nothing gets through any more, nor what is on its way."""
        self.is_cut = True
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_cut = False

    def close(self) -> None:
        self.cut()
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._door.accept()
                if self.is_cut:
                    here.close()
                    continue
                there = socket.create_connection(self._there)
                self._open += [here, there]
                for source, sink, slow in ((here, there, True), (there, here, False)):
                    threading.Thread(target=self._carry, args=(source, sink, slow), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        with suppress(OSError), closing(source), closing(sink):
            while data := source.recv(BYTES):
                if slow and self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)


@contextmanager
def way_to(maker: Wallets) -> Iterator[Way]:
    way = Way(maker.stack.base_url)
    try:
        yield way
    finally:
        way.close()


def test_an_outage_and_a_slow_platform_lose_and_double_nothing(
    new_page: Callable[[], Page], maker: Wallets, tmp_path: Path
) -> None:
    with (
        way_to(maker) as way,
        running_studio(way.url, tmp_path, *options_of(maker, tmp_path, WORDS)) as studio,
    ):
        page = new_page()
        studio.sign_in(page, maker.api_key, "/new")
        fill_in(page, "made in an outage")
        way.cut()
        page.get_by_role("button", name="Create session").click()
        page.wait_for_url(re.compile("/made$"))
        # It is said, nothing is made, and what was begun stays this session.
        expect(page.get_by_role("alert")).to_be_visible(timeout=MADE_MS)
        expect(page.get_by_text("What is done stays done.")).to_be_visible()
        assert maker.agent.sessions(label="made in an outage") == []
        way.mend()
        way.delay = SLOW_SECONDS
        page.get_by_role("button", name="Go on").dblclick()
        page.go_back()
        page.wait_for_url(re.compile("/made$"))
        expect(page.get_by_role("heading", name="Your session is made")).to_be_visible(timeout=2 * MADE_MS)
        assert [one.status for one in maker.agent.sessions(label="made in an outage")] == ["active"]
        way.delay = 0
        # Away on the way: what was typed is there when it is back.
        page.goto(f"{studio.url}/new")
        fill_in(page, "kept in an outage")
        way.cut()
        page.reload()
        expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
        way.mend()
        page.reload()
        expect(page.get_by_text("kept in an outage", exact=True)).to_be_visible()
        create(page)
        assert len(maker.agent.sessions(label="kept in an outage")) == 1
