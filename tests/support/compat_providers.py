"""Providers of chat completions over the fake upstream."""

from dataclasses import replace

from modelmux.adapters.openai_compat.auth import StaticKey
from modelmux.adapters.openai_compat.preset import Preset
from modelmux.adapters.openai_compat.presets import GENERIC
from modelmux.adapters.openai_compat.provider import OpenAICompatOptions, OpenAICompatProvider
from modelmux.adapters.transport.url import Url
from modelmux.domain.secret import Secret
from tests.support.clients import QUICK
from tests.support.fake_openai import KEY, FakeOpenAI


def compat_provider(
    upstream: FakeOpenAI, preset: Preset = GENERIC, **changes: object
) -> OpenAICompatProvider:
    """Return a provider called `up`; `changes` are of its options."""
    options = OpenAICompatOptions(
        name="up",
        preset=preset,
        base_url=Url.parse(upstream.base_url),
        auth=StaticKey(Secret(KEY)),
        transport=QUICK,
    )
    # Fields by name, checked when they are used.
    return OpenAICompatProvider(replace(options, **changes))  # type: ignore[arg-type]
