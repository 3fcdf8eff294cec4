"""`modelmux explain`: the whole way to every type of provider, and not a step outside."""

import json
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from modelmux.entrypoints.settings.providers import PROVIDER_TYPES
from tests.integration.cli.conftest import RunVerb

SECRET: Final = "test-key-not-secret"
ENVIRONMENT: Final = {"SECRET": SECRET}
# A provider of each type that asks nobody where it is and who we are, or must not.
PROVIDERS: Final[Mapping[str, tuple[str, str]]] = {
    "openai_compat": (
        'base_url = "https://llm.example.com/v1"\napi_key = "${SECRET}"\n'
        'headers = { x-team = "${SECRET}" }',
        "some-model",
    ),
    "vllm": ('api_key = "${SECRET}"', "some-model"),
    "vertex": ("", "claude-sonnet-5-5"),
    "azure": (
        'base_url = "https://x.openai.azure.com"\ntenant_id = "t"\nclient_id = "c"\n'
        'client_secret = "${SECRET}"',
        "a-deployment",
    ),
    "anthropic": ('api_key = "${SECRET}"', "claude-sonnet-5-5"),
    "gemini": ('api_key = "${SECRET}"', "gemini-3.6-flash"),
    "bedrock": ('region = "us-east-1"', "amazon.nova-pro-v1:0"),
    "cohere": ('api_key = "${SECRET}"', "command-a-plus"),
    "ollama": ('api_key = "${SECRET}"', "qwen3"),
    "demo": ("", "demo"),
}
IMAGE: Final = {"type": "image_url", "image_url": {"url": "https://images.example.com/cat.png"}}
CHAT: Final = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]},
    ],
    "logit_bias": {"1": 2},
}
MESSAGES: Final = {
    "max_tokens": 64,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "What is it?"}],
}
_OUTSIDE: Final = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})
_armed: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:  # Any: each event has its own
    if event in _OUTSIDE and _armed:
        _armed[-1].append(f"{event} {arguments[1:]}")
        raise PermissionError(event)


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def outside() -> Generator[list[str]]:
    """Let nobody out, not to this machine's own ports either; return who tried."""
    tried: list[str] = []
    _armed.append(tried)
    yield tried
    _armed.pop()
    assert tried == []


def configured(folder: Path, kind: str, more: str = "") -> str:
    """Write the configuration of one provider, and return a name for its model."""
    settings, model = PROVIDERS[kind]
    text = f'[[providers]]\nname = "p"\ntype = "{kind}"\n{settings}\n{more}'
    (folder / "modelmux.toml").write_text(text)
    return f"p/{model}"


def told_of(verb: RunVerb, body: Mapping[str, object], *options: str) -> Any:  # Any: JSON
    ended = verb(
        "explain", "-", "--json", *options, stdin=json.dumps(body), environment=ENVIRONMENT
    )
    assert ended.stderr == ""
    assert SECRET not in ended.stdout
    assert ended.returncode == 0, ended.stdout
    return json.loads(ended.stdout)


def test_every_type_is_tried() -> None:
    assert PROVIDERS.keys() == PROVIDER_TYPES.keys()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_chat_request_is_explained_for_every_type(
    kind: str, stream: bool, tmp_path: Path, verb: RunVerb
) -> None:
    model = configured(tmp_path, kind)
    told = told_of(verb, {"model": model, "stream": stream, **CHAT})
    assert told["dialect"] == "chat_completions"
    assert [one["type"] for one in told["plan"]] == [kind]
    target = told["targets"][0]
    if kind == "demo":
        assert target["lane"] == "own"
        return
    assert target["lane"] == ("relayed" if kind in ("openai_compat", "vllm") else target["lane"])
    call = target["request"]
    assert call["method"] == "POST"
    assert call["url"].startswith("http")
    assert "What is it?" in json.dumps(call["body"])
    signing = [value for _, value in call["headers"] if "redacted" in value or "{" in value]
    assert signing, call["headers"]


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_messages_request_is_explained_for_every_type(
    kind: str, tmp_path: Path, verb: RunVerb
) -> None:
    told = told_of(verb, {"model": configured(tmp_path, kind), **MESSAGES})
    assert (told["dialect"], told["guessed"]) == ("messages", True)
    if kind in ("anthropic", "vertex"):
        assert told["targets"][0]["lane"] == "relayed"


def test_what_is_dropped_and_what_would_be_fetched_is_told(tmp_path: Path, verb: RunVerb) -> None:
    model = configured(tmp_path, "vertex")
    told = told_of(verb, {"model": model, **CHAT})
    made = {one["param"]: one["action"] for one in told["targets"][0]["adjustments"]}
    assert made == {"messages.image_url": "fetched", "logit_bias": "dropped"}
    assert "one white dot" in told["notes"][0]
    assert "{project}" in told["targets"][0]["request"]["url"]


@pytest.mark.parametrize("kind", PROVIDERS)
def test_embeddings_are_explained_or_refused_for_every_type(
    kind: str, tmp_path: Path, verb: RunVerb
) -> None:
    body = json.dumps({"model": configured(tmp_path, kind), "input": ["a", "b"]})
    ended = verb("explain", "-", "--json", stdin=body, environment=ENVIRONMENT)
    target = json.loads(ended.stdout)["targets"][0]
    assert ended.returncode == (1 if target["lane"] == "refused" else 0)
    assert target["lane"] != "refused" or target["message"]


def test_what_goes_out_in_several_calls_says_so(tmp_path: Path, verb: RunVerb) -> None:
    configured(tmp_path, "vertex")
    for inputs, several in ((["a"], False), (["a", "b", "c"], True)):
        told = told_of(verb, {"model": "p/gemini-embedding-001", "input": inputs})
        assert told["targets"][0]["lane"] == "translated"
        assert told["targets"][0]["more_calls"] is several


