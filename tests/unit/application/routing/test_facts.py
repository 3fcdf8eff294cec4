"""What rules may ask of a request."""

import time

import pytest

from modelmux.application.ports import FactKind
from modelmux.application.routing.code_signs import has_code, looks_like_code
from modelmux.application.routing.facts import OF_REQUEST, RequestFacts
from modelmux.domain.conversation import (
    ImageUrl,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.request import Caller, Generation, GenerationRequest, JsonText
from modelmux.domain.tools import FunctionTool
from tests.support.asking import asking, content_of, user

PYTHON = "Why does this fail?\ndef main():\n    import os\n"
_TYPES = {
    FactKind.FLAG: bool, FactKind.NUMBER: int | None, FactKind.TEXT: str, FactKind.TEXTS: list,
    FactKind.TEXT_MAP: dict, FactKind.WHOLE: int,
}  # fmt: skip


def facts(request: GenerationRequest) -> dict[str, object]:
    return RequestFacts(request).of(OF_REQUEST)


def test_every_fact_of_a_rich_request() -> None:
    content = content_of(
        user(PYTHON),
        ToolCall("c", "look", "{}"),
        ToolResult("c", (Text("found"), ImageUrl("https://example.com/a.png"))),
        Message(Role.USER, (ImageUrl("https://example.com/b.png"),)),
        tools=(FunctionTool("look", None, {}),),
        max_output_tokens=50,
        output_format=JsonText(),
    )
    request = GenerationRequest(
        "m", Dialect.MESSAGES, False, Deferred.of(content), Caller("t", "k1", ("gold",)),
        size_bytes=900, headers={"x-mode": "fast"},
    )  # fmt: skip
    told = facts(request)
    tokens = told.pop("request.tokens")
    assert isinstance(tokens, int)
    assert tokens > 2000  # two images
    assert told == {
        "request.model": "m",
        "request.dialect": "messages",
        "request.tenant": "t",
        "request.key": "k1",
        "request.tags": ["gold"],
        "request.stream": False,
        "request.headers": {"x-mode": "fast"},
        "request.size_bytes": 900,
        "request.turns": 2,
        "request.tools": 1,
        "request.images": 2,
        "request.has_code": True,
        "request.structured": True,
        "request.max_output_tokens": 50,
    }


@pytest.mark.parametrize("content", [Generation(()), content_of(user("Hi"))])
def test_every_fact_is_of_its_kind(content: Generation) -> None:
    for name, value in facts(asking(content)).items():
        assert isinstance(value, _TYPES[OF_REQUEST[name]]), name


def test_embeddings_have_no_content_to_ask_about() -> None:
    def never() -> Generation:
        raise AssertionError("embeddings have no content")

    ask: Deferred[EmbeddingAsk] = Deferred(lambda: pytest.fail("nobody reads the inputs"))
    request = GenerationRequest(
        "m", Dialect.EMBEDDINGS, False, Deferred(never), Caller("t"), size_bytes=400, embedding=ask
    )
    told = facts(request)
    assert told["request.tokens"] == 100
    assert told["request.has_code"] is False
    assert told["request.turns"] == told["request.tools"] == told["request.images"] == 0
    assert told["request.max_output_tokens"] is None


@pytest.mark.parametrize(
    "text",
    [
        "```\nx\n```",
        PYTHON,
        "#include <stdio.h>\nint main(void) {\n  return 0;\n}",
        "const a = 1;\nfunction go() {\n}",
        "SELECT name FROM people\nSELECT id FROM cats",
        "func main() {\n\tx := 1\n\tfor (i) {\n}",
        "<div class='a'>\n</div>",
        "#!/bin/sh\n$ make test",
    ],
)
def test_code_is_seen(text: str) -> None:
    assert looks_like_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello there, how are you?",
        "Please select a wine from the list.\nImport duties are high. From here we go.",
        "We return to the office; then home.\nIf (and only if) it rains, stay.",
        "class is over\nlet us go\nfor a while",
        "- one\n- two\n> a quote\n1. three",
        "E = mc2, said Einstein",
    ],
)
def test_prose_is_not_taken_for_code(text: str) -> None:
    assert not looks_like_code(text)


def test_what_the_model_or_the_operator_said_does_not_count() -> None:
    said = Message(Role.ASSISTANT, (Text("```\ncode\n```"),))
    told = Message(Role.SYSTEM, (Text("```\ncode\n```"),))
    assert not has_code([told, user("Thanks!"), said])
    assert has_code([told, user("Thanks!"), said, ToolResult("c", (Text("```\nx\n```"),))])


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, "@" + "a" * 10**6, "@a.\n" * 10**5, "select " + "from" * 10**5, " " * 10**6,
     "if (" * 10**5, "x=" * 10**5, "import a.a" * 10**5, "const " * 10**5, "a]]].\n" * 10**5],
)  # fmt: skip
def test_looking_for_code_takes_little_time_whatever_stands_there(text: str) -> None:
    began = time.perf_counter()
    has_code([user(text)])
    assert time.perf_counter() - began < 0.1
