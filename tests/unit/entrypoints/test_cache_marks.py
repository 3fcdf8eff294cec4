"""`prompt_cache_breakpoint`: read from OpenAI's languages, and said in them again."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from modelmux.adapters.memory.sealer import MemorySealer
from modelmux.adapters.openai_chat.encode_messages import encode_messages
from modelmux.adapters.openai_chat.spelling import OPENAI as CHAT
from modelmux.adapters.openai_responses.encode_items import encode_items
from modelmux.adapters.openai_responses.spelling import OPENAI as RESPONSES
from modelmux.domain.conversation import Item
from modelmux.domain.request import Caller
from modelmux.entrypoints.chat_completions.decode import decode_content as decode_chat
from modelmux.entrypoints.members import Members
from modelmux.entrypoints.responses.decode import content_decoder

MARKS = [{"mode": "explicit"}, {"mode": "explicit", "ttl": "12h"}]


def _members(body: dict[str, Any]) -> Members:
    return msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])


def _in_chat(parts: Sequence[object]) -> tuple[Item, ...]:
    body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    return decode_chat(_members(body), Caller("acme")).items


def _in_responses(parts: Sequence[object]) -> tuple[Item, ...]:
    body = {"model": "m", "input": [{"type": "message", "role": "user", "content": parts}]}
    return content_decoder(MemorySealer())(_members(body), Caller("acme")).items


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_chat_completions_come_out_again(mark: dict[str, str]) -> None:
    parts = [
        {"type": "text", "text": "a", "prompt_cache_breakpoint": mark},
        {"type": "image_url", "image_url": {"url": "https://a/b.png"},
         "prompt_cache_breakpoint": mark},
        {"type": "file", "file": {"file_id": "file-1"}, "prompt_cache_breakpoint": mark},
        {"type": "text", "text": "b"},
    ]  # fmt: skip
    assert encode_messages(_in_chat(parts), CHAT) == [{"role": "user", "content": parts}]


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_responses_come_out_again(mark: dict[str, str]) -> None:
    parts = [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": mark},
        {
            "type": "input_image",
            "image_url": "https://a/b.png",
            "detail": "low",
            "prompt_cache_breakpoint": mark,
        },
        {"type": "input_file", "file_url": "https://a/b.pdf", "prompt_cache_breakpoint": mark},
        {"type": "input_text", "text": "b"},
    ]
    (message,) = encode_items(_in_responses(parts), "gpt-6-sol", RESPONSES)
    assert message["content"] == parts


def test_marks_move_from_one_of_the_languages_to_the_other() -> None:
    items = _in_chat([{"type": "text", "text": "a", "prompt_cache_breakpoint": MARKS[1]}])
    (message,) = encode_items(items, "gpt-6-sol", RESPONSES)
    assert message["content"] == [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": MARKS[1]}
    ]
