"""Limits: how much callers, routes and providers may do."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from .section import Count, Section


class RateSettings(Section, frozen=True):
    """None: no limit. `burst_s` says for how long the flow of a minute's rate may be saved up.

    `wait_s` is how long a request may wait for its turn, 0: it is refused at once.
    """

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent: Count | None = None
    burst_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0
    wait_s: Annotated[float, Meta(ge=0, le=600)] = 0.0


class LimitsSettings(Section, frozen=True):
    """`key` is for each key and `tenant` for each tenant that has none of its own.

    `shared` says who counts: `machine` the processes of this machine together, `redis` all machines
    that use `storage.redis_url`.
    """

    key: RateSettings = RateSettings()
    tenant: RateSettings = RateSettings()
    keys: Mapping[str, RateSettings] = {}
    tenants: Mapping[str, RateSettings] = {}
    shared: Literal["machine", "redis"] = "machine"
