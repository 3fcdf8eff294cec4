"""The matrix in Messages."""

from typing import Final

from .samples import (
    CITY,
    CLOSED_CITY,
    IMAGE_URL,
    LATER,
    LONG,
    PDF,
    PERSON,
    PIXEL,
    RICH,
    SYSTEM,
    Json,
)

_MARK: Final[Json] = {"type": "ephemeral"}
_LONG_MARK: Final[Json] = {"type": "ephemeral", "ttl": "1h"}


def _user(content: object) -> Json:
    return {"role": "user", "content": content}


def _said(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def _text(text: str, **more: object) -> Json:
    return {"type": "text", "text": text, **more}


def _call(id_: str, arguments: Json | None = None, name: str = "get_weather") -> Json:
    asked = {"city": "Oslo"} if arguments is None else arguments
    return {"type": "tool_use", "id": id_, "name": name, "input": asked}


def _result(id_: str, content: object = "Rain, 4 degrees.", **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **more}


def _tool(name: str = "get_weather", schema: Json | None = None, **more: object) -> Json:
    empty: Json = {"type": "object", "properties": {}}
    return {
        "name": name,
        "description": f"Runs {name}.",
        "input_schema": schema if schema is not None else empty,
        **more,
    }


def _format(schema: Json) -> Json:
    return {"format": {"type": "json_schema", "schema": schema}}


def _of_bytes(media_type: str, data: str) -> Json:
    return {"type": "base64", "media_type": media_type, "data": data}


# The words that make the fakes call a tool, once and twice.
_ASK: Final = _user("What is the weather in Oslo? call get_weather")
_BOTH: Final = _user("Weather and time in Oslo, in parallel: get_weather, get_time")
_TOOLS: Final = [_tool(schema=CITY), _tool("get_time")]
_PICTURE: Final[Json] = {"type": "image", "source": _of_bytes("image/png", PIXEL)}

REQUESTS: Final[dict[str, Json]] = {
    "text": {"messages": [_user("Hello.")]},
    "text-parts": {"messages": [_user([_text("Hel"), _text("lo.")])]},
    "system": {"system": SYSTEM, "messages": [_ASK]},
    "system-several": {
        "system": [_text(SYSTEM), _text("Use degrees Celsius.")],
        "messages": [_ASK],
    },
    "system-later": {
        "system": SYSTEM,
        "messages": [
            _ASK,
            _said(_text("Rain.")),
            _user("And Bergen?"),
            {"role": "system", "content": LATER},
        ],
    },
    "neighbours": {
        "messages": [_user("One."), _user("Two."), _said(_text("Three.")), _user("Four?")]
    },
    "sampling": {
        "messages": [_user("Hello.")],
        "temperature": 0.5,
        "top_k": 40,
        "stop_sequences": ["END"],
        "max_tokens": 500,
    },
    "labels": {
        "messages": [_user("Hello.")],
        "metadata": {"user_id": "user-7"},
        "service_tier": "auto",
    },
    "tools-auto": {"messages": [_ASK], "tools": _TOOLS, "tool_choice": {"type": "auto"}},
    "tools-parallel": {"messages": [_BOTH], "tools": _TOOLS},
    "tools-required": {"messages": [_ASK], "tools": _TOOLS, "tool_choice": {"type": "any"}},
    "tools-named": {
        "messages": [_ASK],
        "tools": _TOOLS,
        "tool_choice": {"type": "tool", "name": "get_weather"},
    },
    "tools-none": {"messages": [_ASK], "tools": _TOOLS, "tool_choice": {"type": "none"}},
    "tools-one-at-a-time": {
        "messages": [_ASK],
        "tools": _TOOLS,
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    },
    "tools-strict": {"messages": [_ASK], "tools": [_tool(schema=CLOSED_CITY, strict=True)]},
    "tools-rich": {"messages": [_ASK], "tools": [_tool("draw", RICH)]},
    "tools-bash": {
        "messages": [_user("List the files.")],
        "tools": [{"type": "bash_20250124", "name": "bash"}],
    },
    "calls-parallel": {
        "messages": [
            _ASK,
            _said(_call("toolu_1"), _call("toolu_2", {"city": "Bergen"})),
            _user([_result("toolu_1"), _result("toolu_2", "Sun.")]),
        ],
        "tools": _TOOLS,
    },
    "calls-sequential": {
        "messages": [
            _ASK,
            _said(_text("Let me look."), _call("toolu_1")),
            _user([_result("toolu_1")]),
            _said(_call("toolu_2", {}, "get_time")),
            _user([_result("toolu_2", [_text("Noon.")])]),
        ],
        "tools": _TOOLS,
    },
    "result-error": {
        "messages": [
            _ASK,
            _said(_call("toolu_1")),
            _user([_result("toolu_1", "No such city.", is_error=True)]),
        ],
        "tools": _TOOLS,
    },
    "result-empty": {
        "messages": [
            _ASK,
            _said(_call("toolu_1", {})),
            _user([{"type": "tool_result", "tool_use_id": "toolu_1"}]),
        ],
        "tools": _TOOLS,
    },
    "result-image": {
        "messages": [
            _ASK,
            _said(_call("toolu_1")),
            _user([_result("toolu_1", [_text("A map:"), _PICTURE])]),
        ],
        "tools": _TOOLS,
    },
    "after-results": {
        "messages": [
            _ASK,
            _said(_call("toolu_1")),
            _user([_result("toolu_1"), _text("And in words?")]),
        ],
        "tools": _TOOLS,
    },
    "schema": {"messages": [_user("Who?")], "output_config": _format(PERSON)},
    "schema-rich": {"messages": [_user("Draw.")], "output_config": _format(RICH)},
    "schema-with-tools": {
        "messages": [_ASK],
        "tools": _TOOLS,
        "output_config": _format(PERSON),
    },
    "thinking": {
        "messages": [_user("Why?")],
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "max_tokens": 8000,
    },
    "thinking-adaptive": {
        "messages": [_user("Why?")],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high"},
    },
    "thinking-off": {"messages": [_user("Why?")], "thinking": {"type": "disabled"}},
    "foreign-items": {
        "messages": [
            _ASK,
            _said(_call("call_Foreign123")),
            _user([_result("call_Foreign123")]),
            _said(_text("Rain.")),
            _user("And now?"),
            _said(_call("call_g_resp-1_0", {"city": "Bergen"})),
            _user([_result("call_g_resp-1_0", "Sun.")]),
            _said(_text("Sun.")),
            _user("Thanks. Which was warmer?"),
        ],
        "tools": _TOOLS,
    },
    "cache-marks": {
        "system": [_text(SYSTEM, cache_control=_LONG_MARK)],
        "messages": [_user([_text("Hello.", cache_control=_MARK)])],
        "tools": [_tool(schema=CITY), _tool("get_time", cache_control=_MARK)],
    },
    "image-data": {"messages": [_user([_text("What is this?"), _PICTURE])]},
    "image-url": {
        "messages": [
            _user(
                [
                    _text("What is this?"),
                    {"type": "image", "source": {"type": "url", "url": IMAGE_URL}},
                ]
            )
        ]
    },
    "file-pdf": {
        "messages": [
            _user(
                [
                    _text("Sum it up."),
                    {
                        "type": "document",
                        "source": _of_bytes("application/pdf", PDF),
                        "title": "report.pdf",
                    },
                ]
            )
        ]
    },
    "file-text": {
        "messages": [
            _user(
                [
                    _text("Sum it up."),
                    {
                        "type": "document",
                        "source": {
                            "type": "text",
                            "media_type": "text/plain",
                            "data": "The password is not in here.",
                        },
                        "title": "notes.txt",
                        "context": "Found on a desk.",
                    },
                ]
            )
        ]
    },
    "search-result": {
        "messages": [
            _user(
                [
                    {
                        "type": "search_result",
                        "source": "https://a.example/oslo",
                        "title": "Oslo",
                        "content": [_text("It rains.")],
                    },
                    _text("What does it say?"),
                ]
            )
        ]
    },
    "long": {
        "system": SYSTEM,
        "messages": [
            *(
                message
                for number in range(LONG)
                for message in (
                    _user(f"Question {number}?"),
                    _said(_call(f"toolu_{number}")),
                    _user([_result(f"toolu_{number}")]),
                    _said(_text(f"Answer {number}.")),
                )
            ),
            _user("The last one?"),
        ],
        "tools": _TOOLS,
    },
}
for _body in REQUESTS.values():
    _body.setdefault("max_tokens", 1024)
