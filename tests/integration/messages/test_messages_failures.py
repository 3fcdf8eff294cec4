"""Answers that are cut, refused, slow or not wanted any more, as the Anthropic SDK sees them."""

import json
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import pytest

from tests.support.fake_claude import FakeClaude, error_reply, fake_claude
from tests.support.fake_gemini import FakeGemini, fake_gemini
from tests.support.fake_google import fake_google
from tests.support.fake_openai import KEY, FakeOpenAI, fake_openai_in_thread
from tests.support.fake_upstream import Reply
from tests.support.families import CALLER_KEY
from tests.support.messages_asking import TOOLS, anthropic_client, ask, streamed, text_of
from tests.support.messages_laws import Json, judged
from tests.support.serving import ServedGateway, serving

CLAUDE, GEMINI = "claude-opus-4-6", "gemini-3.6-flash"
MISBEHAVING = (
    "plain", "stuck", "endless", "cut", "error-in-200", "rate-limited", "overloaded", "missing",
)  # fmt: skip
HEADERS = {"authorization": f"Bearer {CALLER_KEY}", "anthropic-version": "2023-06-01"}


@dataclass(frozen=True, slots=True)
class House:
    gateway: ServedGateway
    client: anthropic.Anthropic
    claude: FakeClaude
    gemini: FakeGemini
    chat: FakeOpenAI


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    folder = tmp_path_factory.mktemp("failures")
    with (
        fake_google() as google,
        fake_claude() as claude,
        fake_gemini() as gemini,
        fake_openai_in_thread("any") as chat,
    ):
        google_models = ((claude.base_url, CLAUDE, "c"), (gemini.base_url, GEMINI, "g"))
        config = "[server]\nstream_keepalive_s = 0.3\n[retry]\nattempts = 1\n"
        config += "[breaker]\nenabled = false\n" + "".join(
            f'[[providers]]\nname = "{name}"\ntype = "vertex"\nproject = "p"\nregion = "global"\n'
            f'base_url = "{url}"\nmodels = ["{model}"]\n'
            for url, model, name in google_models
        )
        config += "".join(
            f'[[providers]]\nname = "{name}"\ntype = "openai_compat"\n'
            f'base_url = "{chat.base_url}"\napi_key = "{KEY}"\nmodels = {json.dumps(MISBEHAVING)}\n'
            for name in ("chat", "streams")
        )
        environment = {"GCE_METADATA_HOST": google.host, "MODELMUX_API_KEY": CALLER_KEY}
        with (
            serving(folder, config=config, environment=environment) as gateway,
            anthropic_client(gateway.url, CALLER_KEY) as client,
        ):
            yield House(gateway, client, claude, gemini, chat)


def body_of(model: str, said: str = "Hello") -> Json:
    messages = [{"role": "user", "content": said}]
    return {"model": model, "max_tokens": 100, "messages": messages, "stream": True}


ERRORS = (
    (400, "invalid_request_error", anthropic.BadRequestError),
    (429, "rate_limit_error", anthropic.RateLimitError),
    (529, "overloaded_error", anthropic.OverloadedError),
)


@pytest.mark.parametrize(("status", "kind", "raised"), ERRORS)
@pytest.mark.parametrize("asking", [ask, streamed], ids=["whole", "streamed"])
def test_an_error_of_claude_before_the_answer_is_raised_as_itself(
    house: House, status: int, kind: str, raised: type[anthropic.APIStatusError], asking: Any
) -> None:
    house.claude.plan(error_reply(status, kind))
    with pytest.raises(raised) as caught:
        asking(house.client, CLAUDE, "Hello")
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["request_id"] == caught.value.response.headers["request-id"]


@pytest.mark.parametrize(
    ("model", "raised", "kind"),
    [
        ("rate-limited", anthropic.RateLimitError, "rate_limit_error"),
        ("overloaded", anthropic.APIStatusError, "overloaded_error"),
        ("missing", anthropic.NotFoundError, "not_found_error"),
        ("nobody-has-it", anthropic.NotFoundError, "not_found_error"),
    ],
)
@pytest.mark.parametrize("asking", [ask, streamed], ids=["whole", "streamed"])
def test_errors_of_others_are_told_in_anthropics_words(
    house: House, model: str, raised: type[anthropic.APIStatusError], kind: str, asking: Any
) -> None:
    if model == "rate-limited":
        # Who asked for a rest is not asked again: of two names for it each is asked once.
        model = "streams/rate-limited" if asking is streamed else "chat/rate-limited"
    with pytest.raises(raised) as caught:
        asking(house.client, model, "Hello")
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    if kind == "rate_limit_error":
        assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("model", ["cut", CLAUDE, GEMINI])
