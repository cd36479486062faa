"""A wallet in the browser (EIP-1193) signs for a new session: grant, recovery copy, and money for its wallet."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.owners import Studio
from tests.browser.wizards import MADE_MS, Wallets, create, delegate_of, fill_in, go_on, shown_secret
from tests.fixtures_stack import RunningStack
from valetkey.chains.evm.signer import LocalSigner
from valetkey.cli.dev_rpc import USDC
from valetkey.crypto.keys import PrivateKey

PROVIDER = """
window.ethereum = { request: async (asked) => {
  const told = JSON.parse(await window.testWallet(JSON.stringify(asked)));
  if (told.error) throw Object.assign(new Error(told.error), { code: told.code });
  return told.result;
} };
"""


class BrowserWallet:
    """A wallet of a browser, as EIP-1193 has it, which signs with a key of the tests."""

    def __init__(self, stack: RunningStack, key: PrivateKey) -> None:
        self.stack, self.signer, self.key = stack, LocalSigner(key), key
        self.asked: list[str] = []
        self.no = 0

    def __call__(self, text: str) -> str:
        asked = json.loads(text)
        method, params = asked["method"], asked.get("params") or []
        self.asked.append(method)
        if method == "eth_requestAccounts":
            return self.told([self.key.address.lower()])
        if method == "eth_chainId":
            return self.told(hex(self.stack.chain_id))
        if self.no:
            self.no -= 1
            return json.dumps({"error": "User rejected", "code": 4001})
        if method == "personal_sign":
            return self.told("0x" + self.signer.sign_message(bytes.fromhex(params[0][2:])).hex())
        if method == "eth_signTypedData_v4":
            typed = json.loads(params[1])
            return self.told("0x" + self.signer.sign_typed_data(_numbers(typed)).hex())
        assert method == "eth_sendTransaction", method
        return self.told(self._send(params[0]))

    def _send(self, asked: dict[str, str]) -> str:
        call = self.stack.rpc.call
        fee = 3 * int(call("eth_gasPrice"), 16)
        transaction = {
            "chainId": self.stack.chain_id,
            "nonce": int(call("eth_getTransactionCount", self.key.address, "pending"), 16),
            "to": asked["to"],
            "data": asked["data"],
            "value": int(asked["value"], 16),
            "gas": 2 * int(call("eth_estimateGas", asked), 16),
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": fee,
        }
        return str(call("eth_sendRawTransaction", "0x" + self.signer.sign_transaction(transaction).hex()))

    @staticmethod
    def told(result: Any) -> str:
        return json.dumps({"result": result})

    def connect(self, page: Page) -> None:
        page.expose_function("testWallet", self)
        page.add_init_script(PROVIDER)


def _numbers(typed: dict[str, Any]) -> dict[str, Any]:
    """As wallets read typed data: whole numbers may be texts."""
    kinds = {one["name"]: one["type"] for one in typed["types"][typed["primaryType"]]}
    message = {
        name: int(one) if kinds[name].startswith("uint") else one for name, one in typed["message"].items()
    }
    return {**typed, "message": message}


def begun(new_page: Callable[[], Page], studio: Studio, owner: Wallets, wallet: BrowserWallet) -> Page:
    """The first step, in a browser with a wallet."""
    page = new_page()
    wallet.connect(page)
    studio.sign_in(page, owner.api_key, "/new")
    expect(page.get_by_role("heading", name="Purpose")).to_be_visible()
    return page


def test_the_wallet_signs_the_grant_and_the_session_pays(
    new_page: Callable[[], Page], studio: Studio, stack: RunningStack, tmp_path: Path
) -> None:
    owner = Wallets(stack, tmp_path)
    wallet = BrowserWallet(stack, owner.key)
    page = begun(new_page, studio, owner, wallet)
    fill_in(page, "signed in the browser")
    expect(page.get_by_text("The wallet in this browser")).to_be_visible()
    # Whoever says no made no grant; what was done stays, and it goes on.
    wallet.no = 1
    page.get_by_role("button", name="Create session").click()
    expect(page.get_by_role("alert")).to_contain_text("You said no in the wallet.", timeout=MADE_MS)
    made = owner.agent.sessions(label="signed in the browser")
    assert len(made) == 1
    page.reload()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Your session is made")).to_be_focused(timeout=MADE_MS)
    grant = owner.agent.get_grant(made[0].session_id)
    assert grant.status in ("signed", "known")
    assert wallet.asked.count("eth_signTypedData_v4") == 2, "the grant, and its revocation for later"
    assert wallet.asked.count("eth_sendTransaction") == 1, "the approval"
    with delegate_of(shown_secret(page, "Show the bundle"), owner, tmp_path) as delegate:
        payee = PrivateKey.generate().address
        assert delegate.check_spend("1", payee=payee).allowed
    exposure = owner.agent.exposure(made[0].session_id)
    assert (exposure.worst_case_usdc, exposure.owner_approval_usdc) == ("5", "5")
    owner.agent.close()


def test_the_wallet_fills_the_session_s_wallet_once(
    new_page: Callable[[], Page], studio: Studio, stack: RunningStack, tmp_path: Path
) -> None:
    owner = Wallets(stack, tmp_path)
    wallet = BrowserWallet(stack, owner.key)
    page = begun(new_page, studio, owner, wallet)
    page.get_by_label("Per chain").check()
    page.get_by_label("Label", exact=True).fill("filled in the browser")
    go_on(page, "Limits")
    page.get_by_label("Budget on this chain").fill("9")
    go_on(page, "Where")
    go_on(page, "Money")
    page.get_by_label("A wallet of its own").check()
    page.get_by_label("Fill its wallet with").fill("7")
    page.get_by_label("Plain bundle").check()
    go_on(page, "Review")
    create(page)
    (made,) = owner.agent.sessions(label="filled in the browser")
    assert made.session_wallet is not None
    assert stack.units(made.session_wallet) == 7 * USDC
    assert stack.rpc.wei(made.session_wallet) > 0
    assert wallet.asked.count("eth_sendTransaction") == 2, "gas and money, once each"
    owner.agent.init_eoa_wallet(owner.key)
    assert owner.agent.recover_session(made.session_id).wallet_address == made.session_wallet
    owner.agent.close()


def test_another_account_is_not_taken_for_the_owner_s(
    new_page: Callable[[], Page], studio: Studio, stack: RunningStack, tmp_path: Path
) -> None:
    owner = Wallets(stack, tmp_path)
    page = begun(new_page, studio, owner, BrowserWallet(stack, PrivateKey.generate()))
    fill_in(page, "of somebody else")
    page.get_by_role("button", name="Create session").click()
    expect(page.get_by_role("alert")).to_contain_text(f"choose {owner.key.address}", timeout=MADE_MS)
    owner.agent.close()
