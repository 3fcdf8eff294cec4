"""What the documents show is true: configurations decode, code compiles, commands exist."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from modelmux.adapters.openai_compat.presets import PRESETS
from modelmux.domain.errors import (
    ConfigurationError,
    Conflict,
    MethodNotAllowed,
    ModelmuxError,
    UpstreamTimeout,
)
from modelmux.entrypoints.cli.main import VERBS, main
from modelmux.entrypoints.errors import describe
from modelmux.entrypoints.settings.discovery import Discovery
from modelmux.entrypoints.settings.file import Surroundings, load_settings
from tests.support.markdown import ROOT, Block, blocks, documents, links_of

_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_SECRET_FILE = re.compile(r"\$\{file:[^}]*\}")


def _surroundings(text: str, folder: Path) -> Surroundings:
    environ = dict.fromkeys(_REFERENCE.findall(text), "test-value-not-secret")
    environ["HOME"] = str(folder)
    return Surroundings(environ, folder, "linux", lambda _: Discovery(()))


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_configuration_decodes(block: Block, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("test-key-not-secret")
    file = tmp_path / "modelmux.toml"
    file.write_text(_SECRET_FILE.sub(lambda _: f"${{file:{secret}}}", block.text))
    loaded = load_settings(file, PRESETS, surroundings=_surroundings(block.text, tmp_path))
    assert loaded.settings.named_providers()


def test_a_configuration_with_a_misspelt_key_does_not_decode(tmp_path: Path) -> None:
    file = tmp_path / "modelmux.toml"
    file.write_text('[provider]\ntype = "vllm"\nbase_ulr = "http://127.0.0.1:8000/v1"\n')
    with pytest.raises(ConfigurationError):
        load_settings(file, PRESETS, surroundings=_surroundings("", tmp_path))


def test_the_readme_names_every_preset() -> None:
    readme = (ROOT / "README.md").read_text()
    for preset in PRESETS:
        assert f"`{preset}`" in readme or f'type = "{preset}"' in readme, preset


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_parses(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_parses(block: Block) -> None:
    assert yaml.safe_load(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the words after `modelmux` in each line of shell that runs it."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words[:1] == ["modelmux"]:
            yield words[1:]


def _shown_commands() -> list[tuple[str, list[str]]]:
    shown = [
        (f"{block} modelmux {' '.join(words)}", words)
        for block in blocks("sh")
        for words in _commands(block.text)
    ]
    inline = re.compile(r"`(modelmux [a-z][^`\n]*)`")
    for path in documents():
        for match in inline.finditer(path.read_text()):
            shown.extend(
                (f"{path.relative_to(ROOT)} {match[1]}", words) for words in _commands(match[1])
            )
    return shown


@pytest.mark.parametrize(
    "words", [words for _, words in _shown_commands()], ids=[name for name, _ in _shown_commands()]
)
def test_a_command_exists_with_its_options(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    plain = [word for word in words if not word.startswith("-")]
    verb = plain[: 2 if plain and VERBS[plain[0]].group else 1]
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for option in words:
        if option.startswith("--"):
            assert option in told


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    for target in links_of(path):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        assert linked.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-") for t in titles}
            assert anchor in slugs, target


def _leaves(kind: type[ModelmuxError]) -> Iterator[type[ModelmuxError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _leaves(child)


def _made(kind: type[ModelmuxError]) -> ModelmuxError:
    if issubclass(kind, UpstreamTimeout):
        return kind("message", phase="idle")
    if issubclass(kind, MethodNotAllowed):
        return kind("message", allowed=("GET",))
    if issubclass(kind, Conflict):
        return kind("message", reason="conversation_locked")
    return kind("message")


@pytest.mark.parametrize("kind", list(_leaves(ModelmuxError)), ids=lambda kind: kind.__name__)
def test_every_error_code_is_explained(kind: type[ModelmuxError]) -> None:
    code = describe(_made(kind)).code
    assert code is None or f"`{code}`" in (ROOT / "docs" / "TROUBLESHOOTING.md").read_text()


def test_paths_named_in_the_architecture_exist() -> None:
    for name in ("docs/ARCHITECTURE.md", "CONTRIBUTING.md"):
        named = re.findall(r"`((?:src|tests|docs)/[a-z0-9_/.]+)`", (ROOT / name).read_text())
        assert named
        for path in named:
            assert (ROOT / path).exists(), f"{name} names {path}"
