"""Agents, credentials and sessions: what every store keeps, and what it never gives twice."""

import pytest

from tests.stores.blocking import Blocking
from tests.stores.conftest import Market
from tests.stores.making import DAY, HOUR, NOW, SystemTime, a_service, a_session, an_agent, an_api_key, digest
from valetkey.core.errors import Contradiction
from valetkey.core.service import ServiceStatus
from valetkey.core.session import Role, Usage
from valetkey.ports.accounts import KeyRecord, SessionQuery


def test_an_agent_is_found_by_id_wallet_and_key(store: Blocking) -> None:
    agent = an_agent("Finder", description="finds things")
    first, second = an_api_key(agent), an_api_key(agent)
    assert store.add_agent(agent, digest("first key"), first)
    assert store.add_api_key(second, digest("second key")) is None
    assert store.agent(agent.id) == agent
    assert store.agent_of_wallet(agent.wallet_address) == agent
    assert store.agent_of_wallet(agent.wallet_address.lower()) == agent
    assert store.authenticate(digest("first key")) == KeyRecord(agent, first)
    assert store.authenticate(digest("second key")) == KeyRecord(agent, second)


def test_nobody_is_found_where_nobody_is(store: Blocking) -> None:
    assert store.agent("agt_0000000000000000000000000") is None
    assert store.agent_of_wallet("0x" + "1" * 40) is None
    assert store.authenticate(digest("no key")) is None
    assert store.session("ses_0000000000000000000000000") is None
    assert store.session_of_alias("byr_0000000000000000000000000") is None
    assert store.webhook_secret("agt_0000000000000000000000000") is None
    assert store.sessions(SessionQuery("agt_0000000000000000000000000")) == ([], 0)


@pytest.mark.parametrize(
    "name", ["Scout", "sCOUT", "\uff33\uff43\uff4f\uff55\uff54"]
)  # the last one is full-width
def test_names_of_agents_are_unique(store: Blocking, name: str) -> None:
    first, second = an_agent("Scout"), an_agent(name)
    assert store.add_agent(first, digest("a"), an_api_key(first))
    assert not store.add_agent(second, digest("b"), an_api_key(second))
    assert store.authenticate(digest("b")) is None


def test_two_agents_never_share_a_wallet(store: Blocking) -> None:
    first = an_agent()
    second = an_agent(wallet_address=first.wallet_address.upper())
    assert store.add_agent(first, digest("a"), an_api_key(first))
    assert not store.add_agent(second, digest("b"), an_api_key(second))
    assert store.agents("", None, 20, 0) == ([first], 1)


def test_of_many_who_register_one_name_at_once_one_gets_it(store: Blocking) -> None:
    agents = [an_agent("Sought after") for _ in range(20)]
    answers = store.together(
        *(store.store.add_agent(agent, digest(agent.id), an_api_key(agent)) for agent in agents)
    )
    assert sorted(answers) == [False] * 19 + [True]


def test_a_key_for_nobody_and_a_key_twice_are_contradictions(store: Blocking) -> None:
    agent = an_agent()
    store.add_agent(agent, digest("a"), an_api_key(agent))
    with pytest.raises(Contradiction):
        store.add_api_key(an_api_key(an_agent()), digest("b"))
    with pytest.raises(Contradiction):
        store.add_api_key(an_api_key(agent), digest("a"))


def test_the_directory_is_searched_by_words_and_by_what_is_on_offer(store: Blocking) -> None:
    cook = an_agent("Cook", description="Soups and strange Stews", created_at=NOW)
    baker = an_agent("Baker", description='bread, 100% "sour" dough', created_at=NOW + 1)
    smith = an_agent("Smith", description="iron", created_at=NOW + 1)
    for agent in (cook, baker, smith):
        store.add_agent(agent, digest(agent.id), an_api_key(agent))
    store.add_service(a_service(baker, category="content"))
    store.add_service(a_service(smith, category="content", status=ServiceStatus.PAUSED))

    assert store.agents("", None, 20, 0) == ([smith, baker, cook], 3)
    assert store.agents("", None, 1, 1) == ([baker], 3)
    assert store.agents("stew", None, 20, 0) == ([cook], 1)
    assert store.agents("BREAD", None, 20, 0) == ([baker], 1)
    assert store.agents("", "content", 20, 0) == ([baker], 1)
    assert store.agents("iron", "content", 20, 0) == ([], 0)
    assert store.agents('100% "sour', None, 20, 0) == ([baker], 1)


def test_seen_is_coarse_and_never_goes_back(store: Blocking, time: SystemTime) -> None:
    agent = an_agent()
    store.add_agent(agent, digest("a"), an_api_key(agent))
    time.seconds += HOUR
    store.seen(agent.id)
    assert store.agent(agent.id).last_seen_at == NOW + HOUR
    time.seconds -= 2 * HOUR
    store.seen(agent.id)
    assert store.agent(agent.id).last_seen_at == NOW + HOUR


