"""Sessions on Solana at the platform's door: their keys, their allotments, and what no owner may slip in as one."""

import base64
import json
import sys
from typing import Any

import pytest

from tests.fixtures_allotments import USDC, Session, World
from tests.fixtures_solana import TOKEN, wait_for
from tests.integration.platform.conftest import ADDRESS, NOBODY
from tests.integration.platform.serving import Agent, Server
from tests.integration.solana.acting import use_nonce_up
from valetkey.chains.solana import programs
from valetkey.chains.solana.delegate import SolanaDelegate
from valetkey.chains.solana.node import SolanaNode
from valetkey.chains.solana.owner import SolanaOwner
from valetkey.chains.solana.state import session_state
from valetkey.chains.solana.transactions import sign
from valetkey.core.chains import SOLANA, SOLANA_LOCAL
from valetkey.crypto.ed25519 import SigningKey, ed25519_key_hash
from valetkey.crypto.keys import PrivateKey
from valetkey.platform.app import create_app
from valetkey.platform.settings import Settings
from valetkey.platform.variables import SettingsError


@pytest.fixture
def owner(port: Server) -> Agent:
    return port.register()


@pytest.fixture
def session(sea: World, owner: Agent) -> Session:
    return sea.session(owner, sea.wallet())


def test_it_is_listed_and_named(sea: World, port: Server) -> None:
    found = port.http.get("/api/v1/networks").json()["data"]["networks"]
    assert [one["network"] for one in found] == ["base-sepolia", "solanaLocal"]
    assert found[1]["chainId"] == SOLANA_LOCAL
    assert found[1]["contracts"] == {"usdc": sea.usdc}
    assert found[1]["rpcUrl"] == sea.rpc.rpc_url
    assert port.http.get("/api/v1/network").json()["data"]["network"] == "base-sepolia"


def test_a_session_has_an_ed25519_key_and_lives_there(sea: World, owner: Agent) -> None:
    key = SigningKey.generate()
    made = owner.data("POST", "/agents/session", asked(key))
    view = owner.data("GET", f"/agents/session/{made['sessionId']}")
    assert view["sessionWallet"] == key.address
    assert view["sessionKeyHash"] == "0x" + ed25519_key_hash(key.public_key).hex()
    assert (view["network"]["network"], view["fundingMode"]) == ("solanaLocal", "allotment")
    (listed,) = owner.data("GET", f"/agents/sessions?keyHash={view['sessionKeyHash']}")["sessions"]
    assert listed["sessionId"] == made["sessionId"]
    assert owner.ask("POST", "/agents/session", asked(key)).json()["code"] == "session_key_taken"


def asked(key: SigningKey, **changes: Any) -> dict[str, Any]:
    return {
        "budgetUsdc": 5,
        "expiry": 600,
        "allowedServiceIds": [],
        "allowedChains": [SOLANA_LOCAL],
        "sessionWallet": key.address,
        "sessionPublicKey": key.public_key.hex(),
        "funding": "allotment",
        **changes,
    }


KEY, OTHER, EVM = SigningKey(b"k" * 32), SigningKey(b"o" * 32), PrivateKey.from_hex("0x" + "11" * 32)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"sessionWallet": EVM.address, "sessionPublicKey": None}, "invalid_address", "sessionWallet"),
        ({"sessionWallet": "1" * 32, "sessionPublicKey": None}, "invalid_address", "sessionWallet"),
        ({"sessionWallet": KEY.address[:-2], "sessionPublicKey": None}, "invalid_address", "sessionWallet"),
        ({"sessionPublicKey": OTHER.public_key.hex()}, "invalid_key", "sessionPublicKey"),
        ({"sessionPublicKey": EVM.public_key_compressed.hex()}, "invalid_key", "sessionPublicKey"),
        ({"allowedChains": None}, "invalid_input", "funding"),
        ({"allowedChains": [SOLANA_LOCAL, 84532]}, "invalid_input", "funding"),
        ({"allowedChains": None, "funding": "wallet"}, "invalid_address", "sessionWallet"),
        ({"allowedChains": [84532], "funding": "wallet"}, "invalid_address", "sessionWallet"),
        ({"allowedChains": [SOLANA]}, "network_mismatch", None),
        ({"funding": "grant"}, "invalid_input", "funding"),
        ({"budgetUsdc": None}, "invalid_input", "budgetUsdc"),
        ({"limits": [{"currency": "SOL", "budget": "1"}]}, "invalid_input", "limits"),
    ],
)
def test_keys_and_chains_do_not_mix(owner: Agent, changes: dict[str, Any], code: str, field: str) -> None:
    answer = owner.ask("POST", "/agents/session", asked(KEY, **changes))
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == code, body
    if field is not None:
        assert f'"{field}"' in json.dumps(body["details"]), body


