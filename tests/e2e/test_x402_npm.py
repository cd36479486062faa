"""The other implementation: the npm server is paid by our payer, and the npm client pays a route of ours."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.fixtures_x402 import X402Lab
from tests.x402.loopback import Loopback
from tests.x402.victim import Victim
from valetkey import SellerAgent
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey

NPM = Path(__file__).parents[1] / "x402" / "npm"
INSTALL_SECONDS = 240

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the official packages. Without Node.js there is nothing to try, and the summary says so."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise SkipTest("needs Node.js and npm: the npm packages of x402 were not tried")
    home = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "server.mjs", "client.mjs"):
        shutil.copy(NPM / name, home)
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    ran = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert ran.returncode == 0, ran.stderr
    return home


@pytest.fixture
def pay_to() -> str:
    return PrivateKey.generate().address


@pytest.fixture
def express(npm: Path, x402_lab: X402Lab, pay_to: str) -> Iterator[str]:
    """The URL of an express server behind the npm middleware, which settles through our facilitator."""
    facts = {
        "network": x402_lab.network,
        "payTo": pay_to,
        "asset": x402_lab.asset.address,
        "facilitator": x402_lab.facilitator_url,
    }
    process = subprocess.Popen(
        ["node", "server.mjs", json.dumps(facts)],
        cwd=npm,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port.isdigit(), "the express server did not start"
    yield f"http://127.0.0.1:{port}"
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def test_our_payer_pays_an_express_server(
    express: str, x402_lab: X402Lab, victim: Victim, pay_to: str
) -> None:
    weather, job = victim.get(f"{express}/weather"), victim.ask("POST", f"{express}/jobs", json={"n": 1})
    assert isinstance(weather, httpx.Response)
    assert isinstance(job, httpx.Response)
    assert (weather.json(), job.json()) == ({"weather": "sunny"}, {"done": {"n": 1}})
    assert httpx.get(f"{express}/served", trust_env=False).json() == {"weather": 1, "jobs": 1}
    assert x402_lab.payments_of(victim.wallet) == [10_000, 50_000]
    assert x402_lab.units(pay_to) == victim.moved() == victim.counted() == 60_000


def test_the_npm_client_pays_a_route_of_ours(npm: Path, x402_lab: X402Lab, tmp_path: Path) -> None:
    async def weather(request: Request) -> JSONResponse:
        return JSONResponse({"city": request.path_params["city"]})

    key, payer = x402_lab.stack.wallet(), PrivateKey.generate()
    x402_lab.stack.rpc.mint(x402_lab.asset.address, payer.address, USDC)
    name, base_url = f"npm-{key.address}", x402_lab.stack.base_url
    with SellerAgent.register(key.to_hex(), name, base_url=base_url, state_dir=tmp_path) as seller:
        seller.init_eoa_wallet(key.to_hex())
        app = Starlette(routes=[Route("/weather/{city}", weather)])
        seller.protect(app, {"GET /weather/{city}": "0.01"}, facilitator=x402_lab.facilitator_url)
    with Loopback(app) as running:
        command = ["node", "client.mjs", f"{running.url}/weather/oslo", x402_lab.network]
        ran = subprocess.run(
            command, cwd=npm, input=payer.to_hex(), capture_output=True, text=True, timeout=60
        )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["status"], told["body"]) == (200, {"city": "oslo"})
    assert told["receipt"]
    assert x402_lab.units(key.address) == 10_000