def test_a_session_comes_back_as_it_was_stored(store: Blocking, market: Market) -> None:
    plain = a_session(market.owner)
    full = a_session(
        market.owner,
        10**29 + 1,
        per_spend=10**30 - 1,
        currency="ETH",
        not_before=NOW + 1,
        allowed_services=frozenset({"svc_a", 'svc "b"', "svc_ü"}),
        usage=Usage(held=10**29, captured=2**64 + 1),
        role=Role.SELLER,
        label="a label",
        recovery=b"\x00ciphertext",
        paused_at=NOW,
    )
    bare = a_session(
        market.owner, None, allowed_services=frozenset(), wallet_address=None, e2e_public_key=None
    )
    nothing = a_session(market.owner, 0)
    for record in (plain, full, bare, nothing):
        store.add_session(record, digest(record.alias))
        assert store.session(record.session.id) == record
        assert store.session_of_alias(record.alias) == record
        assert store.authenticate(digest(record.alias)) == record


def test_sessions_are_listed_newest_first_ended_ones_too(store: Blocking, market: Market) -> None:
    records = [a_session(market.owner, created_at=NOW + number // 2) for number in range(5)]
    for record in records:
        store.add_session(record, digest(record.alias))
    store.add_session(a_session(market.seller), digest("another owner's"))
    dead = store.revoke_session(records[4].session.id)
    assert store.sessions(SessionQuery(market.owner.id)) == ([dead, *records[3::-1]], 5)
    assert store.sessions(SessionQuery(market.owner.id, limit=2, offset=3)) == ([records[1], records[0]], 5)


def test_a_session_of_nobody_is_a_contradiction(store: Blocking) -> None:
    with pytest.raises(Contradiction):
        store.add_session(a_session(an_agent()), digest("token"))
    assert store.authenticate(digest("token")) is None


def test_the_first_revocation_stays(store: Blocking, market: Market, time: SystemTime) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    time.seconds += 5
    assert store.revoke_session(record.session.id).session.revoked_at == NOW + 5
    time.seconds += 5
    assert store.revoke_session(record.session.id).session.revoked_at == NOW + 5
    with pytest.raises(Contradiction):
        store.revoke_session("ses_0000000000000000000000000")


def test_REVOKED_IS_DEAD_the_next_look_at_a_token_sees_it(store: Blocking, market: Market) -> None:
    for number in range(50):
        record = a_session(market.owner)
        store.add_session(record, digest(f"token {number}"))

        async def revoke_and_look(session_id: str, token: bytes) -> object:
            await store.store.revoke_session(session_id)
            return await store.store.authenticate(token)

        found = store.run(revoke_and_look(record.session.id, digest(f"token {number}")))
        assert found.session.revoked_at == NOW


def test_one_recovery_copy_is_kept(store: Blocking, market: Market) -> None:
    record = a_session(market.owner)
    store.add_session(record, digest("token"))
    assert store.keep_recovery(record.session.id, b"copy")
    assert store.keep_recovery(record.session.id, b"copy")
    assert not store.keep_recovery(record.session.id, b"another")
    assert store.session(record.session.id).recovery == b"copy"
    with pytest.raises(Contradiction):
        store.keep_recovery("ses_0000000000000000000000000", b"copy")


def test_the_last_webhook_secret_counts(store: Blocking, market: Market) -> None:
    assert store.webhook_secret(market.owner.id) is None
    store.set_webhook_secret(market.owner.id, b"one")
    store.set_webhook_secret(market.owner.id, b"two")
    assert store.webhook_secret(market.owner.id) == b"two"
    assert store.sealed_webhook_secrets("", 10) == [(market.owner.id, b"two")]
    assert store.sealed_webhook_secrets(market.owner.id, 10) == []
    assert not store.reseal_webhook_secret(market.owner.id, b"one", b"three"), "it was renewed since"
    assert store.webhook_secret(market.owner.id) == b"two"
    assert store.reseal_webhook_secret(market.owner.id, b"two", b"three")
    assert store.webhook_secret(market.owner.id) == b"three"
    assert store.webhook_secret(market.seller.id) is None


def test_a_one_time_value_is_used_once(store: Blocking, time: SystemTime) -> None:
    assert store.use_once(b"key", NOW + 300)
    assert not store.use_once(b"key", NOW + 300)
    assert store.use_once(b"other", NOW + 300)
    time.seconds += 299
    assert not store.use_once(b"key", NOW + DAY)


def test_of_many_who_use_a_value_at_once_one_succeeds(store: Blocking) -> None:
    answers = store.together(*(store.store.use_once(b"key", NOW + 300) for _ in range(50)))
    assert answers.count(True) == 1
    assert answers.count(False) == 49
