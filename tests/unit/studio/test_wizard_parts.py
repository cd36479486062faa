"""What the wizard is made of: drafts on disk, a form's values, the bridge to a wallet in a browser."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from valetkey.chains.evm.signer import LocalSigner
from valetkey.core.errors import InvalidInput
from valetkey.crypto.keys import PrivateKey
from valetkey.ports.keystore import Keystore
from valetkey.ports.signer import Signer
from valetkey.ports.wallet import Call
from valetkey.studio.elements.forms import values_of
from valetkey.studio.wizard import kept_drafts
from valetkey.studio.wizard.browser_wallet import Bridge, BrowserSigner, WalletLost, WalletRefused
from valetkey.studio.wizard.draft import Draft
from valetkey.studio.wizard.kept_drafts import ROOM, Drafts, NoDraft
from valetkey.studio.wizard.making import steps_of
from valetkey.studio.wizard.operator import HeldKeys, Operator

KEY = PrivateKey.generate()


def owner(wallet: str = KEY.address) -> Any:
    return SimpleNamespace(wallet=wallet, name=b"a key")


def test_a_draft_is_there_for_its_owner_alone(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    draft = drafts.new(owner(), "Europe/Berlin")
    draft.fields["label"] = "ops"
    drafts.keep(draft)
    again = Drafts(tmp_path).find(draft.id, owner(KEY.address.lower()))
    assert (again["label"], again.zone, again.key) == ("ops", "Europe/Berlin", draft.key)
    for stranger, name in (
        (owner("0x" + "22" * 20), draft.id),
        (owner(), "../../etc/pass"),
        (owner(), "x" * 16),
    ):
        with pytest.raises(NoDraft):
            drafts.find(name, stranger)
    with drafts.alone(draft) as mine, Drafts(tmp_path).alone(draft) as yours:
        assert (mine, yours) == (True, False)


def test_old_drafts_go_but_none_that_is_still_to_be_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_drafts, "DRAFTS_MAX", 3)
    drafts = Drafts(tmp_path)
    needed = drafts.new(owner())
    needed.fixed_at = needed.made_at
    drafts.keep(needed)
    made = [drafts.new(owner()).id for _ in range(5)]
    kept = drafts._state.names(ROOM)
    assert len(kept) == 3
    assert needed.id in kept
    assert made[-1] in kept


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([["a", "1"], ["b", "x"], ["b", "y"]], {"a": "1", "b": "x\ny"}),
        ([["a", {}], ["a"], "a", ["a", "b", "c"]], {}),
        ({"a": "1"}, {}),
        (None, {}),
    ],
    ids=["pairs", "odd pairs", "a mapping", "nothing"],
)
def test_a_form_is_pairs_of_texts_and_nothing_else(given: Any, found: dict[str, str]) -> None:
    assert values_of(given) == found


def test_steps_follow_from_who_signs_and_what_is_paid_with() -> None:
    draft = Draft.new("owner", 0)
    assert steps_of(draft, has_signer=True) == ("made", "granted", "approved")
    draft.fields.update(funding="wallet", amount="5")
    assert steps_of(draft, has_signer=True) == ("made", "kept", "funded")
    assert steps_of(draft, has_signer=False) == ("made",)
    draft.fields["handing"] = "enrolled"
    assert steps_of(draft, has_signer=True) == ("made", "approved")
    draft.fields["template"] = "seller"
    assert steps_of(draft, has_signer=True) == ("made",)


def test_an_operator_signs_for_its_own_wallet_alone() -> None:
    operator = Operator(key=KEY)
    assert operator.address(KEY.address.lower()) == KEY.address
    assert operator.address(PrivateKey.generate().address) is None
    assert Operator().address(KEY.address) is None
    assert KEY.to_hex()[2:] not in repr(operator)


def test_held_keys_are_a_keystore_until_they_are_forgotten() -> None:
    held: Keystore = HeldKeys()
    held.put("one", b"secret")
    held.close()
    found = held.get("one")
    assert found == b"secret"
    found[:] = bytes(6)
    assert held.get("one") == b"secret", "a caller wipes its own copy"
    assert held.names() == ["one"]
    assert (held.remove("one"), held.remove("one"), held.get("one")) == (True, False, None)


async def answered(answers: list[Any], work: Any) -> tuple[Any, list[dict[str, Any]]]:
    """What work in a thread comes to, when a page answers what it asks."""
    bridge = Bridge(asyncio.get_running_loop())
    signer = BrowserSigner(bridge, KEY.address.lower(), 84532)
    assert isinstance(signer, Signer)
    asked: list[dict[str, Any]] = []

    async def page() -> None:
        for answer in answers:
            one = await bridge.next()
            asked.append(one.told())
            if answer == "closed":
                bridge.lose(one)
            else:
                bridge.answer(one, answer(one.told()) if callable(answer) else answer)

    carrying = asyncio.create_task(page())
    try:
        return await asyncio.to_thread(work, signer), asked
    finally:
        carrying.cancel()


TYPED = {
    "types": {"EIP712Domain": [], "Grant": [{"name": "cap", "type": "uint256"}]},
    "primaryType": "Grant",
    "domain": {},
    "message": {"cap": 2**200, "salt": "0x12"},
}


def test_what_the_wallet_signed_is_looked_at() -> None:
    signature = LocalSigner(KEY).sign_message(b"text")
    old = signature[:64] + bytes([signature[64] - 27])
    found, asked = asyncio.run(
        answered([{"result": "0x" + old.hex()}], lambda signer: signer.sign_message(b"text"))
    )
    assert found == signature
    assert asked == [
        {
            "method": "personal_sign",
            "params": ["0x74657874", KEY.address],
            "account": KEY.address,
            "chainId": None,
        }
    ]
    foreign = LocalSigner(PrivateKey.generate()).sign_message(b"text").hex()
    for answer in ({"result": foreign}, {"result": "0xzz"}, {"result": 5}, {"error": "no"}, "nothing", None):
        with pytest.raises(WalletRefused):
            asyncio.run(answered([answer], lambda signer: signer.sign_message(b"text")))


def test_numbers_of_256_bits_are_told_as_texts() -> None:
    _, asked = asyncio.run(
        answered([{"result": "0x" + "11" * 65}], lambda signer: signer.sign_typed_data(TYPED))
    )
    told = json.loads(asked[0]["params"][1])
    assert told["message"] == {"cap": str(2**200), "salt": "0x12"}
    assert asked[0]["chainId"] == "0x14a34"


def test_a_page_that_closes_is_asked_again_for_a_signature_and_never_for_money() -> None:
    signed = {"result": "0x" + LocalSigner(KEY).sign_message(b"text").hex()}
    found, asked = asyncio.run(answered(["closed", signed], lambda signer: signer.sign_message(b"text")))
    assert (len(found), len(asked)) == (65, 2)
    call = Call(KEY.address, b"\x12", 5)
    with pytest.raises(WalletLost):
        asyncio.run(answered(["closed"], lambda signer: signer.send(call)))
    sent, asked = asyncio.run(answered([{"result": "0x" + "ab" * 32}], lambda signer: signer.send(call)))
    assert sent == "0x" + "ab" * 32
    assert asked[0]["params"] == [{"from": KEY.address, "to": KEY.address, "data": "0x12", "value": "0x5"}]
    with pytest.raises(WalletRefused):
        asyncio.run(answered([{"result": "sent"}], lambda signer: signer.send(call)))


def test_a_wallet_of_a_browser_signs_no_transaction_by_itself() -> None:
    async def unasked() -> None:
        bridge = Bridge(asyncio.get_running_loop())
        with pytest.raises(WalletRefused):
            BrowserSigner(bridge, KEY.address, 1).sign_transaction({"chainId": 1})
        with pytest.raises(InvalidInput):
            BrowserSigner(bridge, "", 1)

    asyncio.run(unasked())
