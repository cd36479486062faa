"""Where the platform is: https, or http on loopback, and a URL that is wrong is never quoted."""

from pathlib import Path

import pytest

from tests.vectors.leaks import parts_told
from valetkey import BuyerAgent
from valetkey.sdk import config
from valetkey.sdk.errors import NotConfigured

SECRET = "s3cr3tvalue0123456789"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (config.BASE_URL, config.RPC_URL, config.HOME):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "url",
    ["https://example.org", "https://example.org:8443/sub", "http://127.0.0.1:3000", "http://127.8.9.1",
     "http://localhost:1", "http://LOCALHOST:1", "http://[::1]:3000", "HTTPS://example.org"],
)  # fmt: skip
def test_urls_that_are_used(url: str) -> None:
    assert config.base_url_of(url) == url
    assert config.base_url_of(f"{url}///") == url
    assert config.rpc_url_of(url, None) == url


@pytest.mark.parametrize(
    "url",
    [f"http://example.org/{SECRET}", f"http://localhost.example.org/{SECRET}", f"http://127.0.0.1.example.org/{SECRET}",
     f"http://127.0.0.1@example.org/{SECRET}", f"http://{SECRET}:x@10.0.0.1", f"http://[::2]/{SECRET}",
     f"http://0.0.0.0/{SECRET}", f"http://127.1/{SECRET}", f"http://2130706433/{SECRET}", f"ws://127.0.0.1/{SECRET}",
     f"file:///{SECRET}", f"//127.0.0.1/{SECRET}", SECRET, f"https:///{SECRET}", f"https://[::1/{SECRET}",
     f"http://127.0.0.1:99999/{SECRET}", f"http://127.0.0.1:0/{SECRET}", f"http://127.0.0.1:x/{SECRET}",
     f"http://example.org\\@127.0.0.1/{SECRET}", f"http://127.0.0.1 .example.org/{SECRET}",
     f"https://example.org/\n{SECRET}", f"https://ex\x00ample.org/{SECRET}"],
)  # fmt: skip
def test_urls_that_are_refused_and_not_quoted(url: str) -> None:
    for ask in (lambda: config.base_url_of(url), lambda: config.rpc_url_of(url, None)):
        with pytest.raises(NotConfigured) as caught:
            ask()
        assert not parts_told(caught.value, SECRET)


@pytest.mark.parametrize("more", [f"?key={SECRET}", f"#{SECRET}"])
def test_a_base_url_ends_with_its_path(more: str) -> None:
    with pytest.raises(NotConfigured) as caught:
        config.base_url_of(f"https://example.org/api{more}")
    assert not parts_told(caught.value, SECRET)


def test_a_base_url_carries_no_user_and_a_node_s_may() -> None:
    url = f"https://user:{SECRET}@example.org"
    with pytest.raises(NotConfigured) as caught:
        config.base_url_of(url)
    assert not parts_told(caught.value, SECRET)
    assert config.rpc_url_of(url, None) == url
    assert config.rpc_url_of(f"https://example.org/v2?key={SECRET}", None).endswith(SECRET)


def test_an_argument_comes_before_the_environment_before_what_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert config.rpc_url_of(None, "https://told.example.org") == "https://told.example.org"
    monkeypatch.setenv(config.RPC_URL, "https://env.example.org")
    monkeypatch.setenv(config.BASE_URL, "https://env.example.org/")
    assert config.rpc_url_of(None, "https://told.example.org") == "https://env.example.org"
    assert (
        config.rpc_url_of("https://given.example.org", "https://told.example.org")
        == "https://given.example.org"
    )
    assert config.base_url_of(None) == "https://env.example.org"
    assert config.base_url_of("https://given.example.org") == "https://given.example.org"


def test_nothing_given_says_what_to_give() -> None:
    with pytest.raises(NotConfigured, match=config.BASE_URL):
        config.base_url_of(None)
    with pytest.raises(NotConfigured, match=config.RPC_URL):
        config.rpc_url_of(None, None)
    with pytest.raises(NotConfigured):
        BuyerAgent()


def test_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert config.home_of(None) == Path("~/.valetkey").expanduser()
    monkeypatch.setenv(config.HOME, str(tmp_path))
    assert config.home_of(None) == tmp_path
    assert config.home_of("~/x") == Path("~/x").expanduser()
