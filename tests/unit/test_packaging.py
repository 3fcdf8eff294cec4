"""What can be known of the image, the compose files and the CI without running them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelmux.adapters.openai_compat.presets import PRESETS
from modelmux.entrypoints.cli.main import VERBS
from modelmux.entrypoints.settings.discovery import Discovery
from modelmux.entrypoints.settings.file import Surroundings, load_settings

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^{}]*))?\}")


def _dockerfile() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines() if line and not line.startswith("#"))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def _last_stage() -> list[tuple[str, str]]:
    lines = _dockerfile()
    last = max(number for number, (word, _) in enumerate(lines) if word == "FROM")
    return lines[last:]


def _yaml(name: str) -> dict[Any, Any]:  # Any: YAML's values
    loaded: dict[Any, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


def test_the_image_is_built_in_stages_from_files_that_are_there() -> None:
    lines = _dockerfile()
    assert sum(word == "FROM" for word, _ in lines) == 2
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    copies = [rest for word, rest in lines if word == "COPY" and "--from" not in rest]
    assert copies
    for copy in copies:
        for source in copy.split()[:-1]:
            assert (ROOT / source).exists()
            assert f"!{source.removeprefix('./')}" in let_in


def test_the_image_has_what_the_package_is_built_from() -> None:
    copied = {
        source for word, rest in _dockerfile() if word == "COPY" for source in rest.split()[:-1]
    }
    assert {"pyproject.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE", "src"} <= {
        source.removeprefix("./") for source in copied
    }


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for word, rest in _last_stage() if word == "USER"]
    assert users
    assert users[-1] not in ("root", "0")


def test_the_image_starts_and_checks_itself_with_verbs_that_exist() -> None:
    stage = dict(_last_stage())
    assert stage["ENTRYPOINT"] == '["modelmux"]'
    assert re.findall(r'"(\w+)"', stage["CMD"])[0] in VERBS
    checked = re.search(r'CMD \["modelmux", "(\w+)"\]', stage["HEALTHCHECK"])
    assert checked is not None
    assert checked[1] in VERBS


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.vllm.yml"])
def test_the_environment_of_a_compose_file_is_a_configuration(name: str, tmp_path: Path) -> None:
    service = _yaml(name)["services"]["modelmux"]
    environ = {
        key: _VARIABLE.sub(lambda match: match[3] if match[2] == "-" else "test-value", value)
        for key, value in service["environment"].items()
    }
    around = Surroundings(environ, tmp_path, "linux", lambda _: Discovery(()))
    settings = load_settings(None, PRESETS, surroundings=around).settings
    [(_, _, provider)] = settings.named_providers()
    assert provider.__struct_config__.tag == environ["PROVIDER_TYPE"]


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.vllm.yml"])
def test_a_compose_file_publishes_to_the_loopback_and_demands_a_key(name: str) -> None:
    service = _yaml(name)["services"]["modelmux"]
    assert service["ports"] == ["${MODELMUX_PUBLISH:-127.0.0.1:3000}:3000"]
    assert ":?" in service["environment"]["MODELMUX_API_KEY"]


def test_volumes_and_secrets_of_the_compose_files_are_declared() -> None:
    for name in ("docker-compose.yml", "docker-compose.vllm.yml"):
        document = _yaml(name)
        for service in document["services"].values():
            for volume in service.get("volumes", []):
                assert volume.partition(":")[0] in document["volumes"]
            for secret in service.get("secrets", []):
                assert secret in document["secrets"]


def test_ci_runs_the_one_command_on_every_supported_python() -> None:
    job = _yaml(".github/workflows/ci.yml")["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert "bash .ci/run" in [step.get("run") for step in job["steps"]]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("name", ["bug", "feature", "provider"])
def test_issue_forms_have_a_name_and_a_body(name: str) -> None:
    form = _yaml(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    assert all("label" in part["attributes"] for part in form["body"])


def test_the_makefile_has_the_targets_that_documents_name() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\bmake ([a-z]+)\b", (ROOT / name).read_text()):
            if target in ("run", "test", "check", "format", "bench"):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE)
