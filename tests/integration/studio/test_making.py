"""Sessions made as the wizard makes them, without a browser: each way to pay and to hand over, and who may not."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_stack import RunningStack
from valetkey import BuyerAgent, SellerAgent
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk.state import StateFolder
from valetkey.studio.owners import Owners
from valetkey.studio.plan import Plan
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.kept_drafts import Drafts
from valetkey.studio.wizard.making import Making, Makings
from valetkey.studio.wizard.operator import Operator


class Place:
    """An owner, and the folder of a studio that has its key."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.key = stack.wallet(1_000 * USDC)
        self.agent = BuyerAgent.register(
            self.key, f"made-{self.key.address[2:14]}", base_url=stack.base_url, state_dir=folder / "owner"
        )
        self.agent.init_eoa_wallet(self.key)
        assert self.agent.api_key is not None
        self.api_key = self.agent.api_key

    def make(
        self, *, times: int = 1, key: PrivateKey | None = None, api_key: Secret | None = None, **fields: str
    ) -> Making:
        """Begin so many times at once, as so many clicks do, and wait until it is over."""

        async def made() -> Making:
            operator = Operator(key=key or self.key, passphrase=Secret("words"))
            home = self.folder / "studio"
            owners = Owners(Plan(base_url=self.stack.base_url, state_dir=home), lambda _: None)
            owner = await owners.enter(api_key or self.api_key)
            try:
                makings = Makings(self.stack.base_url, home, operator)
                network = next(iter((await owner.networks()).values()))
                draft = makings.drafts.new(owner)
                draft.fill("what", {"template": fields.get("template", "chain"), "label": fields["label"]})
                draft.fields.update(
                    {"chain": str(network.chain_id), "budget": "5", "handing": "plain", **fields}
                )
                draft.fixed_at = int(time.time())
                makings.drafts.keep(draft)
                begun = [makings.begin(draft, owner, network) for _ in range(times)]
                await asyncio.gather(*makings._tasks)
                assert len(set(map(id, begun))) == 1
                return begun[0]
            finally:
                await owners.leave(owner)

        return asyncio.run(made())

    def sessions(self, label: str) -> list[Any]:
        return self.agent.sessions(label=label)


@pytest.fixture
def place(stack: RunningStack, tmp_path: Path) -> Iterator[Place]:
    made = Place(stack, tmp_path)
    yield made
    made.agent.close()


def test_three_clicks_make_one_session_that_pays_out_of_a_grant(place: Place) -> None:
    making = place.make(label="once", times=3)
    assert making.failed is None
    assert [one.state for one in making.shown()] == ["done", "done", "done"]
    (session,) = place.sessions("once")
    assert (session.session_id, session.funding_mode) == (making.draft.session_id, "grant")
    assert place.agent.exposure(session.session_id).owner_approval_usdc == "5"
    assert making.info is not None
    assert place.agent.recover_session(session.session_id).token.reveal() == making.info.token.reveal()
    making.forget()
    assert making.info is None


def test_a_wallet_of_its_own_is_filled_once_by_the_operator_s_key(place: Place) -> None:
    making = place.make(label="filled", funding="wallet", amount="3")
    assert making.failed is None
    (session,) = place.sessions("filled")
    assert place.stack.units(session.session_wallet or "") == 3 * USDC
    # Whoever was killed after the money moved and before that was written down sends nothing again.
    del making.draft.done["funded"]

    async def again() -> None:
        owners = Owners(
            Plan(base_url=place.stack.base_url, state_dir=place.folder / "studio"), lambda _: None
        )
        owner = await owners.enter(place.api_key)
        makings = Makings(
            place.stack.base_url,
            place.folder / "studio",
            Operator(key=place.key, passphrase=Secret("words")),
        )
        network = next(iter((await owner.networks()).values()))
        making = makings.begin(making_draft, owner, network)
        await asyncio.gather(*makings._tasks)
        await owners.leave(owner)
        assert making.failed is None
        assert making.draft.done["funded"] == "funded before"

    making_draft = making.draft
    asyncio.run(again())
    assert place.stack.units(session.session_wallet or "") == 3 * USDC


def test_a_seller_and_an_enrolled_agent(place: Place) -> None:
    making = place.make(label="shop", template="seller", budget="")
    assert making.failed is None
    (shop,) = place.sessions("shop")
    assert (shop.role, shop.budget_usdc) == ("seller", "0")
    for template, role in (("chain", "buyer"), ("seller", "seller")):
        kind = SellerAgent if role == "seller" else BuyerAgent
        enrolling = kind.enroll(
            lock="words", base_url=place.stack.base_url, state_dir=place.folder / f"robot-{role}"
        )
        making = place.make(label=f"own {role}", template=template, handing="enrolled", code=enrolling.code)
        assert making.failed is None
        (made,) = place.sessions(f"own {role}")
        assert (made.role, made.proof, making.info) == (role, "required", None)
        with enrolling.wait(timeout=20) as robot:
            assert robot.session is not None
            assert robot.session.session_id == made.session_id


def test_nobody_signs_for_another_owner(place: Place) -> None:
    making = place.make(label="of another", key=PrivateKey.generate())
    assert "without the key of your wallet" in str(making.failed)
    assert not making.draft.is_begun, "it may be changed"
    assert place.sessions("of another") == []


def test_what_is_made_elsewhere_is_left_alone_and_a_mistake_is_no_success(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, held = StateFolder(place.folder / "studio"), list[int]()
    keep = Drafts.keep

    def kept(drafts: Drafts, draft: Draft) -> None:
        keep(drafts, draft)
        lock = state.try_lock(f"draft-{draft.id}") if draft.is_begun else None
        held.extend([] if lock is None else [lock])

    monkeypatch.setattr(Drafts, "keep", kept)
    making = place.make(label="elsewhere")
    state.unlock(held.pop())
    assert "being done elsewhere" in str(making.failed)
    assert making.draft.is_begun, "whoever makes it goes on"
    assert place.sessions("elsewhere") == []
    monkeypatch.undo()
    broken: list[Making] = []

    def fall(making: Making, _signer: object) -> None:
        broken.append(making)
        raise ZeroDivisionError

    monkeypatch.setattr(Making, "_client", fall)
    with pytest.raises(ZeroDivisionError):
        place.make(label="broken")
    assert (broken[0].is_over, "its log says" in str(broken[0].failed)) == (True, True)


def test_a_key_that_only_reads_makes_nothing(place: Place) -> None:
    key = place.agent.create_api_key("reads", scopes=["read"]).secret
    making = place.make(label="read alone", api_key=key)
    assert making.failed is not None
    assert not making.draft.is_begun
    assert place.sessions("read alone") == []
