"""A grant for a session that was made without one, or whose own was revoked: the owner signs it, and approves it."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from valetkey.core.errors import InvalidInput
from valetkey.sdk._sync.buyer import BuyerAgent
from valetkey.studio.deeds.asking import Fields, signer_of
from valetkey.studio.deeds.deed import Deed
from valetkey.studio.deeds.doing import Doing
from valetkey.studio.deeds.facts import TRANSFER_GAS, Facts, coin
from valetkey.studio.words.amounts import money
from valetkey.wire.sessions import SessionView


def defaults(facts: Facts) -> dict[str, str]:
    """Who signs."""
    return {"signing": "operator" if facts.operator else "browser"}


def said(fields: Fields, facts: Facts) -> Iterator[str]:
    """What will happen, and what it costs. Raises InvalidInput."""
    view = facts.view
    if view.budget_usdc is None:
        raise InvalidInput(
            "a grant has a cap, and this session has no budget: make another one", field="signing"
        )
    yield from (
        f"You sign its grant: it may take up to {money(view.budget_usdc)} out of your own balance, within its rules,"
        " which the contract keeps on chain. Nothing moves now.",
        "You sign the grant's revocation, too, which the platform keeps for the day that you revoke the session.",
    )
    if facts.home is not None:
        yield (
            "Where the contract is not approved for as much, that is one transaction of about"
            f" {coin(TRANSFER_GAS * facts.home.wei_per_gas)}."
        )
    signer_of(fields, facts)


class Granting(Doing):
    """The grant of one session."""

    titles: ClassVar[Mapping[str, str]] = {
        "granted": "Grant signed",
        "approved": "Allowance approved on chain",
    }

    @staticmethod
    def steps_of(_deed: Deed, _view: SessionView) -> tuple[str, ...]:
        """See Doing."""
        return ("granted", "approved")

    def _do_all(self, agent: BuyerAgent) -> None:
        self._lend_wallet(agent)
        self._do("granted", lambda: agent.grant_session(self.view.session_id, approve=False).id)
        self._do("approved", lambda: self._approve(agent))
