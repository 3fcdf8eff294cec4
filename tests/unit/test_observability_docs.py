"""The documents, the dashboard and the alert rules name the metrics and fields that there are."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from modelmux.adapters.observability.families import EVENTS, FAMILIES, GAUGES, Kind
from modelmux.adapters.observability.lines import AttemptLine, RequestLine
from modelmux.adapters.observability.metrics import PrometheusObserver
from modelmux.application.ports import Event, Gauge, Reading
from modelmux.domain import errors
from tests.contracts.observer import finished, request
from tests.support.markdown import ROOT

METRICS = (ROOT / "docs" / "observability" / "metrics.md").read_text()
LOGGING = (ROOT / "docs" / "observability" / "logging.md").read_text()
TROUBLESHOOTING = (ROOT / "docs" / "TROUBLESHOOTING.md").read_text()
# What JSON and YAML hold has no type of ours: Any.
DASHBOARD: Any = json.loads((ROOT / "deploy" / "grafana" / "modelmux.json").read_text())
ALERTS: Any = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
# Prometheus' own metric, and the labels it gives to every target.
_OWN = {"up": ("job", "instance")}
_GIVEN = frozenset({"job", "instance", "le"})


@dataclass(frozen=True, slots=True)
class Described:
    type: str
    labels: tuple[str, ...]


def described() -> Mapping[str, Described]:
    row = re.compile(
        r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>[^|]*)\| \S", re.MULTILINE
    )
    return {
        match["name"]: Described(match["type"], tuple(re.findall(r"`(\w+)`", match["labels"])))
        for match in row.finditer(METRICS)
    }


def test_the_document_tells_of_every_metric_its_type_and_its_labels() -> None:
    real = {name: Described(family.kind, family.labels) for name, family in FAMILIES.items()}
    assert described() == real


def whole_page() -> str:
    """Return a page on which everything was counted once."""
    readings = [Reading(gauge, 1.0, tuple(GAUGES[gauge].labels)) for gauge in Gauge]
    observer = PrometheusObserver("1", lambda: 1.0, sources=[lambda: readings])
    for event in Event:
        observer.count(event, *EVENTS[event].labels)
    for cost in (None, 0.5):
        exchange = finished()
        exchange.chunks, exchange.journal.cost = 10, cost
        observer.exchange_started()
        observer.attempt_settled(request(), 0.1, None)
        observer.exchange_settled(exchange)
    observer.gauges.publish()
    return observer.exposition().decode()


def test_the_page_shows_what_the_document_tells() -> None:
    shown: dict[str, Described] = {}
    for family in text_string_to_metric_families(whole_page()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = [label for label in family.samples[0].labels if label != "le"]
        shown[name] = Described(family.type, tuple(labels))
    assert shown == described()


def fields(title: str) -> set[str]:
    """Return the fields that a section of the document names."""
    section = LOGGING.partition(f"## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize(
    ("title", "line"),
    [("One line a request", RequestLine), ("One line a failed attempt", AttemptLine)],
)
def test_the_document_names_every_field_of_a_line(title: str, line: type[msgspec.Struct]) -> None:
    assert fields(title) == set(line.__struct_fields__)


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"dashboard: {panel['title']}", target["expr"]
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield f"alert: {rule['alert']}", rule["expr"]
    for variable in DASHBOARD["templating"]["list"][1:]:
        yield f"variable: {variable['name']}", variable["query"]["query"]


def named(expression: str) -> set[str]:
    """Return the metrics of an expression."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:modelmux|process)_\w+|\bup\b", bare))


def labels_of(metric: str) -> tuple[str, ...] | None:
    """Return the labels of a metric, None if there is no such."""
    if metric in _OWN:
        return _OWN[metric]
    family = FAMILIES.get(metric)
    if family is not None:
        return None if family.kind is Kind.HISTOGRAM else family.labels
    whole = FAMILIES.get(re.sub(r"_(bucket|sum|count)$", "", metric))
    return whole.labels if whole is not None and whole.kind is Kind.HISTOGRAM else None


@pytest.mark.parametrize(
    "expression", [text for _, text in expressions()], ids=[name for name, _ in expressions()]
)
def test_an_expression_names_metrics_and_labels_that_there_are(expression: str) -> None:
    metrics = named(expression)
    assert metrics
    known = {metric: labels_of(metric) for metric in metrics}
    assert None not in known.values(), known
    there = {label for labels in known.values() for label in labels or ()} | _GIVEN
    asked = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', expression))
    for grouping in re.findall(r"(?:by|on|group_left) \(([^)]*)\)", expression):
        asked |= {label.strip() for label in grouping.split(",")}
    assert asked <= there
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)


def test_outcomes_in_expressions_are_those_of_errors() -> None:
    word = re.compile(r"(?<=[a-z])(?=[A-Z])")
    kinds = {word.sub("_", name).lower() for name in vars(errors)}
    real = kinds | {"ok", "finished", "cut", "cancelled", "failed"}
    for name, expression in expressions():
        for outcome in re.findall(r'outcome(?:=|!=)"([^"]*)"', expression):
            assert outcome in real, name


def test_the_dashboard_shows_every_metric_but_a_few() -> None:
    shown = {re.sub(r"_bucket$", "", one) for _, text in expressions() for one in named(text)}
    assert set(FAMILIES) - shown == {"process_virtual_memory_bytes"}


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_and_where_to_read_on(rule: Mapping[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smh]", rule["for"])
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    told = rule["annotations"]
    assert told["summary"]
    assert told["description"].endswith(".")
    document, _, anchor = told["runbook"].partition("#")
    assert document == "docs/TROUBLESHOOTING.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in TROUBLESHOOTING
    # What a text names of an alert's labels has to be left over by its expression.
    grouped = re.findall(r"by \(([^)]*)\)", rule["expr"])
    left = {label.strip() for each in grouped for label in each.split(",")}
    if not grouped:
        left = {label for one in named(rule["expr"]) for label in labels_of(one) or ()} | _GIVEN
    for label in re.findall(r"\$labels\.(\w+)", " ".join(told.values())):
        assert label in left


def test_every_alert_that_is_explained_exists() -> None:
    explained = re.findall(r"^### (Modelmux\w+)$", TROUBLESHOOTING, re.MULTILINE)
    assert sorted(explained) == sorted(rule["alert"] for rule in RULES)
