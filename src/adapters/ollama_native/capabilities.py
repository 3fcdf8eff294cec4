"""What models behind Ollama can do.

Source: Ollama's documentation (thinking, tool calling, structured outputs) and its library,
November 2026. Which models think is written there model by model; a further one is a rule more, or
a line of configuration.
"""

from typing import Final

from ...domain.capabilities import Capabilities, CapabilityRule, ImageInput, Thinking
from ...domain.effort import Effort

BASE: Final = Capabilities(
    dialects=frozenset(),
    restrictions=True,
    custom_tools=False,
    hosted_tools=False,
    tool_namespaces=False,
    sealed_thoughts=False,
    forced_tool_choice=False,
    parallel_switch=False,
    strict_tools=False,
    structured_with_tools=False,
    thinking=Thinking.NONE,
    sampling=frozenset(
        {
            "temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed",
            "stop", "logprobs",
        }
    ),
    image_input=ImageInput.BYTES,
    audio_input=False,
    file_input=False,
    metadata=False,
    message_names=False,
    end_user=False,
    # There is one tier: who leaves the choice, or asks for the usual, gets it.
    service_tiers=frozenset({"auto", "default", "standard_only"}),
    verbosity=False,
    embedding_tokens=False,
)  # fmt: skip

# A switch: such a model thinks, or does not.
_SWITCH: Final = {
    "thinking": Thinking.ADAPTIVE,
    "effort_levels": frozenset({Effort.MEDIUM}),
}

RULES: Final[tuple[CapabilityRule, ...]] = (
    *(
        CapabilityRule(pattern, _SWITCH)
        for pattern in (
            "qwen3*", "deepseek-r1*", "deepseek-v3.*", "deepseek-v4*", "magistral*", "glm-4*",
            "glm-5*", "kimi-k2-thinking*", "kimi-k3*", "minimax-m*", "nemotron*", "cogito*",
        )
    ),
    CapabilityRule("qwen3-coder*", {"thinking": Thinking.NONE}),
    CapabilityRule(
        "gpt-oss*",
        {
            "thinking": Thinking.LEVEL,
            "thinking_off": False,
            "effort_levels": frozenset({Effort.LOW, Effort.MEDIUM, Effort.HIGH}),
        },
    ),
)  # fmt: skip
