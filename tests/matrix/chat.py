"""The matrix in chat completions."""

from typing import Final

from .samples import (
    CITY,
    CLOSED_CITY,
    IMAGE_URL,
    LATER,
    LONG,
    NOTES,
    PDF,
    PERSON,
    PIXEL,
    RICH,
    SYSTEM,
    Json,
)


def _user(content: object) -> Json:
    return {"role": "user", "content": content}


def _said(content: str | None = None, *calls: Json, **more: object) -> Json:
    message: Json = {"role": "assistant", "content": content, **more}
    if calls:
        message["tool_calls"] = list(calls)
    return message


def _call(id_: str, arguments: str = '{"city":"Oslo"}', name: str = "get_weather") -> Json:
    function = {"name": name, "arguments": arguments}
    return {"id": id_, "type": "function", "function": function}


def _result(id_: str, content: object = "Rain, 4 degrees.") -> Json:
    return {"role": "tool", "tool_call_id": id_, "content": content}


def _tool(name: str = "get_weather", parameters: Json | None = None, **more: object) -> Json:
    function: Json = {"name": name, "description": f"Runs {name}.", **more}
    if parameters is not None:
        function["parameters"] = parameters
    return {"type": "function", "function": function}


def _schema(schema: Json, name: str = "answer") -> Json:
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "schema": schema, "strict": True},
    }


# The words that make the fakes call a tool, once and twice.
_ASK: Final = _user("What is the weather in Oslo? call get_weather")
_BOTH: Final = _user("Weather and time in Oslo, in parallel: get_weather, get_time")
_TOOLS: Final = [_tool(parameters=CITY), _tool("get_time")]
_PICTURE: Final = f"data:image/png;base64,{PIXEL}"

REQUESTS: Final[dict[str, Json]] = {
    "text": {"messages": [_user("Hello.")]},
    "text-parts": {
        "messages": [_user([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}])]
    },
    "system": {"messages": [{"role": "system", "content": SYSTEM}, _ASK]},
    "system-several": {
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "developer", "content": "Use degrees Celsius."},
            _ASK,
        ]
    },
    "system-later": {
        "messages": [
            {"role": "system", "content": SYSTEM},
            _ASK,
            _said("Rain."),
            _user("And Bergen?"),
            {"role": "system", "content": LATER},
        ]
    },
    "neighbours": {"messages": [_user("One."), _user("Two."), _said("Three."), _user("Four?")]},
    "sampling": {
        "messages": [_user("Hello.")],
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "max_completion_tokens": 500,
    },
    "labels": {
        "messages": [_user("Hello.")],
        "metadata": {"team": "north"},
        "user": "user-7",
        "service_tier": "auto",
    },
    "tools-auto": {"messages": [_ASK], "tools": _TOOLS, "tool_choice": "auto"},
    "tools-parallel": {"messages": [_BOTH], "tools": _TOOLS},
    "tools-required": {"messages": [_ASK], "tools": _TOOLS, "tool_choice": "required"},
    "tools-named": {
        "messages": [_ASK],
        "tools": _TOOLS,
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    },
    "tools-none": {"messages": [_ASK], "tools": _TOOLS, "tool_choice": "none"},
    "tools-one-at-a-time": {"messages": [_ASK], "tools": _TOOLS, "parallel_tool_calls": False},
    "tools-strict": {
        "messages": [_ASK],
        "tools": [_tool(parameters=CLOSED_CITY, strict=True)],
    },
    "tools-rich": {"messages": [_ASK], "tools": [_tool("draw", RICH)]},
    "calls-parallel": {
        "messages": [
            _ASK,
            _said(None, _call("call_1"), _call("call_2", '{"city":"Bergen"}')),
            _result("call_1"),
            _result("call_2", "Sun."),
        ],
        "tools": _TOOLS,
    },
    "calls-sequential": {
        "messages": [
            _ASK,
            _said("Let me look.", _call("call_1")),
            _result("call_1"),
            _said(None, _call("call_2", "{}", "get_time")),
            _result("call_2", "Noon."),
        ],
        "tools": _TOOLS,
    },
    "result-error": {
        "messages": [_ASK, _said(None, _call("call_1")), _result("call_1", "No such city.")],
        "tools": _TOOLS,
    },
    "result-empty": {
        "messages": [_ASK, _said(None, _call("call_1", "")), _result("call_1", "")],
        "tools": _TOOLS,
    },
    "after-results": {
        "messages": [
            _ASK,
            _said(None, _call("call_1")),
            _result("call_1"),
            _user("And in words?"),
        ],
        "tools": _TOOLS,
    },
    "schema": {"messages": [_user("Who?")], "response_format": _schema(PERSON)},
    "schema-rich": {"messages": [_user("Draw.")], "response_format": _schema(RICH)},
    "schema-with-tools": {
        "messages": [_ASK],
        "tools": _TOOLS,
        "response_format": _schema(PERSON),
    },
    "thinking": {
        "messages": [_user("Why?")],
        "reasoning_effort": "high",
        "max_completion_tokens": 8000,
    },
    "thinking-off": {"messages": [_user("Why?")], "reasoning_effort": "none"},
    "thoughts-back": {
        "messages": [
            _ASK,
            _said(None, _call("call_1"), reasoning_content="I should look."),
            _result("call_1"),
        ],
        "tools": _TOOLS,
    },
    "foreign-items": {
        "messages": [
            _ASK,
            _said(None, _call("toolu_01ForeignForeignForeign")),
            _result("toolu_01ForeignForeignForeign"),
            _said("Rain."),
            _user("And now?"),
            _said(None, _call("call_g_resp-1_0", '{"city":"Bergen"}')),
            _result("call_g_resp-1_0", "Sun."),
            _said("Sun."),
            _user("Thanks. Which was warmer?"),
        ],
        "tools": _TOOLS,
    },
    "cache-marks": {
        "messages": [
            {
                "role": "system",
                "content": [
                    {
                        "type": "text",
                        "text": SYSTEM,
                        "prompt_cache_breakpoint": {"mode": "explicit"},
                    }
                ],
            },
            _user(
                [
                    {
                        "type": "text",
                        "text": "Hello.",
                        "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
                    }
                ]
            ),
        ]
    },
    "image-data": {
        "messages": [
            _user(
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": _PICTURE}},
                ]
            )
        ]
    },
    "image-url": {
        "messages": [
            _user(
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": IMAGE_URL}},
                ]
            )
        ]
    },
    "file-pdf": {
        "messages": [
            _user(
                [
                    {"type": "text", "text": "Sum it up."},
                    {
                        "type": "file",
                        "file": {
                            "filename": "report.pdf",
                            "file_data": f"data:application/pdf;base64,{PDF}",
                        },
                    },
                ]
            )
        ]
    },
    "file-text": {
        "messages": [
            _user(
                [
                    {"type": "text", "text": "Sum it up."},
                    {
                        "type": "file",
                        "file": {
                            "filename": "notes.txt",
                            "file_data": f"data:text/plain;base64,{NOTES}",
                        },
                    },
                ]
            )
        ]
    },
    "long": {
        "messages": [
            {"role": "system", "content": SYSTEM},
            *(
                message
                for number in range(LONG)
                for message in (
                    _user(f"Question {number}?"),
                    _said(None, _call(f"call_{number}")),
                    _result(f"call_{number}"),
                    _said(f"Answer {number}."),
                )
            ),
            _user("The last one?"),
        ],
        "tools": _TOOLS,
    },
}
