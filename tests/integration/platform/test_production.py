"""`valetkey doctor --production`: a deployment on which all is well, and each way to spoil it."""

import datetime
import http.server
import ipaddress
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from tests.cluster import databases
from tests.integration.platform.conftest import DEPLOYER_KEY, NOBODY
from tests.integration.platform.onchain import Chain
from valetkey.chains.devchain import DevChain
from valetkey.chains.evm.contracts import runtime_code
from valetkey.chains.evm.deploy import deploy
from valetkey.chains.evm.signer import LocalSigner
from valetkey.cli.doctor.production import production
from valetkey.cli.run import app
from valetkey.crypto.keys import PrivateKey, keccak256


class Proxy:
    """TLS before a platform that is not there: it knows two paths, and passes on what is in `open`."""

    def __init__(self, folder: Path, days: int) -> None:
        self.open: set[str] = set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path in outer.open else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.certificate = folder / f"{days}.pem"
        _make_certificate(self.certificate, days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _make_certificate(path: Path, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pay.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))


class Deployment:
    """The settings of a platform, in files, and what stands around it."""

    def __init__(self, folder: Path, chain: Chain, proxy: Proxy) -> None:
        self.folder, self.chain, self.proxy = folder, chain, proxy
        called = chain.rpc(
            "eth_call", {"to": chain.escrow, "data": "0x" + keccak256(b"allowance()")[:4].hex()}, "latest"
        )
        relayer = PrivateKey.generate()
        chain.supply(relayer.address)
        self.network: dict[str, Any] = {
            "network": "base-sepolia",
            "rpcUrl": chain.rpc_url,
            "escrow": chain.escrow,
            "score": chain.score,
            "usdc": chain.usdc,
            "allowance": chain.web3.to_checksum_address("0x" + called[-40:]),
            "confirmations": 3,
        }
        self.environ = {
            "VALETKEY_DATABASE_FILE": self.file("database", databases().fresh()),
            "VALETKEY_NETWORKS_FILE": self.file("networks", json.dumps([self.network])),
            "VALETKEY_MASTER_SECRET_FILE": self.file("master", secrets.token_hex(32)),
            "VALETKEY_WEBHOOK_SECRET_FILE": self.file("webhook", secrets.token_hex(32)),
            "VALETKEY_RELAYER_KEY_FILE": self.file("relayer", relayer.to_hex()),
            "VALETKEY_PUBLIC_URLS": proxy.url,
            "SSL_CERT_FILE": str(proxy.certificate),
        }

    def file(self, name: str, text: str, mode: int = 0o600) -> str:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def networks(self, **changes: Any) -> dict[str, str]:
        text = json.dumps([{**self.network, **changes}])
        return {"VALETKEY_NETWORKS_FILE": self.file("other networks", text)}

    def seen(self, **changes: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """How the doctor ends, and its checks by name, those that are not ok."""
        # The newest block is of now.
        self.chain.mine()
        environ = {**self.environ, **changes}
        for name in changes:
            # A value takes the place of its file.
            environ.pop(f"{name}_FILE", None)
        ran = CliRunner().invoke(app, ["doctor", "--production", "--json"], env=environ)
        told = json.loads(ran.stdout)
        assert told["ok"] is (ran.exit_code == 0)
        rest = [one for one in told["checks"] if one["status"] != "ok"]
        assert all(one["todo"] for one in rest)
        shown = ran.stdout + ran.stderr
        for hidden in ("master", "webhook", "relayer"):
            assert (self.folder / hidden).read_text() not in shown
        return ran.exit_code, {one["name"]: one for one in rest}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    made = Proxy(tmp_path_factory.mktemp("tls"), days=90)
    yield made
    made.close()


@pytest.fixture(scope="module")
def real_token() -> Iterator[Chain]:
    """A chain whose time nobody else moves, with a token that does what ours does, and is none of ours any more."""
    with DevChain.start(engine="py-evm") as running:
        at = deploy(running.rpc_url, LocalSigner(PrivateKey.from_hex(DEPLOYER_KEY)))
        chain = Chain(running.rpc_url, at.escrow, at.score, at.usdc)
        chain.rpc("anvil_setCode", at.usdc, "0x" + (runtime_code("TestUSDC") + b"\0").hex())
        yield chain


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, real_token: Chain, proxy: Proxy) -> Deployment:
    return Deployment(tmp_path_factory.mktemp("deployment"), real_token, proxy)


def test_a_deployment_on_postgresql_on_which_all_is_well(deployment: Deployment) -> None:
    code, rest = deployment.seen()
    assert (code, sorted(rest)) == (0, ["operator token: where", "resolver key: where"])
    assert {one["status"] for one in rest.values()} == {"skip"}


