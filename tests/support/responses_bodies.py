"""Any body of the Responses API that says what the dialect knows, as hypothesis draws it."""

from typing import Final

from hypothesis import strategies as st

from tests.matrix.samples import IMAGE_URL, PDF, PIXEL
from tests.support.json_texts import (
    FILLED,
    NAMES,
    NO_MEMBERS,
    NUMBERS,
    OBJECTS,
    SCHEMAS,
    VALUES,
    WORDS,
    Json,
    one_of_type,
    shaped,
)

_MARK = shaped({"mode": st.just("explicit")}, ttl=st.sampled_from(["30m", "12h"]))
_TEXT_PART = shaped({"type": st.just("input_text"), "text": WORDS}, prompt_cache_breakpoint=_MARK)
_IMAGE_MORE = {
    "detail": st.sampled_from(["auto", "low", "high", "original"]),
    "prompt_cache_breakpoint": _MARK,
}
_IMAGE = st.one_of(
    one_of_type(
        "input_image",
        **_IMAGE_MORE,
    ).flatmap(
        lambda part: st.sampled_from(
            [
                {**part, "image_url": IMAGE_URL},
                {**part, "image_url": f"data:image/png;base64,{PIXEL}"},
                {**part, "file_id": "file-1"},
            ]
        )
    )
)
_FILE = one_of_type("input_file", prompt_cache_breakpoint=_MARK).flatmap(
    lambda part: st.sampled_from(
        [
            {**part, "file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            {**part, "file_data": PDF},
            {**part, "file_id": "file-1"},
            {**part, "file_url": "https://a.example/b.pdf"},
        ]
    )
)
_SOUND = st.just({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}})
_GIVEN = _TEXT_PART | _IMAGE | _FILE
_NOTES: Final[list[Json]] = [
    {"type": "url_citation", "url": "https://a.org", "title": "A", "start_index": 0,
     "end_index": 1},
    {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 0},
]  # fmt: skip
_SAID_PART = st.one_of(
    shaped(
        {"type": st.just("output_text"), "text": WORDS},
        annotations=st.lists(st.sampled_from(_NOTES), max_size=2),
    ),
    shaped({"type": st.just("refusal"), "refusal": WORDS}),
)
_MESSAGE = st.one_of(
    shaped(
        {
            "role": st.sampled_from(["user", "system", "developer"]),
            "content": WORDS | st.lists(_GIVEN | _SOUND, min_size=1, max_size=3),
        },
        type=st.just("message"),
    ),
    shaped(
        {
            "role": st.just("assistant"),
            "content": WORDS | st.lists(_SAID_PART, min_size=1, max_size=3),
        },
        type=st.just("message"),
        phase=st.sampled_from(["commentary", "final_answer"]),
        id=st.just("msg_1"),
        status=st.just("completed"),
    ),
)
_SUMMARY = shaped({"type": st.just("summary_text"), "text": FILLED})
_THOUGHT = shaped({"type": st.just("reasoning_text"), "text": FILLED})
_THOUGHTS = st.one_of(
    shaped(
        {
            "type": st.just("reasoning"),
            "id": st.just("rs_1"),
            "summary": st.lists(_SUMMARY, max_size=2),
            "encrypted_content": st.sampled_from(["gAAAA=", "x" * 40]),
        }
    ),
    shaped(
        {
            "type": st.just("reasoning"),
            "id": st.just("rs_1"),
            "summary": st.just([]),
            "content": st.lists(_THOUGHT, min_size=1, max_size=2),
        }
    ),
)
_ARGUMENTS = st.sampled_from(["{}", '{"city":"Oslo"}', '{ "a" : 1.50 }', "broken{", ""])
_IDS = st.sampled_from(["call_1", "call_2"])
_NAMESPACES = st.sampled_from(["crm", "weather"])
_OUTPUT = st.just("") | WORDS | st.lists(_GIVEN, min_size=1, max_size=3)
_CALLING = st.one_of(
    shaped(
        {
            "type": st.just("function_call"),
            "call_id": _IDS,
            "name": NAMES,
            "arguments": _ARGUMENTS,
        },
        namespace=_NAMESPACES,
    ),
    shaped(
        {"type": st.just("custom_tool_call"), "call_id": _IDS, "name": NAMES, "input": WORDS},
        namespace=_NAMESPACES,
    ),
    shaped(
        {
            "type": st.sampled_from(["function_call_output", "custom_tool_call_output"]),
            "call_id": _IDS,
            "output": _OUTPUT,
        }
    ),
)
_OF_VENDORS = st.sampled_from(
    [
        {"type": "web_search_call", "id": "ws_1", "status": "completed",
         "action": {"type": "search", "query": "q"}},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA="},
        {"type": "yet_to_come", "id": "ytc_1", "value": [1, None]},
    ]
)  # fmt: skip
_ITEMS = st.one_of(_MESSAGE, _MESSAGE, _THOUGHTS, _CALLING, _CALLING, _OF_VENDORS)
_GRAMMAR = shaped(
    {
        "type": st.just("grammar"),
        "syntax": st.sampled_from(["lark", "regex"]),
        "definition": WORDS,
    }
)
_FUNCTION_MORE = {"description": WORDS, "strict": st.booleans()}
_EMPTY: Final[Json] = {"type": "object", "properties": {}}
_HOSTED: Final[list[Json]] = [
    {"type": "web_search", "search_context_size": "low"},
    {"type": "mcp", "server_label": "here", "server_url": "https://mcp.example/x"},
]


