"""How the settings of Cohere, Ollama, Hugging Face and others become providers."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelmux.application.ports import NotSent
from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.container import Container
from tests.support.asking import asking, drain
from tests.support.configuring import load_text


async def call_of(text: str, folder: Path, **environ: str) -> tuple[str, dict[str, str], Any]:
    """Return address, headers and body of what the one provider of `text` would send."""
    loaded = load_text(text, folder, environ)
    adapters = Container(loaded=loaded, dry=True).adapters()
    (adapter,) = adapters.values()
    try:
        with pytest.raises(NotSent) as caught:
            await drain(await adapter.llm.open(asking(model="m")))
    finally:
        await adapter.aclose()
    call = caught.value.call
    return call.url, dict(call.headers), json.loads(call.body)


@pytest.mark.parametrize("variable", ["CO_API_KEY", "COHERE_API_KEY"])
async def test_coheres_key_is_found_where_its_clients_keep_it(
    variable: str, tmp_path: Path
) -> None:
    text = '[provider]\ntype = "cohere"\nclient_name = "acme"\n'
    url, headers, _ = await call_of(text, tmp_path, **{variable: "found-not-secret"})
    assert url == "https://api.cohere.com/v2/chat"
    assert headers["authorization"] == "Bearer found-not-secret"
    assert headers["x-client-name"] == "acme"


@pytest.mark.parametrize(
    ("type_", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("cohere", "CO_API_KEY"),
        ("gemini", "GEMINI_API_KEY"),
        ("huggingface", "HF_TOKEN"),
    ],
)
def test_who_answers_nobody_without_a_key_wants_one(
    type_: str, variable: str, tmp_path: Path
) -> None:
    loaded = load_text(f'[provider]\ntype = "{type_}"\n', tmp_path, {})
    with pytest.raises(ConfigurationError, match="without a key") as caught:
        Container(loaded=loaded).adapters()
    assert caught.value.hint is not None
    assert variable in caught.value.hint


async def test_ollama_needs_nothing(tmp_path: Path) -> None:
    url, headers, body = await call_of('[provider]\ntype = "ollama"\n', tmp_path)
    assert url == "http://127.0.0.1:11434/api/chat"
    assert "authorization" not in headers
    assert "options" not in body
    assert "keep_alive" not in body


@pytest.mark.parametrize(
    ("written", "said"), [("30m", "30m"), ("-1", -1), ("0", 0), ("300", 300), ("-1m", "-1m")]
)
async def test_a_duration_without_a_unit_is_a_number_of_seconds(
    written: str, said: object, tmp_path: Path
) -> None:
    text = f'[provider]\ntype = "ollama"\nkeep_alive = "{written}"\n'
    _, _, body = await call_of(text, tmp_path)
    assert body["keep_alive"] == said


@pytest.mark.parametrize("line", ["num_ctx = 8192", "options = { num_ctx = 8192 }"])
async def test_the_context_may_be_given_either_way(line: str, tmp_path: Path) -> None:
    text = f'[provider]\ntype = "ollama"\napi_key = "cloud-not-secret"\n{line}\n'
    _, headers, body = await call_of(text, tmp_path)
    assert body["options"] == {"num_ctx": 8192}
    assert headers["authorization"] == "Bearer cloud-not-secret"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("num_ctx = 8192\noptions = { num_ctx = 4096 }", "given twice"),
        ('options = { num_ctx = "8k" }', "number of tokens"),
        ("options = { num_ctx = true }", "number of tokens"),
        ("options = { num_ctx = 0 }", "number of tokens"),
    ],
)
def test_a_context_that_is_none_is_refused(lines: str, told: str, tmp_path: Path) -> None:
    loaded = load_text(f'[provider]\ntype = "ollama"\n{lines}\n', tmp_path, {})
    with pytest.raises(ConfigurationError, match=told):
        Container(loaded=loaded).adapters()


async def test_hugging_face_is_told_who_pays(tmp_path: Path) -> None:
    text = '[provider]\ntype = "huggingface"\n[provider.headers]\nX-HF-Bill-To = "acme"\n'
    url, headers, body = await call_of(text, tmp_path, HF_TOKEN="hub-not-secret")
    assert url == "https://router.huggingface.co/v1/chat/completions"
    assert headers["authorization"] == "Bearer hub-not-secret"
    assert headers["x-hf-bill-to"] == "acme"
    # The router reads it from the beginning of the body.
    assert next(iter(body)) == "model"
