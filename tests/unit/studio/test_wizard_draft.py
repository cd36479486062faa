"""A draft and what it means: the SDK says what is right, and each complaint is about a field of the form."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyrage import x25519

from tests.unit.sdk.test_actions import NETWORK, TO
from valetkey.core.errors import InvalidInput
from valetkey.sdk.limits import Limit
from valetkey.studio.wizard.amounts_meant import sum_of
from valetkey.studio.wizard.draft import DEFAULTS, STEP_OF, STEPS, Draft, FieldError
from valetkey.studio.wizard.meaning import check, config_of, no_grant, rules_meant, step_of
from valetkey.studio.wizard.trying import holds_of, policy_meant
from valetkey.studio.wizard.words import sentence, worst_case
from valetkey.wire.spends import SpendView

NOW = int(datetime(2026, 11, 27, 15, 0, tzinfo=UTC).timestamp())
AGE = str(x25519.Identity.generate().to_public())
CHAIN = str(NETWORK.chain_id)


def draft(template: str = "once", **fields: str) -> Draft:
    made = Draft.new("owner", NOW)
    made.fill("what", {"template": template, "label": "ops"})
    made.fill("what", {"template": template, "label": "ops"})
    made.fields.update({"chain": CHAIN, "budget": "5", "recipients": AGE, **fields})
    return made


@pytest.mark.parametrize(
    ("template", "fields", "limit", "seconds"),
    [
        ("once", {"budget": "2.50"}, Decimal("2.5"), 3_600),
        ("several", {"purchases": "2.50, 3 x 0.75\n1"}, Decimal("5.75"), 14_400),
        ("long", {"daily": "20", "budget": ""}, Decimal(20), 86_400),
        ("long", {"daily": "20", "budget": "", "life_count": "60"}, Decimal(60), 216_000),
        ("long", {"daily": "20", "budget": "35"}, Decimal(35), 86_400),
        ("chain", {}, Decimal(5), 86_400),
        ("chain", {"budget": "", "unlimited": "on"}, None, 86_400),
        ("long", {"daily": "20", "budget": "", "unlimited": "on"}, None, 86_400),
        ("seller", {}, 0, 86_400),
        ("daily", {}, Decimal(5), 9 * 3_600),
    ],
)
def test_a_template_is_a_length_of_life_and_a_limit(
    template: str, fields: dict[str, str], limit: Any, seconds: int
) -> None:
    config = config_of(draft(template, **fields), NOW)
    assert (config.spending_limit, config.valid_until) == (limit, NOW + seconds)
    assert config.sells is (template == "seller")
    assert config.sole_label is (template == "daily")
    assert config.per_transaction_limit == (Decimal("2.5") if template == "once" else None)
    assert config.windows == ({86_400: Decimal(20)} if template == "long" else {})


def test_the_day_is_the_viewer_s() -> None:
    meant = draft("daily")
    meant.zone = "America/New_York"
    assert config_of(meant, NOW).valid_until == NOW + 14 * 3_600, "it is ten in the morning there"


def test_the_length_of_life_is_counted_from_when_its_making_began() -> None:
    meant = draft()
    meant.fixed_at = NOW - 600
    assert config_of(meant, NOW).valid_until == NOW + 3_000
    assert meant.fill("what", {"template": "long", "label": "another"}) is False, "it is being made as it is"
    before = meant.key
    meant.reopen()
    assert (meant.fixed_at, meant.key != before) == (None, True)


@pytest.mark.parametrize(
    ("step", "template", "fields", "field"),
    [
        ("what", "once", {"label": ""}, "label"),
        ("what", "once", {"label": "a\tb"}, "label"),
        ("what", "once", {"agent": "x" * 201}, "agent"),
        ("limits", "once", {"budget": ""}, "budget"),
        ("limits", "once", {"budget": "-1"}, "budget"),
        ("limits", "once", {"budget": "NaN"}, "budget"),
        ("limits", "once", {"budget": "1.0000001"}, "budget"),
        ("limits", "several", {"purchases": ""}, "purchases"),
        ("limits", "several", {"purchases": "two"}, "purchases"),
        ("limits", "several", {"purchases": "1e999"}, "purchases"),
        ("limits", "several", {"purchases": "9999 x 1"}, "purchases"),
        ("limits", "long", {"daily": ""}, "daily"),
        ("limits", "long", {"daily": "no"}, "daily"),
        ("limits", "long", {"daily": "5", "window2_amount": "4", "window2_count": "1"}, "window2_amount"),
        ("limits", "once", {"per_spend": "a"}, "per_spend"),
        ("limits", "once", {"approval_above": "a"}, "approval_above"),
        ("limits", "once", {"spends_max": "-1"}, "spends_max"),
        ("limits", "chain", {"unlimited": "on"}, "unlimited"),
        ("limits", "chain", {"budget": "0"}, "budget"),
        ("limits", "chain", {"budget": "５"}, "budget"),
        ("limits", "chain", {"budget": "1" + "0" * 40}, "budget"),
        ("limits", "chain", {"budget": "1e40"}, "budget"),
        ("limits", "chain", {"budget": "2,50"}, "budget"),
        ("limits", "several", {"purchases": "2,50"}, "purchases"),
        ("limits", "several", {"purchases": "５"}, "purchases"),
        ("limits", "several", {"purchases": "1_000"}, "purchases"),
        ("limits", "several", {"purchases": "0"}, "purchases"),
        ("limits", "chain", {"eth_budget": "a"}, "eth_budget"),
        ("limits", "chain", {"eth_budget": "0.1234567890123456789"}, "eth_budget"),
        ("limits", "chain", {"eth_each": "1"}, "eth_budget"),
        ("limits", "chain", {"eth_any": "on", "eth_budget": "1"}, "eth_budget"),
        ("limits", "chain", {"eth_any": "on", "eth_above": "-1"}, "eth_above"),
        ("limits", "chain", {"eth_any": "on", "eth_windows": "a lot"}, "eth_windows"),
        ("limits", "chain", {"eth_any": "on", "eth_windows": "1 in 500 days"}, "eth_windows"),
        ("limits", "chain", {"eurc_budget": "1"}, "eurc_budget"),
        ("limits", "chain", {"more_windows": "20 in 6 fortnights"}, "more_windows"),
        ("limits", "chain", {"more_windows": "x in 6 hours"}, "more_windows"),
        (
            "limits",
            "chain",
            {"more_windows": "\n".join(f"9 in {one} hours" for one in range(1, 10))},
            "more_windows",
        ),
        ("limits", "chain", {"window1_amount": "5", "window1_count": "x"}, "window1_count"),
        ("limits", "chain", {"begins": "2020-01-01T00:00"}, "begins"),
        ("limits", "chain", {"begins": "9999-12-31T23:59"}, "begins"),
        ("limits", "chain", {"begins": "0001-01-01T00:00"}, "begins"),
        ("limits", "daily", {"begins": "2020-01-01T00:00"}, "begins"),
        ("limits", "once", {"life_count": "0"}, "life_count"),
        ("limits", "once", {"life_count": "9" * 40}, "life_count"),
        ("limits", "once", {"begins": "tomorrow"}, "begins"),
        ("where", "once", {"payees": "somebody.eth"}, "payees"),
        ("where", "once", {"payees": "0x" + "0" * 40}, "payees"),
        ("where", "once", {"payees": "0x52908400098527886E0F7030069857D2E4169eE7"}, "payees"),
        ("where", "once", {"does_more": "Not A Word"}, "does_more"),
        ("where", "once", {"contracts": f"{TO}: not a function"}, "contracts"),
        ("where", "once", {"routers": "0x12"}, "routers"),
        ("where", "once", {"tokens": "DOGE"}, "tokens"),
        ("where", "once", {"does": ""}, "does"),
        ("money", "once", {"recipients": ""}, "recipients"),
        ("money", "once", {"recipients": "ssh-rsa AAAA"}, "recipients"),
        ("money", "once", {"handing": "enrolled"}, "code"),
        ("money", "once", {"handing": "enrolled", "code": "A", "funding": "wallet"}, "funding"),
        ("money", "once", {"signing": "later"}, "signing"),
        ("money", "once", {"funding": "gold"}, "funding"),
        ("money", "chain", {"unlimited": "on", "budget": ""}, "funding"),
        ("money", "chain", {"eth_budget": "1"}, "funding"),
        ("money", "seller", {"signing": "later"}, "signing"),
        ("money", "chain", {"funding": "wallet", "amount": "5", "signing": "later"}, "amount"),
        ("money", "chain", {"funding": "wallet", "amount": "0"}, "amount"),
        ("money", "chain", {"funding": "wallet", "amount": "much"}, "amount"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_field(
    step: str, template: str, fields: dict[str, str], field: str
) -> None:
    with pytest.raises(FieldError) as told:
        check(draft(template, **fields), step, NOW, NETWORK)
    assert (told.value.field, step_of(told.value)) == (field, step)
    assert str(told.value)


def test_a_page_is_not_asked_about_what_comes_later() -> None:
    meant = draft(budget="", payees="nobody", recipients="")
    check(meant, "what", NOW, NETWORK)
    with pytest.raises(FieldError) as told:
        check(meant, "money", NOW, NETWORK)
    assert step_of(told.value) == "limits", "the first page with a mistake is shown"


def test_without_a_chain_there_is_no_session() -> None:
    with pytest.raises(FieldError) as told:
        check(draft(), "what", NOW, None)
    assert told.value.field == "chain"


def test_another_template_brings_its_own_amounts_and_the_same_one_leaves_what_was_typed() -> None:
    meant = Draft.new("owner", NOW)
    assert meant.fill("what", {"template": "once", "label": "a"}) is True
    meant.fill("limits", {**DEFAULTS, "life_count": "7"})
    meant.fill("what", {"template": "once", "label": "b"})
    assert meant["life_count"] == "7"
    meant.fill("what", {"template": "several", "label": "b"})
    assert meant["life_count"] == "4"
    meant.fill("what", {"template": "gold", "label": "b"})
    assert meant["template"] == "several"
    meant.fill("what", {"template": "several", "label": "b", "key": "mine", "owner": "me"})
    assert "key" not in meant.fields


def test_every_field_is_on_one_page() -> None:
    assert len(STEP_OF) == sum(len(step.fields) for step in STEPS)
    assert set(DEFAULTS) <= set(STEP_OF)


def test_sums_are_exact() -> None:
    assert sum_of("3 × 0.1; 0.2") == Decimal("0.5")
    with pytest.raises(InvalidInput):
        sum_of(" , ")


def test_a_policy_is_told_in_words() -> None:
    meant = draft(
        "long",
        daily="100",
        budget="5000",
        life_count="4",
        life_unit="days",
        services="svc_1\nsvc_2",
        payees=TO,
    )
    told = sentence(meant, NETWORK, {"svc_1": "<b>Stories</b>"}, NOW, UTC)
    assert told == (
        "May spend up to 5,000 USDC on Base Sepolia until Tuesday 15:00, at most 100 USDC in any day, only at the"
        " services <b>Stories</b> and svc_2, only to the payee 0x1111…1111, only for the operations payment, purchase"
        " and x402."
    )
    rules = rules_meant(meant, NOW, NETWORK)
    assert (
        worst_case(meant, rules) == "5,000 USDC in all: the contract lets out no more, whoever has its key."
    )
    assert "What its wallet holds" in worst_case(draft(funding="wallet"), rules)
    seller = sentence(draft("seller"), NETWORK, {}, NOW, UTC)
    assert seller.startswith("May sell and deliver for its owner, and spend nothing of USDC on Base Sepolia")


def spend(number: int, amount: str, seconds: int, **more: Any) -> SpendView:
    at = datetime.fromtimestamp(NOW + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return SpendView(
        **{
            "spend_id": f"spd_{number}",
            "session_id": "ses_1",
            "state": "captured",
            "amount": amount,
            "captured": amount,
            "currency": "USDC",
            "asset": f"eip155:{CHAIN}/erc20:{NETWORK.contracts.usdc.lower()}",
            "operation": "payment",
            "placed_at": at,
            "expires_at": datetime.fromtimestamp(NOW + seconds + 300, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "settled_at": at,
            **more,
        }
    )


def test_what_was_spent_is_tried_under_the_rules_that_are_meant() -> None:
    from valetkey.core.replay import replay

    policy = policy_meant(
        rules_meant(draft("chain", budget="5", per_spend="2", eth_budget="0.5"), NOW, NETWORK)
    )
    ether = f"eip155:{CHAIN}/slip44:60"
    spends = [
        spend(5, "1", 50, currency="ETH", asset=ether),
        spend(4, "0.1", 40, currency="ETH", asset=ether),
        spend(3, "2", 30, operation="transfer"),
        spend(2, "2.5", 20),
        spend(1, "2", 10),
        spend(0, "2", 0),
        spend(6, "1", 0, asset="cosmos:hub/denom:x"),
    ]
    found = replay(policy, holds_of(spends))
    assert [one.hold.id for one in found.refused] == ["spd_2", "spd_3", "spd_5"]
    assert found.passed == 3


def test_whatever_a_policy_says_can_be_said() -> None:
    meant = draft(
        "chain",
        budget="100",
        per_spend="20",
        approval_above="15",
        spends_max="50",
        refunds="on",
        window1_amount="30",
        window1_count="1",
        window1_unit="hours",
        more_windows="60 per day\n90.5 in any 2 weeks",
        eth_budget="0.05",
        eth_each="0.01",
        eth_above="0.005",
        eth_windows="0.02 ETH in 6 hours",
        weth_any="on",
        does="payment",
        does_more="refund",
        tokens="USDC\nETH",
        payees=TO,
        funding="wallet",
    )
    config = check(meant, "money", NOW, NETWORK)
    assert config.windows == {3_600: Decimal(30), 86_400: Decimal(60), 1_209_600: Decimal("90.5")}
    assert config.limits == {
        "ETH": Limit(Decimal("0.05"), Decimal("0.01"), {21_600: Decimal("0.02")}, Decimal("0.005")),
        "WETH": Limit(None),
    }
    assert config.refunds_restore is True
    assert no_grant(meant).startswith("A grant is about USDC alone")
    told = sentence(meant, NETWORK, {}, NOW, UTC)
    assert told == (
        "May spend up to 100 USDC and up to 0.05 ETH and any amount of WETH on Base Sepolia until tomorrow 15:00, at"
        " most 30 USDC in any hour, at most 60 USDC in any day, at most 90.50 USDC in any 2 weeks, at most 20 USDC at a"
        " time, at most 0.02 ETH in any 6 hours, at most 0.01 ETH at a time, in 50 spends at most, only to the payee"
        " 0x1111…1111, only with the tokens USDC and ETH, only for the operations payment and refund, and asks"
        " its owner first above 15 USDC and 0.005 ETH, and may spend again what comes back."
    )
    assert policy_meant(rules_meant(meant, NOW, NETWORK)).refunds_restore is True
