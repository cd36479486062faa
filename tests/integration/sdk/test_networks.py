"""Two chains behind one platform: sessions that live on the second pay there, and nowhere else."""

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import wait_until
from tests.fixtures_networks import BASE, ETHEREUM, TwoNetworks, settings_of
from tests.integration.platform.serving import serve
from valetkey import BuyerAgent, Client, SellerAgent, Transfer
from valetkey.chains.evm.errors import WrongChain
from valetkey.cli.dev_rpc import USDC
from valetkey.core.errors import ChainUnavailable, InvalidInput
from valetkey.core.money import NATIVE
from valetkey.core.tokens import TOKENS
from valetkey.crypto.keys import PrivateKey
from valetkey.sdk.chain_config import CHAINS_FILE
from valetkey.sdk.errors import (
    ChainNotAllowed,
    GrantMismatch,
    NetworkMismatch,
    NotConfigured,
    WrongNetwork,
)
from valetkey.wire.granting import GiveGrantRequest, GrantView, grant_of
from valetkey.wire.grants import Domain, grant_hash, grant_message, revoke_message

PAYEE = "0x" + "5a" * 20


@pytest.fixture
def agent(two_networks: TwoNetworks, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Make agents of this platform, each with a state folder of its own unless told otherwise."""
    made: list[Any] = []

    def make(kind: Any = BuyerAgent, **places: Any) -> Any:
        folder = places.pop("state_dir", tmp_path / f"state-{len(made)}")
        made.append(kind(base_url=two_networks.base_url, state_dir=folder, **places))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def key(two_networks: TwoNetworks) -> PrivateKey:
    return two_networks.wallet(1_000 * USDC)


@pytest.fixture
def owner(two_networks: TwoNetworks, key: PrivateKey, tmp_path: Path) -> Iterator[BuyerAgent]:
    with BuyerAgent.register(
        key, f"owner-{uuid.uuid4().hex[:10]}", base_url=two_networks.base_url, state_dir=tmp_path / "owner"
    ) as made:
        made.init_eoa_wallet(key)
        yield made


def holder(agent: Callable[..., Any], session: Any, **places: Any) -> BuyerAgent:
    made: BuyerAgent = agent(**places)
    made.init_with_session(session.serialize())
    return made


def asset(chain_id: int, address: str) -> str:
    return f"eip155:{chain_id}/erc20:{address.lower()}"


def test_what_is_served_is_told(two_networks: TwoNetworks, owner: BuyerAgent) -> None:
    base, ethereum = owner.networks()
    assert (base.network, base.chain, base.chain_id) == ("base", "base", BASE)
    assert (ethereum.network, ethereum.chain, ethereum.chain_id) == ("ethereum", "ethereum", ETHEREUM)
    assert base.contracts.escrow == two_networks.base.at.escrow
    assert ethereum.contracts.escrow is ethereum.contracts.score is None
    assert ethereum.contracts.allowance == two_networks.ethereum.at.allowance
    assert owner.network() == base
    for said in ("ethereum", 1, "1"):
        assert owner.network(said) == ethereum
    http = two_networks.server.http
    for said in ("ethereum", "1"):
        assert http.get("/api/v1/network", params={"network": said}).json()["data"]["chainId"] == ETHEREUM
    with pytest.raises(WrongNetwork):
        owner.network("polygon")
    assert http.get("/api/v1/network", params={"network": "polygon"}).status_code == 400
    assert http.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("chains", "lives_on"),
    [
        (None, BASE),
        ([ETHEREUM], ETHEREUM),
        ([137, ETHEREUM], ETHEREUM),
        ([ETHEREUM, BASE], BASE),
        ([137], BASE),
    ],
)
def test_a_session_lives_on_the_first_network_that_its_policy_allows(
    owner: BuyerAgent, chains: list[int] | None, lives_on: int
) -> None:
    session = owner.create_session(5, 3_600, allowed_chains=chains)
    assert owner.get_session(session.session_id).network.chain_id == lives_on


def test_a_grant_on_the_second_chain_is_drawn_through_its_relayer(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey, agent: Callable[..., Any]
) -> None:
    ethereum, base = two_networks.ethereum, two_networks.base
    session = owner.create_session(50, 3_600, funding="grant", allowed_chains=[ETHEREUM])
    given = owner.get_grant(session)
    assert (given.chain_id, given.contract) == (ETHEREUM, ethereum.at.allowance)
    assert owner.approve_grants("ethereum") is None, "approved when it was given"
    delegate = holder(agent, session)
    assert delegate.network().chain_id == ETHEREUM
    hold = delegate.spend("3", payee=PAYEE)
    assert hold.view.asset == asset(ETHEREUM, ethereum.at.usdc)
    had = ethereum.units(PAYEE), base.units(PAYEE)
    assert delegate.draw(hold).state == "captured"
    assert (ethereum.units(PAYEE), base.units(PAYEE)) == (had[0] + 3 * USDC, had[1])
    assert (ethereum.units(key.address), base.units(key.address)) == (997 * USDC, 1_000 * USDC)
    assert int(ethereum.rpc.call("eth_getBalance", session.wallet_address, "latest"), 16) == 0
    assert owner.get_session(session.session_id).spent_usdc == "3"
    assert owner.exposure(session).grant_usdc == "47"
    wait_until(lambda: owner.get_grant(session).status == "known", "the follower of the second chain")
    # Taken back at the platform, it is revoked on its own chain by that chain's relayer.
    owner.revoke_session(session.session_id)
    wait_until(lambda: owner.get_grant(session).status == "revoked", "the revocation")


def test_what_was_relayed_is_captured_before_the_followers_next_round(
    two_networks: TwoNetworks, key: PrivateKey, tmp_path: Path
) -> None:
    """A platform that looks by itself every ten minutes only, with a relayer of its own."""
    relayer = two_networks.wallet().to_hex()
    rarely = {"VALETKEY_FOLLOW_SECONDS": "600", "VALETKEY_RECONCILE_SECONDS": "600"}
    settings = settings_of(
        two_networks.base,
        two_networks.ethereum,
        str(tmp_path / "rarely.db"),
        VALETKEY_RELAYER_KEY=relayer,
        **rarely,
    )
    server = serve(settings)
    try:
        place = {"base_url": server.base_url}
        with (
            BuyerAgent.register(key, "rarely", state_dir=tmp_path / "o", **place) as owner,
            BuyerAgent(state_dir=tmp_path / "d", **place) as delegate,
        ):
            owner.init_eoa_wallet(key)
            session = owner.create_session(50, 3_600, funding="grant", allowed_chains=[ETHEREUM])
            delegate.init_with_session(session.serialize())
            for amount in ("3", "2"):
                assert delegate.draw(delegate.spend(amount, payee=PAYEE)).state == "captured"
            assert owner.get_session(session.session_id).spent_usdc == "5"
    finally:
        server.stop()


def test_two_sessions_on_two_chains_do_not_touch_each_other(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey, agent: Callable[..., Any]
) -> None:
    units: dict[int, int] = {}
    for chain_id, amount in ((BASE, 2), (ETHEREUM, 5)):
        session = owner.create_session(20, 3_600, funding="grant", allowed_chains=[chain_id])
        delegate = holder(agent, session)
        assert delegate.draw(delegate.spend(amount, payee=PAYEE)).state == "captured"
        units[chain_id] = amount * USDC
    assert two_networks.base.units(key.address) == 1_000 * USDC - units[BASE]
    assert two_networks.ethereum.units(key.address) == 1_000 * USDC - units[ETHEREUM]


def test_a_wallet_on_the_second_chain_is_funded_pays_and_is_reclaimed(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey, agent: Callable[..., Any], tmp_path: Path
) -> None:
    ethereum, base = two_networks.ethereum, two_networks.base
    session = owner.create_session(10, 3_600, allowed_chains=[ETHEREUM])
    owner.fund_session(session)
    assert (ethereum.units(session.wallet_address), base.units(session.wallet_address)) == (10 * USDC, 0)
    # From another folder, by the id alone: the platform says where it lives.
    other = agent(state_dir=tmp_path / "another machine")
    other.api_key = other._client.credential = owner.api_key
    other.init_eoa_wallet(key)
    assert other.reclaim_session(key.address, session=session.session_id) is not None
    assert ethereum.units(session.wallet_address) == 0
    assert ethereum.units(key.address) == 1_000 * USDC
    # And by the one who funded it, after the end; there is nothing left.
    owner.revoke_session(session.session_id)
    assert owner.reclaim_session(key.address, session=session) is None


def test_a_session_asks_for_no_spend_on_another_chain(
    two_networks: TwoNetworks, owner: BuyerAgent, agent: Callable[..., Any]
) -> None:
    session = owner.create_session(10, 3_600, allowed_chains=[ETHEREUM])
    delegate = holder(agent, session)
    for other in (asset(BASE, two_networks.base.at.usdc), asset(137, PAYEE), "eip155:8453/slip44:60"):
        with pytest.raises((ChainNotAllowed, InvalidInput)) as refused:
            delegate.spend(1, currency="ETH" if "slip44" in other else "USDC", asset=other)
        assert refused.value.code == "chain_not_allowed"


def test_a_hold_of_another_chain_is_not_signed_for(
    two_networks: TwoNetworks, owner: BuyerAgent, agent: Callable[..., Any]
) -> None:
    """A policy may name both chains; the session lives on one, and its key signs for that one alone."""
    session = owner.create_session(10, 3_600, funding="grant", allowed_chains=[BASE, ETHEREUM])
    delegate = holder(agent, session)
    hold = delegate.spend(1, payee=PAYEE, asset=asset(ETHEREUM, two_networks.ethereum.at.usdc))
    delegate._signer = Untouched(delegate._signer)
    with pytest.raises(WrongNetwork, match="this spend is of chain 1, and the session pays on 8453"):
        delegate.draw(hold)
    assert hold.refresh().state == "held"


def test_a_grant_of_another_chain_is_not_signed_for(
    owner: BuyerAgent, agent: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a platform says."""
    session = owner.create_session(10, 3_600, funding="grant", allowed_chains=[ETHEREUM])
    delegate = holder(agent, session)
    lying = owner.get_grant(session)
    lying.chain_id = BASE
    monkeypatch.setattr(delegate, "find_grant", lambda _: lying)
    hold = delegate.spend(1, payee=PAYEE)
    delegate._signer = Untouched(delegate._signer)
    with pytest.raises(WrongNetwork, match="this grant is of chain 8453"):
        delegate.draw(hold)
    with pytest.raises(WrongNetwork, match="this grant is of chain 8453"):
        delegate.promise(PAYEE, 1)


class Untouched:
    """A signer that nobody may use."""

    def __init__(self, signer: Any) -> None:
        self.address = signer.address

    def sign_typed_data(self, data: Any) -> bytes:
        raise AssertionError("something was signed")

    sign_message = sign_transaction = sign_typed_data


def test_a_platform_keeps_no_grant_of_another_chain_than_the_sessions(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey
) -> None:
    """Signed for base, given to a session that lives on ethereum; and the same signatures under another number."""
    twin = owner.create_session(10, 3_600, funding="grant", allowed_chains=[BASE])
    terms = grant_of(owner.get_grant(twin).grant)
    session = owner.create_session(10, 3_600, allowed_chains=[ETHEREUM])
    path = f"/agents/session/{session.session_id}/grant"
    contract = two_networks.base.at.allowance
    assert contract == two_networks.ethereum.at.allowance, "it has one address everywhere"
    signer, domain = owner._need_signer(), Domain(BASE, contract)
    asked = GiveGrantRequest(
        chain_id=BASE,
        contract=contract,
        grant=owner.get_grant(twin).grant,
        signature="0x" + signer.sign_typed_data(domain.typed_data("Grant", grant_message(terms))).hex(),
        revocation="0x"
        + signer.sign_typed_data(domain.typed_data("Revoke", revoke_message(grant_hash(terms)))).hex(),
    )
    with pytest.raises(GrantMismatch, match="this session lives on ethereum"):
        owner._client.send("POST", path, GrantView, asked)
    asked.chain_id = 137
    with pytest.raises(NetworkMismatch):
        owner._client.send("POST", path, GrantView, asked)


def test_a_signature_for_one_chain_is_none_for_another(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey
) -> None:
    """The contract has one address on every chain, and the token here too: the number alone tells them apart."""
    session = owner.create_session(10, 3_600, funding="grant", allowed_chains=[BASE])
    given = owner.get_grant(session)
    twin = owner.create_session(10, 3_600, allowed_chains=[ETHEREUM])
    assert two_networks.base.at.usdc == two_networks.ethereum.at.usdc
    asked = GiveGrantRequest(
        chain_id=ETHEREUM,
        contract=given.contract,
        grant=given.grant,
        signature=given.signature,
        revocation=given.signature,
    )
    asked.grant.key = twin.wallet_address
    asked.grant.escrow = NATIVE
    with pytest.raises(GrantMismatch, match="signature is not its owner's"):
        owner._client.send("POST", f"/agents/session/{twin.session_id}/grant", GrantView, asked)


def test_a_node_of_another_chain_signs_nothing(
    two_networks: TwoNetworks, owner: BuyerAgent, agent: Callable[..., Any]
) -> None:
    session = owner.create_session(10, 3_600, funding="grant", allowed_chains=[ETHEREUM])
    delegate = holder(agent, session, rpc_url=two_networks.base.rpc_url)
    hold = delegate.spend(1, payee=PAYEE)
    delegate._signer = Untouched(delegate._signer)
    with pytest.raises(WrongChain, match="the node serves chain 8453, not 1"):
        delegate.draw(hold)


def test_an_owners_node_is_one_of_its_own_network_and_others_come_from_the_file(
    two_networks: TwoNetworks, key: PrivateKey, agent: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    name, file = f"owner-{uuid.uuid4().hex[:10]}", tmp_path / "chains.json"
    places = {"base_url": two_networks.base_url, "rpc_url": two_networks.base.rpc_url}
    with BuyerAgent.register(key, name, state_dir=tmp_path / "named", **places) as owner:
        owner.init_eoa_wallet(key)
        session = owner.create_session(10, 3_600, allowed_chains=[ETHEREUM])
        monkeypatch.setenv(CHAINS_FILE, str(file))
        file.write_text('[{"name": "ethereum", "chainId": 1, "rpcUrl": "http://127.0.0.1:9"}]')
        with pytest.raises(ChainUnavailable, match="no node of the network answered"):
            owner.fund_session(session, amount=1)
    assert two_networks.ethereum.units(session.wallet_address) == 0
    entry = {"name": "ethereum", "chainId": 1, "rpcUrl": two_networks.ethereum.rpc_url}
    file.write_text(json.dumps([entry]))
    again = agent(state_dir=tmp_path / "named", rpc_url=two_networks.base.rpc_url)
    again.api_key = again._client.credential = owner.api_key
    again.init_eoa_wallet(key)
    again.fund_session(session, amount=1)
    assert two_networks.ethereum.units(session.wallet_address) == USDC
    here = again.create_session(10, 3_600)
    again.fund_session(here, amount=2)
    assert two_networks.base.units(here.wallet_address) == 2 * USDC, (
        "by the node that was named for the agent"
    )


def test_every_chain_is_frozen_and_thawed(
    two_networks: TwoNetworks, owner: BuyerAgent, agent: Callable[..., Any]
) -> None:
    sessions = [
        owner.create_session(10, 3_600, funding="grant", allowed_chains=[chain_id])
        for chain_id in (BASE, ETHEREUM)
    ]
    delegates = [holder(agent, one) for one in sessions]
    stopped = owner.stop_directly()
    assert stopped.is_whole
    assert stopped.frozen is not None
    assert len(stopped.also_frozen) == 1
    for delegate in delegates:
        with pytest.raises(Exception, match="frozen"):
            delegate.draw(delegate.spend(1, payee=PAYEE))
    assert owner.thaw_directly() is not None
    for delegate in delegates:
        assert delegate.draw(delegate.spend(1, payee=PAYEE)).state == "captured"


def test_nothing_is_sold_where_there_is_no_escrow(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey, agent: Callable[..., Any]
) -> None:
    seller = agent(SellerAgent)
    seller.api_key = seller._client.credential = owner.api_key
    with pytest.raises(NetworkMismatch):
        seller.list_service(
            title="Work", description="Worth it", category="other", price="1", price_unit="flat",
            network="base-sepolia",
        )  # fmt: skip
    delegate = holder(agent, owner.create_session(10, 3_600, allowed_chains=[ETHEREUM]))
    with pytest.raises(NotConfigured, match="nothing is bought or sold on ethereum"):
        delegate._escrow()


@pytest.mark.parametrize("currency", ["USDT", "WETH", "DAI"])
def test_a_token_that_the_chain_knows_otherwise_is_refused(
    owner: BuyerAgent, agent: Callable[..., Any], two_networks: TwoNetworks, currency: str
) -> None:
    """Everybody's addresses have no code on these chains; and one token is no other."""
    session = owner.create_session(10, 3_600, allowed_chains=[ETHEREUM], limits={currency: None})
    delegate = holder(agent, session)
    usdc = asset(ETHEREUM, two_networks.ethereum.at.usdc)
    with pytest.raises(InvalidInput) as refused:
        delegate.spend(1, currency=currency, asset=usdc)
    assert refused.value.code == "token_mismatch"
    known = next(one for one in TOKENS if one.currency == currency and one.chain_id == ETHEREUM)
    for nothing_there in (asset(ETHEREUM, "0x" + "77" * 20), known.id):
        with pytest.raises(InvalidInput) as refused:
            delegate.spend(1, currency=currency, asset=nothing_there)
        assert refused.value.code == "token_mismatch"


def test_a_client_has_sessions_on_both_chains_and_each_pays_on_its_own(
    two_networks: TwoNetworks, owner: BuyerAgent, key: PrivateKey, tmp_path: Path
) -> None:
    places = {
        "base_url": two_networks.base_url,
        "state_dir": tmp_path / "client",
        "passphrase": "of two chains",
    }
    with Client(owner.api_key, signer=key, **places) as client:
        rules = {"spending_limit": 20, "valid_until": timedelta(hours=1)}
        first = client.create_session(label="on base", **rules)
        second = client.create_session(label="on ethereum", chain_id="1", **rules)
        wallet = client.create_session(label="wallet", chain="ethereum", funding="wallet", **rules)
        assert [(one.chain, one.chain_id, one.funding) for one in (first, second, wallet)] == [
            ("base", BASE, "grant"),
            ("ethereum", ETHEREUM, "grant"),
            ("ethereum", ETHEREUM, "wallet"),
        ]
        assert [one.label for one in client.list_sessions(chain="base")] == ["on base"]
        client.fund_session(wallet, "6")
        payee = PrivateKey.generate().address
        for session, amount in ((first, 1), (second, 2), (wallet, 4)):
            done = client.execute(session, Transfer(to=payee, amount=amount))
            assert done.receipt is not None
        assert two_networks.base.units(payee) == 1 * USDC
        assert two_networks.ethereum.units(payee) == 6 * USDC
        assert client.reclaim_session(wallet)