def test_an_evm_session_is_as_it_was(owner: Agent) -> None:
    session = owner.session()
    assert session.data("GET", "/agents/session/self")["network"]["network"] == "base-sepolia"
    path = f"/agents/session/{session.session_id}/allotment"
    assert owner.ask("GET", path).status_code == 404
    assert owner.ask("POST", path, {"revocation": "AQAA"}).json()["code"] == "network_mismatch"


def test_an_allotment_is_kept_and_shown_to_owner_and_session(session: Session, port: Server) -> None:
    assert session.owner.ask("GET", session.path).status_code == 404
    revocation = session.presigned()
    given = session.owner.data("POST", session.path, {"revocation": revocation})
    assert given["status"] == "open"
    assert (given["account"], given["owner"]) == (str(session.accounts.account), session.wallet.address)
    assert (given["allottedUsdc"], given["revocation"]) == ("50", revocation)
    assert session.owner.data("POST", session.path, {"revocation": revocation}) == given
    assert session.shown() == session.agent.data("GET", session.path) == given
    assert port.register().ask("GET", session.path).status_code == 404
    assert session.agent.ask("POST", session.path, {"revocation": revocation}).status_code == 403
    exposure = session.owner.data("GET", f"/agents/session/{session.id}/exposure")
    assert (exposure["worstCaseUsdc"], exposure["gateUsdc"]) == ("50", "50")
    assert session.owner.ask("POST", f"/agents/session/{session.id}/rotate", {}).status_code == 400


def test_a_session_is_rotated_to_a_key_of_its_own_kind(session: Session) -> None:
    path, key = f"/agents/session/{session.id}/rotate", SigningKey.generate()
    keys = {"sessionWallet": key.address, "sessionPublicKey": key.public_key.hex()}
    evm = {"sessionWallet": EVM.address, "sessionPublicKey": EVM.public_key_compressed.hex()}
    for wrong in (
        {},
        evm,
        {**keys, "budgetUsdc": None},
        {**keys, "sessionPublicKey": OTHER.public_key.hex()},
    ):
        assert session.owner.ask("POST", path, wrong).status_code == 400
    made = session.owner.data("POST", path, {**keys, "graceSeconds": 60})
    view = session.owner.data("GET", f"/agents/session/{made['sessionId']}")
    assert (view["sessionWallet"], view["fundingMode"]) == (key.address, "allotment")
    assert view["sessionKeyHash"] == "0x" + ed25519_key_hash(key.public_key).hex()
    # Until it has an account of its own there is no end of it to keep: that of the old one is none.
    other = f"/agents/session/{made['sessionId']}/allotment"
    answer = session.owner.ask("POST", other, {"revocation": session.presigned()})
    assert answer.json()["code"] == "allotment_mismatch"
    assert session.owner.ask("POST", path, keys).status_code == 409


