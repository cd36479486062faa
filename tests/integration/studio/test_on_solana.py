"""A session on Solana made as the wizard makes it: once, also when it is killed in between, for its owner alone."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.sdk.on_solana import WORDS, Owner, owner, place
from valetkey.core.chains import SOLANA_LOCAL
from valetkey.crypto.keys import PrivateKey
from valetkey.crypto.secret import Secret
from valetkey.sdk.solana.blocking import SolanaDesk
from valetkey.studio.owners import Owners
from valetkey.studio.plan import Plan
from valetkey.studio.wizard.draft import Draft, FieldError
from valetkey.studio.wizard.making import Making, Makings
from valetkey.studio.wizard.meaning import check
from valetkey.studio.wizard.operator import Operator

__all__ = ["owner", "place"]


def made(who: Owner, draft: Draft | None = None, *, key: PrivateKey | None = None, **fields: str) -> Making:
    """Begin twice at once, and wait until it is over."""

    async def making() -> Making:
        base_url = who.place.server.base_url
        operator = Operator(
            key=key or who.key, passphrase=Secret(WORDS), solana=Secret(who.wallet.secret().hex())
        )
        owners = Owners(Plan(base_url=base_url, state_dir=who.folder), lambda _: None)
        signed_in = await owners.enter(Secret(who.api_key))
        try:
            makings = Makings(base_url, who.folder, operator)
            network = (await signed_in.networks())[SOLANA_LOCAL]
            meant = draft or makings.drafts.new(signed_in)
            if draft is None:
                meant.fill("what", {"template": "chain", "label": "at sea", "chain": str(SOLANA_LOCAL)})
                meant.fields.update({"budget": "20", "per_spend": "5", **fields})
                meant.fixed_at = int(time.time())
            check(meant, "money", int(time.time()), network, makings.local(signed_in))
            begun = [makings.begin(meant, signed_in, network) for _ in range(2)]
            await asyncio.gather(*makings._tasks)
            assert begun[0] is begun[1]
            return begun[0]
        finally:
            await owners.leave(signed_in)

    return asyncio.run(making())


def test_two_clicks_make_one_session_whose_keys_are_in_the_keystore(owner: Owner) -> None:
    payee = owner.payee()
    before = owner.at_home()
    making = made(owner, payees=payee, agent="sailor")
    assert making.failed is None
    assert [(one.name, one.state) for one in making.shown()] == [("opened", "done")]
    (session,) = owner.client.list_sessions()
    assert (session.label, session.funding, session.remaining_limit) == ("at sea", "allotment", Decimal(20))
    assert session.session_id == making.draft.session_id
    assert before - owner.at_home() == 20_000_000, "the budget moved once"
    # Whoever shares the folder and the passphrase pays with it.
    paid = owner.pay(session, "3", payee)
    assert paid.remaining_limit == Decimal(17)
    assert making.info is None


def test_what_was_killed_before_the_account_was_open_goes_on_with_the_same_session(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        """Stands for the process's end."""

    def die(*_: Any) -> None:
        raise Killed

    drafts: list[Draft] = []
    begin = Makings.begin

    def begun(makings: Makings, draft: Draft, *more: Any) -> Making:
        drafts.append(draft)
        return begin(makings, draft, *more)

    monkeypatch.setattr(Makings, "begin", begun)
    with monkeypatch.context() as dying:
        dying.setattr(SolanaDesk, "open", die)
        with pytest.raises(Killed):
            made(owner)
    (session,) = owner.client.list_sessions()
    making = made(owner, drafts[0])
    assert making.failed is None
    assert [one.session_id for one in owner.client.list_sessions()] == [session.session_id]
    assert making.draft.session_id == session.session_id
    assert owner.client.allotment(session).status == "open"


def test_the_operator_s_key_on_solana_is_for_the_owner_of_its_wallet_alone(owner: Owner) -> None:
    with pytest.raises(FieldError) as told:
        made(owner, key=PrivateKey.generate())
    assert told.value.field == "chain"
    assert "--solana-key-file" in str(told.value)
    assert owner.client.list_sessions() == []
