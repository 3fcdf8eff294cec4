"""Whoever copies a code out of an error finds a topic for it."""

import pytest

from modelmux.entrypoints.cli.troubles import ALIASES, TROUBLES


@pytest.mark.parametrize("alias", ALIASES)
def test_each_other_name_leads_to_a_topic(alias: str) -> None:
    assert ALIASES[alias] in TROUBLES
    assert alias not in TROUBLES


@pytest.mark.parametrize(
    "code",
    [
        "upstream_auth_failed", "structured_output_invalid", "model_not_found",
        "rate_limit_exceeded", "insufficient_quota", "server_is_overloaded", "stream_cut",
        "upstream_timeout", "upstream_failed", "upstream_unreachable", "upstream_protocol_broken",
        "529", "402",
    ],
)  # fmt: skip
def test_codes_of_errors_are_topics(code: str) -> None:
    assert ALIASES.get(code, code) in TROUBLES
