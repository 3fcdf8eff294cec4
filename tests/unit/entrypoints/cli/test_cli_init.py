"""What `init` writes: a file that the same program accepts."""

import re
from pathlib import Path

import pytest

from modelmux.entrypoints.cli.init_templates import TEMPLATES, fill, template_of_service
from modelmux.entrypoints.container import key_variable, preset_names
from tests.support.configuring import load_text

ENVIRON = {
    "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "test-key-not-secret",
    "OPENAI_API_KEY": "test-key-not-secret",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "ANTHROPIC_API_KEY": "test-key-not-secret",
    "GEMINI_API_KEY": "test-key-not-secret",
    "CO_API_KEY": "test-key-not-secret",
    "HF_TOKEN": "test-key-not-secret",
    "AWS_REGION": "us-east-1",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_preset_taken_as_it_is_makes_a_valid_file(name: str, tmp_path: Path) -> None:
    template = TEMPLATES[name]
    answers = {question.key: question.answer for question in template.questions}
    settings = load_text(fill(template, answers), tmp_path, ENVIRON).settings
    assert [known for _, known, _ in settings.named_providers()] == [name]
    assert settings.server.host == "127.0.0.1"


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_of_any_kind_make_a_valid_file(name: str, tmp_path: Path) -> None:
    template = TEMPLATES[name]
    answers = {question.key: 'https://a."b\\c' for question in template.questions}
    answers["models"] = 'one, "two" ,, three'
    provider = load_text(fill(template, answers), tmp_path, ENVIRON).settings.provider
    assert provider is not None
    if any(question.key == "models" for question in template.questions):
        assert provider.models == ("one", "two", "three")


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_comments_become_valid_when_they_are_taken_in(name: str, tmp_path: Path) -> None:
    text = fill(TEMPLATES[name], {"base_url": "http://127.0.0.1:9/v1"})
    text = re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert load_text(text, tmp_path, ENVIRON).settings.provider is not None


def test_every_known_service_has_a_template(tmp_path: Path) -> None:
    for name in preset_names():
        text = fill(template_of_service(name, key_variable(name)), {})
        assert f'type = "{name}"' in text
        load_text(text.replace(name, "openai"), tmp_path)


def test_a_service_is_given_the_key_its_users_keep() -> None:
    text = fill(template_of_service("cloudflare", key_variable("cloudflare")), {})
    assert 'api_key = "${CLOUDFLARE_API_TOKEN:-}"' in text


def test_no_template_holds_a_secret() -> None:
    for template in TEMPLATES.values():
        for line in template.text.splitlines():
            if line.startswith("api_key"):
                assert '= "${' in line
