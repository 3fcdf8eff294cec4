"""How attempts are written in the configuration: breakers, budgets, several keys."""

from pathlib import Path

import pytest

from modelmux.application.filters.rotating import Rotating
from modelmux.domain.errors import ConfigurationError
from modelmux.domain.secret import Secret
from modelmux.entrypoints.container import Container
from modelmux.entrypoints.settings.file import Loaded
from modelmux.entrypoints.settings.listing import render_toml
from modelmux.entrypoints.settings.providers import AnthropicSettings
from tests.support.configuring import load_text

PROVIDER = """
[[providers]]
name = "claude"
type = "anthropic"
"""


def refused(text: str, folder: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        load_text(text, folder)
    return error.value


def loaded(text: str, folder: Path, **environ: str) -> Loaded:
    return load_text(text, folder, environ)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[breaker]\nfailures = 0", "breaker.failures"),
        ("[breaker]\nerror_rate = 0.0", "breaker.error_rate"),
        ("[breaker]\nerror_rate = 1.5", "breaker.error_rate"),
        ("[breaker]\nopen_s = 0", "breaker.open_s"),
        ("[breaker]\nopen_s = 90", "breaker.longest_open_s: it is shorter than open_s"),
        ("[retry]\nfirst_wait_s = 9", "first_wait_s (9) is longer than longest_wait_s (8)"),
        ("[retry]\nlongest_wait_s = 0.1", "first_wait_s (0.25) is longer"),
        ("[retry]\nbudget = -0.1", "retry.budget"),
        ("[retry]\nbudget_reserve = -1", "retry.budget_reserve"),
        ("[breaker]\nfailure = 3", "failures"),
    ],
)
def test_what_cannot_work_is_refused(text: str, told: str, tmp_path: Path) -> None:
    error = refused(text + PROVIDER, tmp_path)
    assert told in f"{error} {error.hint}"
    assert error.where is not None


@pytest.mark.parametrize(
    ("lines", "told", "place"),
    [
        ("first_event_timeout_s = 9\ntotal_timeout_s = 5", "(9) is longer than total", "9:1"),
        ("hedge_after_s = 5\ntotal_timeout_s = 5", "it never comes to that", "9:1"),
        ("first_event_timeout_s = 1\nhedge_after_s = 5", "first_event_timeout_s is 1", "10:1"),
        ("hedge_after_s = 1", "there is no second target to ask", "9:1"),
    ],
)
def test_times_of_a_route_that_contradict_each_other_are_refused(
    lines: str, told: str, place: str, tmp_path: Path
) -> None:
    targets = '{ provider = "claude", model = "opus" }'
    if "no second" not in told:
        targets += ', { provider = "claude", model = "haiku" }'
    error = refused(
        f'{PROVIDER}\n[[routes]]\nmodel = "r"\ntargets = [{targets}]\n{lines}\n', tmp_path
    )
    assert told in error.message
    assert error.where == f"{tmp_path / 'modelmux.toml'}:{place}"


def test_a_breaker_that_would_shrink_is_shown_where_it_stands(tmp_path: Path) -> None:
    error = refused("[breaker]\nopen_s = 20\nlongest_open_s = 10\n" + PROVIDER, tmp_path)
    assert (error.where or "").endswith(":3:1")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('api_key = "${ONE}"\napi_keys = ["${TWO}"]', "two places"),
        ('api_keys = ["${ONE}", "${TWO}", "${ONE}"]', "api_keys[2]"),
        ('api_keys = ["${ONE}", "line\\nbreak"]', "no header can hold"),
    ],
)
def test_keys_that_cannot_be_meant_are_refused(keys: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        loaded(PROVIDER + keys, tmp_path, ONE="key-1", TWO="key-2")
    assert told in str(error.value)
    assert error.value.where is not None


def test_a_provider_without_a_key_has_no_list_of_them(tmp_path: Path) -> None:
    error = refused('[provider]\ntype = "vertex"\napi_keys = ["x"]', tmp_path)
    assert "api_keys" in str(error)


async def test_each_key_has_an_adapter_of_its_own(tmp_path: Path) -> None:
    text = PROVIDER + 'api_keys = ["${ONE}", "${TWO}"]'
    read = loaded(text, tmp_path, ONE="key-1", TWO="key-2", ANTHROPIC_API_KEY="key-0")
    adapter = Container(loaded=read, dry=True).adapters()["claude"]
    assert isinstance(adapter.llm, Rotating)
    await adapter.aclose()


async def test_a_list_of_one_needs_no_rotating(tmp_path: Path) -> None:
    read = loaded(PROVIDER + 'api_keys = ["${ONE}"]', tmp_path, ONE="key-1")
    adapter = Container(loaded=read, dry=True).adapters()["claude"]
    assert not isinstance(adapter.llm, Rotating)
    await adapter.aclose()


def test_keys_are_secrets_wherever_they_are_shown(tmp_path: Path) -> None:
    read = loaded(PROVIDER + 'api_keys = ["${ONE}"]', tmp_path, ONE="key-1")
    (provider,) = read.settings.providers
    assert isinstance(provider, AnthropicSettings)
    assert provider.api_keys == (Secret("key-1"),)
    assert "key-1" not in render_toml(read) + repr(read.settings)
