"""The story of a tree with money in it that nobody asked for: no rule is broken by it, and it counts from then on."""

from tests.stores.blocking import Blocking
from tests.stores.conftest import make_market
from tests.stores.making import HOUR, NOW, USDC, SystemTime, a_session, an_id, digest
from tests.stores.making_grants import CHAIN, a_grant
from torture.replaying import Story
from valetkey.core.audit import Entry
from valetkey.core.ids import Kind
from valetkey.core.money import Money
from valetkey.core.spend import SpendRequest
from valetkey.ports.ledger import Spend
from valetkey.stores.sqlite import open_memory_store


def test_what_was_observed_counts_and_breaks_nothing() -> None:
    store = Blocking(open_memory_store(system_time=SystemTime()))
    owner = make_market(store).owner
    root = a_session(owner, 100)
    store.add_session(root, digest("root"))

    def spend(units: int, operation: str) -> Spend:
        request = SpendRequest(Money(units, USDC), None, None, operation)
        return Spend(root.session.id, an_id(Kind.HOLD), request, NOW + HOUR)

    grant = a_grant(owner, root)
    store.add_grant(grant, "owner")
    store.grant_known(CHAIN, grant.id, NOW)
    store.hold_spend(spend(60, "payment"), None)
    seen = store.observe(spend(70, "draw"), by="platform").hold
    store.grant_revoked(CHAIN, grant.id, NOW)
    entries = [entry for entry, _ in store.audit(owner.id, root.session.tree, 0, 100)]
    store.close()
    story = Story()
    assert [one for entry in entries for one in story.tell(entry)] == []
    assert story.sessions[root.session.id].total == 130
    assert story.holds[seen.id].captured == 70
    # Had the gate granted anything more, it would be found.
    placed = next(one for one in entries if one.kind == "hold_placed")
    more = Entry(
        placed.chain_id, 99, NOW, placed.kind, placed.session_id, placed.body.replace("hld_", "hld_x")
    )
    assert [one.partition(":")[0] for one in story.tell(more)] == ["NO_OVERSPEND"]
    again = next(one for one in entries if one.kind == "observed")
    assert [one.partition(":")[0] for one in story.tell(again)] == ["IDEMPOTENT"]
