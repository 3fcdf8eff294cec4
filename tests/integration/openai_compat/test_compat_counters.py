"""Counting at OpenAI and at vLLM; the upstream is written by hand."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TypeAlias

import pytest

from modelmux.adapters.openai_compat.counter import ResponsesCounter
from modelmux.adapters.openai_compat.presets import PRESETS
from modelmux.adapters.openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from modelmux.adapters.transport.url import Url
from modelmux.adapters.vllm.counter import VllmCounter
from modelmux.adapters.vllm.provider import VllmOptions, VllmProvider
from modelmux.application.ports import TokenCounter
from modelmux.domain.conversation import ImageReference, Message, Role
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ProviderProtocolBroken, UnsupportedFeature, UpstreamRateLimited
from modelmux.domain.request import GenerationRequest
from modelmux.domain.tools import FunctionTool
from tests.contracts.token_counter import TokenCounterContract
from tests.support.asking import asking, content_of, user
from tests.support.clients import QUICK
from tests.support.raw_server import RawPeer, RawServer, raw_server, response

TOOL = FunctionTool("look", "looks", {"type": "object", "properties": {}})


@asynccontextmanager
async def answering(reply: bytes) -> AsyncGenerator[RawServer]:
    async def script(peer: RawPeer) -> None:
        while True:
            await peer.request()
            await peer.send(reply)

    async with raw_server(script) as server:
        yield server


@asynccontextmanager
async def openai(reply: bytes) -> AsyncGenerator[tuple[TokenCounter, RawServer]]:
    async with answering(reply) as server:
        base_url = Url.parse(f"{server.base_url}/v1")
        provider = OpenAICompatProvider(
            OpenAICompatOptions("openai", PRESETS["openai"], base_url, transport=QUICK)
        )
        try:
            yield ResponsesCounter(provider), server
        finally:
            await provider.aclose()


@asynccontextmanager
async def vllm(reply: bytes) -> AsyncGenerator[tuple[TokenCounter, RawServer]]:
    async with answering(reply) as server:
        provider = VllmProvider(
            VllmOptions("gpu", Url.parse(f"{server.base_url}/v1"), transport=QUICK)
        )
        try:
            yield VllmCounter(provider), server
        finally:
            await provider.aclose()


def wanted(*items: Message) -> GenerationRequest:
    content = content_of(user("Hi"), *items, tools=(TOOL,), max_output_tokens=50)
    return replace(asking(content), dialect=Dialect.RESPONSES)


Serving: TypeAlias = Callable[[bytes], AbstractAsyncContextManager[tuple[TokenCounter, RawServer]]]
BOTH = pytest.mark.parametrize("serve", [openai, vllm])


class TestOpenAICounter(TokenCounterContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[TokenCounter]:
        async with openai(response(b'{"input_tokens":11}')) as (counter, _):
            yield counter

    @pytest.fixture
    async def unwell(self) -> AsyncGenerator[TokenCounter]:
        async with openai(response(b"{}", status=500)) as (counter, _):
            yield counter

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        return wanted()


class TestVllmCounter(TokenCounterContract):
    @pytest.fixture
    async def well(self) -> AsyncGenerator[TokenCounter]:
        async with vllm(response(b'{"count":11}')) as (counter, _):
            yield counter

    @pytest.fixture
    async def unwell(self) -> AsyncGenerator[TokenCounter]:
        async with vllm(response(b"{}", status=500)) as (counter, _):
            yield counter

    @pytest.fixture
    def request_(self) -> GenerationRequest:
        return wanted()


async def test_openai_is_asked_what_counts_and_nothing_else() -> None:
    async with openai(response(b'{"input_tokens":11}')) as (counter, server):
        assert await counter.count(wanted()) == 11
    (asked,) = server.requests
    assert asked.target == "/v1/responses/input_tokens"
    assert json.loads(asked.body).keys() == {"model", "input", "tools"}


async def test_vllm_is_asked_beside_its_api() -> None:
    async with vllm(response(b'{"count":11,"max_model_len":4096}')) as (counter, server):
        assert await counter.count(wanted()) == 11
    (asked,) = server.requests
    assert asked.target == "/tokenize"
    body = json.loads(asked.body)
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert body["add_generation_prompt"] is True
    assert body["tools"][0]["function"]["name"] == "look"


@BOTH
async def test_a_server_without_a_counter_has_none(serve: Serving) -> None:
    async with serve(response(b'{"detail":"Not Found"}', status=404)) as (counter, _):
        with pytest.raises(UnsupportedFeature):
            await counter.count(wanted())


@BOTH
async def test_what_is_no_count_is_told(serve: Serving) -> None:
    for said in (b"{}", b"<html>", b'{"count":"many","input_tokens":null}'):
        async with serve(response(said)) as (counter, _):
            with pytest.raises(ProviderProtocolBroken) as raised:
                await counter.count(wanted())
        assert raised.value.provider in ("openai", "gpu")


@BOTH
async def test_a_refusal_keeps_its_kind(serve: Serving) -> None:
    async with serve(response(b'{"error":{"message":"slow down"}}', status=429)) as (counter, _):
        with pytest.raises(UpstreamRateLimited):
            await counter.count(wanted())


async def test_what_the_tokenizer_cannot_be_told_is_not_counted_there() -> None:
    picture = Message(Role.USER, (ImageReference("file_1"),))
    async with vllm(response(b'{"count":11}')) as (counter, server):
        with pytest.raises(UnsupportedFeature):
            await counter.count(wanted(picture))
    assert server.requests == []
