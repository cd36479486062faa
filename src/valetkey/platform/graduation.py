"""Graduation: the main network is open to wallets that earned a score."""

from valetkey.core.refusal import Code, Refusal, Refused
from valetkey.platform.context import Platform
from valetkey.platform.refusing import RefusedRequest

TEST_NETWORK = "base-sepolia"
MAIN_NETWORK = "base"


async def check_graduated(platform: Platform, network: str, address: str) -> None:
    """Raise a refusal when a wallet may not trade on this network yet. Its score is read where it practises."""
    if network != MAIN_NETWORK:
        return
    practice = platform.networks.get(TEST_NETWORK)
    if practice is None or practice.view.contracts.score is None:
        practice = platform.marketplace(network)
    score = await practice.reader.score(address)
    required = platform.settings.graduation_score
    if score >= required:
        return
    reason = Refusal(
        Code.GRADUATION_REQUIRED,
        "score",
        str(Code.GRADUATION_REQUIRED),
        asked=None,
        limit=required,
        remaining=score,
        hint=f"complete {required - score} more purchases or sales on {TEST_NETWORK} first",
    )
    raise RefusedRequest(Refused((reason,)), {"score": score, "required": required})
