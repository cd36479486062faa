"""What is done to a session from its page: its effect on platform and chain, once, wherever the studio is killed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_stack import RunningStack
from tests.integration.studio.deeds import Killed, Site, killed_at
from valetkey import BuyerAgent, Client
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.errors import RecoveryFailed
from valetkey.studio.deeds.deed import Deed


@pytest.fixture(scope="module")
def site(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(stack, tmp_path_factory.mktemp("deeds"))
    yield made
    made.agent.close()


def a_wallet(site: Site, label: str, money: int = 0, **rules: Any) -> Any:
    """A session with a wallet of its own, and so much USDC in it."""
    info = site.agent.create_session(**{"budget_usdc": 50, "expiry": 3_600, "label": label, **rules})
    site.agent.keep_recovery(info)
    if money:
        site.agent.fund_session(info, amount=money)
    return info


def until_done(site: Site, kind: str, session_id: str, moment: int, **fields: Any) -> tuple[Deed, bool]:
    """Kill it at a moment, and let the next studio go on with what is not over; and whether that moment came."""
    was_killed = False
    with killed_at(moment):
        try:
            site.do(kind, session_id, **fields)
        except Killed:
            was_killed = True
    kept = site.deed(kind, session_id)
    if was_killed and not (kept is not None and kept.is_over):
        doing = site.do(kind, session_id, **fields)
        assert doing.failed is None, doing.failed
        return doing.deed, True
    assert kept is not None
    return kept, was_killed


def test_money_is_sent_once_and_three_clicks_are_one(site: Site) -> None:
    info = a_wallet(site, "funded", 2)
    doing = site.do("fund", info.session_id, amount="3", times=3)
    assert doing.failed is None
    assert [one.state for one in doing.shown()] == ["done", "done"]
    assert site.units(info.wallet_address) == 5 * USDC
    # Another time is another time.
    assert site.do("fund", info.session_id, amount="1").failed is None
    assert site.units(info.wallet_address) == 6 * USDC


@pytest.mark.slow
def test_money_is_sent_once_wherever_the_studio_is_killed(site: Site) -> None:
    info, was_killed, sent = a_wallet(site, "funded and killed"), True, 0
    while was_killed:
        sent += 1
        _, was_killed = until_done(site, "fund", info.session_id, sent + 1, amount="1")
        assert site.units(info.wallet_address) == sent * USDC, sent + 1
    assert sent > 10


def test_what_is_left_comes_home_and_the_session_ends_first(site: Site) -> None:
    info = a_wallet(site, "reclaimed", 7)
    before = site.units(site.key.address)
    doing = site.do("reclaim", info.session_id, times=2)
    assert doing.failed is None
    assert [one.name for one in doing.shown()] == ["ended", "opened", "swept"]
    assert doing.record.done["swept"].startswith("7 USDC came home: 0x")
    assert site.agent.get_session(info.session_id).status == "revoked"
    assert (site.units(info.wallet_address), site.units(site.key.address)) == (0, before + 7 * USDC)
    # Once more finds nothing.
    again = site.do("reclaim", info.session_id)
    assert again.failed is None
    assert "USDC" not in again.record.done["swept"]


@pytest.mark.slow
def test_it_comes_home_wherever_the_studio_is_killed(site: Site) -> None:
    moment, was_killed = 1, True
    while was_killed:
        moment += 1
        info = a_wallet(site, f"reclaimed {moment}", 1)
        deed, was_killed = until_done(site, "reclaim", info.session_id, moment)
        assert site.units(info.wallet_address) == 0, moment
        assert site.agent.get_session(info.session_id).status == "revoked"
        assert deed.done["swept"].startswith("1 USDC came home"), moment
    assert moment > 10


def test_a_rotation_hands_new_keys_on_with_grant_and_all_that_was_spent(site: Site, tmp_path: Path) -> None:
    info = site.agent.create_session(budget_usdc=20, expiry=3_600, label="rotated", funding="grant")
    with BuyerAgent(base_url=site.stack.base_url, state_dir=tmp_path / "old") as old:
        old.init_with_session(info.serialize())
        hold = old.spend("4", payee=PrivateKey.generate().address)
        assert old.draw(hold).state == "captured"
        doing = site.do(
            "rotate", info.session_id, times=2, grace="0", carry="on", budget="30", handing="plain"
        )
        assert doing.failed is None
        assert [one.name for one in doing.shown()] == ["made", "kept", "granted", "approved"]
        new = site.agent.get_session(doing.deed.outcome)
        assert (new.spent_usdc, new.budget_usdc, new.label) == ("4", "30", "rotated")
        assert site.agent.get_session(info.session_id).successor_id == new.session_id
        assert site.agent.get_grant(new.session_id).status in ("signed", "known")
        assert int(site.agent.get_grant(new.session_id).grant.cap) == 30 * USDC
    assert doing.info is not None
    with BuyerAgent(base_url=site.stack.base_url, state_dir=tmp_path / "new") as fresh:
        fresh.init_with_session(doing.info.serialize())
        assert fresh.draw(fresh.spend("5", payee=PrivateKey.generate().address)).state == "captured"
    # Nothing of its keys is left here once it was handed over.
    handed = site.do("rotate", info.session_id, hand_over=True)
    assert (handed.info, handed.deed.is_over) == (None, True)
    assert not list((site.folder / "studio" / "making").glob("*"))


def test_what_is_in_the_old_wallet_moves_along(site: Site) -> None:
    info = a_wallet(site, "moves", 6)
    doing = site.do("rotate", info.session_id, grace="300", carry="on", moves="on", handing="plain")
    assert doing.failed is None
    assert doing.info is not None
    assert (site.units(info.wallet_address), site.units(doing.info.wallet_address)) == (0, 6 * USDC)
    assert site.agent.recover_session(doing.deed.outcome).wallet_address == doing.info.wallet_address


@pytest.mark.slow
def test_a_rotation_is_one_wherever_the_studio_is_killed(site: Site) -> None:
    session_id, moment, was_killed = a_wallet(site, "rotated and killed", 1).session_id, 1, True
    fields = {"grace": "300", "carry": "on", "moves": "on", "handing": "plain"}
    while was_killed:
        moment += 1
        deed, was_killed = until_done(site, "rotate", session_id, moment, **fields)
        assert site.agent.get_session(session_id).successor_id == deed.outcome
        session_id = deed.outcome
        (living,) = [
            one for one in site.agent.sessions(label="rotated and killed") if one.successor_id is None
        ]
        assert (living.session_id, site.units(living.session_wallet)) == (session_id, USDC), moment
    assert moment > 10


def test_a_narrower_one_is_made_by_the_key_alone_and_spends(site: Site, tmp_path: Path) -> None:
    info = a_wallet(site, "parent")
    fields = {"label": "<b>child</b>", "budget": "5", "per_spend": "2", "expiry": "", "handing": "plain"}
    doing = site.do("narrow", info.session_id, times=2, **fields)
    assert doing.failed is None
    child = site.agent.get_session(doing.deed.outcome)
    assert (child.parent_id, child.label, child.budget_usdc, child.per_spend_usdc) == (
        *(info.session_id, "<b>child</b>", "5", "2"),
    )
    assert len(site.agent.tree(info.session_id)) == 2
    assert doing.info is not None
    with BuyerAgent(base_url=site.stack.base_url, state_dir=tmp_path / "child") as holder:
        holder.init_with_session(doing.info.serialize())
        holder.spend("2", payee=site.key.address).capture()
    assert site.agent.get_session(info.session_id).spent_usdc == "2"
    # Whoever signs in with another key cannot open what the first one sealed: that one ends, another takes its place.
    other = site.agent.create_api_key("another", scopes=["full"]).secret
    again = site.do("narrow", info.session_id, api_key=other)
    assert again.failed is None
    assert again.deed.outcome != child.session_id
    assert site.agent.get_session(child.session_id).status == "revoked"


@pytest.mark.slow
def test_a_child_is_one_wherever_the_studio_is_killed(site: Site) -> None:
    info, moment, was_killed = a_wallet(site, "parent of many", expiry=7_200), 1, True
    made: list[str] = []
    while was_killed:
        moment += 1
        fields = {"label": f"child {moment}", "budget": "1", "handing": "plain"}
        deed, was_killed = until_done(site, "narrow", info.session_id, moment, hand_over=True, **fields)
        made.append(deed.outcome)
        below = [one.session_id for one in site.agent.tree(info.session_id)[1:] if one.status != "revoked"]
        assert sorted(below) == sorted(made), moment
    assert len(made) > 10


def test_a_grant_that_nobody_signed_is_signed_later(site: Site) -> None:
    with Client(
        site.api_key,
        chain=site.stack.chain_id,
        base_url=site.stack.base_url,
        signer=site.key,
        state_dir=site.folder / "client",
        passphrase="words",
    ) as client:
        session = client.create_session(
            label="ungranted", spending_limit=8, valid_until=timedelta(hours=1), funding="grant", grant=False
        )
    assert site.agent.find_grant(session.session_id) is None
    doing = site.do("grant", session.session_id, times=2)
    assert doing.failed is None
    assert site.agent.get_grant(session.session_id).status in ("signed", "known")
    assert site.agent.exposure(session.session_id).worst_case_usdc == "8"


@pytest.mark.parametrize("signing", ["relayer", "operator"])
def test_a_grant_is_revoked_on_chain_by_the_relayer_or_the_owner(site: Site, signing: str) -> None:
    info = site.agent.create_session(budget_usdc=3, expiry=3_600, label=f"by {signing}", funding="grant")
    doing = site.do("reclaim", info.session_id, signing=signing)
    assert doing.failed is None
    assert [one.name for one in doing.shown()] == ["ended", "revoked"]
    assert doing.record.done["revoked"].startswith("0x")
    assert site.agent.get_session(info.session_id).status == "revoked"


def test_who_may_not_changes_nothing_and_it_may_be_meant_anew(site: Site) -> None:
    info = a_wallet(site, "guarded", 2)
    reader = site.agent.create_api_key("reads", scopes=["read"]).secret
    doing = site.do("rotate", info.session_id, api_key=reader, grace="0", handing="plain")
    assert "sessions:write" in str(doing.failed)
    assert not doing.deed.is_begun
    # Nobody signs for another owner's wallet.
    doing = site.do("fund", info.session_id, key=PrivateKey.generate(), amount="1")
    assert "without the key of your wallet" in str(doing.failed)
    assert not doing.deed.is_begun
    assert site.units(info.wallet_address) == 2 * USDC
    # Meant otherwise then, it is what was said last.
    assert site.fund_twice(info.session_id, "9", "3").failed is None
    assert site.units(info.wallet_address) == 5 * USDC
    # What could never come home is not sent.
    bare = site.agent.create_session(budget_usdc=5, expiry=3_600, label="bare")
    doing = site.do("fund", bare.session_id, amount="1")
    assert isinstance(doing.failed, RecoveryFailed)
    assert doing.may_leave
    assert site.units(bare.wallet_address) == 0
