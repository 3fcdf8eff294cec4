"""Whose prices hold for which provider, first to last."""

from collections.abc import Mapping
from typing import Final

# By the type of a provider, or by the known service an `openai_compat` is. Clouds that sell the
# models of others list few of them apart from their own; the maker's price is then theirs too.
VENDORS: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("anthropic",),
    "azure": ("azure", "openai", "anthropic", "deepseek", "x-ai"),
    "bedrock": ("aws",),
    "cloudflare": ("cloudflare",),
    "cohere": ("cohere",),
    "deepseek": ("deepseek",),
    "fireworks": ("fireworks",),
    "gemini": ("google",),
    "groq": ("groq",),
    "mistral": ("mistral",),
    "openai": ("openai",),
    "together": ("together",),
    "vertex": ("google", "anthropic"),
    "xai": ("x-ai",),
}