def hostile(session: Session, kind: str) -> str:
    """A transaction that the owner signed, and that is no revocation of this session alone."""
    accounts, wallet = session.accounts, session.wallet
    other = session.world.session(session.owner, wallet)
    advance = programs.advance_nonce(accounts.nonce, accounts.owner)
    revoke = programs.revoke(accounts.program, accounts.account, accounts.owner)
    move = programs.transfer_checked(
        *(accounts.program, accounts.account, accounts.mint, other.accounts.account, accounts.owner, 5, 6)
    )
    close = programs.close_account(accounts.program, accounts.account, accounts.owner, accounts.owner)
    pay = programs.pay(accounts.owner, other.accounts.key, 5)
    stories = {
        "moves tokens": ([advance, revoke, move], accounts),
        "moves tokens instead": ([advance, move], accounts),
        "pays lamports": ([advance, revoke, pay], accounts),
        "closes": ([advance, close], accounts),
        "revokes twice": ([advance, revoke, revoke], accounts),
        "without a nonce": ([revoke, revoke], accounts),
        "other order": ([revoke, advance], accounts),
        "other account": (
            [advance, programs.revoke(accounts.program, other.accounts.account, accounts.owner)],
            accounts,
        ),
        "other nonce": (
            [programs.advance_nonce(other.accounts.nonce, accounts.owner), revoke],
            other.accounts,
        ),
        "other session": (
            [
                programs.advance_nonce(other.accounts.nonce, accounts.owner),
                programs.revoke(accounts.program, other.accounts.account, accounts.owner),
            ],
            other.accounts,
        ),
        "other token program": (
            [advance, programs.revoke(programs.TOKEN_2022, accounts.account, accounts.owner)],
            accounts,
        ),
    }
    instructions, living = stories[kind]

    async def value(node: SolanaNode) -> bytes:
        state = await session_state(node, living)
        assert state.nonce is not None
        return state.nonce.value

    session.world.rpc.settle()
    nonce = session.world.act(value)
    return base64.b64encode(sign(instructions, accounts.owner, nonce, [wallet])).decode()


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "moves tokens",
            "moves tokens instead",
            "pays lamports",
            "closes",
            "revokes twice",
            "without a nonce",
        ),
        *("other order", "other account", "other nonce", "other session", "other token program"),
    ],
)
def test_what_is_no_revocation_of_this_session_is_refused(session: Session, kind: str) -> None:
    answer = session.owner.ask("POST", session.path, {"revocation": hostile(session, kind)})
    assert answer.status_code == 400, answer.text
    assert session.owner.ask("GET", session.path).status_code == 404
    assert session.delegate() == session.key.address


@pytest.mark.parametrize("damage", ["signature", "trailing", "truncated", "text"])
def test_damaged_bytes_are_refused(session: Session, damage: str) -> None:
    raw = bytearray(base64.b64decode(session.presigned()))
    if damage == "signature":
        raw[5] ^= 1
    elif damage == "trailing":
        raw += b"\0"
    elif damage == "truncated":
        raw = raw[:-3]
    text = "no transaction" if damage == "text" else base64.b64encode(bytes(raw)).decode()
    assert session.owner.ask("POST", session.path, {"revocation": text}).status_code == 400


def test_a_dead_one_and_one_of_a_key_that_may_move_more_are_refused(session: Session, sea: World) -> None:
    old = session.presigned()

    async def cancel(node: SolanaNode) -> None:
        await use_nonce_up(node, session.wallet, session.accounts)

    sea.act(cancel)
    sea.rpc.settle()
    answer = session.owner.ask("POST", session.path, {"revocation": old})
    assert (answer.status_code, answer.json()["code"]) == (400, "allotment_mismatch")
    small = sea.session(session.owner, session.wallet, 5)
    # The gate grants less than the token program would.
    key = SigningKey.generate()
    made = session.owner.data("POST", "/agents/session", asked(key))

    async def opened(node: SolanaNode) -> Any:
        acting = SolanaOwner(node, session.wallet)
        return await acting.open(key.address, small.mint, 6 * USDC)

    wide = Session(sea, session.owner, session.wallet, key, small.agent, small.mint, sea.act(opened))
    path = f"/agents/session/{made['sessionId']}/allotment"
    answer = session.owner.ask("POST", path, {"revocation": wide.presigned()})
    assert (answer.status_code, answer.json()["code"]) == (400, "allotment_mismatch")


