"""Embeddings in: what is refused, and how; what the domain sees; how vectors are told."""

import base64
import json
import struct
import time
from array import array
from typing import Any

import pytest

from modelmux.domain.embedding import EmbeddingAsk
from modelmux.domain.errors import ConversionError, InvalidRequest, UnsupportedFeature
from modelmux.domain.events import Usage
from modelmux.domain.request import Caller
from modelmux.domain.response import Response
from modelmux.entrypoints.client_dialect import AnswerHead
from modelmux.entrypoints.embeddings.decode import EmbeddingEnvelope, decode_envelope
from modelmux.entrypoints.embeddings.encode import encode_response
from modelmux.entrypoints.embeddings.handler import EMBEDDINGS, is_large
from modelmux.entrypoints.members import decode_members


def envelope(**members: Any) -> EmbeddingEnvelope:
    body = json.dumps({"model": "m", "input": "x", **members}).encode()
    return decode_envelope(decode_members(body))


def ask(**members: Any) -> EmbeddingAsk:
    return envelope(**members).ask.get()


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1], [2, 3]], ((1,), (2, 3))),
        ([" "], (" ",)),
        (["x"] * 2048, ("x",) * 2048),
        (list(range(8000)), (tuple(range(8000)),)),
    ],
)
def test_input_comes_in_four_forms(given: Any, inputs: tuple[object, ...]) -> None:
    assert ask(input=given).inputs == inputs


def test_the_rest_is_read_and_what_is_unknown_is_noted() -> None:
    found = ask(dimensions=3, user="u", encoding_format="base64", store=True, input_type="query")
    assert found == EmbeddingAsk(("x",), 3, "u", ("store", "input_type"))
    assert envelope(encoding_format="base64").base64
    assert not envelope(encoding_format="float").base64
    assert not envelope(encoding_format=None).base64


NOTHING: list[object] = []


@pytest.mark.parametrize(
    ("members", "param", "reason"),
    [
        ({"input": NOTHING}, "input", "empty_array"),
        ({"input": ["x"] * 2049}, "input", "array_above_max_length"),
        ({"input": ["x"] * 3000}, "input", "array_above_max_length"),
        ({"input": [[1]] * 3000}, "input", "array_above_max_length"),
        ({"input": 7}, "input", "invalid_type"),
        ({"input": None}, "input", "invalid_type"),
        ({"input": {"text": "x"}}, "input", "invalid_type"),
        ({"dimensions": 0}, "dimensions", "invalid_value"),
        ({"dimensions": "3"}, "dimensions", "invalid_type"),
        ({"encoding_format": "int8"}, "encoding_format", "invalid_value"),
        ({"user": 7}, "user", "invalid_type"),
        ({"model": ""}, "model", "invalid_value"),
    ],
)
def test_what_is_wrong_at_the_top_is_refused_in_both_lanes(
    members: dict[str, Any], param: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        envelope(**members)
    assert (caught.value.param, caught.value.reason) == (param, reason)


@pytest.mark.parametrize(
    ("given", "param", "reason"),
    [
        ("", "input", "empty_string"),
        (["a", "", "c"], "input[1]", "empty_string"),
        ([[1], NOTHING], "input[1]", "empty_array"),
        (["a", "b", "c", 7], "input[3]", "invalid_type"),
        ([1, "a"], "input[1]", "invalid_type"),
        ([1.5], "input[0]", "invalid_type"),
        ([-1], "input[0]", "invalid_value"),
        ([[1], ["a"]], "input[1][0]", "invalid_type"),
        ([None], "input[0]", "invalid_type"),
        ([{"type": "text"}], "input[0]", "invalid_type"),
    ],
)
def test_an_input_that_is_none_is_named(given: Any, param: str, reason: str) -> None:
    top = envelope(input=given)
    for _ in range(2):  # a deferred refusal is the same each time
        with pytest.raises(InvalidRequest) as caught:
            top.ask.get()
        assert (caught.value.param, caught.value.reason) == (param, reason)


def test_a_large_input_is_read_at_once_and_refused_as_late_as_a_small_one() -> None:
    large = "x" * 300_000
    assert envelope(input=[large]).ask.get().inputs == (large,)
    top = envelope(input=[large, ""])
    with pytest.raises(InvalidRequest, match=r"Invalid 'input\[1\]'"):
        top.ask.get()


@pytest.mark.parametrize("missing", ["model", "input"])
def test_what_is_missing_is_named(missing: str) -> None:
    members = decode_members(json.dumps({"model": "m", "input": "x"}).encode())
    del members[missing]
    with pytest.raises(InvalidRequest, match="Missing required parameter"):
        decode_envelope(members)


def test_no_conversation_is_in_it() -> None:
    with pytest.raises(UnsupportedFeature, match="makes no embeddings"):
        EMBEDDINGS.decode_content({}, Caller("acme"))


def told(vectors: list[list[float]], *, in_base64: bool, usage: Usage | None = None) -> Any:
    head = AnswerHead("embd-1", 1, EmbeddingEnvelope("m", base64=in_base64))
    response = Response("", "up", (), usage, vectors=tuple(array("d", one) for one in vectors))
    return json.loads(encode_response(head, response))


def test_vectors_are_numbers_unless_base64_was_asked_for() -> None:
    body = told([[0.1, -0.25], [1e-9, 0.0]], in_base64=False, usage=Usage(5))
    assert body == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.1, -0.25]},
            {"object": "embedding", "index": 1, "embedding": [1e-9, 0.0]},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


def test_base64_is_of_little_endian_float32() -> None:
    body = told([[1.0, -0.25], [0.1, 0.0]], in_base64=True)
    assert body["usage"] == {"prompt_tokens": 0, "total_tokens": 0}
    first, second = (base64.b64decode(one["embedding"]) for one in body["data"])
    assert first == bytes.fromhex("0000803f000080be")
    assert struct.unpack("<2f", second)[0] == pytest.approx(0.1)


def test_a_number_beyond_float32_is_no_embedding() -> None:
    with pytest.raises(ConversionError):
        told([[1e39]], in_base64=True)


def test_many_numbers_are_encoded_beside_the_loop() -> None:
    small = Response("", "m", (), None, vectors=(array("d", [0.0] * 1536),) * 10)
    large = Response("", "m", (), None, vectors=(array("d", [0.0] * 3072),) * 100)
    assert not is_large(small)
    assert is_large(large)
    head = AnswerHead("embd-1", 1, EmbeddingEnvelope("m", base64=True))
    began = time.perf_counter()
    encode_response(head, small)
    assert time.perf_counter() - began < 0.1  # far above the truth: a busy machine
