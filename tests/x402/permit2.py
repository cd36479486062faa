"""Permit2 and the two x402 proxies, placed on a development chain where every client looks for them."""

from functools import cache

from vyper.compiler import compile_code
from x402.mechanisms.evm.constants import (
    PERMIT2_ADDRESS,
    X402_EXACT_PERMIT2_PROXY_ADDRESS,
    X402_UPTO_PERMIT2_PROXY_ADDRESS,
)

from tests.fixtures_stack import RunningStack
from tests.integration.sdk.amm import DOUBLES

PLACES = {
    "Permit2": PERMIT2_ADDRESS,
    "ExactProxy": X402_EXACT_PERMIT2_PROXY_ADDRESS,
    "UptoProxy": X402_UPTO_PERMIT2_PROXY_ADDRESS,
}


@cache
def _code(name: str) -> str:
    source = (DOUBLES / f"{name}.vy").read_text()
    return str(compile_code(source, output_formats=["bytecode_runtime"])["bytecode_runtime"])


def place_permit2(stack: RunningStack) -> None:
    """Put them there; nothing is done twice."""
    for name, address in PLACES.items():
        if not stack.rpc.has_code(address):
            stack.rpc.call("anvil_setCode", address, _code(name))
