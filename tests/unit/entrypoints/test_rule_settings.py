"""Rules of a configuration: what is compiled, what is refused, and where the mistake is told."""

from pathlib import Path

import pytest

from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.container import Container
from modelmux.entrypoints.settings.file import Loaded
from tests.support.asking import asking
from tests.support.configuring import load_text

HEAD = """
[[providers]]
type = "demo"
name = "a"

[[providers]]
type = "demo"
name = "b"

[[routes]]
model = "r"
targets = [{ provider = "a", model = "m" }, { provider = "b", model = "m" }]

[[routes]]
model = "other"
targets = [{ provider = "b", model = "m" }]

"""
RULES = f"{HEAD}[[routes.rules]]\n"


def tried(loaded: Loaded, model: str = "r") -> list[str]:
    order = Container(loaded=loaded, dry=True).router().order(asking(model=model))
    return [target.name for target in order.targets]


def test_rules_of_a_file_decide(tmp_path: Path) -> None:
    rules = """
[[routes]]
model = "ruled"
targets = [{ provider = "a", model = "m" }, { provider = "b", model = "m" }]
rules = [
  { when = "request.tenant == 'nobody'", refuse = "No." },
  { name = "second first", prefer = "target.provider == 'b'" },
]
"""
    loaded = load_text(HEAD + rules, tmp_path)
    assert tried(loaded, "ruled") == ["b/m", "a/m"]
    assert tried(loaded) == ["a/m", "b/m"]


def test_a_rule_leads_to_another_name(tmp_path: Path) -> None:
    rules = '[[routes.rules]]\nroute = "r"\nwhen = "request.tokens < 1000"\n'
    assert tried(load_text(HEAD + rules, tmp_path), "other") == ["a/m", "b/m"]


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        ('when = "true"', "this rule does nothing", "18:1"),
        ('keep = "true"\nroute = "r"', "keep and route are several things to do", "20:1"),
        ('keep = "true"\nrefuse = "No."', "keep and refuse are several things to do", "20:1"),
        ('refuse = " "', "refuse is a sentence for the caller", "19:1"),
        (f'refuse = "{"x" * 600}"', "refuse is a sentence for the caller", "19:1"),
        ('route = "nowhere"', '"nowhere" is no route', "19:1"),
        ('route = "other"', "in a circle", "19:1"),
    ],
)
def test_a_rule_of_the_wrong_form_is_refused(
    tmp_path: Path, text: str, told: str, place: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_text(f"{RULES}{text}\n", tmp_path)
    assert told in refusal.value.message
    assert refusal.value.where == f"{tmp_path / 'modelmux.toml'}:{place}"


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        ('keep = "target.provider =="', "Syntax error", "19:1"),
        ('keep = "target.colour == 1"', 'there is no "target.colour"', "19:1"),
        ('when = "target.healthy"\nkeep = "true"', 'there is no "target.healthy"', "19:1"),
        ('when = "true"\nprefer = "target.model"', "this one is string", "20:1"),
    ],
)
def test_an_expression_that_does_not_compile_is_told_with_its_place(
    tmp_path: Path, text: str, told: str, place: str
) -> None:
    loaded = load_text(f"{RULES}{text}\n", tmp_path)
    with pytest.raises(ConfigurationError) as refusal:
        Container(loaded=loaded, dry=True).planner()
    assert told in refusal.value.message
    assert refusal.value.message.startswith("routes[1].rules[0].")
    assert refusal.value.where == f"{tmp_path / 'modelmux.toml'}:{place}"
