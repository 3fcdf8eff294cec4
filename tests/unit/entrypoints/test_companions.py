import subprocess
import sys
from importlib import import_module

import pytest

from modelmux.entrypoints.companions import companions_absent

_SERVE = """
import sys
from modelmux.entrypoints.companions import companions_absent
with companions_absent():
    import modelmux.entrypoints.cli.worker
    import modelmux.entrypoints.wiring.sql
    import modelmux.entrypoints.wiring.vertex
print(*sys.modules)
"""


def test_an_absent_package_cannot_be_imported_and_then_can_again() -> None:
    sys.modules.pop("colorsys", None)
    with companions_absent({"colorsys"}), pytest.raises(ModuleNotFoundError, match="colorsys"):
        import_module("colorsys")
    assert import_module("colorsys").__name__ == "colorsys"


def test_what_is_imported_already_stays() -> None:
    with companions_absent({"json"}):
        assert import_module("json") is sys.modules["json"]


def test_the_finder_is_gone_after_an_error() -> None:
    before = list(sys.meta_path)
    with pytest.raises(ZeroDivisionError), companions_absent():
        raise ZeroDivisionError
    assert sys.meta_path == before


def test_what_serves_imports_nothing_heavy_that_it_does_not_use() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", _SERVE], capture_output=True, text=True, timeout=60, check=True
    )
    imported = set(finished.stdout.split())
    assert {"litestar", "sqlalchemy", "structlog", "google.auth"} <= imported
    unused = {"pydantic", "rich", "werkzeug", "sqlalchemy.orm", "cryptography", "questionary"}
    assert imported & unused == set()