@st.composite
def _callable_tools(draw: st.DrawFn, letters: str) -> list[Json]:
    tools: list[Json] = []
    for name in draw(st.lists(st.sampled_from(letters), unique=True, min_size=1)):
        function = shaped(
            {
                "type": st.just("function"),
                "name": st.just(name),
                "parameters": SCHEMAS | st.just(_EMPTY),
            },
            **_FUNCTION_MORE,
            defer_loading=st.booleans(),
            allowed_callers=st.just(["direct"]),
            output_schema=SCHEMAS,
        )
        custom = shaped(
            {"type": st.just("custom"), "name": st.just(name)},
            description=WORDS,
            format=_GRAMMAR | st.just({"type": "text"}),
        )
        tools.append(draw(function | custom))
    return tools


def _choice_of(tool: Json) -> Json:
    if tool["type"] == "mcp":
        return {"type": "mcp", "server_label": tool["server_label"]}
    return {"type": tool["type"], **({"name": tool["name"]} if "name" in tool else {})}


@st.composite
def _tools(draw: st.DrawFn) -> Json:
    """Draw tools, a choice among them, and how they may be called."""
    plain = draw(_callable_tools("abc"))
    inner = draw(_callable_tools("xyz"))
    space: Json = {"type": "namespace", "name": "crm", "description": "Who.", "tools": inner}
    tools = draw(st.permutations([*plain, space, *_HOSTED]))
    callable_ones = st.sampled_from([*plain, *inner]).map(_choice_of)
    allowed = shaped(
        {
            "type": st.just("allowed_tools"),
            "mode": st.sampled_from(["auto", "required"]),
            "tools": st.lists(
                st.sampled_from(tools).map(_choice_of) | callable_ones, min_size=1, max_size=3
            ),
        }
    )
    choice = st.one_of(
        st.sampled_from(["auto", "none", "required"]),
        callable_ones,
        st.just({"type": "web_search"}),
        st.just({"type": "mcp", "server_label": "here", "name": "find"}),
        allowed,
    )
    return draw(
        shaped(
            {"tools": st.just(tools)},
            tool_choice=choice,
            parallel_tool_calls=st.booleans(),
            max_tool_calls=st.integers(1, 5),
        )
    )


_FORM = st.one_of(
    one_of_type("text"),
    one_of_type("json_object"),
    shaped(
        {"type": st.just("json_schema"), "name": NAMES, "schema": SCHEMAS},
        strict=st.booleans(),
        description=WORDS,
    ),
)
_SETTINGS = shaped(
    {},
    instructions=WORDS,
    temperature=NUMBERS,
    top_p=NUMBERS,
    presence_penalty=NUMBERS,
    frequency_penalty=NUMBERS,
    top_logprobs=st.integers(0, 3),
    include=st.lists(
        st.sampled_from(
            [
                "reasoning.encrypted_content",
                "message.output_text.logprobs",
                "file_search_call.results",
                "web_search_call.action.sources",
            ]
        ),
        unique=True,
    ),
    max_output_tokens=st.integers(1, 9000),
    stream=st.booleans(),
    truncation=st.sampled_from(["auto", "disabled"]),
    metadata=st.dictionaries(NAMES, WORDS, max_size=2),
    user=WORDS,
    reasoning=shaped(
        {},
        effort=st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
        summary=st.sampled_from(["auto", "concise", "detailed"]),
    ),
    text=shaped({}, format=_FORM, verbosity=st.sampled_from(["low", "medium", "high"])),
    service_tier=st.sampled_from(["auto", "default", "flex"]),
    # What has no name here.
    safety_identifier=WORDS,
    prompt_cache_key=WORDS,
    context_management=OBJECTS,
    yet_to_come=VALUES.filter(lambda value: value is not None),
)


@st.composite
def responses_bodies(draw: st.DrawFn) -> Json:
    tools: Json = draw(st.just(NO_MEMBERS) | _tools())
    items = st.lists(_ITEMS, min_size=1, max_size=8)
    asked = draw(st.one_of(items, items, items, WORDS))
    return {"model": "gpt-x", "input": asked, "store": False, **tools, **draw(_SETTINGS)}
