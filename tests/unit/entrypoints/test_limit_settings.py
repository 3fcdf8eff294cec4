"""Limits in the configuration: what is refused, where, and what is built of the rest."""

from pathlib import Path

import pytest

from modelmux.adapters.memory.rate_limiter import MemoryRateLimiter
from modelmux.adapters.shared_memory.limits import SharedMemoryRateLimiter
from modelmux.application.filters.limiting import Limiting
from modelmux.application.limit_rules import Rates
from modelmux.application.respond import Respond
from modelmux.domain.errors import ConfigurationError
from modelmux.domain.request import Caller
from modelmux.entrypoints.container import Container, limits_are_there
from tests.support.configuring import load_text

PROVIDER = '[[providers]]\ntype = "demo"\n'


@pytest.mark.parametrize(
    ("lines", "told", "place"),
    [
        ("[limits.key]\nwait_s = 3", "no limit here to wait for", "4:1"),
        ("[limits.key]\nconcurrent = 3\nburst_s = 9", "nothing flows here", "5:1"),
        (
            "[limits.tenant]\nrequests_per_minute = 6\nburst_s = 5",
            "in 5 s not even one of 6 requests_per_minute is saved up",
            "5:1",
        ),
        (
            "[limits.tenant]\nrequests_per_minute = 60\ntokens_per_minute = 50",
            "with 50 tokens per minute 60 requests can never be made",
            "5:1",
        ),
        ('[limits]\nshared = "redis"', "is that of storage.redis_url", "4:1"),
        ('[limits]\nshared = "moon"', 'limits.shared: there is no choice "moon"', "4:1"),
        (
            "[limits.keys.a]\nconcurrent = 1\n[limits.keys.ci]\nconcurrent = 0",
            "limits.keys.ci.concurrent: expected a whole number",
            "6:1",
        ),
        ("[limits.key]\nrequests_per_minute = 0", "requests_per_minute", "4:1"),
        ("[limits.key]\nrequests_per_minut = 3", "requests_per_minut", "4:1"),
        (
            '[storage]\npath = ":memory:"\n[limits.keys.ci]\nconcurrent = 1',
            'there is no key "ci"',
            "5:1",
        ),
        (
            '[storage]\npath = ":memory:"\n[limits.tenants]\nacme = { concurrent = 1 }',
            'there is no tenant "acme"',
            "6:1",
        ),
        (
            '[[routes]]\nmodel = "a"\ntargets = [{ provider = "demo", model = "demo" }]\n'
            "limits = { wait_s = 3 }",
            "routes[0].limits.wait_s",
            "6:12",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_place(
    tmp_path: Path, lines: str, told: str, place: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_text(f"{PROVIDER}{lines}\n", tmp_path)
    assert told in refused.value.message
    assert refused.value.where is not None
    assert refused.value.where.endswith(f"modelmux.toml:{place}")


def test_a_providers_limits_are_checked_where_they_stand(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not even one of 1"):
        load_text(f"{PROVIDER}limits = {{ requests_per_minute = 1, burst_s = 1 }}\n", tmp_path)


def test_keys_that_may_yet_be_made_can_be_limited_beforehand(tmp_path: Path) -> None:
    loaded = load_text(
        f'{PROVIDER}[storage]\npath = "{tmp_path}/m.db"\n[limits.keys.ci]\nconcurrent = 1\n',
        tmp_path,
    )
    assert limits_are_there(Container(loaded=loaded))


def test_without_limits_nothing_stands_in_the_way(tmp_path: Path) -> None:
    container = Container(loaded=load_text(PROVIDER, tmp_path))
    assert not limits_are_there(container)
    assert not isinstance(container.limited(), Limiting)
    assert isinstance(container.respond(), Respond)


def test_limits_become_rules(tmp_path: Path) -> None:
    loaded = load_text(
        f"""{PROVIDER}
[[routes]]
model = "small"
targets = [{{ provider = "demo", model = "demo" }}]
limits = {{ concurrent = 4, wait_s = 2.5 }}

[limits]
key = {{ requests_per_minute = 60 }}
tenants = {{ acme = {{ tokens_per_minute = 5000, burst_s = 30 }} }}

[limits.keys.ci]
requests_per_minute = 600
""",
        tmp_path,
    )
    container = Container(loaded=loaded)
    rules = container.limit_rules()
    assert rules.key == Rates(requests_per_minute=60)
    assert rules.keys == {"ci": Rates(requests_per_minute=600)}
    assert rules.tenants == {"acme": Rates(tokens_per_minute=5000, burst_s=30.0)}
    assert rules.routes == {"small": Rates(concurrent=4, wait_s=2.5)}
    assert isinstance(container.limited(), Limiting)
    assert isinstance(container.limiter().limiter, MemoryRateLimiter)
    found = rules.of(Caller("acme", "k1", (), "ci"), "small")
    assert found is not None
    told = [(limit.key.scope, limit.key.kind, limit.burst) for limit, _ in found.counted]
    assert told == [("key", "requests", 600), ("route", "concurrent", 4)]
    assert [(limit.key.scope, limit.burst) for limit in found.tokens] == [("tenant", 2500)]


async def test_workers_count_together_in_the_run_folder(tmp_path: Path) -> None:
    text = f"{PROVIDER}[limits.key]\nconcurrent = 1\n"
    loaded = load_text(text, tmp_path, {"MODELMUX_RUN_DIR": str(tmp_path)})
    limiter = Container(loaded=loaded, tells=True).limiter()
    assert isinstance(limiter.limiter, SharedMemoryRateLimiter)
    for close in limiter.closes:
        await close()
    # A verb of the command line takes part in nothing.
    assert isinstance(Container(loaded=loaded).limiter().limiter, MemoryRateLimiter)