def test_a_turn_is_explained_with_its_instructions(tmp_path: Path, verb: RunVerb) -> None:
    model = configured(tmp_path, "vertex")
    told = told_of(verb, {"model": model, "input": "Hi", "instructions": "Be brief."})
    assert "Be brief." in json.dumps(told["targets"][0]["request"]["body"])


def test_people_read_the_same(tmp_path: Path, verb: RunVerb) -> None:
    model = configured(tmp_path, "vertex")
    (tmp_path / "body.json").write_text(json.dumps({"model": model, **CHAT}))
    ended = verb("explain", "body.json")
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0] == f'request  "{model}" (chat_completions, guessed)'
    assert "  1. p/claude-sonnet-5-5 (vertex): named by the caller as provider/model" in lines
    assert "  logit_bias=dropped: not taken" in lines
    assert "authorization: Bearer {google access token}" in lines
    assert ended.stderr.startswith("note: images by address are not fetched")


ROUTE = """
[[routes]]
model = "r"
policy = "reject"
targets = [{ provider = "p", model = "claude-sonnet-5-5" }, { provider = "own", model = "demo" }]

[[providers]]
name = "own"
type = "demo"
"""


def test_exit_codes_say_whether_any_target_takes_it(tmp_path: Path, verb: RunVerb) -> None:
    configured(tmp_path, "vertex", ROUTE)
    body = json.dumps({"model": "r", **CHAT})
    assert verb("explain", "-", stdin=body).returncode == 0
    refused = verb("explain", "-", "--target", "1", stdin=body)
    assert refused.returncode == 1
    assert "this route rejects what it would have to change" in refused.stdout


CHOOSING = """
[[providers]]
name = "q"
type = "demo"

[[routes]]
model = "r"
affinity = "header:x-session"
targets = [{ provider = "p", model = "demo" }, { provider = "q", model = "demo" }]
fallbacks = ["q/demo"]

[[routes.rules]]
name = "batch"
when = "'batch' in request.tags"
keep = "target.provider == 'q'"

[[routes.rules]]
when = "request.tenant == 'banned'"
refuse = "Not you."
"""


def test_what_the_order_goes_by_can_be_given(tmp_path: Path, verb: RunVerb) -> None:
    configured(tmp_path, "demo", CHOOSING)
    body = {"model": "r", **CHAT}
    told = told_of(verb, body, "--header", "X-Session: 1")
    assert "affinity by x-session: it decides" in told["choice"]
    assert (
        "affinity by x-session: nothing tells the session of this request"
        in told_of(verb, body, "--header", "authorization: x")["choice"]
    )
    told = told_of(verb, body, "--tag", "batch")
    assert [one["number"] for one in told["plan"]] == [2]
    (passed,) = told["passed_over"]
    assert (passed["number"], passed["provider"]) == (1, "p")
    assert "batch" in passed["reason"]
    refused = verb("explain", "-", "--tenant", "banned", stdin=json.dumps(body))
    assert refused.returncode == 1
    assert "Not you." in refused.stderr


@pytest.mark.parametrize(
    ("words", "body", "code", "said"),
    [
        (("-", "--target", "9"), CHAT, 2, "r has 2 targets"),
        (("-",), {"messages": []}, 1, "model"),
        (("-",), {"model": "nobody", "prompt": "x"}, 1, "does not exist here"),
        (("-",), {"model": "r"}, 2, "in no language known here"),
        (("-", "--dialect", "latin"), CHAT, 2, "latin"),
        (("nowhere.json",), CHAT, 2, "cannot read nowhere.json"),
        (("-", "--header", "nothing"), CHAT, 2, "this is no header: nothing"),
        (("-", "--url", "gopher://x"), CHAT, 2, "not an http or https address"),
    ],
    ids=["target", "no model", "unknown model", "no language", "dialect", "file", "header", "url"],
)
def test_what_cannot_be_explained_says_why(
    words: tuple[str, ...], body: Mapping[str, object], code: int, said: str, tmp_path: Path,
    verb: RunVerb,
) -> None:  # fmt: skip
    configured(tmp_path, "vertex", ROUTE)
    content = {"model": "r", **body} if body is CHAT else body
    ended = verb("explain", *words, stdin=json.dumps(content))
    assert ended.returncode == code
    assert said in ended.stderr
    assert ended.stdout == ""


def test_a_kept_turn_is_explained_without_what_it_continues(tmp_path: Path, verb: RunVerb) -> None:
    model = configured(tmp_path, "vertex")
    body = {"model": model, "input": "And now?", "previous_response_id": "resp_mmx123"}
    told = told_of(verb, body)
    assert told["dialect"] == "responses"
    assert "resp_mmx123" in told["notes"][0]


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"input": ["a", "b"]}, "embeddings"),
        ({"input": "a", "encoding_format": "float"}, "embeddings"),
        ({"input": "a"}, "responses"),
        ({"input": [{"role": "user", "content": "a"}]}, "responses"),
        ({"prompt": "a"}, "completions"),
        ({"messages": [{"role": "user", "content": "a"}]}, "chat_completions"),
    ],
)
def test_the_language_is_guessed_from_the_members(
    body: Mapping[str, object], dialect: str, tmp_path: Path, verb: RunVerb
) -> None:
    model = configured(tmp_path, "openai_compat")
    assert told_of(verb, {"model": model, **body})["dialect"] == dialect


def test_nothing_is_kept(tmp_path: Path, verb: RunVerb) -> None:
    model = configured(tmp_path, "demo")
    told_of(verb, {"model": model, "input": "Hi"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["modelmux.toml"]
