"""Any body of Messages that says what the dialect knows, as hypothesis draws it.

Only what Anthropic takes: no empty text, results before words, thoughts that lead to something.
"""

from collections.abc import Callable
from typing import Any, Final

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
    shaped,
)

_MOST_MARKS: Final = 4
_MARK = shaped({"type": st.just("ephemeral")}, ttl=st.sampled_from(["5m", "1h"]))
# Any: a block's members.
_Block = st.SearchStrategy[dict[str, Any]]


def _block(kind: str, /, **required: st.SearchStrategy[Any]) -> _Block:
    return shaped({"type": st.just(kind), **required}, cache_control=_MARK)


_CITED: Final[list[Json]] = [
    {"type": "char_location", "cited_text": "It rains.", "document_index": 0,
     "document_title": None, "start_char_index": 0, "end_char_index": 9},
    {"type": "web_search_result_location", "cited_text": "x", "url": "https://a.org",
     "title": "A", "encrypted_index": "abc"},
]  # fmt: skip
_TEXT = _block("text", text=FILLED)
_CITING = shaped(
    {"type": st.just("text"), "text": FILLED},
    citations=st.lists(st.sampled_from(_CITED), min_size=1, max_size=2),
    cache_control=_MARK,
)
_SOURCES: Final[list[Json]] = [
    {"type": "base64", "media_type": "image/png", "data": PIXEL},
    {"type": "url", "url": IMAGE_URL},
    {"type": "file", "file_id": "file_1"},
    {"type": "yet_to_come", "value": 1},
]
_IMAGE = _block("image", source=st.sampled_from(_SOURCES))
_DOCUMENT = shaped(
    {
        "type": st.just("document"),
        "source": st.one_of(
            st.just({"type": "base64", "media_type": "application/pdf", "data": PDF}),
            st.just({"type": "url", "url": "https://a.example/b.pdf"}),
            st.just({"type": "file", "file_id": "file_1"}),
            st.just({"type": "content", "content": [{"type": "text", "text": "In parts."}]}),
            shaped(
                {
                    "type": st.just("text"),
                    "media_type": st.just("text/plain"),
                    "data": WORDS,
                }
            ),
        ),
    },
    title=FILLED,
    context=FILLED,
    citations=st.sampled_from([{"enabled": True}, {"enabled": False}]),
    cache_control=_MARK,
)
_FOUND = _block(
    "search_result",
    source=st.just("https://a.example/oslo"),
    title=FILLED,
    content=st.just([{"type": "text", "text": "It rains."}]),
)
_FUTURE = _block("yet_to_come", value=VALUES)
_HEARD = st.one_of(_TEXT, _TEXT, _IMAGE, _DOCUMENT, _FOUND, _FUTURE)
_RESULT: Final = st.one_of(
    FILLED, st.just(""), st.lists(_TEXT | _IMAGE | _DOCUMENT | _FOUND, min_size=1, max_size=2)
)
_THINKING = st.one_of(
    shaped(
        {
            "type": st.just("thinking"),
            "thinking": st.just("") | WORDS,
            "signature": st.just("c2lnbmF0dXJl"),
        }
    ),
    shaped({"type": st.just("redacted_thinking"), "data": st.just("ZGF0YQ==")}),
)
_OF_VENDOR: Final[list[Json]] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "yet_to_come", "value": [1, None]},
]


@st.composite
def _spoken(draw: st.DrawFn) -> str | list[Json]:
    """Draw what an assistant says: thoughts stand before something, and texts end it."""
    if draw(st.booleans()):
        return draw(FILLED)
    blocks = draw(
        st.lists(st.one_of(_TEXT, _CITING, _THINKING, st.sampled_from(_OF_VENDOR)), max_size=3)
    )
    return [*blocks, draw(_TEXT | _CITING)]


@st.composite
def _tool_turns(draw: st.DrawFn, number: int) -> list[Json]:
    """Draw an assistant's calls with their results, in any order."""
    said: list[Json] = draw(st.lists(_THINKING | _TEXT, max_size=2))
    ids: list[str] = []
    for place in range(draw(st.integers(1, 3))):
        ids.append(f"toolu_{number}_{place}")
        call = _block("tool_use", id=st.just(ids[-1]), name=NAMES, input=OBJECTS)
        said.extend([*draw(st.lists(_THINKING, max_size=1)), draw(call)])
    results: list[Json] = [
        draw(
            shaped(
                {"type": st.just("tool_result"), "tool_use_id": st.just(id_)},
                content=_RESULT,
                is_error=st.booleans(),
                cache_control=_MARK,
            )
        )
        for id_ in draw(st.permutations(ids))
    ]
    words: list[Json] = draw(st.lists(_HEARD, max_size=2))
    return [
        {"role": "assistant", "content": said},
        {"role": "user", "content": [*results, *words]},
    ]


