"""In which of OpenAI's languages a request goes out."""

from dataclasses import replace

import pytest

from modelmux.application.languages import outward
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.dialect import Dialect
from modelmux.domain.effort import Effort
from modelmux.domain.request import Generation
from tests.support.chat_asking import WEATHER, saying

CHAT, RESPONSES = Dialect.CHAT_COMPLETIONS, Dialect.RESPONSES
BOTH = Capabilities(dialects=frozenset({CHAT, RESPONSES}))
SOLVER = replace(BOTH, tools_only_on_responses=True)
PLAIN = saying("Hi")
TOOLS = saying("Hi", tools=(WEATHER,))


@pytest.mark.parametrize(
    ("can", "dialect", "content", "language"),
    [
        (BOTH, CHAT, TOOLS, CHAT),
        (BOTH, RESPONSES, PLAIN, RESPONSES),
        (SOLVER, CHAT, PLAIN, CHAT),
        (SOLVER, CHAT, TOOLS, RESPONSES),
        (SOLVER, CHAT, replace(TOOLS, effort=Effort.NONE), CHAT),
        (SOLVER, CHAT, replace(TOOLS, effort=Effort.LOW), RESPONSES),
        (replace(BOTH, dialects=frozenset({CHAT})), RESPONSES, TOOLS, CHAT),
        (replace(BOTH, dialects=frozenset({RESPONSES})), CHAT, PLAIN, RESPONSES),
        (replace(BOTH, dialects=frozenset({Dialect.MESSAGES})), CHAT, PLAIN, Dialect.MESSAGES),
        (replace(BOTH, dialects=frozenset()), CHAT, PLAIN, None),
    ],
)
def test_a_request_goes_out_in_its_own_language_where_it_can(
    can: Capabilities, dialect: Dialect, content: Generation, language: Dialect | None
) -> None:
    assert outward(dialect, content, can) is language
