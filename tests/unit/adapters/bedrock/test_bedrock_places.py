"""Hosts, paths, and how each model is called."""

import pytest

from modelmux.adapters.bedrock.places import Places
from modelmux.adapters.bedrock.ways import Way, capabilities_of, is_claude, way_of
from modelmux.adapters.converse.capabilities import manner_of, model_name
from modelmux.domain.capabilities import ImageInput, Structured, Thinking
from modelmux.domain.conversation import Vendor
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import ConfigurationError

IN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
FOUNDATION = "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/"


@pytest.mark.parametrize(
    ("region", "runtime", "mantle"),
    [
        ("us-east-1", "bedrock-runtime.us-east-1.amazonaws.com", "us-east-1.api.aws"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn",
         "cn-north-1.api.amazonwebservices.com.cn"),
        ("eusc-de-east-1", "bedrock-runtime.eusc-de-east-1.amazonaws.eu",
         "eusc-de-east-1.api.amazonwebservices.eu"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com", "us-gov-west-1.api.aws"),
    ],
)  # fmt: skip
def test_a_region_is_in_its_partition(region: str, runtime: str, mantle: str) -> None:
    places = Places.of(region)
    assert places.runtime.host == runtime
    assert places.mantle.host == f"bedrock-mantle.{mantle}"


@pytest.mark.parametrize(
    "region", ["", "us-east-1.evil.test", "us-east-1/x", "us-east", "US-EAST-1"]
)
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(ConfigurationError):
        Places.of(region)


def test_addresses_may_be_given() -> None:
    places = Places.of("us-east-1", "https://in.test/a", "https://in.test/b/openai/v1")
    assert str(places.model("m", "converse")) == "https://in.test/a/model/m/converse"
    assert str(places.messages()) == "https://in.test/b/anthropic/v1/messages"
    url = places.mantle_chat().url(Dialect.CHAT_COMPLETIONS, "any")
    assert str(url) == "https://in.test/b/openai/v1/chat/completions"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("openai.gpt-oss-120b", "/v1/chat/completions"),
        ("openai.gpt-5.6", "/openai/v1/chat/completions"),
        ("qwen.qwen3-32b", "/v1/chat/completions"),
    ],
)
def test_mantle_has_openais_newest_models_elsewhere(model: str, path: str) -> None:
    endpoints = Places.of("us-east-1").mantle_chat()
    assert endpoints.url(Dialect.CHAT_COMPLETIONS, model).target == path


@pytest.mark.parametrize("before", ["", "us.", "eu.", "apac.", "jp.", "au.", "global.", "us-gov."])
@pytest.mark.parametrize("arn", ["", IN, FOUNDATION])
def test_a_model_is_known_behind_its_profile(before: str, arn: str) -> None:
    model = f"{arn}{before}anthropic.claude-opus-4-6-v1"
    assert model_name(model) == "anthropic.claude-opus-4-6-v1"
    assert is_claude(model)
    assert way_of(model, None, {}) is Way.INVOKE
    can = capabilities_of(model, Way.CONVERSE, "")
    assert (can.thinking, can.proofs) == (Thinking.ADAPTIVE, Vendor.ANTHROPIC)
    assert manner_of(model).top_k == ("top_k",)


def test_a_profile_of_somebodys_own_says_nothing_of_its_model() -> None:
    own = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    assert way_of(own, None, {}) is Way.CONVERSE
    assert way_of(own, None, {"*/abc": Way.INVOKE}) is Way.INVOKE


@pytest.mark.parametrize(
    ("model", "way"),
    [
        ("openai.gpt-oss-20b-1:0", Way.CHAT),
        ("us.openai.gpt-5.6", Way.CHAT),
        ("meta.llama4-scout-v1:0", Way.CONVERSE),
        ("us.amazon.nova-2-lite-v1:0", Way.CONVERSE),
    ],
)
def test_a_models_name_chooses(model: str, way: Way) -> None:
    assert way_of(model, None, {}) is way
    assert way_of(model, Way.MANTLE, {}) is Way.MANTLE
    assert way_of(model, Way.MANTLE, {model_name(model)[:6] + "*": Way.CONVERSE}) is Way.CONVERSE


def test_claude_is_the_same_model_in_each_language() -> None:
    old, new = "anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-opus-5-v1:0"
    for way in (Way.CONVERSE, Way.INVOKE, Way.MESSAGES):
        assert capabilities_of(old, way, "").thinking is Thinking.BUDGET
        assert capabilities_of(new, way, "").thinking is Thinking.EFFORT
        assert capabilities_of(new, way, "").thinking_off
        assert capabilities_of(old, way, "").image_input is ImageInput.BYTES
    assert capabilities_of(old, Way.INVOKE, "2026-10-21").sampling == {"stop"}
    assert Dialect.MESSAGES in capabilities_of(old, Way.INVOKE, "").dialects
    assert capabilities_of(old, Way.CONVERSE, "").dialects == frozenset()


def test_records_know_the_families() -> None:
    nova = capabilities_of("us.amazon.nova-micro-v1:0", Way.CONVERSE, "")
    assert (nova.image_input, nova.forced_tool_choice) == (ImageInput.NONE, True)
    oss = capabilities_of("openai.gpt-oss-120b-1:0", Way.CONVERSE, "")
    assert (oss.structured, oss.thinking_off) == (Structured.JSON_SCHEMA, False)
    assert not capabilities_of("us.deepseek.r1-v1:0", Way.CONVERSE, "").tools
    assert capabilities_of("mistral.voxtral-mini", Way.CONVERSE, "").audio_input
    assert not capabilities_of("openai.gpt-oss-120b-1:0", Way.CHAT, "").thinking_off
