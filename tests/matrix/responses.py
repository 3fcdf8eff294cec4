"""The matrix in Responses; nothing of it is kept."""

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


def _message(role: str, content: object) -> Json:
    return {"type": "message", "role": role, "content": content}


def _user(content: object) -> Json:
    return _message("user", content)


def _said(text: str) -> Json:
    part: Json = {"type": "output_text", "text": text, "annotations": []}
    return _message("assistant", [part])


def _call(id_: str, arguments: str = '{"city":"Oslo"}', name: str = "get_weather") -> Json:
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


def _result(id_: str, output: object = "Rain, 4 degrees.") -> Json:
    return {"type": "function_call_output", "call_id": id_, "output": output}


def _tool(
    name: str = "get_weather", parameters: Json | None = None, *, strict: bool = False
) -> Json:
    empty: Json = {"type": "object", "properties": {}}
    return {
        "type": "function",
        "name": name,
        "description": f"Runs {name}.",
        "parameters": parameters if parameters is not None else empty,
        "strict": strict,
    }


def _schema(schema: Json, name: str = "answer") -> Json:
    return {"format": {"type": "json_schema", "name": name, "schema": schema, "strict": True}}


def _asked(*parts: Json) -> list[Json]:
    return [_user([{"type": "input_text", "text": "What is this?"}, *parts])]


# The words that make the fakes call a tool, once and twice.
_ASK: Final = _user("What is the weather in Oslo? call get_weather")
_BOTH: Final = _user("Weather and time in Oslo, in parallel: get_weather, get_time")
_TOOLS: Final = [_tool(parameters=CITY), _tool("get_time")]
_PICTURE: Final = f"data:image/png;base64,{PIXEL}"

REQUESTS: Final[dict[str, Json]] = {
    "text": {"input": "Hello."},
    "text-parts": {
        "input": [
            _user([{"type": "input_text", "text": "Hel"}, {"type": "input_text", "text": "lo."}])
        ]
    },
    "system": {"instructions": SYSTEM, "input": [_ASK]},
    "system-several": {
        "instructions": SYSTEM,
        "input": [_message("developer", "Use degrees Celsius."), _ASK],
    },
    "system-later": {
        "instructions": SYSTEM,
        "input": [_ASK, _said("Rain."), _user("And Bergen?"), _message("system", LATER)],
    },
    "neighbours": {"input": [_user("One."), _user("Two."), _said("Three."), _user("Four?")]},
    "sampling": {"input": "Hello.", "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 500},
    "labels": {
        "input": "Hello.",
        "metadata": {"team": "north"},
        "user": "user-7",
        "service_tier": "auto",
    },
    "tools-auto": {"input": [_ASK], "tools": _TOOLS, "tool_choice": "auto"},
    "tools-parallel": {"input": [_BOTH], "tools": _TOOLS},
    "tools-required": {"input": [_ASK], "tools": _TOOLS, "tool_choice": "required"},
    "tools-named": {
        "input": [_ASK],
        "tools": _TOOLS,
        "tool_choice": {"type": "function", "name": "get_weather"},
    },
    "tools-none": {"input": [_ASK], "tools": _TOOLS, "tool_choice": "none"},
    "tools-one-at-a-time": {"input": [_ASK], "tools": _TOOLS, "parallel_tool_calls": False},
    "tools-strict": {"input": [_ASK], "tools": [_tool(parameters=CLOSED_CITY, strict=True)]},
    "tools-rich": {"input": [_ASK], "tools": [_tool("draw", RICH)]},
    "tools-namespace": {
        "input": [_ASK],
        "tools": [
            {"type": "namespace", "name": "weather", "description": "The sky.", "tools": _TOOLS}
        ],
    },
    "tools-custom": {
        "input": [_user("Write a haiku.")],
        "tools": [{"type": "custom", "name": "write", "description": "Takes any text."}],
    },
    "calls-parallel": {
        "input": [
            _ASK,
            _call("call_1"),
            _call("call_2", '{"city":"Bergen"}'),
            _result("call_1"),
            _result("call_2", "Sun."),
        ],
        "tools": _TOOLS,
    },
    "calls-sequential": {
        "input": [
            _ASK,
            _said("Let me look."),
            _call("call_1"),
            _result("call_1"),
            _call("call_2", "{}", "get_time"),
            _result("call_2", "Noon."),
        ],
        "tools": _TOOLS,
    },
    "result-error": {
        "input": [_ASK, _call("call_1"), _result("call_1", "No such city.")],
        "tools": _TOOLS,
    },
    "result-empty": {
        "input": [_ASK, _call("call_1", ""), _result("call_1", "")],
        "tools": _TOOLS,
    },
    "result-image": {
        "input": [
            _ASK,
            _call("call_1"),
            _result(
                "call_1",
                [
                    {"type": "input_text", "text": "A map:"},
                    {"type": "input_image", "detail": "auto", "image_url": _PICTURE},
                ],
            ),
        ],
        "tools": _TOOLS,
    },
    "after-results": {
        "input": [_ASK, _call("call_1"), _result("call_1"), _user("And in words?")],
        "tools": _TOOLS,
    },
    "schema": {"input": "Who?", "text": _schema(PERSON)},
    "schema-rich": {"input": "Draw.", "text": _schema(RICH)},
    "schema-with-tools": {"input": [_ASK], "tools": _TOOLS, "text": _schema(PERSON)},
    "thinking": {
        "input": "Why?",
        "reasoning": {"effort": "high", "summary": "auto"},
        "max_output_tokens": 8000,
    },
    "thinking-off": {"input": "Why?", "reasoning": {"effort": "none"}},
    "thoughts-back": {
        "input": [
            _ASK,
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "I should look."}],
            },
            _call("call_1"),
            _result("call_1"),
        ],
        "tools": _TOOLS,
    },
    "foreign-items": {
        "input": [
            _ASK,
            _call("toolu_01ForeignForeignForeign"),
            _result("toolu_01ForeignForeignForeign"),
            _said("Rain."),
            _user("And now?"),
            _call("call_g_resp-1_0", '{"city":"Bergen"}'),
            _result("call_g_resp-1_0", "Sun."),
            _said("Sun."),
            _user("Thanks. Which was warmer?"),
        ],
        "tools": _TOOLS,
    },
    "cache-marks": {
        "input": [
            _user(
                [
                    {
                        "type": "input_text",
                        "text": "Hello.",
                        "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
                    }
                ]
            )
        ]
    },
    "image-data": {
        "input": _asked({"type": "input_image", "detail": "auto", "image_url": _PICTURE})
    },
    "image-url": {
        "input": _asked({"type": "input_image", "detail": "auto", "image_url": IMAGE_URL})
    },
    "file-pdf": {
        "input": _asked(
            {
                "type": "input_file",
                "filename": "report.pdf",
                "file_data": f"data:application/pdf;base64,{PDF}",
            }
        )
    },
    "file-text": {
        "input": _asked(
            {
                "type": "input_file",
                "filename": "notes.txt",
                "file_data": f"data:text/plain;base64,{NOTES}",
            }
        )
    },
    "long": {
        "instructions": SYSTEM,
        "input": [
            *(
                item
                for number in range(LONG)
                for item in (
                    _user(f"Question {number}?"),
                    _call(f"call_{number}"),
                    _result(f"call_{number}"),
                    _said(f"Answer {number}."),
                )
            ),
            _user("The last one?"),
        ],
        "tools": _TOOLS,
    },
}
