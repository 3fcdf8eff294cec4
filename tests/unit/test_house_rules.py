"""Rules of the house that no linter knows. Who may import what: `lint-imports`."""

import ast
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelmux.adapters.memory
from modelmux.application import ports

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
MODULES = sorted(SOURCE.rglob("*.py"))
PORTS = [
    port
    for port in (getattr(ports, name) for name in ports.__all__)  # getattr: the face's own list
    if getattr(port, "_is_protocol", False)  # getattr: typing has no public word for it in 3.11
]


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _inner_imports(tree: ast.AST) -> Iterator[int]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node.lineno


def test_nothing_is_imported_inside_functions() -> None:
    found = {_name(path) for path in MODULES if [*_inner_imports(ast.parse(path.read_text()))]}
    assert found == set()


def test_only_the_settings_read_the_environment() -> None:
    reading = re.compile(r"\bos\.(environb?|getenvb?)\b|\bfrom os import\b.*\b(environ|getenv)")
    found = {_name(path) for path in MODULES if reading.search(path.read_text())}
    # The supervisor passes it on to its workers, whole.
    assert found == {"entrypoints/settings/file.py", "entrypoints/supervisor/spawning.py"}


def test_imports_are_relative_and_not_deep() -> None:
    wrong = re.compile(r"^\s*(from \.{4}|(from|import) (modelmux|src)\b)", re.MULTILINE)
    assert [_name(path) for path in MODULES if wrong.search(path.read_text())] == []


@pytest.mark.parametrize("floor", ["domain", "application"])
def test_the_core_needs_the_standard_library_alone(floor: str) -> None:
    needed = {
        name.partition(".")[0]
        for path in (SOURCE / floor).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _absolute_imports(node)
    }
    assert needed - sys.stdlib_module_names == set()


def _absolute_imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or ""]
    return []


def test_nothing_is_imported_for_types_alone() -> None:
    assert [_name(path) for path in MODULES if "TYPE_CHECKING" in path.read_text()] == []


@pytest.mark.parametrize("folder", ["src", "tests", "bench"])
def test_every_exemption_from_a_check_has_its_reason(folder: str) -> None:
    bare = re.compile(
        r"#\s*(type:\s*ignore|noqa|pyright:\s*ignore)(\[[^\]]*\]|:\s*[A-Z0-9, ]+)?\s*$"
    )
    guilty = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line) and not _reason_above(path, number)
    ]
    assert guilty == []


def _reason_above(path: Path, number: int) -> bool:
    return path.read_text().splitlines()[number - 2].lstrip().startswith("# ")


def test_no_test_patches_what_is_ours() -> None:
    patching = re.compile(r"\.setattr\((?!(?:sys|os), )|unittest\.mock|\bmocker\b")
    tests = sorted((ROOT / "tests").rglob("*.py"))
    guilty = [path for path in tests if patching.search(path.read_text())]
    assert guilty == []


def test_every_port_has_its_contract() -> None:
    written = {path.stem for path in (ROOT / "tests" / "contracts").glob("*.py")}
    assert {port.__module__.rpartition(".")[2] for port in PORTS} == written - {"__init__"}


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_every_port_has_a_memory_adapter(port: type) -> None:
    package = modelmux.adapters.memory
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    adapters: list[type] = port.__subclasses__()
    assert [one for one in adapters if one.__module__.startswith(package.__name__)]
