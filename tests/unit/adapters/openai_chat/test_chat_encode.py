import json
from dataclasses import replace

import msgspec
import pytest

from modelmux.adapters.openai_chat.encode import encode_request
from modelmux.adapters.openai_chat.spelling import OPENAI, Spelling
from modelmux.domain.conversation import (
    Audio,
    FileData,
    FileReference,
    ImageData,
    ImageUrl,
    Item,
    Message,
    Part,
    Proof,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Vendor,
)
from modelmux.domain.effort import Effort
from modelmux.domain.errors import UnsupportedFeature
from modelmux.domain.json_values import JsonObject, JsonValue
from modelmux.domain.request import Generation, JsonText, Sampling, SchemaText
from modelmux.domain.tools import (
    AllowedTools,
    AnyTool,
    CustomTool,
    FunctionTool,
    Grammar,
    NamedTool,
    NoTools,
)

PLAIN = Spelling(
    max_tokens="max_tokens",
    stream_options=False,
    developer_role=False,
    allowed_tools=False,
)
WEATHER = FunctionTool("weather", "Tells it", {"type": "object", "properties": {}}, strict=True)
CLOCK = FunctionTool("clock")
SQL = CustomTool("sql", "Asks", Grammar("lark", "start: /x/"))
HI = Message(Role.USER, (Text("Hi"),))


def body_of(
    content: Generation, spelling: Spelling = OPENAI, *, stream: bool = False
) -> JsonObject:
    decoded: JsonObject = json.loads(
        encode_request(content, model="up", stream=stream, spelling=spelling)
    )
    return decoded


def messages_of(*items: Item, spelling: Spelling = OPENAI) -> JsonValue:
    return body_of(Generation(items), spelling)["messages"]


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def test_the_least_request_is_model_and_messages() -> None:
    data = encode_request(Generation((HI,)), model="up", stream=False)
    assert data == b'{"model":"up","messages":[{"role":"user","content":"Hi"}]}'


def test_a_stream_asks_for_its_usage() -> None:
    body = body_of(Generation((HI,)), stream=True)
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_a_server_without_stream_options_is_not_sent_them() -> None:
    assert "stream_options" not in body_of(Generation((HI,)), PLAIN, stream=True)


def test_all_settings_have_their_names() -> None:
    content = Generation(
        (HI,),
        parallel_tool_calls=False,
        tools=(CLOCK,),
        sampling=Sampling(0.5, 0.9, 0.1, 0.2, 7, ("END",), {"50256": -100}, 2, True, 3),
        max_output_tokens=100,
        effort=Effort.XHIGH,
        verbosity="low",
        service_tier="flex",
        metadata={"a": "b"},
        user="u",
        extras={"top_k": msgspec.Raw(b"4e1"), "user": msgspec.Raw(b'"other"')},
    )
    data = encode_request(content, model="up", stream=False)
    body = json.loads(data)
    del body["messages"], body["tools"]
    assert body == {
        "model": "up",
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 7,
        "stop": ["END"],
        "logit_bias": {"50256": -100},
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "max_completion_tokens": 100,
        "reasoning_effort": "xhigh",
        "verbosity": "low",
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "user": "u",
        "top_k": 40,
    }
    assert b'"top_k":4e1' in data  # as the caller wrote it


def test_the_token_limit_has_the_servers_name() -> None:
    body = body_of(Generation((HI,), max_output_tokens=5), PLAIN)
    assert body["max_tokens"] == 5
    assert "max_completion_tokens" not in body


def test_no_effort_is_said_as_the_server_wants() -> None:
    spelling = replace(PLAIN, no_effort={"thinking": {"type": "disabled"}})
    body = body_of(Generation((HI,), effort=Effort.NONE), spelling)
    assert body["thinking"] == {"type": "disabled"}
    assert "reasoning_effort" not in body
    assert body_of(Generation((HI,), effort=Effort.NONE))["reasoning_effort"] == "none"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (JsonText(), {"type": "json_object"}),
        (
            SchemaText("n", {"type": "object"}, True, "d"),
            {
                "type": "json_schema",
                "json_schema": {
                    "name": "n",
                    "schema": {"type": "object"},
                    "strict": True,
                    "description": "d",
                },
            },
        ),
        (
            SchemaText("n", {}),
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
        ),
    ],
)
def test_output_formats(wanted: JsonText | SchemaText, said: JsonValue) -> None:
    assert body_of(Generation((HI,), output_format=wanted))["response_format"] == said


