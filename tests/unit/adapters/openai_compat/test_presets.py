import pytest

from modelmux.adapters.openai_compat.preset import Preset
from modelmux.adapters.openai_compat.presets import PRESETS
from modelmux.adapters.transport.url import Url
from modelmux.adapters.vllm.provider import PRESET as VLLM
from modelmux.domain.capabilities import resolve
from modelmux.domain.dialect import Dialect


@pytest.mark.parametrize("preset", [*PRESETS.values(), VLLM], ids=lambda preset: preset.name)
def test_every_preset_is_sound(preset: Preset) -> None:
    if preset.base_url:
        url = Url.parse(preset.base_url.replace("${CLOUDFLARE_ACCOUNT_ID}", "account"))
        assert url.scheme == "https" or url.host == "127.0.0.1"
    assert not preset.needs_key or preset.key_env
    assert preset.spelling.max_tokens in ("max_tokens", "max_completion_tokens")
    assert preset.spelling.max_tokens not in preset.renamed
    assert not preset.dropped & preset.renamed.keys()
    record = resolve(preset.capabilities, preset.rules, "a-model")
    assert Dialect.CHAT_COMPLETIONS in record.dialects
    assert record.proofs is preset.spelling.proofs


def test_the_services_of_the_readme_have_presets() -> None:
    wanted = (
        "openai ollama deepseek mistral groq openrouter together fireworks xai cloudflare "
        "lmstudio llamacpp"
    )
    assert set(wanted.split()) <= PRESETS.keys()