_LATER = shaped(
    {
        "role": st.just("system"),
        "content": FILLED | st.lists(_TEXT, min_size=1, max_size=2),
    }
)


@st.composite
def _conversations(draw: st.DrawFn) -> list[Json]:
    heard = FILLED | st.lists(_HEARD, min_size=1, max_size=3)
    messages: list[Json] = [{"role": "user", "content": draw(heard)}]
    for number, kind in enumerate(draw(st.lists(st.sampled_from("uastt"), max_size=5))):
        match kind:
            case "u":
                messages.append({"role": "user", "content": draw(heard)})
            case "a":
                messages.append({"role": "assistant", "content": draw(_spoken())})
            case "s" if messages[-1]["role"] == "user":
                messages.append(draw(_LATER))
            case _:
                messages.extend(draw(_tool_turns(number)))
    return messages


_HOSTED: Final[list[Json]] = [
    {"type": "bash_20250124", "name": "bash"},
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 99},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    {"type": "yet_to_come_20270101", "name": "later", "value": {}},
]


@st.composite
def _tools(draw: st.DrawFn) -> Json:
    """Draw tools, and a choice among them."""
    functions: list[Json] = [
        draw(
            shaped(
                {"name": st.just(name), "input_schema": SCHEMAS},
                type=st.just("custom"),
                description=FILLED,
                strict=st.booleans(),
                cache_control=_MARK,
                allowed_callers=st.just(["direct"]),
                defer_loading=st.booleans(),
                eager_input_streaming=st.booleans(),
                input_examples=st.lists(OBJECTS, max_size=1),
            )
        )
        for name in draw(st.lists(st.sampled_from("abc"), unique=True, min_size=1))
    ]
    tools = draw(st.permutations([*functions, *draw(st.lists(st.sampled_from(_HOSTED),
                 unique_by=lambda tool: tool["name"]))]))  # fmt: skip
    alone = {"disable_parallel_tool_use": st.booleans()}
    named = st.sampled_from([tool["name"] for tool in tools])
    choice = st.one_of(
        shaped({"type": st.sampled_from(["auto", "any"])}, **alone),
        shaped({"type": st.just("tool"), "name": named}, **alone),
        st.just({"type": "none"}),
    )
    return draw(shaped({"tools": st.just(tools)}, tool_choice=choice))


_DISPLAY = st.sampled_from(["summarized", "omitted"])
_THINKING_WISH = st.one_of(
    shaped(
        {"type": st.just("enabled"), "budget_tokens": st.sampled_from([1024, 4000])},
        display=_DISPLAY,
    ),
    shaped({"type": st.sampled_from(["adaptive", "between_tools"])}, display=_DISPLAY),
    st.just({"type": "disabled"}),
)
_SETTINGS = shaped(
    {"max_tokens": st.integers(4001, 9000)},
    system=FILLED | st.lists(_TEXT, min_size=1, max_size=2),
    temperature=NUMBERS,
    top_p=NUMBERS,
    top_k=st.integers(0, 50),
    stop_sequences=st.lists(FILLED, min_size=1, max_size=3),
    stream=st.booleans(),
    metadata=shaped({"user_id": FILLED}),
    service_tier=st.sampled_from(["auto", "standard_only"]),
    cache_control=_MARK,
    thinking=_THINKING_WISH,
    output_config=shaped(
        {},
        effort=st.sampled_from(["low", "medium", "high", "xhigh", "max"]),
        format=shaped({"type": st.just("json_schema"), "schema": SCHEMAS}),
    ),
    # What has no name here.
    context_management=OBJECTS,
    mcp_servers=st.just([{"type": "url", "url": "https://mcp.example", "name": "m"}]),
    yet_to_come=VALUES.filter(lambda value: value is not None),
)


@st.composite
def messages_bodies(draw: st.DrawFn) -> Json:
    tools: Json = draw(st.just(NO_MEMBERS) | _tools())
    messages = draw(_conversations())
    body = {"model": "claude-x", "messages": messages, **tools, **draw(_SETTINGS)}
    _spare_marks(body, _few(_MOST_MARKS))
    return body


def _few(most: int) -> Callable[[], bool]:
    left = iter(range(most))
    return lambda: next(left, None) is not None


def _spare_marks(value: Any, may: Callable[[], bool]) -> None:  # Any: JSON
    """Take out the marks behind the first ones that may stay: no more are taken."""
    inner: Json = value
    elements: list[Any] = value
    if isinstance(value, dict):
        for name in list(inner):
            if name == "cache_control":
                if not may():
                    del inner[name]
            else:
                _spare_marks(inner[name], may)
    elif isinstance(value, list):
        for one in elements:
            _spare_marks(one, may)
