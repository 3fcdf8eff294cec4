"""Any body of chat completions that says what the dialect knows, as hypothesis draws it."""

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
_TEXT_PART = shaped({"type": st.just("text"), "text": WORDS}, prompt_cache_breakpoint=_MARK)
_IMAGE = shaped(
    {"url": st.sampled_from([IMAGE_URL, f"data:image/png;base64,{PIXEL}"])},
    detail=st.sampled_from(["auto", "low", "high", "original"]),
)
_FILE = st.one_of(
    shaped({"file_id": st.just("file-1")}),
    shaped(
        {"file_data": st.sampled_from([f"data:application/pdf;base64,{PDF}", PDF])},
        filename=FILLED.map(lambda name: f"{name}.pdf"),
    ),
)
_USER_PART = st.one_of(
    _TEXT_PART,
    shaped({"type": st.just("image_url"), "image_url": _IMAGE}, prompt_cache_breakpoint=_MARK),
    shaped({"type": st.just("file"), "file": _FILE}, prompt_cache_breakpoint=_MARK),
    st.just({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}),
)
_TEXTS = WORDS | st.lists(_TEXT_PART, min_size=1, max_size=3)
_INSTRUCTION = shaped(
    {"role": st.sampled_from(["system", "developer"]), "content": _TEXTS}, name=NAMES
)
_USER = shaped(
    {
        "role": st.just("user"),
        "content": WORDS | st.lists(_USER_PART, min_size=1, max_size=3),
    },
    name=NAMES,
)
_REFUSAL_PART = shaped({"type": st.just("refusal"), "refusal": FILLED})
_SPOKEN: Final = {
    "role": st.just("assistant"),
    "content": WORDS | st.lists(_TEXT_PART | _REFUSAL_PART, min_size=1, max_size=3),
}
_WORDS_SAID = shaped(
    _SPOKEN, name=NAMES, refusal=st.none() | FILLED, reasoning_content=st.none() | WORDS
)
_ARGUMENTS = st.sampled_from(["{}", '{"city":"Oslo"}', '{ "a" : 1.50 }', "broken{", ""])
_CALL = st.one_of(
    shaped(
        {
            "type": st.just("function"),
            "function": shaped({"name": NAMES, "arguments": _ARGUMENTS}),
        }
    ),
    shaped({"type": st.just("custom"), "custom": shaped({"name": NAMES, "input": WORDS})}),
)
_GRAMMAR = shaped({"syntax": st.sampled_from(["lark", "regex"]), "definition": WORDS})
_FORMAT = st.one_of(one_of_type("text"), shaped({"type": st.just("grammar"), "grammar": _GRAMMAR}))


@st.composite
def _tool_turns(draw: st.DrawFn, number: int) -> list[Json]:
    """Draw an assistant's calls with their results, in any order."""
    calls = [
        {"id": f"call_{number}_{place}", **draw(_CALL)} for place in range(draw(st.integers(1, 3)))
    ]
    said = draw(
        shaped(
            {"role": st.just("assistant"), "tool_calls": st.just(calls)},
            content=st.none() | _SPOKEN["content"],
            reasoning_content=WORDS,
        )
    )
    answered = draw(st.permutations(calls))
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": draw(st.just("") | _TEXTS)}
        for call in answered
    ]
    return [said, *results]


@st.composite
def _conversations(draw: st.DrawFn) -> list[Json]:
    messages: list[Json] = []
    for number, kind in enumerate(
        draw(st.lists(st.sampled_from("iuuaatt"), min_size=1, max_size=6))
    ):
        match kind:
            case "i":
                messages.append(draw(_INSTRUCTION))
            case "u":
                messages.append(draw(_USER))
            case "a":
                messages.append(draw(_WORDS_SAID))
            case _:
                messages.extend(draw(_tool_turns(number)))
    return messages


@st.composite
def _tools(draw: st.DrawFn) -> Json:
    """Draw tools, a choice among them, and whether several may be called."""
    tools: list[Json] = []
    for name in draw(st.lists(st.sampled_from("abc"), unique=True, min_size=1)):
        if draw(st.booleans()):
            function = draw(
                shaped(
                    {"name": st.just(name)},
                    description=WORDS,
                    parameters=SCHEMAS | st.just(NO_MEMBERS),
                    strict=st.booleans(),
                )
            )
            tools.append({"type": "function", "function": function})
        else:
            custom = draw(shaped({"name": st.just(name)}, description=WORDS, format=_FORMAT))
            tools.append({"type": "custom", "custom": custom})
    named = st.sampled_from(tools).map(
        lambda tool: {"type": tool["type"], tool["type"]: {"name": tool[tool["type"]]["name"]}}
    )
    allowed = shaped(
        {
            "mode": st.sampled_from(["auto", "required"]),
            "tools": st.lists(named, min_size=1, max_size=2),
        }
    )
    choice = st.one_of(
        st.sampled_from(["auto", "none", "required"]),
        named,
        shaped({"type": st.just("allowed_tools"), "allowed_tools": allowed}),
    )
    return draw(
        shaped({"tools": st.just(tools)}, tool_choice=choice, parallel_tool_calls=st.booleans())
    )


_OUTPUT = st.one_of(
    one_of_type("text"),
    one_of_type("json_object"),
    shaped(
        {
            "type": st.just("json_schema"),
            "json_schema": shaped(
                {"name": NAMES, "schema": SCHEMAS}, strict=st.booleans(), description=WORDS
            ),
        }
    ),
)
_SETTINGS = shaped(
    {},
    temperature=NUMBERS,
    top_p=NUMBERS,
    presence_penalty=NUMBERS,
    frequency_penalty=NUMBERS,
    seed=st.integers(-(2**63), 2**63 - 1),
    stop=WORDS | st.lists(WORDS, min_size=1, max_size=4),
    logit_bias=st.just({"50256": -100}),
    n=st.integers(1, 3),
    max_completion_tokens=st.integers(1, 9000),
    stream=st.booleans(),
    store=st.booleans(),
    metadata=st.dictionaries(NAMES, WORDS, max_size=2),
    user=WORDS,
    reasoning_effort=st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
    verbosity=st.sampled_from(["low", "medium", "high"]),
    service_tier=st.sampled_from(["auto", "default", "flex"]),
    response_format=_OUTPUT,
    # What has no name here.
    prediction=OBJECTS,
    prompt_cache_key=WORDS,
    yet_to_come=VALUES,
)
_LOGPROBS: Final[list[Json]] = [
    {},
    {"logprobs": False},
    {"logprobs": True},
    {"logprobs": True, "top_logprobs": 2},
]


@st.composite
def chat_bodies(draw: st.DrawFn) -> Json:
    tools: Json = draw(st.just(NO_MEMBERS) | _tools())
    messages = draw(_conversations())
    return {
        "model": "gpt-x",
        "messages": messages,
        **tools,
        **draw(_SETTINGS),
        **draw(st.sampled_from(_LOGPROBS)),
    }
