"""Sellers that lie about channels: about totals, about themselves, about what was refunded. What each gets in the end.

Each brings every deposit in and claims all that any voucher allows, before the money is counted.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures_stack import RunningStack
from tests.fixtures_x402 import ChannelLab
from tests.x402.channel_taker import Taker, answering
from tests.x402.hostile import HostileSeller, Reply
from tests.x402.victim import Victim, open_session
from valetkey import BuyerAgent
from valetkey.core.errors import ValetkeyError
from valetkey.wire.errors import CODES

CENT, DEPOSIT = 10_000, 50_000


@pytest.fixture
def payer(stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path) -> Iterator[Victim]:
    """A session of a platform: channels are opened by no other."""
    made = open_session(stack, x402_owner, tmp_path / "payer")
    yield made
    made.close()


@pytest.fixture
def taker(channel_lab: ChannelLab, hostile: Callable[..., HostileSeller]) -> Taker:
    """A hostile seller on a chain with channels."""
    return Taker(hostile())


def ask(payer: Victim, url: str, **more: Any) -> httpx.Response | Exception:
    """One answer, or what was raised: nothing but ours and httpx's."""
    with payer.agent.http(max_deposit="0.05", timeout=10) as http:
        try:
            return http.get(url, **more)
        except (ValetkeyError, httpx.HTTPError) as error:
            return error


def refused(answer: object) -> str:
    assert isinstance(answer, ValetkeyError), answer
    assert answer.code in CODES, answer.code
    return answer.code


def gets(payer: Victim, taker: Taker, units: int, deposits: int = 1) -> None:
    """Assert what the seller has when it took all it can, twice over, and what the wallet and the ledger say."""
    taker.take_all()
    taker.take_all()
    assert payer.stack.units(taker.seller.pay_to) == units
    assert payer.moved() == payer.counted() == deposits * DEPOSIT


def open_channel(payer: Victim, taker: Taker) -> None:
    """One request, whose deposit the seller brings in at once."""
    assert isinstance(ask(payer, f"{taker.seller.url}/first"), httpx.Response)
    taker.take_all()


def nothing_signed(payer: Victim, taker: Taker) -> None:
    assert taker.seller.payments == []
    assert (payer.moved(), payer.counted()) == (0, 0)


# The ground: a seller that does what it said gets what it asked for