def test_tools_of_both_kinds() -> None:
    assert body_of(Generation((HI,), tools=(WEATHER, CLOCK, SQL)))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells it",
                "parameters": {"type": "object", "properties": {}},
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "clock"}},
        {
            "type": "custom",
            "custom": {
                "name": "sql",
                "description": "Asks",
                "format": {
                    "type": "grammar",
                    "grammar": {"syntax": "lark", "definition": "start: /x/"},
                },
            },
        },
    ]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (NoTools(), "none"),
        (AnyTool(), "required"),
        (NamedTool("clock"), {"type": "function", "function": {"name": "clock"}}),
        (NamedTool("sql"), {"type": "custom", "custom": {"name": "sql"}}),
        (
            AllowedTools(("clock",), required=True),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "clock"}}],
                },
            },
        ),
    ],
)
def test_tool_choices(
    choice: NoTools | AnyTool | NamedTool | AllowedTools, said: JsonValue
) -> None:
    content = Generation((HI,), tools=(WEATHER, CLOCK, SQL), tool_choice=choice)
    assert body_of(content)["tool_choice"] == said


@pytest.mark.parametrize(("required", "said"), [(True, "required"), (False, None)])
def test_allowed_tools_are_the_only_ones_where_the_choice_cannot_say_it(
    required: bool, said: str | None
) -> None:
    choice = AllowedTools(("clock",), required=required)
    body = body_of(Generation((HI,), tools=(WEATHER, CLOCK), tool_choice=choice), PLAIN)
    assert body["tools"] == [{"type": "function", "function": {"name": "clock"}}]
    assert body.get("tool_choice") == said


def test_without_tools_nothing_is_said_of_them() -> None:
    body = body_of(Generation((HI,), tool_choice=AnyTool(), parallel_tool_calls=True))
    assert set(body) == {"model", "messages"}


def test_instructions_keep_their_role() -> None:
    system = Message(Role.SYSTEM, (Text("a"),))
    developer = Message(Role.DEVELOPER, (Text("b"), Text("c")), name="boss")
    assert messages_of(system, developer) == [
        {"role": "system", "content": "a"},
        {
            "role": "developer",
            "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}],
            "name": "boss",
        },
    ]


def test_a_server_without_developers_is_told_as_system() -> None:
    developer = Message(Role.DEVELOPER, (Text("b"),))
    assert messages_of(developer, spelling=PLAIN) == [{"role": "system", "content": "b"}]


def test_every_part_of_a_user_message() -> None:
    message = user(
        Text("look"),
        ImageUrl("https://x.example/a.png", "high"),
        ImageData("image/png", "AAAA"),
        Audio("BBBB", "wav"),
        FileData("application/pdf", "CCCC", "a.pdf"),
        FileData("application/pdf", "CCCC"),
        FileReference("file-1"),
    )
    assert messages_of(message) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {
                    "type": "image_url",
                    "image_url": {"url": "https://x.example/a.png", "detail": "high"},
                },
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "wav"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,CCCC",
                    },
                },
                {
                    "type": "file",
                    "file": {
                        "filename": "document.pdf",
                        "file_data": "data:application/pdf;base64,CCCC",
                    },
                },
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    ]


@pytest.mark.parametrize(
    "message",
    [
        user(ImageUrl("gs://bucket/a.png")),
        user(Refusal("no")),
        Message(Role.SYSTEM, (ImageUrl("https://x.example/a.png"),)),
        assistant(Text("see"), ImageData("image/png", "AAAA")),
    ],
)
def test_what_cannot_be_said_is_refused(message: Message) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        messages_of(message)
    assert caught.value.param == "messages"


