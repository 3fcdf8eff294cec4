"""What people read on the command line."""

import json
import shlex

import pytest

from modelmux.entrypoints.cli.banner import Facts, banner, list_models
from modelmux.entrypoints.cli.troubles import ALIASES, TROUBLES

FACTS = Facts("127.0.0.1", 3000, None, ("demo: nothing else",), ("demo (demo)",), ("demo",), False)


def test_the_banner_tells_the_address_and_what_was_found() -> None:
    text = banner(FACTS)
    assert "listens on http://127.0.0.1:3000" in text
    assert "demo: nothing else" in text
    assert "this machine only, no key needed" in text


def test_the_banners_line_can_be_pasted_into_a_shell() -> None:
    line = next(line for line in banner(FACTS).splitlines() if " curl " in f" {line.strip()} ")
    words = shlex.split(line)[1:]
    assert words[:2] == ["curl", "http://127.0.0.1:3000/v1/chat/completions"]
    assert json.loads(words[words.index("-d") + 1])["model"] == "demo"


def test_the_banner_asks_for_a_key_where_one_is_needed() -> None:
    text = banner(Facts("0.0.0.0", 3000, "modelmux.toml", (), (), (), True))
    assert "http://127.0.0.1:3000/v1" in text
    assert "Bearer $MODELMUX_KEY" in text
    assert "need a key" in text


def test_the_banner_has_a_line_for_clients_of_anthropic() -> None:
    line = next(line for line in banner(FACTS).splitlines() if "ANTHROPIC_BASE_URL" in line)
    words = shlex.split(line)
    assert words[1:] == [
        "export",
        "ANTHROPIC_BASE_URL=http://127.0.0.1:3000",
        "ANTHROPIC_AUTH_TOKEN=none-needed",
    ]


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert Facts("::1", 80, None, (), (), (), False).url == "http://[::1]:80"


def test_a_long_list_of_models_is_cut() -> None:
    assert list_models([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"


@pytest.mark.parametrize(
    "topic",
    ["auth", "vertex", "vllm", "azure", "claude", "bedrock", "streaming", "cursor", "timeouts"],
)
def test_the_promised_topics_are_there(topic: str) -> None:
    assert TROUBLES[topic].text.strip()


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "408", "413", "429", "502", "504"])
def test_a_status_is_a_topic(status: str) -> None:
    assert ALIASES.get(status, status) in TROUBLES


def test_every_alias_leads_to_a_topic() -> None:
    assert set(ALIASES.values()) <= set(TROUBLES)