def test_an_honest_seller_of_channels_gets_its_due(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(taker, Reply())
    for number in range(3):
        answer = ask(payer, f"{taker.seller.url}/{number}")
        assert isinstance(answer, httpx.Response), answer
        taker.take_all()
    assert taker.totals == [CENT, 2 * CENT, 3 * CENT]
    gets(payer, taker, 3 * CENT)


# Totals


def test_says_that_it_charged_more_than_it_asked_for(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(taker, Reply(), lambda paid: taker.corrective(paid, "40000"))
    open_channel(payer, taker)
    assert refused(ask(payer, f"{taker.seller.url}/b")) == "channel_total_refused"
    assert taker.totals == [CENT, 2 * CENT]
    gets(payer, taker, 2 * CENT)


def test_says_that_it_charged_what_it_was_just_sent(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(
        taker, Reply(), lambda paid: taker.corrective(paid, paid["payload"]["voucher"]["maxClaimableAmount"])
    )
    open_channel(payer, taker)
    for _ in range(3):
        assert refused(ask(payer, f"{taker.seller.url}/b")) == "payment_not_accepted"
    assert set(taker.totals) == {CENT, 2 * CENT}
    gets(payer, taker, 2 * CENT)


def test_says_that_it_charged_less_each_time(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(
        taker,
        Reply(),
        Reply(),
        lambda paid: taker.corrective(paid, "0"),
        lambda paid: taker.corrective(paid, "1"),
        Reply(),
    )
    for number in range(4):
        ask(payer, f"{taker.seller.url}/{number}")
    # Whatever it says, the highest voucher is for no more than the four requests.
    assert max(taker.totals) <= 4 * CENT
    gets(payer, taker, max(taker.totals))


@pytest.mark.parametrize(
    "charged",
    [None, -1, 20_000, "-1", "1e4", "٣", "", "9" * 40, [], "0x10"],
    ids=["none", "negative", "number", "text-negative", "exponent", "digits", "empty", "long", "list", "hex"],
)
def test_says_totals_that_are_none(payer: Victim, taker: Taker, charged: object) -> None:
    taker.seller.behaviour = answering(taker, lambda paid: taker.corrective(paid, charged))
    assert refused(ask(payer, f"{taker.seller.url}/a")) in ("payment_not_accepted", "channel_total_refused")
    assert taker.totals == [CENT]
    gets(payer, taker, CENT)


def test_corrects_for_ever(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(taker, Reply(), lambda paid: taker.corrective(paid, "0"))
    open_channel(payer, taker)
    for _ in range(5):
        refused(ask(payer, f"{taker.seller.url}/b"))
    assert max(taker.totals) <= 2 * CENT
    gets(payer, taker, 2 * CENT)


def test_speaks_of_another_channel(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(
        taker, Reply(), lambda paid: taker.corrective(paid, "0", channelId="0x" + "77" * 32)
    )
    open_channel(payer, taker)
    assert refused(ask(payer, f"{taker.seller.url}/b")) == "payment_not_accepted"
    assert taker.totals == [CENT, 2 * CENT]
    gets(payer, taker, 2 * CENT)


def test_raises_its_price_while_it_corrects(payer: Victim, taker: Taker) -> None:
    def dearer(paid: Any) -> Reply:
        state = {"channelId": paid["payload"]["voucher"]["channelId"], "chargedCumulativeAmount": "0"}
        return taker.seller.asks(taker.offer(amount="40000", extra={"channelState": state}))

    taker.seller.behaviour = answering(taker, dearer)
    assert refused(ask(payer, f"{taker.seller.url}/a")) == "offer_changed"
    gets(payer, taker, CENT)


def test_asks_for_ever_and_serves_nothing(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = lambda _: taker.seller.asks(taker.offer())
    for _ in range(4):
        assert refused(ask(payer, f"{taker.seller.url}/a")) == "payment_not_accepted"
    assert len(set(taker.seller.payment_headers)) <= 2
    assert set(taker.totals) == {CENT}
    gets(payer, taker, CENT)


def test_takes_the_deposit_and_hangs_up(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(taker, None)
    for number in range(3):
        assert isinstance(ask(payer, f"{taker.seller.url}/{number}"), httpx.HTTPError)
    # Until the chain shows the deposit, each payment carries the same one.
    deposits = [one["payload"]["deposit"]["authorization"] for one in taker.seller.payments]
    assert all(one == deposits[0] for one in deposits)
    gets(payer, taker, CENT)


# Itself


def test_names_another_receiver_for_the_same_host(
    stack: RunningStack, x402_owner: BuyerAgent, taker: Taker, tmp_path: Path
) -> None:
    other = Taker(HostileSeller(stack.rpc, stack.contracts["usdc"]))
    strict = open_session(stack, x402_owner, tmp_path / "strict", allowed_payees=[taker.seller.pay_to])
    taker.seller.behaviour = answering(taker, Reply())
    ask(strict, f"{taker.seller.url}/a")
    taker.seller.behaviour = lambda asked: (
        taker.seller.asks(taker.offer(payTo=other.seller.pay_to)) if asked.payment is None else Reply()
    )
    assert refused(ask(strict, f"{taker.seller.url}/b")) == "payee_changed"
    assert len(taker.seller.payments) == 1
    gets(strict, taker, CENT)
    strict.close()
    other.seller.close()


@pytest.mark.parametrize(
    "changed",
    [{"withdrawDelay": 2_592_000}, {"receiverAuthorizer": "0x" + "44" * 20}],
    ids=["a longer delay", "another authorizer"],
)
def test_wants_another_channel_than_the_open_one(
    payer: Victim, taker: Taker, changed: dict[str, Any]
) -> None:
    taker.seller.behaviour = answering(taker, Reply())
    ask(payer, f"{taker.seller.url}/a")
    taker.seller.behaviour = lambda _: taker.seller.asks(taker.offer(extra=changed))
    assert refused(ask(payer, f"{taker.seller.url}/b")) == "channel_changed"
    assert taker.totals == [CENT]
    gets(payer, taker, CENT)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"withdrawDelay": 899}, "offer_channel_refused"),
        ({"withdrawDelay": 0}, "offer_channel_refused"),
        ({"withdrawDelay": 2_592_001}, "offer_channel_refused"),
        ({"withdrawDelay": True}, "offer_channel_refused"),
        ({"withdrawDelay": "900"}, "offer_channel_refused"),
        ({"receiverAuthorizer": "0x" + "00" * 20}, "offer_channel_refused"),
        ({"receiverAuthorizer": None}, "offer_channel_refused"),
        ({"assetTransferMethod": "permit2"}, "offer_channel_refused"),
        ({"minDeposit": "50001"}, "offer_above_max"),
        ({"minDeposit": "9" * 30}, "offer_above_max"),
        ({"minDeposit": 50_000}, "offer_unreadable"),
        ({"minDeposit": "-1"}, "offer_unreadable"),
        ({"verifyingContract": "0x" + "55" * 20}, "offer_domain_mismatch"),
        ({"name": "USD Coin"}, "offer_domain_mismatch"),
    ],
    ids=[
        "a delay below the contract's",
        "no delay",
        "a delay above the contract's",
        "a delay that is true",
        "a delay in text",
        "nobody as authorizer",
        "no authorizer",
        "permit2",
        "a deposit above the client's",
        "a deposit above all money",
        "a deposit that is no text",
        "a deposit below nothing",
        "another contract",
        "another name",
    ],
)
def test_offers_a_channel_that_is_refused(
    payer: Victim, taker: Taker, extra: dict[str, Any], code: str
) -> None:
    taker.seller.behaviour = lambda _: taker.seller.asks(taker.offer(extra=extra))
    assert refused(ask(payer, f"{taker.seller.url}/a")) == code
    nothing_signed(payer, taker)


def test_offers_a_channel_in_the_first_version(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = lambda _: taker.seller.asks_first(taker.offer())
    assert refused(ask(payer, f"{taker.seller.url}/a")) == "offer_scheme_unknown"
    nothing_signed(payer, taker)


def test_is_paid_exactly_where_its_channel_is_refused(payer: Victim, taker: Taker) -> None:
    offers = (taker.offer(extra={"withdrawDelay": 1}), taker.seller.offer())
    taker.seller.behaviour = lambda asked: taker.seller.asks(*offers) if asked.payment is None else Reply()
    assert isinstance(ask(payer, f"{taker.seller.url}/a"), httpx.Response)
    (payment,) = taker.seller.payments
    assert payment["payload"]["authorization"]["value"] == "10000"


# What is left


def test_keeps_what_it_was_asked_to_give_back(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(taker, Reply())
    open_channel(payer, taker)
    (left,) = payer.agent.close_channels()
    assert (left.state, str(left.left), str(left.returned)) == ("open", "0.04", "0")
    assert taker.totals == [CENT, CENT]
    # The channel still pays: nothing was lost by asking.
    assert isinstance(ask(payer, f"{taker.seller.url}/b"), httpx.Response)
    gets(payer, taker, 2 * CENT)


def test_corrects_the_voucher_of_a_refund_upwards(payer: Victim, taker: Taker) -> None:
    taker.seller.behaviour = answering(taker, Reply(), lambda paid: taker.corrective(paid, "50000"))
    open_channel(payer, taker)
    payer.agent.close_channels()
    assert max(taker.totals) == CENT
    gets(payer, taker, CENT)


@pytest.fixture
def returning(stack: RunningStack, x402_owner: BuyerAgent, tmp_path: Path) -> Iterator[Victim]:
    """A session whose budget gets back what comes back."""
    made = open_session(stack, x402_owner, tmp_path / "returning", refunds_restore=True)
    yield made
    made.close()


def test_a_leaked_key_gets_no_budget_back_for_a_deposit_that_went_elsewhere(
    returning: Victim, taker: Taker
) -> None:
    """The key stores a deposit and uses its nonce to pay somebody else: the channel is empty, and nothing came back."""
    from valetkey.wire.authorizations import TRANSFER, TransferAuthorization
    from valetkey.wire.channels import ChannelConfig, ChannelDeposit
    from valetkey.wire.http import encode

    agent, wallet = returning.agent, returning.wallet
    signer = agent._need_signer()
    hold = agent.spend("0.05", payee=taker.seller.pay_to, operation="x402")
    config = ChannelConfig(
        payer=wallet,
        payer_authorizer=wallet,
        receiver=taker.seller.pay_to,
        receiver_authorizer=taker.seller.pay_to,
        token=taker.seller.usdc,
        withdraw_delay=900,
        salt="0x" + "21" * 32,
    )
    facts: dict[str, Any] = {"chain_id": 84532, "name": "USDC", "version": "2", "amount": "50000"}
    facts |= {"valid_after": "0", "valid_before": str(2**33), "signature": "0x" + "00" * 65}
    unsigned = ChannelDeposit(**facts, channel=config, salt="0x" + "22" * 32)
    signature = signer.sign_typed_data(unsigned.authorization().typed_data())
    deposit = ChannelDeposit(
        **facts | {"signature": "0x" + signature.hex()}, channel=config, salt=unsigned.salt
    )
    hold.mark_signed(encode(deposit), deposit.reference)
    away: dict[str, Any] = {
        "token": taker.seller.usdc,
        "payer": wallet,
        "payee": taker.seller.pay_to,
        "nonce": deposit.nonce,
    }
    elsewhere = TransferAuthorization(**facts, **away, primary_type=TRANSFER)
    stolen = signer.sign_typed_data(elsewhere.typed_data())
    taken = {
        "from": wallet,
        "to": taker.seller.pay_to,
        "value": "50000",
        "validAfter": "0",
        "validBefore": str(2**33),
        "nonce": deposit.nonce,
    }
    assert taker.seller.take({"payload": {"authorization": taken, "signature": "0x" + stolen.hex()}})
    hold.capture()
    assert agent._returned(hold.id, is_in=True).refunded is None
    assert returning.counted() == returning.moved() == DEPOSIT