def test_words_and_calls_of_a_turn_are_one_message_and_results_follow() -> None:
    assert messages_of(
        HI,
        assistant(Text("Let me look.")),
        ToolCall("a", "weather", ""),
        ToolCall("b", "sql", "SELECT 1", "custom"),
        ToolResult("a", (Text("sun"),)),
        ToolResult("b", (Text("1"), Text("2"))),
        assistant(Text("Sun.")),
    ) == [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
                {"id": "b", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "sun"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
        },
        {"role": "assistant", "content": "Sun."},
    ]


def test_calls_alone_have_no_content() -> None:
    (message,) = _list(messages_of(ToolCall("a", "clock", "{}")))
    assert message["content"] is None


def test_a_result_without_text_is_empty() -> None:
    _, result = _list(messages_of(ToolCall("a", "clock", "{}"), ToolResult("a", ())))
    assert result["content"] == ""


@pytest.mark.parametrize(
    "result",
    [
        ToolResult("a", (ImageData("image/png", "AAAA"),)),
        ToolResult("a", (Text("no such clock"),), is_error=True),
    ],
)
def test_results_are_text_of_calls_that_did_not_fail(result: ToolResult) -> None:
    with pytest.raises(UnsupportedFeature, match=r"Tool results|failed tool calls"):
        messages_of(ToolCall("a", "clock", "{}"), result)


def test_a_refusal_stays_one() -> None:
    assert messages_of(assistant(Refusal("no"))) == [
        {"role": "assistant", "content": None, "refusal": "no"}
    ]
    assert messages_of(assistant(Text("a"), Refusal("no"))) == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}],
        }
    ]


def test_two_turns_of_words_stay_two_messages() -> None:
    assert len(_list(messages_of(assistant(Text("a")), assistant(Text("b"))))) == 2


DEEPSEEK_THOUGHT = Reasoning("shown", Proof(Vendor.DEEPSEEK, "m", "reasoning_content", "proven"))
CLAUDE_THOUGHT = Reasoning("shown", Proof(Vendor.ANTHROPIC, "m", "signature", "sig"))
OWN_THOUGHT = Reasoning("shown")


@pytest.mark.parametrize(
    ("thought", "spelling", "told"),
    [
        (DEEPSEEK_THOUGHT, OPENAI, None),
        (DEEPSEEK_THOUGHT, replace(PLAIN, proofs=Vendor.DEEPSEEK), "proven"),
        (DEEPSEEK_THOUGHT, replace(PLAIN, echo_reasoning=True), None),
        (CLAUDE_THOUGHT, replace(PLAIN, proofs=Vendor.DEEPSEEK, echo_reasoning=True), None),
        (OWN_THOUGHT, OPENAI, None),
        (OWN_THOUGHT, replace(PLAIN, echo_reasoning=True), "shown"),
    ],
)
def test_thoughts_go_back_only_where_they_are_wanted(
    thought: Reasoning, spelling: Spelling, told: str | None
) -> None:
    (message,) = _list(messages_of(thought, ToolCall("a", "clock", "{}"), spelling=spelling))
    assert message.get("reasoning_content") == told


def test_thoughts_alone_are_no_message() -> None:
    spelling = replace(PLAIN, echo_reasoning=True)
    assert messages_of(HI, OWN_THOUGHT, spelling=spelling) == [{"role": "user", "content": "Hi"}]


def test_thoughts_between_turns_start_a_message() -> None:
    spelling = replace(PLAIN, echo_reasoning=True)
    messages = _list(
        messages_of(
            OWN_THOUGHT,
            assistant(Text("a")),
            OWN_THOUGHT,
            ToolCall("a", "clock", "{}"),
            spelling=spelling,
        )
    )
    assert [message.get("reasoning_content") for message in messages] == ["shown", "shown"]


def test_a_request_is_written_the_same_each_time() -> None:
    content = Generation((HI,), tools=(WEATHER, SQL), metadata={"b": "1", "a": "2"})
    first = encode_request(content, model="up", stream=True)
    assert first == encode_request(content, model="up", stream=True)


def _list(value: JsonValue) -> list[JsonObject]:
    assert isinstance(value, list)
    return [one for one in value if isinstance(one, dict)]
