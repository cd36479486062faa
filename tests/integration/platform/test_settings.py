"""Settings: read strictly, without quoting a secret."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.stores.making import an_agent, an_api_key, digest
from valetkey.core.errors import InvalidInput
from valetkey.crypto.errors import DecryptionFailed
from valetkey.platform.app import create_app
from valetkey.platform.settings import Settings
from valetkey.platform.sign_ins.nonces import check_nonce, new_nonce
from valetkey.platform.variables import SettingsError
from valetkey.platform.webhooks.service import WebhookSecrets
from valetkey.stores.sqlite import open_memory_store
from valetkey.wire.sign_in_message import SignInError

ADDRESS = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
SECRET = "a-master-secret-that-nobody-may-ever-read"
NETWORK = {
    "network": "base-sepolia",
    "rpcUrl": "http://127.0.0.1:8545/provider-key-1234",
    "escrow": ADDRESS,
    "score": ADDRESS,
    "usdc": ADDRESS,
}
WRONG_CHECKSUM = "0x" + "".join(one.swapcase() for one in ADDRESS[2:])
ENVIRON = {
    "VALETKEY_DATABASE": "valetkey.db",
    "VALETKEY_NETWORKS": json.dumps([NETWORK]),
    "VALETKEY_MASTER_SECRET": SECRET,
    "VALETKEY_WEBHOOK_SECRET": "whsec_12345678",
    "PATH": "/usr/bin",
    "VALETKEY_BASE_URL": "http://127.0.0.1:1",
}


def test_defaults() -> None:
    settings = Settings.from_env(ENVIRON)
    assert settings.networks[0].confirmations == 1
    assert (settings.test_mode, settings.rate_limits, settings.checkout_seconds) == (False, True, 1_800)
    assert (settings.session_seconds_min, settings.session_seconds_max) == (60, 2_592_000)
    assert settings.registration_units == 1_000_000


@pytest.mark.parametrize(
    ("said", "name", "chain", "number", "coin"),
    [
        ({"network": "base-sepolia"}, "base-sepolia", "baseSepolia", 84532, "ETH"),
        ({"network": "baseSepolia"}, "base-sepolia", "baseSepolia", 84532, "ETH"),
        ({"network": "base", "chainId": 8453}, "base", "base", 8453, "ETH"),
        ({"network": "ethereum"}, "ethereum", "ethereum", 1, "ETH"),
        ({"network": "polygon"}, "polygon", "polygon", 137, "POL"),
        ({"network": "polygonAmoy"}, "polygonAmoy", "polygonAmoy", 80002, "POL"),
        ({"network": "local-1", "chainId": 31337}, "local-1", "local-1", 31337, "ETH"),
        ({"network": "bnb", "chainId": 56, "coin": "BNB"}, "bnb", "bnb", 56, "BNB"),
    ],
)
def test_a_network_is_any_evm_chain(
    said: dict[str, object], name: str, chain: str, number: int, coin: str
) -> None:
    spare = {key: value for key, value in NETWORK.items() if key not in ("escrow", "score")}
    settings = Settings.from_env({**ENVIRON, "VALETKEY_NETWORKS": json.dumps([{**spare, **said}])})
    (found,) = settings.networks
    assert (found.name, found.chain.name, found.chain.chain_id, found.chain.coin) == (
        name,
        chain,
        number,
        coin,
    )
    assert found.escrow is found.score is None


def test_test_mode_lifts_what_it_says() -> None:
    settings = Settings.from_env({**ENVIRON, "VALETKEY_TEST_MODE": "1"})
    assert (settings.test_mode, settings.rate_limits, settings.session_seconds_min) == (True, False, 1)
    assert settings.registration_units == 0


def test_nothing_secret_is_shown() -> None:
    shown = repr(Settings.from_env(ENVIRON))
    for secret in (SECRET, "whsec_12345678", "provider-key-1234"):
        assert secret not in shown


def test_secrets_from_files(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    environ = {k: v for k, v in ENVIRON.items() if k != "VALETKEY_MASTER_SECRET"}
    settings = Settings.from_env({**environ, "VALETKEY_MASTER_SECRET_FILE": str(path)})
    assert settings.master_secret.reveal() == SECRET


@pytest.mark.parametrize(
    "change",
    [
        {"VALETKEY_RECONCILE_SECOND": "1"},
        {"VALETKEY_DATABASE": ""},
        {"VALETKEY_NETWORKS": "[]"},
        {"VALETKEY_NETWORKS": "{"},
        {"VALETKEY_NETWORKS": json.dumps([NETWORK, NETWORK])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "mars"}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "escrow": "0x12"}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "usdc": WRONG_CHECKSUM}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "allowance": "0x" + "0" * 40}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "escrow": None}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "score": None}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "chainId": 8453}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "solana"}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "mars", "chainId": 0}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "mars", "chainId": 2**53}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "mars", "chainId": 1}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "31337", "chainId": 31337}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "a b", "chainId": 31337}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "", "chainId": 31337}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "network": "mars", "chainId": 31337, "coin": "USDC"}])},
        {"VALETKEY_NETWORKS": json.dumps([NETWORK, {**NETWORK, "network": "baseSepolia"}])},
        {"VALETKEY_NETWORKS": json.dumps([NETWORK, {**NETWORK, "network": "84532"}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "confirmations": 0}])},
        {"VALETKEY_NETWORKS": json.dumps([{**NETWORK, "rpcURL": "x"}])},
        {"VALETKEY_MASTER_SECRET": "short"},
        {"VALETKEY_MASTER_SECRET": "", "VALETKEY_MASTER_SECRET_FILE": "/nowhere/at/all"},
        {"VALETKEY_CHECKOUT_SECONDS": "-1"},
        {"VALETKEY_CHECKOUT_SECONDS": "soon"},
        {"VALETKEY_TEST_MODE": "yes"},
        {"VALETKEY_SESSION_SECONDS_MIN": "100", "VALETKEY_SESSION_SECONDS_MAX": "99"},
        {"VALETKEY_REGISTRATION_USDC": "-1"},
        {"VALETKEY_RATE_SEARCH": "0"},
        {"VALETKEY_TRUSTED_PROXIES": "everybody"},
        {"VALETKEY_RATE_MEMORY": "10"},
    ],
)
def test_what_has_no_meaning_stops_the_start(change: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as stopped:
        Settings.from_env({**ENVIRON, **change})
    assert SECRET not in str(stopped.value)
    assert "provider-key-1234" not in str(stopped.value)


def test_a_database_whose_extra_is_missing_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valetkey.stores.postgres", None)
    settings = Settings.from_env({**ENVIRON, "VALETKEY_DATABASE": "postgresql://u:p4ssw0rd@127.0.0.1:9/x"})
    with pytest.raises(SettingsError, match=r"valetkey\[server\]") as refused:
        create_app(settings)
    assert "p4ssw0rd" not in str(refused.value)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(SettingsError, match="VALETKEY_CHEKOUT"):
        Settings.from_env({**ENVIRON, "VALETKEY_CHEKOUT": "1"})


@pytest.mark.parametrize(
    ("said", "domains"),
    [
        (None, ("loopback",)),
        ("none", ()),
        ("studio.example.com", ("studio.example.com",)),
        ("loopback, studio.example.com:8443,[::1]:80", ("loopback", "studio.example.com:8443", "[::1]:80")),
    ],
)
def test_who_may_ask_a_wallet_for_a_sign_in(said: str | None, domains: tuple[str, ...]) -> None:
    more = {} if said is None else {"VALETKEY_SIGN_IN_DOMAINS": said}
    assert Settings.from_env({**ENVIRON, **more}).sign_in_domains == domains


@pytest.mark.parametrize(
    "said",
    [
        "https://studio.example.com",
        "Studio.example.com",
        "a b",
        "*.example.com",
        "none,a.example",
        "a/b",
        "-a",
        "x," * 17,
        ",",
    ],
)
def test_a_domain_that_cannot_be_meant_stops_it(said: str) -> None:
    with pytest.raises(SettingsError, match="SIGN_IN_DOMAINS"):
        Settings.from_env({**ENVIRON, "VALETKEY_SIGN_IN_DOMAINS": said})


def test_while_a_master_secret_is_rotated_either_is_known(tmp_path: Path) -> None:
    old = Settings.from_env(ENVIRON)
    other = {"VALETKEY_MASTER_SECRET_OTHER": SECRET}
    new = Settings.from_env({**ENVIRON, "VALETKEY_MASTER_SECRET": "n" * 32, **other})
    only = Settings.from_env({**ENVIRON, "VALETKEY_MASTER_SECRET": "n" * 32})
    nonce = new_nonce(old, 1_800_000_000)
    check_nonce(new, nonce, 1_800_000_001)
    with pytest.raises(SignInError):
        check_nonce(only, nonce, 1_800_000_001)

    async def sealed_and_opened() -> None:
        store = open_memory_store()
        agent = an_agent()
        await store.add_agent(agent, digest("key"), an_api_key(agent))
        made = await WebhookSecrets(old, store).renew(agent.id)
        assert (await WebhookSecrets(new, store).of(agent.id)).reveal() == made.webhook_secret
        with pytest.raises(DecryptionFailed):
            await WebhookSecrets(only, store).of(agent.id)
        renewed = await WebhookSecrets(new, store).renew(agent.id)
        assert (await WebhookSecrets(only, store).of(agent.id)).reveal() == renewed.webhook_secret
        await store.close()

    asyncio.run(sealed_and_opened())
    with pytest.raises(SettingsError, match="MASTER_SECRET_OTHER has at least 32"):
        Settings.from_env({**ENVIRON, "VALETKEY_MASTER_SECRET_OTHER": "short"})
    with pytest.raises(SettingsError, match="OPERATOR_TOKEN_OTHER is a second one"):
        Settings.from_env({**ENVIRON, "VALETKEY_OPERATOR_TOKEN_OTHER": "t" * 32})
