"""The repository says the same everywhere, and nothing of the machine it was written on."""

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelmux import __version__

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())  # Any: TOML's values
DECISIONS = ROOT / "docs" / "adr"


def _tracked() -> list[Path]:
    """Return the files git knows; all but the ignored where this is no checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files belong to it cannot be known")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def test_the_package_list_is_the_tree() -> None:
    found = {
        ".".join(("modelmux", *path.parent.relative_to(SOURCE).parts))
        for path in SOURCE.rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    assert {folder for folder in folders if not (folder / "__init__.py").is_file()} == set()


def test_the_version_is_one() -> None:
    assert PROJECT["project"]["version"] == __version__


def test_the_changelog_has_the_version() -> None:
    versions = re.findall(r"^## (\S+)", _text(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == __version__


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix()
)
def test_every_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(_text(path)))


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "misc", "common", "base", "manager", "types", "helpers"}
    assert [path for path in SOURCE.rglob("*.py") if path.stem in drawers] == []


def test_no_file_names_this_checkout_or_its_owner() -> None:
    owner = os.environ.get("USER", "")
    named = [str(ROOT)]
    if owner not in ("", "root"):
        named += [f"/home/{owner}/", f"/Users/{owner}/"]
    guilty = [path for path in _tracked() if any(name in _text(path) for name in named)]
    assert guilty == []


def test_no_file_names_the_host_of_a_package_index() -> None:
    # Spelt in halves, so that this file passes its own test.
    words = ["py" + "pi", "pythonhosted", "npm" + "js", "arti" + "factory", "nexus"]
    host = re.compile(rf"https?://[^/\s\"']*(?:{'|'.join(words)})[^/\s\"']*", re.IGNORECASE)
    guilty = {path: match[0] for path in _tracked() if (match := host.search(_text(path)))}
    assert guilty == {}


def test_no_lock_file_with_addresses_is_tracked() -> None:
    locks = {"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "uv.lock", "poetry.lock", ".npmrc"}
    assert [path for path in _tracked() if path.name in locks] == []


def test_no_private_key_is_tracked() -> None:
    header = re.compile(r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----\s+[A-Za-z0-9+/=]{40}")
    assert [path for path in _tracked() if header.search(_text(path))] == []


def test_both_licences_are_whole() -> None:
    assert "Permission is hereby granted, free of charge" in _text(ROOT / "LICENSE-MIT")
    apache = _text(ROOT / "LICENSE-APACHE")
    assert "Version 2.0, January 2004" in apache
    assert "END OF TERMS AND CONDITIONS" in apache
    assert PROJECT["project"]["license"] == "MIT OR Apache-2.0"


def _constraints() -> dict[str, str]:
    lines = _text(ROOT / "constraints.txt").splitlines()
    pairs = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in pairs}


def test_constraints_are_names_and_versions_alone() -> None:
    for line in _text(ROOT / "constraints.txt").splitlines():
        assert line.startswith("# ") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)


def test_constraints_hold_every_requirement() -> None:
    project = PROJECT["project"]
    wanted: list[str] = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    for group in project["optional-dependencies"].values():
        wanted.extend(group)
    pinned = _constraints()
    for text in wanted:
        requirement = Requirement(text)
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"constraints.txt lacks {requirement.name}: make constraints"
        assert requirement.specifier.contains(version, prereleases=True), text


def _decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def test_every_decision_is_in_the_index() -> None:
    index = _text(DECISIONS / "README.md")
    for path in _decisions():
        title = _text(path).splitlines()[0].partition(". ")[2]
        assert f"[{title}]({path.name})" in index


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in _decisions()]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", _decisions(), ids=lambda path: path.stem)
def test_a_decision_has_the_form(path: Path) -> None:
    lines = _text(path).splitlines()
    assert re.fullmatch(rf"# {int(path.name[:4])}\. .+", lines[0])
    state = r"(accepted(, extended by \[\d+\]\(\S+\))?|superseded by \d+)"
    status = rf"Status: {state} +Date: \d{{4}}-\d\d-\d\d"
    assert re.fullmatch(status, lines[1])
    headings = [line for line in lines if line.startswith("## ")]
    wanted = ["Context", "Decision", "Considered", "Consequences", "Held by"]
    assert headings == [f"## {heading}" for heading in wanted]
    assert len(lines) <= 70
