"""Prompt caching, as callers ask for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheMark:
    """Everything up to here is worth keeping; `ttl` is `5m` or `1h`, None the vendor's default."""

    ttl: str | None = None
