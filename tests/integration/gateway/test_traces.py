"""Traces through a running gateway: from the caller's, to the upstream's, and to the collector."""

import time
from pathlib import Path

import httpx

from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.otlp_collector import attributes_of, otlp_collector
from tests.support.serving import ServedGateway, free_port, serving

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_METRIC_EXPORT_INTERVAL": "200"}


def config(upstream: FakeOpenAI, telemetry: str) -> str:
    return f"""
[[providers]]
type = "openai_compat"
name = "main"
base_url = "{upstream.base_url}"
api_key = "{KEY}"

[telemetry]
{telemetry}
"""


def ask(gateway: ServedGateway, *, stream: bool = False, **headers: str) -> httpx.Response:
    return httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json={
            "model": "main/plain",
            "messages": [{"role": "user", "content": "sk-live-abcdefghijklmnopqrstuvwx"}],
            "stream": stream,
        },
        headers=headers,
        trust_env=False,
        timeout=20,
    )


def sent(upstream: FakeOpenAI) -> list[str]:
    """Return the `traceparent` of every call of a model since the last time."""
    calls = [one for one in upstream.requests if one.method == "POST"]
    found = [one.headers.get("traceparent", "") for one in calls]
    upstream.requests.clear()
    return found


def test_a_trace_goes_through_the_gateway_and_is_told(tmp_path: Path) -> None:
    with otlp_collector() as collector, fake_openai_in_thread("openai") as upstream:
        telemetry = (
            f'traces = true\nmetrics = true\nendpoint = "{collector.url}"\n'
            'service_name = "front"\nheaders = { x-collector-key = "${COLLECTOR}" }\n'
        )
        environment = {**FAST, "COLLECTOR": "test-key-not-secret"}
        with serving(
            tmp_path, config=config(upstream, telemetry), environment=environment
        ) as gateway:
            for stream in (False, True):
                assert ask(gateway, stream=stream, traceparent=PARENT).status_code == 200
            told = sent(upstream)
            spans = collector.until(4)
            assert ask(gateway, traceparent=PARENT[:-1] + "0").status_code == 200
            unsampled = sent(upstream)
            assert ask(gateway, traceparent="garbage, and more").status_code == 200
            (own,) = sent(upstream)
            collector.until(6)
        assert {span.trace_id.hex() for span in spans} == {TRACE}
        servers = [span for span in spans if span.name == "POST /v1/chat/completions"]
        attempts = [span for span in spans if span.name == "chat plain"]
        assert {span.parent_span_id.hex() for span in servers} == {SPAN}
        assert {one.parent_span_id for one in attempts} == {one.span_id for one in servers}
        # What the upstream was told is the span that the collector was told.
        assert sorted(told) == sorted(f"00-{TRACE}-{one.span_id.hex()}-01" for one in attempts)
        attributes = attributes_of(attempts[0])
        assert attributes["gen_ai.request.model"] == "plain"
        assert attributes["modelmux.provider"] == "main"
        assert isinstance(attributes["gen_ai.usage.input_tokens"], int)
        assert all("body" not in name for span in spans for name in attributes_of(span))
        assert unsampled[0].startswith(f"00-{TRACE}-")
        assert unsampled[0].endswith("-00")
        assert TRACE not in own
        assert collector.services == {"front"}
        assert collector.keys == {"test-key-not-secret"}
        assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= (
            collector.metrics
        )
        assert len(collector.spans) == 6  # of the unsampled one there is none


def test_content_is_there_if_it_is_wanted_and_then_without_secrets(tmp_path: Path) -> None:
    with otlp_collector() as collector, fake_openai_in_thread("openai") as upstream:
        telemetry = f'traces = true\ncontent = true\nendpoint = "{collector.url}"\n'
        with serving(tmp_path, config=config(upstream, telemetry), environment=FAST) as gateway:
            ask(gateway)
            ask(gateway, stream=True)
            spans = collector.until(4)
    told = [attributes_of(span) for span in spans if span.name.startswith("POST")]
    for attributes in told:
        request, response = (
            str(attributes[f"modelmux.{what}.body"]) for what in ("request", "response")
        )
        assert '"messages"' in request
        assert "sk-live-abcdefghijklmnopqrstuvwx" not in request
        assert "choices" in response


def test_a_collector_that_is_not_there_harms_nobody(tmp_path: Path) -> None:
    with fake_openai_in_thread("openai") as upstream:
        telemetry = f'traces = true\nendpoint = "http://127.0.0.1:{free_port()}"\n'
        with serving(tmp_path, config=config(upstream, telemetry), environment=FAST) as gateway:
            for _ in range(20):
                assert ask(gateway).status_code == 200
            began = time.monotonic()
            gateway.process.terminate()
            assert gateway.process.wait(10) == 0
            assert time.monotonic() - began < 5


def test_what_is_left_is_sent_at_the_end(tmp_path: Path) -> None:
    with otlp_collector() as collector, fake_openai_in_thread("openai") as upstream:
        telemetry = f'traces = true\nendpoint = "{collector.url}"\n'
        environment = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
        with serving(
            tmp_path, config=config(upstream, telemetry), environment=environment
        ) as gateway:
            ask(gateway)
            assert collector.spans == []
        assert len(collector.until(2)) == 2


def test_without_telemetry_nothing_is_passed_on_unless_that_is_wanted(tmp_path: Path) -> None:
    with fake_openai_in_thread("openai") as upstream:
        for folder, telemetry, passed in (
            ("off", "", ""),
            ("on", "propagate = true", PARENT),
        ):
            place = tmp_path / folder
            place.mkdir()
            with serving(place, config=config(upstream, telemetry)) as gateway:
                ask(gateway, traceparent=PARENT)
                ask(gateway, traceparent="not one")
                assert sent(upstream) == [passed, ""]