@pytest.mark.parametrize(
    ("name", "changes", "code", "status"),
    [
        ("settings", {"VALETKEY_NO_SUCH": "1"}, 2, "fail"),
        ("test mode", {"VALETKEY_TEST_MODE": "1"}, 2, "fail"),
        ("webhooks", {"VALETKEY_TEST_MODE": "1"}, 2, "fail"),
        ("rate limits", {"VALETKEY_RATE_LIMITS": "0"}, 2, "fail"),
        ("registration", {"VALETKEY_REGISTRATION_USDC": "0"}, 0, "warn"),
        ("trusted proxies", {"VALETKEY_TRUSTED_PROXIES": "0.0.0.0/0"}, 2, "fail"),
        ("master secret: strength", {"VALETKEY_MASTER_SECRET": "m" * 40}, 2, "fail"),
        ("master secret: where", {"VALETKEY_MASTER_SECRET": secrets.token_hex(32)}, 0, "warn"),
        ("webhook secret: strength", {"VALETKEY_WEBHOOK_SECRET": "whsec_1"}, 2, "fail"),
        ("database", {"VALETKEY_DATABASE": ":memory:"}, 7, "fail"),
        ("database", {"VALETKEY_DATABASE": "/no/such/folder/valetkey.db"}, 7, "fail"),
        ("database", {"VALETKEY_DATABASE": "postgresql://nobody@127.0.0.1:1/none"}, 7, "fail"),
        ("public URLs", {"VALETKEY_PUBLIC_URLS": ""}, 2, "fail"),
        ("http://pay.example.com: scheme", {"VALETKEY_PUBLIC_URLS": "http://pay.example.com"}, 2, "fail"),
        ("https://127.0.0.1:1: certificate", {"VALETKEY_PUBLIC_URLS": "https://127.0.0.1:1"}, 7, "fail"),
    ],
)
def test_a_setting_that_spoils_it(
    deployment: Deployment, name: str, changes: dict[str, str], code: int, status: str
) -> None:
    ended, rest = deployment.seen(**changes)
    assert (ended, rest[name]["status"]) == (code, status), rest


def spoiled_by(change: Callable[[Deployment], dict[str, str]], name: str, code: int, status: str) -> Any:
    return pytest.param(change, name, code, status, id=name)


@pytest.mark.parametrize(
    ("change", "name", "code", "status"),
    [
        spoiled_by(
            lambda d: {"VALETKEY_MASTER_SECRET_FILE": d.file("open", secrets.token_hex(32), 0o644)},
            "master secret: where",
            2,
            "fail",
        ),
        spoiled_by(lambda d: d.networks(rpcUrl=NOBODY), "base-sepolia: node", 7, "fail"),
        spoiled_by(lambda d: d.networks(network="base"), "base: node", 2, "fail"),
        spoiled_by(lambda d: d.networks(confirmations=1), "base-sepolia: confirmations", 0, "warn"),
        spoiled_by(lambda d: d.networks(escrow=d.chain.score), "base-sepolia: contracts", 8, "fail"),
        spoiled_by(
            lambda d: {"VALETKEY_RELAYER_KEY_FILE": d.file("poor", PrivateKey.generate().to_hex())},
            "base-sepolia: relayer",
            7,
            "fail",
        ),
    ],
)
def test_a_file_or_a_network_that_spoils_it(
    deployment: Deployment, change: Callable[[Deployment], dict[str, str]], name: str, code: int, status: str
) -> None:
    ended, rest = deployment.seen(**change(deployment))
    assert (ended, rest[name]["status"]) == (code, status), rest


def test_money_that_anybody_may_mint(deployment: Deployment) -> None:
    chain = deployment.chain
    code = runtime_code("TestUSDC")
    address = PrivateKey.generate().address
    method = "anvil_setCode"
    if "error" in chain.web3.provider.make_request(method, [address, "0x" + code.hex()]):  # type: ignore[arg-type]
        chain.rpc("hardhat_setCode", address, "0x" + code.hex())
    ended, rest = deployment.seen(**deployment.networks(usdc=address))
    assert ended == 8
    assert "anybody may mint" in rest["base-sepolia: USDC"]["seen"]


def test_a_database_file_that_others_read(deployment: Deployment) -> None:
    path = deployment.folder / "valetkey.db"
    assert CliRunner().invoke(app, ["migrate"], env={"VALETKEY_DATABASE": str(path)}).exit_code == 0
    assert deployment.seen(VALETKEY_DATABASE=str(path))[0] == 0
    path.chmod(0o644)
    ended, rest = deployment.seen(VALETKEY_DATABASE=str(path))
    assert (ended, rest["database's file"]["status"]) == (2, "fail")


def test_metrics_that_strangers_read(deployment: Deployment, proxy: Proxy) -> None:
    proxy.open = {"/metrics", "/readyz"}
    ended, rest = deployment.seen()
    proxy.open = set()
    found = {name.rpartition(" ")[2]: one["status"] for name, one in rest.items() if proxy.url in name}
    assert (ended, found) == (7, {"/metrics": "fail", "/readyz": "warn"})


def test_a_certificate_that_ends_soon_and_one_of_nobody(deployment: Deployment, tmp_path: Path) -> None:
    ending = Proxy(tmp_path, days=7)
    title = f"{ending.url}: certificate"
    changes = {"VALETKEY_PUBLIC_URLS": ending.url, "SSL_CERT_FILE": str(ending.certificate)}
    assert "ends in 7 days" in deployment.seen(**changes)[1][title]["seen"]
    ended, rest = deployment.seen(VALETKEY_PUBLIC_URLS=ending.url)
    ending.close()
    assert ended == 7
    assert "self" in rest[title]["seen"]


def test_clocks_that_disagree(deployment: Deployment) -> None:
    deployment.chain.mine()
    environ = {name: value for name, value in deployment.environ.items() if name.startswith("VALETKEY_")}
    environ["VALETKEY_PUBLIC_URLS"] = "http://127.0.0.1:1"
    for late, failing in (
        (3_600, {"database's clock", "base-sepolia: head"}),
        (-3_600, {"database's clock", "base-sepolia: head"}),
        (0, set[str]()),
    ):
        found = production(environ, lambda late=late: time.time() + late)  # type: ignore[misc]
        assert {one.name for one in found if one.status == "fail"} - {"http://127.0.0.1:1: scheme"} == failing
