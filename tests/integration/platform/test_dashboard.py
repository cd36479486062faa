"""The dashboard and the alerting rules ask for metrics and labels that a platform has: no panel is empty by a typo."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.platform.conftest import Start
from tests.integration.platform.onchain import Chain, eventually
from tests.integration.platform.test_observing import samples
from tests.integration.platform.test_proof import Deal
from valetkey.platform.observing.metrics import Metrics

ROOT = Path(__file__).parents[3]
BOARD = json.loads((ROOT / "deploy/grafana/valetkey.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
PANELS = [one for one in BOARD["panels"] if one["type"] != "row"]

USED = re.compile(r"\b((?:valetkey|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)(=~|=|!=|!~)"([^"]*)"')
BY = re.compile(r"\bby \(([^)]*)\)")
OF_PROMETHEUS = {"job", "instance"}

NOT_IN_A_PURCHASE = (
    "valetkey_allotments",
    "valetkey_alerts",
    "valetkey_background_failures",
    "valetkey_chain_failures",
    "valetkey_claims",
    "valetkey_database_failures",
    "valetkey_followed",
    "valetkey_rate_limited",
    "valetkey_reconciled",
    "valetkey_relay",
    "valetkey_webhooks",
)
"""What has no value on a platform where nothing fails, without grants, Solana, claims and receivers."""


def expressions() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for group in RULES["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def labels_by_name() -> dict[str, set[str]]:
    """Every series that a platform may tell, with its labels."""
    found: dict[str, set[str]] = {"up": set()}
    for kept in Metrics({}).registry._collector_to_names:
        labels = set(getattr(kept, "_labelnames", ()))
        for family in kept.collect():
            if family.type == "histogram":
                found[f"{family.name}_bucket"] = labels | {"le"}
                found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            elif family.type == "info":
                found[f"{family.name}_info"] = set(family.samples[0].labels)
            else:
                found[family.name + ("_total" if family.type == "counter" else "")] = labels
    return found


def test_every_metric_and_label_that_is_asked_for_is_there() -> None:
    known, count = labels_by_name(), 0
    for title, text in expressions():
        used = USED.findall(text)
        assert used, f"{title} asks for nothing"
        for name, matchers in used:
            count += 1
            assert name in known, f"{title}: {name}"
            asked = {label for label, _, _ in MATCHER.findall(matchers)}
            assert asked <= known[name] | OF_PROMETHEUS, f"{title}: {name} has no {asked - known[name]}"
        grouped = {label.strip() for group in BY.findall(text) for label in group.split(",")}
        there = set().union(*(known[name] for name, _ in used)) | OF_PROMETHEUS
        assert grouped <= there, f"{title}: no {grouped - there}"
        assert text.count("(") == text.count(")")
    assert count > 50


def test_a_platform_that_served_a_purchase_fills_the_panels(start: Start, escrows: Chain) -> None:
    server = start(escrows, VALETKEY_RECONCILE_SECONDS="1")
    Deal(server, escrows).funded()
    eventually(lambda: ("valetkey_measured_timestamp_seconds", ()) in samples(server), True)
    page = server.http.get("/metrics").text
    server.stop()
    told = {one.name: one for family in text_string_to_metric_families(page) for one in family.samples}
    values = {
        (one.name, label): {
            other.labels.get(label)
            for family in text_string_to_metric_families(page)
            for other in family.samples
            if other.name == one.name
        }
        for one in told.values()
        for label in one.labels
    }
    for title, text in expressions():
        for name, matchers in USED.findall(text):
            if name == "up" or name.startswith(NOT_IN_A_PURCHASE):
                continue
            assert name in told, f"{title}: {name}"
            for label, sign, value in MATCHER.findall(matchers):
                if label not in OF_PROMETHEUS and sign == "=":
                    assert value in values[name, label], f"{title}: {label}={value}"


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    assert BOARD["schemaVersion"] >= 39
    assert [one["title"] for one in BOARD["panels"] if one["type"] == "row"] == [
        "Traffic",
        "Gate",
        "Money",
        "Chain",
        "Webhooks and queues",
        "Process",
    ]
    assert [(one["name"], one["type"]) for one in BOARD["templating"]["list"]] == [
        ("datasource", "datasource"),
        ("job", "query"),
    ]
    ids = [one["id"] for one in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = set[tuple[int, int]]()
    for panel in PANELS:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & places, f"{panel['title']} lies on another panel"
        places |= cells
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


def test_every_rule_says_how_urgent_it_is_and_what_happened() -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