def test_a_stream_that_breaks_off_ends_with_an_error_that_the_sdk_raises(
    house: House, model: str
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        streamed(house.client, model, "cut this here please now")
    told: Any = caught.value.body
    assert told["type"] == "error"
    assert told["error"]["message"]
    answer = httpx.post(
        f"{house.gateway.url}/v1/messages",
        json=body_of(model, "cut this here please now"),
        headers=HEADERS,
        trust_env=False,
    )
    assert answer.status_code == 200
    *begun, last, nothing = answer.text.split("\n\n")
    assert nothing == ""
    assert last.startswith("event: error\ndata: ")
    assert begun[0].startswith("event: message_start\n")
    assert "message_stop" not in answer.text
    assert json.loads(last.partition("data: ")[2])["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("asking", [ask, streamed], ids=["whole", "streamed"])
def test_an_answer_that_was_cut_short_says_so(house: House, asking: Any) -> None:
    for model, fake, reply in (
        (CLAUDE, house.claude, _claude_says("max_tokens", None, asking is streamed)),
        (GEMINI, house.gemini, _gemini_says("MAX_TOKENS", asking is streamed)),
    ):
        fake.plan(reply)
        answer = asking(house.client, model, "Hello")
        assert (answer.stop_reason, text_of(answer)) == ("max_tokens", "Hel")


@pytest.mark.parametrize("asking", [ask, streamed], ids=["whole", "streamed"])
def test_an_answer_that_is_refused_says_so(house: House, asking: Any) -> None:
    house.gemini.plan(_gemini_says("SAFETY", asking is streamed))
    answer = asking(house.client, GEMINI, "Hello")
    assert answer.stop_reason == "refusal"
    assert answer.stop_details is not None
    assert answer.stop_details.category is None


@pytest.mark.parametrize("asking", [ask, streamed], ids=["whole", "streamed"])
def test_the_sequence_that_stopped_claude_is_told(house: House, asking: Any) -> None:
    house.claude.plan(_claude_says("stop_sequence", "END", asking is streamed))
    answer = asking(house.client, CLAUDE, "Hello", stop_sequences=["END"])
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", "END")
    assert house.claude.last["stop_sequences"] == ["END"]


@pytest.mark.parametrize("asking", [ask, streamed], ids=["whole", "streamed"])
def test_an_error_inside_an_answer_is_raised(house: House, asking: Any) -> None:
    with pytest.raises(anthropic.APIStatusError):
        asking(house.client, "error-in-200", "Hello")


def test_a_silent_stream_sends_pings_of_this_dialect(house: House) -> None:
    with (
        httpx.Client(trust_env=False) as client,
        client.stream(
            "POST",
            f"{house.gateway.url}/v1/messages",
            json=body_of("stuck"),
            headers=HEADERS,
            timeout=5,
        ) as answer,
    ):
        told = b""
        for data in answer.iter_raw():
            told += data
            if told.count(b"event: ping\n") == 2:
                break
    assert b": keep-alive" not in told
    assert told.startswith(b"event: message_start\n")
    assert b'event: ping\ndata: {"type":"ping"}\n\n' in told


def test_a_client_that_leaves_takes_the_upstream_with_it(house: House) -> None:
    assert idle_within(house.chat, 2)  # the tests before this one left, too
    with (
        httpx.Client(trust_env=False) as client,
        client.stream(
            "POST", f"{house.gateway.url}/v1/messages", json=body_of("endless"), headers=HEADERS
        ) as answer,
    ):
        next(answer.iter_raw())
        assert house.chat.busy == 1
    assert idle_within(house.chat, 1)


def idle_within(fake: FakeOpenAI, within_s: float) -> bool:
    """Wait until the upstream answers nobody; return whether that was in time."""
    deadline = time.monotonic() + within_s
    while fake.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    return not fake.busy


def test_the_gateway_goes_on_after_all_that(house: House) -> None:
    assert text_of(ask(house.client, "plain", "Hello", tools=TOOLS)) == "You said: Hello"


def _claude_says(reason: str, sequence: str | None, stream: bool) -> Reply:
    usage = {"input_tokens": 3, "output_tokens": 2}
    message: Json = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": CLAUDE,
        "content": [{"type": "text", "text": "Hel"}],
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage,
    }
    if not stream:
        return Reply(body=json.dumps(message).encode())
    start: Json = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[Json] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hel"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": sequence},
            "usage": usage,
        },
        {"type": "message_stop"},
    ]
    frames = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    judged(b"".join(frames))
    return Reply(frames=frames, content_type="text/event-stream; charset=utf-8")


def _gemini_says(reason: str, stream: bool) -> Reply:
    candidate = {
        "index": 0,
        "content": {"role": "model", "parts": [{"text": "Hel"}]},
        "finishReason": reason,
    }
    answer = {
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        "modelVersion": GEMINI,
        "responseId": "r1",
    }
    data = json.dumps(answer).encode()
    if not stream:
        return Reply(body=data)
    return Reply(frames=[b"data: " + data + b"\r\n\r\n"], content_type="text/event-stream")
