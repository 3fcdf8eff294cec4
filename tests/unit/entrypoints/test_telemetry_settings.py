"""The settings for OpenTelemetry: what is refused, and where nothing is built."""

from pathlib import Path

import pytest

from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.container import Container
from tests.support.configuring import load_text


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        ('traces = true\nendpoint = "collector:4318"', "not the base of an OTLP/HTTP", "3:1"),
        ('traces = true\nendpoint = "ftp://c"', "not the base of an OTLP/HTTP", "3:1"),
        ('traces = true\nendpoint = "http://u:p@c"', "not the base of an OTLP/HTTP", "3:1"),
        ('traces = true\nendpoint = "http://c?key=x"', "not the base of an OTLP/HTTP", "3:1"),
        ('endpoint = "http://127.0.0.1:4318"', "nothing is sent there", "2:1"),
        ("content = true", "content goes into traces, and there are none", "2:1"),
        ("traces = true\nsample_ratio = 1.5", "telemetry.sample_ratio", "3:1"),
        ('traces = true\nheaders = { "a b" = "c" }', "cannot be a header's name", "3:13"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(
    tmp_path: Path, text: str, told: str, place: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_text(f"[telemetry]\n{text}\n", tmp_path)
    assert told in refusal.value.message
    assert refusal.value.where == f"{tmp_path / 'modelmux.toml'}:{place}"


def test_nothing_is_built_where_nothing_is_asked_for(tmp_path: Path) -> None:
    container = Container(loaded=load_text("", tmp_path), tells=True)
    assert container.telemetry() is None
    assert container.traces() is None
    assert not container.bodies().active


def test_verbs_that_do_not_serve_send_nothing(tmp_path: Path) -> None:
    loaded = load_text("[telemetry]\ntraces = true\n", tmp_path)
    assert Container(loaded=loaded).telemetry() is None


def test_calls_can_be_named_without_traces(tmp_path: Path) -> None:
    traces = Container(loaded=load_text("[telemetry]\npropagate = true\n", tmp_path)).traces()
    assert traces is not None
    assert not traces.tells
