"""The services we know, as data: a further one is one more value here.

Sources: the services' API references, November 2026; what is known of each is told in
docs/providers/openai_compat.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ...domain.capabilities import ImageInput, Structured
from ...domain.conversation import Vendor
from ...domain.dialect import Dialect
from ..openai_chat.capabilities import BASE, FUNCTIONS_ALONE, RULES, WITH_RESPONSES
from ..openai_chat.spelling import Spelling
from ..openai_responses.spelling import OPEN_MODELS
from .preset import Preset

# What servers of open models understand: OpenAI's language of 2024, without its later words.
_PLAIN: Final = Spelling(
    max_tokens="max_tokens",
    developer_role=False,
    allowed_tools=False,
    old_functions=False,
)
_OPEN_MODELS: Final = FUNCTIONS_ALONE

GENERIC: Final = Preset(
    name="openai_compat",
    needs_key=False,
    spelling=_PLAIN,
    responses=OPEN_MODELS,
    responses_optional=True,
    capabilities=_OPEN_MODELS,
)
OPENAI: Final = Preset(
    name="openai",
    base_url="https://api.openai.com/v1",
    key_env="OPENAI_API_KEY",
    renamed={"max_tokens": "max_completion_tokens"},
    respell_reasoning=False,
    counts_tokens=True,
    capabilities=replace(BASE, dialects=WITH_RESPONSES, max_stop=4),
    rules=RULES,
)
OLLAMA: Final = Preset(
    name="ollama",
    base_url="http://127.0.0.1:11434/v1",
    key_env="OLLAMA_API_KEY",
    needs_key=False,
    spelling=_PLAIN,
    responses=OPEN_MODELS,
    responses_optional=True,
    capabilities=replace(
        _OPEN_MODELS,
        dialects=WITH_RESPONSES,
        restrictions=True,
        forced_tool_choice=False,
        parallel_switch=False,
        strict_tools=False,
        image_input=ImageInput.BYTES,
        audio_input=False,
        file_input=False,
    ),
)
DEEPSEEK: Final = Preset(
    name="deepseek",
    base_url="https://api.deepseek.com",
    key_env="DEEPSEEK_API_KEY",
    spelling=replace(
        _PLAIN,
        proofs=Vendor.DEEPSEEK,
        echo_reasoning=True,
        no_effort={"thinking": {"type": "disabled"}},
    ),
    renamed={"max_completion_tokens": "max_tokens"},
    respell_reasoning=False,
    capabilities=replace(
        _OPEN_MODELS,
        restrictions=True,
        strict_tools=False,
        parallel_switch=False,
        structured=Structured.JSON_OBJECT,
        sampling=BASE.sampling - {"seed", "logit_bias", "n"},
        prefill=False,
        image_input=ImageInput.NONE,
        audio_input=False,
        file_input=False,
        metadata=False,
        verbosity=False,
        thoughts_return=True,
        proofs=Vendor.DEEPSEEK,
    ),
)
_MISTRAL_EXTRAS: Final = frozenset(
    {
        "safe_prompt", "prompt_mode", "prompt_cache_key", "prediction", "guardrails", "min_tokens",
        "top_k", "repetition_penalty", "random_seed",
    }
)  # fmt: skip
MISTRAL: Final = Preset(
    name="mistral",
    base_url="https://api.mistral.ai/v1",
    key_env="MISTRAL_API_KEY",
    spelling=replace(_PLAIN, stream_options=False),
    renamed={"max_completion_tokens": "max_tokens", "seed": "random_seed"},
    dropped=frozenset({"logit_bias", "store", "user", "verbosity"}),
    renamed_embeddings={"dimensions": "output_dimension"},
    dropped_embeddings=frozenset({"encoding_format", "user"}),
    respell_reasoning=False,
    relay_chat=False,
    capabilities=replace(
        _OPEN_MODELS,
        restrictions=True,
        sampling=(BASE.sampling - {"logit_bias"}) | {"top_k"},
        system_turns=False,
        prefill=False,
        verbosity=False,
        refuses_unknown=True,
        known_extras=_MISTRAL_EXTRAS,
    ),
)
GROQ: Final = Preset(
    name="groq",
    base_url="https://api.groq.com/openai/v1",
    key_env="GROQ_API_KEY",
    spelling=replace(_PLAIN, max_tokens="max_completion_tokens"),
    capabilities=replace(
        _OPEN_MODELS,
        sampling=BASE.sampling - {"logit_bias", "logprobs", "n"},
        max_stop=4,
        audio_input=False,
        file_input=False,
    ),
)
OPENROUTER: Final = Preset(
    name="openrouter",
    base_url="https://openrouter.ai/api/v1",
    key_env="OPENROUTER_API_KEY",
    spelling=_PLAIN,
    capabilities=_OPEN_MODELS,
)
TOGETHER: Final = Preset(
    name="together",
    base_url="https://api.together.xyz/v1",
    key_env="TOGETHER_API_KEY",
    spelling=_PLAIN,
    capabilities=replace(_OPEN_MODELS, audio_input=False, file_input=False),
)
FIREWORKS: Final = Preset(
    name="fireworks",
    base_url="https://api.fireworks.ai/inference/v1",
    key_env="FIREWORKS_API_KEY",
    spelling=_PLAIN,
    capabilities=replace(_OPEN_MODELS, audio_input=False, file_input=False),
)
XAI: Final = Preset(
    name="xai",
    base_url="https://api.x.ai/v1",
    key_env="XAI_API_KEY",
    spelling=replace(_PLAIN, max_tokens="max_completion_tokens"),
    respell_reasoning=False,
    capabilities=replace(_OPEN_MODELS, audio_input=False),
)
CLOUDFLARE: Final = Preset(
    name="cloudflare",
    base_url="https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}/ai/v1",
    key_env="CLOUDFLARE_API_TOKEN",
    spelling=_PLAIN,
    capabilities=replace(_OPEN_MODELS, audio_input=False, file_input=False),
)
# Its answers are those of whoever serves the model; chat is what all of them have.
HUGGINGFACE: Final = Preset(
    name="huggingface",
    base_url="https://router.huggingface.co/v1",
    key_env="HF_TOKEN",
    spelling=_PLAIN,
    capabilities=replace(
        _OPEN_MODELS,
        dialects=frozenset({Dialect.CHAT_COMPLETIONS}),
        audio_input=False,
        file_input=False,
    ),
)
LM_STUDIO: Final = Preset(
    name="lmstudio",
    base_url="http://127.0.0.1:1234/v1",
    needs_key=False,
    spelling=_PLAIN,
    capabilities=replace(
        _OPEN_MODELS, restrictions=True, image_input=ImageInput.BYTES, file_input=False
    ),
)
LLAMA_CPP: Final = Preset(
    name="llamacpp",
    base_url="http://127.0.0.1:8080/v1",
    needs_key=False,
    spelling=_PLAIN,
    capabilities=replace(_OPEN_MODELS, file_input=False),
)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            GENERIC,
            OPENAI,
            OLLAMA,
            DEEPSEEK,
            MISTRAL,
            GROQ,
            OPENROUTER,
            TOGETHER,
            FIREWORKS,
            XAI,
            CLOUDFLARE,
            HUGGINGFACE,
            LM_STUDIO,
            LLAMA_CPP,
        )
    }
)