def test_a_spend_is_held_paid_and_captured_by_proof(session: Session, sea: World) -> None:
    session.give()
    payee = sea.rpc.wallet(0).address
    held = session.agent.data("POST", "/spends", {"amount": "12.5", "payee": payee, "operation": "transfer"})
    assert held["asset"].endswith(f"token:{sea.usdc}")
    over = session.agent.ask("POST", "/spends", {"amount": "37.6", "payee": payee})
    assert (over.status_code, over.json()["code"]) == (403, "budget_exceeded")
    for other in ({"payee": EVM.address}, {"token": EVM.address}, {"token": TOKEN}):
        assert (
            session.agent.ask("POST", "/spends", {"amount": "1", "payee": payee, **other}).status_code == 400
        )

    async def pay(node: SolanaNode) -> None:
        acting = SolanaDelegate(node, session.key, session.wallet.address, session.mint)
        payment = await acting.sign(payee, 12_500_000, name=held["spendId"])
        body = {"payload": base64.b64encode(payment.encode()).decode(), "reference": payment.signature}
        assert session.agent.data("POST", f"/spends/{held['spendId']}/signed", body)["state"] == "unknown"
        await acting.pay(payment)

    sea.act(pay)
    path = f"/spends/{held['spendId']}"
    wait_for(lambda: session.agent.data("GET", path)["state"] == "captured", 30)
    spends = session.owner.data("GET", f"/spends?session={session.id}")["spends"]
    assert [(one["state"], one["captured"]) for one in spends] == [("captured", "12.5")]
    assert session.owner.data("GET", f"/agents/session/{session.id}")["remainingUsdc"] == "37.5"


def test_what_the_key_moved_without_asking_is_debited(session: Session, port: Server) -> None:
    session.give()
    signature = session.steal(7 * USDC)

    def seen() -> bool:
        return session.owner.data("GET", f"/agents/session/{session.id}")["remainingUsdc"] == "43"

    wait_for(seen, 30)
    (observed,) = session.owner.data("GET", f"/spends?session={session.id}")["spends"]
    assert (observed["operation"], observed["captured"], observed["note"]) == ("allotment", "7", signature)
    over = session.agent.ask("POST", "/spends", {"amount": "43.1", "payee": session.wallet.address})
    assert over.json()["code"] == "budget_exceeded"
    assert 'valetkey_allotments_total{outcome="unasked"}' in port.http.get("/metrics").text


def test_settings_that_mean_no_cluster_and_a_missing_extra(
    sea: World, port: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"network": "solanaLocal", "rpcUrl": sea.rpc.rpc_url, "usdc": sea.usdc}
    evm = {"network": "base-sepolia", "rpcUrl": NOBODY, "usdc": ADDRESS}
    for bad in (
        [good],
        [evm, {**good, "usdc": ADDRESS}],
        [evm, {**good, "escrow": ADDRESS, "score": ADDRESS}],
        [evm, {**good, "allowance": ADDRESS}],
        [evm, {**good, "confirmations": 2}],
        [evm, {**evm, "network": "base", "usdc": sea.usdc}],
        [evm, good, good],
    ):
        with pytest.raises(SettingsError):
            settings_of(bad)
    monkeypatch.setitem(sys.modules, "valetkey.chains.solana.allotments", None)
    with pytest.raises(SettingsError, match=r"valetkey\[solana\]"):
        create_app(settings_of([evm, good]))


def settings_of(networks: list[dict[str, Any]]) -> Settings:
    return Settings.from_env(
        {
            "VALETKEY_DATABASE": ":memory:",
            "VALETKEY_NETWORKS": json.dumps(networks),
            "VALETKEY_MASTER_SECRET": "the-master-secret-of-these-tests-only",
            "VALETKEY_WEBHOOK_SECRET": "whsec_of_these_tests_only",
        }
    )
