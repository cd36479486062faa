"""Arguments are checked as a JSON Schema validator would, more strictly at the ends of texts, and never quoted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.integration.mcp.arguments import broken, fitting
from valetkey.core.errors import InvalidInput
from valetkey.mcp.checking import check
from valetkey.mcp.plan import Plan
from valetkey.mcp.server import tools_of
from valetkey.mcp.tool import Tool

DELEGATE = tools_of(Plan(bundles="x"))  # type: ignore[arg-type]
OWNER = tools_of(Plan(owner=True, bundles="x"))  # type: ignore[arg-type]
TOOLS = [*DELEGATE, *OWNER]


def refused(value: Any, schema: dict[str, Any]) -> InvalidInput | None:
    try:
        check(value, schema)
    except InvalidInput as error:
        return error
    return None


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
def test_schemas_are_closed_sound_and_told(tool: Tool[Any]) -> None:
    Draft202012Validator.check_schema(tool.takes)
    Draft202012Validator.check_schema(tool.gives)
    assert tool.takes["additionalProperties"] is False
    for name, one in tool.takes["properties"].items():
        assert one.get("description"), f"{tool.name}: {name}"
        if one.get("type") == "string":
            assert "maxLength" in one or "enum" in one, f"{tool.name}: {name}"
    assert 60 < len(tool.about) < 700
    for name in ("amount", "max_total", "max_amount", "budget", "per_spend", "approval_above", "max_price"):
        assert tool.takes["properties"].get(name, {"type": "string"})["type"] == "string", "money is text"


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.name)
def test_annotations_are_true(tool: Tool[Any]) -> None:
    told = tool.described().annotations
    assert told is not None
    if tool.reads:
        assert told.read_only_hint
        assert not told.destructive_hint
    if tool.name in ("purchase", "transfer", "pay_x402"):
        assert (told.read_only_hint, told.destructive_hint, told.idempotent_hint) == (False, True, True)


@given(st.data())
def test_what_fits_passes_and_what_does_not_is_told_with_its_place(data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from(TOOLS))
    good = data.draw(fitting(tool.takes))
    assert refused(good, tool.takes) is None
    assert Draft202012Validator(tool.takes).is_valid(good)
    bad = data.draw(broken(tool.takes))
    if not Draft202012Validator(tool.takes).is_valid(bad):
        error = refused(bad, tool.takes)
        assert error is not None
        assert error.field


SECRET = "abba_session_" + "5" * 40


@pytest.mark.parametrize("tool", DELEGATE, ids=lambda one: one.name)
def test_nothing_that_was_sent_is_quoted(tool: Tool[Any]) -> None:
    for name in (*tool.takes["properties"], SECRET, f"{SECRET}\n"):
        for value in (SECRET, [SECRET], {SECRET: SECRET}, 5):
            error = refused({name: value}, tool.takes)
            if error is not None and SECRET not in json.dumps([name]):
                assert SECRET not in str(error)
                assert SECRET not in str(error.field)


@pytest.mark.parametrize(
    "text", ["1\n", "1.", ".5", "1e3", "-1", "+1", "0x1", "１", "1,0", "00.1", " 1", "NaN", ""]
)
def test_an_amount_is_a_plain_decimal(text: str) -> None:
    schema = next(one for one in DELEGATE if one.name == "transfer").takes["properties"]["amount"]
    assert refused(text, schema) is not None


@pytest.mark.parametrize("number", [1, 1.5, True, None])
def test_an_amount_is_never_a_number(number: object) -> None:
    schema = next(one for one in DELEGATE if one.name == "transfer").takes["properties"]["amount"]
    assert refused(number, schema) is not None


def test_a_deep_or_broken_payload_is_refused() -> None:
    schema = next(one for one in DELEGATE if one.name == "purchase").takes["properties"]["request"]
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    for value in (deep, float("nan"), "\ud800", {"\udfff": 1}):
        assert refused(value, schema) is not None
