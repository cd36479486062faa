"""A draft and what it means: the SDK says what is right, and each complaint is about a field of the form."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyrage import x25519

from tests.unit.sdk.test_actions import NETWORK, TO
from valetkey.core.errors import InvalidInput
from valetkey.studio.wizard.draft import DEFAULTS, STEP_OF, STEPS, Draft, FieldError
from valetkey.studio.wizard.meaning import check, config_of, rules_meant, step_of, sum_of
from valetkey.studio.wizard.templates import TEMPLATES
from valetkey.studio.wizard.trying import holds_of, policy_meant
from valetkey.studio.wizard.words import sentence, worst_case
from valetkey.wire.spends import SpendView

NOW = int(datetime(2026, 11, 27, 15, 0, tzinfo=UTC).timestamp())
AGE = str(x25519.Identity.generate().to_public())
CHAIN = str(NETWORK.chain_id)


def draft(template: str = "once", **fields: str) -> Draft:
    made = Draft.new("owner", NOW)
    made.fill(
        "what", {"template": template, "label": "ops", "sole": TEMPLATES[template].fields.get("sole", "")}
    )
    made.fields.update({"chain": CHAIN, "budget": "5", "recipients": AGE, **fields})
    return made


@pytest.mark.parametrize(
    ("template", "fields", "limit", "seconds"),
    [
        ("once", {"budget": "2.50"}, "2.50", 3_600),
        ("several", {"purchases": "2.50, 3 x 0.75\n1"}, Decimal("5.75"), 14_400),
        ("long", {"daily": "20", "budget": ""}, Decimal(20), 86_400),
        ("long", {"daily": "20", "budget": "", "life_count": "60"}, Decimal(60), 216_000),
        ("long", {"daily": "20", "budget": "35"}, "35", 86_400),
        ("chain", {}, "5", 86_400),
        ("seller", {}, 0, 86_400),
        ("daily", {}, "5", 9 * 3_600),
    ],
)
def test_a_template_is_a_length_of_life_and_a_limit(
    template: str, fields: dict[str, str], limit: Any, seconds: int
) -> None:
    config = config_of(draft(template, **fields), NOW)
    assert (config.spending_limit, config.valid_until) == (limit, NOW + seconds)
    assert config.sells is (template == "seller")
    assert config.sole_label is (template == "daily")
    assert config.per_transaction_limit == ("2.50" if template == "once" else None)
    assert config.windows == ({86_400: "20"} if template == "long" else {})


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
        ("limits", "once", {"eth": "a"}, "eth"),
        ("limits", "once", {"life_count": "0"}, "life_count"),
        ("limits", "once", {"life_count": "9" * 40}, "life_count"),
        ("limits", "once", {"begins": "tomorrow"}, "begins"),
        ("where", "once", {"payees": "somebody.eth"}, "payees"),
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
    check(meant, "what", NOW, None)
    with pytest.raises(FieldError) as told:
        check(meant, "money", NOW, NETWORK)
    assert step_of(told.value) == "limits", "the first page with a mistake is shown"


def test_without_a_chain_there_is_no_session() -> None:
    with pytest.raises(FieldError) as told:
        check(draft(), "where", NOW, None)
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

    policy = policy_meant(rules_meant(draft("chain", budget="5", per_spend="2", eth="0.5"), NOW, NETWORK))
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
