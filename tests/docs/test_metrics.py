"""docs/reference/metrics.md, compared with what a platform tells: every metric, its type and its labels."""

from tests.docs.test_reference import plain, tables
from valetkey.platform.observing.metrics import Metrics

SUFFIX = {"counter": "_total", "info": "_info"}


def test_every_metric_has_its_line_and_every_line_its_metric() -> None:
    told = {
        plain(name): (kind, tuple(plain(one) for one in labels.split(", ") if one), bool(meaning))
        for name, kind, labels, meaning, _ in tables("metrics.md", "metric")
    }
    metrics = Metrics({})
    wanted = {}
    for kept in metrics.registry._collector_to_names:
        for family in kept.collect():
            kind = "gauge" if family.type == "info" else family.type
            labels = tuple(getattr(kept, "_labelnames", ()))
            if family.type == "info":
                labels = tuple(family.samples[0].labels)
            wanted[family.name + SUFFIX.get(family.type, "")] = (kind, labels, True)
    assert told == wanted
