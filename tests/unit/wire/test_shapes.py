"""Member names and vocabularies of the shapes, as the wire contract writes them."""

from decimal import Decimal
from typing import get_args

import msgspec
import pytest

from valetkey.core.money import CURRENCY_DECIMALS
from valetkey.core.transaction import TransactionStatus
from valetkey.wire import agents, checkout, market, network, services, sessions, transactions
from valetkey.wire.http import decode_query, encode

MEMBERS: dict[type[msgspec.Struct], str] = {
    agents.RegisterResponse: "success apiKey agentId developerId walletAddress",
    agents.PublicKey: "agentId publicKey",
    agents.FeeTier: "feeBps feePercent tierName monthlyVolume nextTierVolume nextTierFeeBps volumeToNextTier",
    agents.Score: "address score required graduated",
    agents.DiscoveryScore: "agentId discoveryScore onChainScore lastSynced",
    sessions.CreatedSession: "sessionId token expiresAt",
    sessions.SessionView: "sessionId agentId ownerWallet role status label delegate parentId"
    " successorId treeId depth policyVersion budgetUsdc remainingUsdc worstCaseLossUsdc heldUsdc spentUsdc"
    " perSpendUsdc windows spendsMax spends approvalAboveUsdc limits allowedServiceIds allowedAssets allowedChains"
    " allowedPayees allowedOperations refundsRestore notBefore expiresAt expiry sessionWallet"
    " sessionKeyHash e2ePublicKey soleLabel proof fundingMode network nextRefusal health",
    network.NetworkView: "network chain chainId rpcUrl contracts confirmations testMode relayer",
    network.Contracts: "escrow score usdc allowance",
    services.ServiceView: "id agentId title description category price priceUnit currency deliveryType callbackRequired"
    " endpointUrl network status rating ratingCount avgResponseTimeMs totalTransactions agent createdAt updatedAt",
    services.ServicePage: "services total limit offset",
    checkout.CheckoutResult: "transactionId status totalCharged currency paymentInstructions service",
    checkout.CheckoutService: "id title seller",
    transactions.FundResult: "id status escrowTxHash onChain",
    transactions.OnChain: "escrowId buyer seller lockedAmount platformFee status",
    transactions.EvidenceResult: "evidenceId",
    market.MarketplacePulse: "timestamp services transactions agents settlement platform",
    market.ServiceFigures: "total newLast24h categories",
    market.TransactionFigures: "totalCompleted last24h volumeUsd24h",
    market.AgentFigures: "totalRegistered activeLast7d",
    market.SettlementFacts: "supportedTokens chain escrowVersion",
    market.PlatformFacts: "protocolFee uptime",
}


def spelled(members: str) -> set[str]:
    return set(members.split())


@pytest.mark.parametrize("shape", MEMBERS, ids=lambda shape: shape.__name__)
def test_members_are_spelled_as_the_contract_spells_them(shape: type[msgspec.Struct]) -> None:
    assert " ".join(shape.__struct_encode_fields__) == MEMBERS[shape]


def test_payment_instructions_and_transactions_hold_every_member_of_the_contract() -> None:
    instructions = set(checkout.PaymentInstructions.__struct_encode_fields__)
    assert instructions >= spelled(
        "type escrowContract escrowId sellerAddress tokenAddress tokenSymbol tokenDecimals amount totalWithFee"
        " currency chain chainId fundEndpoint instructions"
    )
    transaction = set(transactions.TransactionView.__struct_encode_fields__)
    assert transaction >= spelled(
        "id serviceId buyerAgentId sellerAgentId quantity unitPrice subtotal platformFee sellerFee totalCharged"
        " sellerReceives currency paymentMethod paymentStatus status escrowAddress escrowTxHash paymentIntentId"
        " callbackUrl requestPayload responsePayload deliveryProof deliveredAt completedAt disputeReason createdAt"
        " updatedAt myRole service buyerAgent sellerAgent"
    )
    dispute = set(transactions.DisputeView.__struct_encode_fields__)
    assert dispute >= spelled("status outcome buyerPercent sellerPercent evidenceCount createdAt resolvedAt")


def test_vocabularies_are_those_of_the_rules() -> None:
    assert set(get_args(services.Network)) == set(network.CHAIN_NAMES)
    assert set(get_args(services.Currency)) <= set(CURRENCY_DECIMALS)
    assert set(get_args(transactions.TransactionState)) == set(TransactionStatus)


def test_nullable_members_are_written_and_optional_ones_left_out() -> None:
    dispute = transactions.DisputeView(
        status="evaluating",
        outcome=None,
        buyer_percent=None,
        seller_percent=None,
        evidence_count=0,
        created_at="2026-03-01T00:00:00.000Z",
        resolved_at=None,
    )
    assert encode(dispute) == (
        b'{"status":"evaluating","outcome":null,"buyerPercent":null,"sellerPercent":null,"evidenceCount":0,'
        b'"createdAt":"2026-03-01T00:00:00.000Z","resolvedAt":null}'
    )
    assert encode(services.ServiceAgent(id="agt_1", agent_name="x")) == b'{"id":"agt_1","agentName":"x"}'


def test_payloads_pass_through_untouched() -> None:
    view = transactions.TransactionView(
        id="t", service_id="s", buyer_agent_id="b", seller_agent_id="a", quantity=1,
        unit_price=Decimal("0.1"), subtotal=Decimal("0.1"), platform_fee=Decimal("0.002"), seller_fee=Decimal(0),
        total_charged=Decimal("0.102"), seller_receives=Decimal("0.1"), currency="USDC", payment_method="crypto",
        payment_status="pending", status="pending", created_at="x", updated_at="x",
        request_payload=msgspec.Raw(b'{ "b":1.0,"a":1e2 }'),
    )  # fmt: skip
    written = encode(view)
    assert b'"requestPayload":{ "b":1.0,"a":1e2 }' in written
    assert b'"totalCharged":0.102' in written
    assert b"responsePayload" not in written
    read = msgspec.json.decode(written, type=transactions.TransactionView)
    assert read.total_charged == Decimal("0.102")
    assert encode(read) == written


def test_answers_with_secrets_do_not_show_them() -> None:
    secret = "abba_session_0123456789abcdef"
    created = sessions.CreatedSession(session_id="ses_1", token=secret, expires_at="x")
    registered = agents.RegisterResponse(
        success=True, api_key=secret, agent_id="agt_1", developer_id="dev_1", wallet_address="0x"
    )
    webhook = agents.WebhookSecret(webhook_secret=secret)
    for one in (created, registered, webhook):
        assert secret not in repr(one)
        assert secret in encode(one).decode()


def test_lists_of_sessions_are_narrowed_by_every_currency_that_there_is() -> None:
    for currency in CURRENCY_DECIMALS:
        assert decode_query({"currency": currency}, sessions.SessionListQuery).currency == currency
