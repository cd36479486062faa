"""Assets of Solana as a delegate names them."""

import pytest

from valetkey.core.chains import SOLANA_DEVNET
from valetkey.core.errors import InvalidInput
from valetkey.sdk.spending import spend_body

DEVNET = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"
MINT = "4zMMC9srt5Ri5X14GAgXhaHii3GnPAERYPJgZJDncDU"
PAYEE = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"


def test_an_asset_names_cluster_and_mint() -> None:
    body = spend_body("1.5", "USDC", f"{DEVNET}/token:{MINT}", PAYEE, "payment", None, None, 300)
    assert (body.chain_id, body.token, body.payee) == (SOLANA_DEVNET, MINT, PAYEE)
    body = spend_body("1.5", "SOL", f"{DEVNET}/slip44:501", PAYEE, "payment", None, None, 300)
    assert (body.chain_id, body.token) == (SOLANA_DEVNET, None)


@pytest.mark.parametrize(
    "asset", [f"{DEVNET.lower()}/token:{MINT}", f"{DEVNET}/erc20:{MINT}", f"{DEVNET}/slip44:60", DEVNET]
)
def test_assets_that_are_none(asset: str) -> None:
    with pytest.raises(InvalidInput):
        spend_body("1.5", "USDC", asset, PAYEE, "payment", None, None, 300)
