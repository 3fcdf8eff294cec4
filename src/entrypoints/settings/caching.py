"""The cache of answers: where it is kept, and which routes have it."""

from typing import Literal

from .section import Count, Seconds, Section


class CacheSettings(Section, frozen=True):
    """Where answers are kept; `redis` is that of `storage.redis_url`."""

    backend: Literal["memory", "redis"] = "memory"
    max_bytes: Count = 64 * 2**20
    max_answer_bytes: Count = 2**20


class RouteCacheSettings(Section, frozen=True):
    """`requests` all: also where answers may differ each time. `tools`: with tool calls too."""

    ttl_s: Seconds = 3600.0
    requests: Literal["deterministic", "all"] = "deterministic"
    tools: bool = False
